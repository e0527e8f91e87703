package reactors

// Written are the parts of a rule file as it is written: zero structs whose yaml tags name their keys. It is for who describes the format, such as
// the schema for editors.
type Written struct {
	Rule, On, Part, Throttle, Step, Retry, Apply, Fire, Exec, Approve any
}

// Format gives the parts of a rule file.
func Format() Written {
	return Written{
		Rule: ruleFile{}, On: onFile{}, Part: partFile{}, Throttle: throttleFile{}, Step: stepFile{}, Retry: retryFile{},
		Apply: applyFile{}, Fire: fireFile{}, Exec: execFile{}, Approve: approveFile{},
	}
}
