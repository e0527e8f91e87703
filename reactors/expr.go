package reactors

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"brine/internal/config"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"
)

// Bounds of one expression. There is no deadline: it would make a verdict depend on how busy the master is.
const (
	maxExprChars = 4096
	maxExprDepth = 64
	maxRegexSize = 1000    // instructions of a regular expression that is made at run time
	maxExprCost  = 200_000 // CEL cost units of one evaluation, some milliseconds
)

// variables are what every expression sees beside data.
var variables = []string{"by", "data", "events", "grains", "minion", "own", "tag", "time"}

// environment compiles expressions for one kind of data.
type environment struct {
	kind    string // as messages name it; empty when the data may be anything
	env     *cel.Env
	fields  []string
	results []string // the fields of a step's result
	steps   []string // the names of earlier steps, whose results can be read; nil where there are none to be read
}

// environments hold one environment for each kind of data, made once for all rules.
type environments struct {
	any    *environment
	byKind map[string]*environment
	mixed  map[string]*environment // where the data of events is not all of that kind
}

// of is the environment for a kind of data; with mixed, for rules that also read events of other kinds.
func (v *environments) of(kind string, mixed bool) *environment {
	switch {
	case kind == "":
		return v.any
	case mixed:
		return v.mixed[kind]
	}
	return v.byKind[kind]
}

// newEnvironments makes them for the kinds given by name. Its error is a mistake of ours.
func newEnvironments(kinds map[string]any) (*environments, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	data := newDataTypes(registry)
	roots := map[string]*types.Type{}
	for name, zero := range kinds {
		roots[name] = data.add(name, zero)
	}
	results := data.add("the result of a step", StepResult{})
	base, err := cel.NewEnv(
		cel.CustomTypeAdapter(sortedAdapter{registry}), cel.CustomTypeProvider(data),
		cel.OptionalTypes(), ext.Strings(ext.StringsVersion(4)),
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxExprChars), cel.ParserRecursionLimit(maxExprDepth), cel.RegexProgramSizeLimit(maxRegexSize),
		cel.Variable("tag", cel.StringType), cel.Variable("minion", cel.StringType), cel.Variable("by", cel.StringType),
		cel.Variable("own", cel.BoolType), cel.Variable("time", cel.TimestampType),
		cel.Variable("grains", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable(stepsVariable, cel.MapType(cel.StringType, results)),
	)
	if err != nil {
		return nil, err
	}
	all := &environments{byKind: map[string]*environment{}, mixed: map[string]*environment{}}
	anyEvent := data.addEvent("", types.DynType)
	if all.any, err = newEnvironment(base, "", types.DynType, anyEvent, eventFields); err != nil {
		return nil, err
	}
	for name, t := range roots {
		fields := append(data.fieldNames(t.TypeName()), eventFields...)
		if all.byKind[name], err = newEnvironment(base, name, t, data.addEvent(name, t), fields); err != nil {
			return nil, err
		}
		if all.mixed[name], err = newEnvironment(base, name, t, anyEvent, fields); err != nil {
			return nil, err
		}
	}
	fields := data.fieldNames(results.TypeName())
	for name := range roots {
		all.byKind[name].results, all.mixed[name].results = fields, fields
	}
	all.any.results = fields
	return all, nil
}

func newEnvironment(base *cel.Env, kind string, data, one *types.Type, fields []string) (*environment, error) {
	env, err := base.Extend(cel.Variable("data", data), cel.Variable("events", types.NewListType(one)))
	if err != nil {
		return nil, fmt.Errorf("conditions over the data of %q: %w", kind, err)
	}
	return &environment{kind: kind, env: env, fields: fields}, nil
}

// expr is one compiled expression.
type expr struct {
	src     string
	at      place
	ast     *cel.Ast
	program cel.Program
	late    bool // it reads the results of earlier steps
	// traced also records what every part of the expression was. It costs twice as much and is made when a verdict first asks why.
	traced func() (cel.Program, error)
}

// compile checks an expression; want is the type it must have, or nil for any.
func (v *environment) compile(src string, at place, want *cel.Type) (*expr, config.Faults) {
	ast, issues := v.env.Compile(src)
	if issues.Err() != nil {
		var faults config.Faults
		for _, e := range issues.Errors() {
			faults = append(faults, v.fault(src, at, e))
		}
		return nil, faults
	}
	if want != nil && !ast.OutputType().IsExactType(want) && !ast.OutputType().IsExactType(cel.DynType) {
		return nil, config.Faults{at.fault(0, "the expression is a %s; want a %s", ast.OutputType(), want)}
	}
	late, faults := v.checkSteps(src, at, ast)
	if len(faults) > 0 {
		return nil, faults
	}
	program, err := v.env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxExprCost))
	if err != nil {
		return nil, config.Faults{at.fault(0, "%s", lowerFirst(err.Error()))}
	}
	return &expr{src: src, at: at, ast: ast, program: program, late: late, traced: sync.OnceValues(func() (cel.Program, error) {
		return v.env.Program(ast, cel.EvalOptions(cel.OptTrackState), cel.CostLimit(2*maxExprCost))
	})}, nil
}

