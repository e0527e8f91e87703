package reactors

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/target"
)

// target reads tgt and tgt_type, which only what minions do has.
func (c *ruleCompiler) target(env *environment, s *step, f stepFile) {
	switch {
	case f.Tgt == nil && f.TgtType == nil:
		return
	case !s.minions:
		n := f.Tgt
		if n == nil {
			n = f.TgtType
		}
		c.fault(n.Fault("%s runs on the master and has no target", s.fun).WithHint("tgt belongs to what minions do, such as " + job.StateApply))
		return
	case f.Tgt == nil:
		c.fault(f.TgtType.Fault("tgt_type without tgt"))
		return
	case f.Tgt.Kind() != config.Scalar:
		c.fault(f.Tgt.Fault("want a target, not %s", f.Tgt.Kind()).WithHint("a list is written tgt: a,b and tgt_type: list"))
		return
	}
	s.tgtType = "glob"
	if f.TgtType != nil {
		s.tgtType = f.TgtType.Text()
	}
	s.tgt = c.template(env, f.Tgt)
	if err := target.CheckKind(s.tgtType); err != nil {
		c.fault(f.TgtType.Fault("%s", err))
	} else if lit, ok := s.tgt.static(); ok {
		if _, err := target.Parse(s.tgtType, lit); err != nil {
			c.fault(f.Tgt.Fault("%s", err))
		}
	}
}

func (st *step) decideTarget(s *scope, d *Decision) (err error) {
	if st.tgt == nil {
		if len(s.minions) > 0 { // what fires is a timer, or stands for several events
			d.Tgt, d.TgtType = strings.Join(s.minions, ","), "list"
			return nil
		}
		if s.event.Minion == "" {
			return fmt.Errorf("no minion fired the event, and the step has no tgt")
		}
		return nil
	}
	insert := insertTarget
	switch d.TgtType { // where more than ids are read
	case "pcre", "regex", "grain_pcre", "grain_regex":
		insert = func(v any) (string, error) {
			text, err := insertTarget(v)
			return regexp.QuoteMeta(text), err
		}
	case string(target.Compound):
		insert = insertTerm
	}
	if d.Tgt, err = st.tgt.string(s, insert); err != nil {
		return err
	}
	_, err = target.Parse(d.TgtType, d.Tgt)
	return err
}

// insertTarget lets only what an id is made of into a target, so that no event can widen it by a '*' or a comma. A list
// becomes a,b,c, each of them so.
func insertTarget(v any) (string, error) {
	if list, ok := v.([]any); ok {
		ids := make([]string, len(list))
		for i := range list {
			var err error
			if ids[i], err = insertTarget(list[i]); err != nil {
				return "", err
			}
		}
		return strings.Join(ids, ","), nil
	}
	s, err := textOf(v)
	if err != nil {
		return "", err
	}
	if s == "" {
		return "", fmt.Errorf("is empty, and a target with nothing in its place could mean more minions")
	}
	if event.CheckMinionID("x"+s) != nil {
		return "", fmt.Errorf("is %q: only letters, digits, '.', '_' and '-' may be inserted into a target", clip(s, maxValue))
	}
	return s, nil
}

// insertTerm is insertTarget for a compound target, where some words are no ids.
func insertTerm(v any) (string, error) {
	text, err := insertTarget(v)
	if err == nil && slices.Contains([]string{"and", "or", "not"}, text) {
		return "", fmt.Errorf("is %q, which is no id in a compound target", text)
	}
	return text, err
}
