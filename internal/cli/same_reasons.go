package cli

import (
	"fmt"
)

// sameReasons keeps a fault of a state file from being told once for each of 300 minions: the first is shown in full, and the others are
// named at the end.
type sameReasons struct {
	first  map[string]string   // by reason, the minion with which it was shown
	others map[string][]string // by that minion, those with the same reason
	order  []string            // the minions that have others
}

func newSameReasons() *sameReasons {
	return &sameReasons{first: map[string]string{}, others: map[string][]string{}}
}

// repeated says whether why this minion did nothing was shown already, and notes the minion.
func (s *sameReasons) repeated(ans answer) bool {
	if ans.Result != nil || ans.Lost == "" {
		return false
	}
	first, known := s.first[ans.Lost]
	if !known {
		s.first[ans.Lost] = ans.Minion
		return false
	}
	if s.others[first] == nil {
		s.order = append(s.order, first)
	}
	s.others[first] = append(s.others[first], ans.Minion)
	return true
}

func (s *sameReasons) show(a *app) {
	p := a.colors()
	for _, first := range s.order {
		fmt.Fprintf(a.out, "%s  %s\n\n", p.bold(clean(several(s.others[first]))), p.red("not done, for the same reason as "+clean(first)))
	}
}