// fault turns what CEL says into a fault at its place in the file, in Brine's words, with the word that was probably meant.
func (v *environment) fault(src string, at place, e *cel.Error) config.Fault {
	msg, _, _ := strings.Cut(strings.TrimPrefix(e.Message, "Syntax error: "), " (did you mean ")
	msg, _, _ = strings.Cut(strings.ReplaceAll(msg, " (in container '')", ""), " expecting ")
	offset, hint := offsetOf(src, e.Location.Line(), e.Location.Column()), ""
	if word, ok := quoted(msg, "undefined field '"); ok {
		what, fields := v.what(), v.fields
		if ofResult(src, offset) {
			what, fields = "the result of a step", v.results
		}
		msg = fmt.Sprintf("%s has no field %q", what, word)
		hint = didYouMean(word, fields)
		if i := strings.Index(runesFrom(src, offset), word); i >= 0 && i < 4 {
			offset += i // past the dot
		}
	} else if word, ok := quoted(msg, "undeclared reference to '"); ok {
		msg = fmt.Sprintf("nothing is called %q", word)
		if hint = didYouMean(word, variables); hint == "" {
			hint = "an expression sees " + strings.Join(variables, ", ")
		}
	} else if op, ok := quoted(msg, "found no matching overload for '"); ok {
		if _, args, found := strings.Cut(msg, " applied to "); found {
			msg = fmt.Sprintf("%q cannot be applied to %s", strings.Trim(op, "_"), strings.Trim(args, "'"))
		}
	} else if strings.HasPrefix(msg, "token recognition error at: ''") || strings.HasPrefix(msg, "token recognition error at: '\"") {
		msg = "a string is never closed"
	} else if strings.Contains(msg, "'<EOF>'") {
		msg = "the expression ends where something is still missing"
	}
	return at.fault(offset, "%s", lowerFirst(msg)).WithHint(hint)
}

// ofResult reports whether what stands before an offset leads to the result of a step.
func ofResult(src string, offset int) bool {
	before := string([]rune(src)[:min(offset, utf8.RuneCountInString(src))])
	path := before[strings.LastIndexAny(before, " (,!<>=&|+-*/?:{")+1:]
	return strings.HasPrefix(path, stepsVariable+".") || strings.HasPrefix(path, stepsVariable+"[")
}

// what names the data of the environment's kind.
func (v *environment) what() string {
	switch v.kind {
	case "":
		return "it"
	case jobData:
		return "the data of a job's result"
	}
	return "the data of beacon " + v.kind
}

func runesFrom(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[i:]
		}
		n--
	}
	return ""
}

func didYouMean(word string, known []string) string {
	if near := config.Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// quoted finds the word in quotes that follows a message's beginning.
func quoted(msg, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(msg, prefix)
	if !ok {
		return "", false
	}
	word, _, ok := strings.Cut(rest, "'")
	return word, ok
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}

// offsetOf turns CEL's place, a line from 1 and a column from 0 in characters, into an offset in characters.
func offsetOf(src string, line, column int) int {
	offset := 0
	for n, text := range slices.Collect(strings.Lines(src)) {
		if n+1 >= line {
			break
		}
		offset += utf8.RuneCountInString(text)
	}
	return min(offset+max(column, 0), utf8.RuneCountInString(src))
}

// eval evaluates the expression. The error begins with the place in the rule file.
func (x *expr) eval(s *scope) (ref.Val, error) {
	v, _, err := x.program.Eval(s)
	if err != nil {
		return nil, x.error(err)
	}
	return v, nil
}

// error puts the place of the part that failed before what happened.
func (x *expr) error(err error) error {
	offset, msg := 0, err.Error()
	var celErr *types.Err
	if errors.As(err, &celErr) {
		if r, ok := x.ast.NativeRep().SourceInfo().GetOffsetRange(celErr.NodeID()); ok {
			offset = int(r.Start)
		}
	}
	var cancelled interpreter.EvalCancelledError
	if errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded {
		msg = fmt.Sprintf("costs more than %d steps", maxExprCost)
	}
	if strings.HasPrefix(msg, "no such key: ") {
		msg += " (where a key may be missing, write .?key and .orValue(...))"
	}
	return fmt.Errorf("%s: %s: %s", x.at.String(offset), clip(x.src, maxPart), msg)
}
