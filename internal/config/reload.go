package config

import "reflect"

// LiveTag marks, as `reload:"live"`, the options of a daemon that take effect while it runs; the others do so at its next start.
const LiveTag = "reload"

// Changes names the options in which two configurations of one type differ, in the order of the struct's fields: those that take effect
// while the daemon runs, and those that need a restart.
func Changes[T any](was, is *T) (live, restart []string) {
	a, b := reflect.ValueOf(was).Elem(), reflect.ValueOf(is).Elem()
	for f := range a.Type().Fields() {
		if !f.IsExported() || reflect.DeepEqual(a.FieldByIndex(f.Index).Interface(), b.FieldByIndex(f.Index).Interface()) {
			continue
		}
		if name := f.Tag.Get("yaml"); Live(f) {
			live = append(live, name)
		} else {
			restart = append(restart, name)
		}
	}
	return live, restart
}

// Live reports whether a field's option takes effect while the daemon runs.
func Live(f reflect.StructField) bool { return f.Tag.Get(LiveTag) == "live" }
