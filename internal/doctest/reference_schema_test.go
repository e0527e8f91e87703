package doctest

import (
	"encoding"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"brine/internal/action"
	actionlist "brine/internal/action/all"
	"brine/internal/job"
	"brine/reactors"
)

// schema is a piece of JSON Schema, draft 7: the newest that editors understand throughout.
type schema map[string]any

// schemaPage is the JSON Schema of rule files: their keys are those of the structs that the loader decodes into, and the meanings those of the page on
// rules.
func schemaPage(t *testing.T) string {
	t.Helper()
	text, err := json.MarshalIndent(rulesSchema(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// The types of values. What is written as a text may look like a number.
var (
	scalarType   = schema{"type": []string{"string", "number", "boolean"}}
	patternType  = schema{"type": "string", "minLength": 1}
	durationType = schema{"type": []string{"string", "integer"}, "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w))+$|^0$|\$\{`, "maximum": 0}
	flagType     = schema{"anyOf": []schema{{"type": "boolean"}, {"type": "string", "pattern": `^(yes|no|on|off)$|\$\{`}}}
	shareType    = schema{"anyOf": []schema{{"type": "integer", "minimum": 0}, {"type": "string", "pattern": `^ *[0-9.]+ *%? *$`}}}
)

func listOr(one schema) schema {
	return schema{"anyOf": []schema{one, {"type": "array", "items": one}}}
}

func ref(name string) schema { return schema{"$ref": "#/definitions/" + name} }

// object has the given keys and no others.
func object(properties map[string]any, required ...string) schema {
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// with picks some of the keys.
func with(all map[string]any, keys ...string) map[string]any {
	some := map[string]any{}
	for _, k := range keys {
		some[k] = all[k]
	}
	return some
}

// keysOf are the keys of a struct as it is written, each with its type: as the table says, or else what the Go type says.
func keysOf(t *testing.T, v any, meanings map[string]string, types map[string]schema) map[string]any {
	t.Helper()
	keys := map[string]any{}
	for _, f := range fieldsOf(t, reflect.ValueOf(v), "yaml") {
		s, ok := types[f.name]
		if !ok {
			s = typeSchema(t, f.typ)
		}
		if text := plainText(meanings[f.name]); text != "" || f.text != "" {
			described := schema{"description": text}
			if text == "" {
				described["description"] = f.text
			}
			for k, v := range s {
				if k == "$ref" { // nothing beside a reference counts
					described["allOf"] = []schema{s}
					continue
				}
				described[k] = v
			}
			s = described
		}
		keys[f.name] = s
	}
	return keys
}

// typeSchema is the schema of what a Go type is written as. Arguments of actions may hold templates.
func typeSchema(t *testing.T, typ reflect.Type) schema {
	t.Helper()
	switch {
	case typ == reflect.TypeFor[time.Duration]():
		return durationType
	case reflect.PointerTo(typ).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return scalarType
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return typeSchema(t, typ.Elem())
	case reflect.String, reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64, reflect.Float64:
		return scalarType
	case reflect.Bool:
		return flagType
	case reflect.Slice:
		return listOr(typeSchema(t, typ.Elem()))
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": typeSchema(t, typ.Elem())}
	case reflect.Struct:
		if keys := keysOf(t, reflect.Zero(typ).Interface(), nil, nil); len(keys) > 0 {
			return object(keys)
		}
	}
	return schema{}
}

func rulesSchema(t *testing.T) schema {
	w := reactors.Format()
	page := read(t, "docs/reference/rules.md")
	steps := listOr(ref("step"))
	rule := keysOf(t, w.Rule, meanings(page, "A rule"), map[string]schema{
		"on": ref("on"), "when": scalarType, "from": listOr(scalarType), "throttle": ref("throttle"), "mode": {"enum": []string{"shadow", "act"}},
		"do": steps, "on_failure": steps, "max_rate": {"type": "string"},
	})
	on := keysOf(t, w.On, meanings(page, "on"), map[string]schema{
		"pattern": listOr(patternType), "all": {"type": "array", "minItems": 2, "items": ref("part")}, "sequence": {"type": "array", "minItems": 2, "items": ref("part")},
		"absent": ref("part"), "after": ref("part"), "when": scalarType, "count": {"type": "integer", "minimum": 2}, "within": durationType,
		"by": listOr(scalarType), "at": scalarType, "since": scalarType, "zone": scalarType,
	})
	part := keysOf(t, w.Part, nil, map[string]schema{"pattern": listOr(patternType), "when": scalarType, "by": listOr(scalarType)})
	partMap := object(part, "pattern")
	throttle := keysOf(t, w.Throttle, meanings(page, "throttle"), map[string]schema{
		"once_within": durationType, "once_after": durationType, "accumulate_within": durationType, "threshold": {"type": "integer", "minimum": 2}, "by": listOr(scalarType)})
	return schema{
		"$schema": "http://json-schema.org/draft-07/schema#", "title": "Rules of Brine",
		"$comment": "made from the code by go generate ./internal/doctest", "type": []string{"object", "null"},
		"propertyNames":        schema{"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"},
		"additionalProperties": ref("rule"),
		"definitions": schema{
			"rule": object(rule, "on", "do"),
			"on": schema{"anyOf": []schema{
				patternType,
				{"type": "array", "minItems": 1, "items": schema{"anyOf": []schema{patternType, object(with(part, "pattern", "when"), "pattern")}}},
				object(with(on, "pattern", "when"), "pattern"),
				object(with(on, "pattern", "when", "count", "within", "by"), "pattern", "count", "within"),
				object(with(on, "all", "within", "by"), "all", "within"),
				object(with(on, "sequence", "within", "by"), "sequence", "within"),
				object(with(on, "absent", "after", "within", "by"), "absent", "within"),
				object(with(on, "absent", "at", "since", "zone"), "absent", "at"),
			}},
			"part": schema{"anyOf": []schema{patternType, {"type": "array", "minItems": 1, "items": patternType}, partMap}},
			"throttle": schema{"anyOf": []schema{
				object(with(throttle, "once_within", "by"), "once_within"),
				object(with(throttle, "once_after", "by"), "once_after"),
				object(with(throttle, "accumulate_within", "threshold", "by"), "accumulate_within", "threshold"),
			}},
			"step": stepSchema(t, w, page),
		},
	}
}

// stepSchema is one function and what may stand beside it.
func stepSchema(t *testing.T, w reactors.Written, page string) schema {
	keys := keysOf(t, w.Step, meanings(page, "Steps"), map[string]schema{
		"name": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,62}$"}, "tgt": scalarType, "tgt_type": scalarType, "batch": shareType, "max_failures": shareType,
		"retry": object(keysOf(t, w.Retry, nil, map[string]schema{"attempts": {"type": "integer", "minimum": 1}})), "timeout": durationType,
		"interrupted": {"enum": []string{"retry", "dead_letter"}},
	})
	text := schema{"type": []string{"string", "number", "boolean"}, "minLength": 1}
	argv := schema{"type": "array", "minItems": 1, "items": scalarType}
	functions := map[string]schema{
		job.StateApply: {"anyOf": []schema{{"type": "null"}, listOr(scalarType), object(keysOf(t, w.Apply, nil, nil))}},
		job.EventFire:  {"anyOf": []schema{scalarType, object(keysOf(t, w.Fire, nil, map[string]schema{"tag": scalarType, "data": {}}), "tag")}},
		job.MasterExec: {"anyOf": []schema{argv, object(keysOf(t, w.Exec, nil, map[string]schema{"argv": argv, "env": {"type": "object", "additionalProperties": scalarType}}), "argv")}},
		reactors.Fail:  text, reactors.Stop: text,
		reactors.Approve: {"anyOf": []schema{text, object(keysOf(t, w.Approve, nil, map[string]schema{"text": text, "on_timeout": {"enum": []string{"stop", "continue"}}}), "text")}},
	}
	for _, m := range actionlist.List() {
		if functions[m.Name] == nil {
			functions[m.Name] = actionSchema(t, m)
		}
	}
	var one []schema
	for _, name := range slices.Sorted(mapKeys(functions)) {
		keys[name] = functions[name]
		one = append(one, schema{"required": []string{name}})
	}
	s := object(keys)
	s["oneOf"] = one
	return s
}

func actionSchema(t *testing.T, m action.Module) schema {
	args := reflect.ValueOf(m.Args()).Elem()
	if args.Kind() != reflect.Struct {
		return schema{}
	}
	keys := keysOf(t, args.Interface(), nil, nil)
	if len(keys) == 0 {
		return schema{"type": "object"}
	}
	if m.Short == "" {
		return object(keys)
	}
	return schema{"anyOf": []schema{object(keys), listOr(scalarType)}}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

var meaningRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (.*) \\|$")

// meanings are what a section of the page on rules says of each key.
func meanings(page, section string) map[string]string {
	_, text, _ := strings.Cut(page, "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	found := map[string]string{}
	for _, m := range meaningRow.FindAllStringSubmatch(text, -1) {
		if _, ok := found[m[1]]; !ok {
			found[m[1]] = m[2]
		}
	}
	return found
}

var linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// plainText is text of a page without its marks.
func plainText(s string) string {
	return strings.ReplaceAll(linkText.ReplaceAllString(s, "$1"), "`", "")
}
