package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
)

// summaryWidth is how many characters a list spends on what an event says.
const summaryWidth = 100

// summarize says in a few words what an event tells.
func summarize(e event.Event) string {
	s := strings.Split(e.Tag, "/")
	if s[0] != "brine" || len(s) < 3 {
		return anyData(e.Data)
	}
	text := ""
	switch {
	case s[1] == "beacon" && len(s) > 3:
		text = cmp.Or(fileChange(e), limitText(e.Data), connText(e.Data))
	case s[1] == "job" && s[len(s)-1] == "new":
		text = newJobText(e.Data, true)
	case s[1] == "drift":
		text = driftText(e)
	case s[1] == "key":
		text = keyText(e.Data)
	case s[1] == "job" && len(s) > 3 && s[3] == "ret":
		text = resultLine(e.Data)
	}
	if text == "" {
		text = masterText(e)
	}
	if text == "" {
		text = anyData(e.Data)
	}
	return text
}

// stat and fileData are what the file beacon's events carry, as far as it is shown.
type stat struct {
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	Mode   string `json:"mode"`
	User   string `json:"user"`
	Group  string `json:"group"`
	SHA256 string `json:"sha256"`
	Target string `json:"target"`
}

type fileData struct {
	Path   string `json:"path"`
	Change string `json:"change"`
	Before *stat  `json:"before"`
	After  *stat  `json:"after"`
	Reason string `json:"reason"`
}

// fileChange is a file beacon's event in words: "/etc/motd modified (content, mode 0644 → 0600)".
func fileChange(e event.Event) string {
	var d fileData
	if e.Data.Decode(&d) != nil || d.Path == "" || d.Change == "" {
		return ""
	}
	change := d.Change
	if change == "attributes" {
		change += " changed"
	}
	text := d.Path + " " + change
	if what := d.differences(); what != "" {
		text += " (" + what + ")"
	}
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	if e.Own {
		text += ", by Brine itself"
	}
	return text
}

func (d fileData) differences() string {
	if d.Before == nil || d.After == nil {
		return ""
	}
	var list []string
	diff := func(name, from, to string) {
		if from != to {
			list = append(list, fmt.Sprintf("%s %s → %s", name, from, to))
		}
	}
	diff("type", d.Before.Type, d.After.Type)
	if d.Before.SHA256 != d.After.SHA256 {
		list = append(list, "content")
	}
	diff("mode", d.Before.Mode, d.After.Mode)
	diff("user", d.Before.User, d.After.User)
	diff("group", d.Before.Group, d.After.Group)
	diff("target", d.Before.Target, d.After.Target)
	return strings.Join(list, ", ")
}

// driftText is an event of an enforced state in words: "file.managed: /etc/motd corrected (content), 3 times".
func driftText(e event.Event) string {
	d, what, ok := driftOf(e)
	if !ok {
		return ""
	}
	text := d.Fun + ": " + d.Name + " " + what
	why := job.Differences(d.Result.Changes)
	switch what {
	case job.DriftFailed:
		return text + ": " + d.Result.Comment
	case job.DriftContested:
		text = d.Fun + ": " + d.Name + " contested: something else changes it again and again"
	}
	if why != "" {
		text += " (" + why + ")"
	}
	if d.Corrected > 1 && (what == job.DriftCorrected || what == job.DriftContested) {
		text += fmt.Sprintf(", %d times", d.Corrected)
	}
	return text
}

// driftOf is what an event brine/drift/<minion>/<state>/<what> carries.
func driftOf(e event.Event) (d job.Drift, what string, ok bool) {
	s := strings.Split(e.Tag, "/")
	if len(s) != 5 || s[0] != "brine" || s[1] != "drift" || e.Data.Decode(&d) != nil || d.Fun == "" {
		return d, "", false
	}
	return d, s[4], true
}

// keyText is an event brine/key/<id>/<kind> in words; the kind stands in its tag.
func keyText(d event.Data) string {
	var k identity.Told
	if d.Decode(&k) != nil {
		return ""
	}
	var parts []string
	part := func(before, s string) {
		if s != "" {
			parts = append(parts, before+s)
		}
	}
	part("", string(k.Key))
	part("token ", k.Token)
	part("from ", k.Remote)
	part("by ", k.By)
	part("", k.Reason)
	if k.Missed > 0 {
		part("", fmt.Sprintf("%d more like it before", k.Missed))
	}
	return strings.Join(parts, ", ")
}

// newJobText is an event brine/job/<jid>/new in words.
func newJobText(d event.Data, withRule bool) string {
	var n struct {
		Fun     string   `json:"fun"`
		Args    job.Args `json:"args"`
		Targets []string `json:"targets"`
		Rule    string   `json:"rule"`
	}
	if d.Decode(&n) != nil || n.Fun == "" {
		return ""
	}
	text := call(n.Fun, n.Args) + " on " + several(n.Targets)
	if n.Rule != "" && withRule {
		text += ", by rule " + n.Rule
	}
	return text
}

// call is a function and its arguments: "state.apply motd", "state.apply (highstate), test".
func call(fun string, args job.Args) string {
	switch {
	case fun == job.StateApply && len(args.SLS) == 0:
		fun += " (highstate)"
	case fun == job.StateApply:
		fun += " " + strings.Join(args.SLS, " ")
	case fun == job.StateUndo || fun == job.StateKept:
		fun += undoText(args.Data)
	case fun == job.StateFetch:
		var ask job.Fetch
		if args.Data.Decode(&ask) == nil {
			fun += " " + ask.Path
		}
	case fun == job.StateSingle:
		fun += singleText(args.Data)
	case fun == job.CmdRun:
		var c struct {
			Argv []string `json:"argv"`
		}
		if args.Data.Decode(&c) == nil && len(c.Argv) > 0 {
			fun += " " + strings.Join(c.Argv, " ")
		}
	case len(args.Argv) > 0:
		fun += " " + strings.Join(args.Argv, " ")
	}
	if args.Test {
		fun += ", test"
	}
	return fun
}

// singleText is what a state.single asks for: " file.managed: /etc/motd".
func singleText(d event.Data) string {
	var m map[string]struct {
		Name string `json:"name"`
	}
	if d.Decode(&m) != nil {
		return ""
	}
	text := ""
	for _, f := range slices.Sorted(maps.Keys(m)) {
		text += " " + f + ": " + m[f].Name
	}
	return text
}

// several names the first few of many.
func several(ids []string) string {
	const most = 3
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}

func resultLine(d event.Data) string {
	var r job.Result
	if d.Decode(&r) != nil || r.JID == "" {
		return ""
	}
	return outcome(r)
}

// outcome is a result in words.
func outcome(r job.Result) string {
	var text string
	switch changed := countChanged(r); {
	case r.Refused:
		return "refused: " + r.Error
	case !r.OK:
		return "failed: " + r.Error
	case r.Fun == job.StateUndo:
		text = undone(r, changed)
	case r.Fun != job.StateApply && r.Fun != job.StateSingle:
		text = "ok"
	case changed == 0:
		text = "as wanted"
	case r.Test:
		text = fmt.Sprintf("would change %s", states(changed, len(r.States)))
	default:
		text = fmt.Sprintf("changed %s", states(changed, len(r.States)))
	}
	return fmt.Sprintf("%s, took %s", text, millis(r.Took))
}

func states(n, of int) string {
	if of == 1 {
		return "its one state"
	}
	return fmt.Sprintf("%d of %d states", n, of)
}

func countChanged(r job.Result) (n int) {
	for _, s := range r.States {
		if len(s.Changes) > 0 {
			n++
		}
	}
	return n
}

// anyData is data of any kind as key=value, in the order of the keys.
func anyData(d event.Data) string {
	if len(d) == 0 {
		return ""
	}
	v, err := d.Value()
	if err != nil {
		return "unreadable: " + err.Error()
	}
	m, ok := v.(map[string]any)
	if !ok {
		return plainValue(v)
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k + "=" + plainValue(m[k])
	}
	return strings.Join(parts, " ")
}

func plainValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		if v == "" || strings.ContainsAny(v, " \t\n\"") {
			return fmt.Sprintf("%q", v)
		}
		return v
	case map[string]any:
		return "{…}"
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = plainValue(v[i])
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	return fmt.Sprint(v)
}
