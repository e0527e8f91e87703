package reactors

import (
	"fmt"
	"strings"
	"time"

	"brine/internal/config"
)

// Functions that steer the steps around them. The master carries them out by itself: they are no jobs.
const (
	Fail    = "fail"    // the step fails, with a text
	Stop    = "stop"    // no further step runs, and that is no failure
	Approve = "approve" // wait for an operator
)

// Bounds of control steps.
const (
	maxText        = 500 // characters
	defaultWithin  = time.Hour
	maxWithin      = 30 * 24 * time.Hour
	onTimeoutStop  = "stop"
	onTimeoutGoOn  = "continue"
	approveExample = `such as {text: "restart all of web?", within: 1h, on_timeout: stop}`
)

// Approval is what an approve step says beside its text.
type Approval struct {
	Within time.Duration `json:"within_ns"`
	GoOn   bool          `json:"go_on,omitempty"` // when the time is over
}

type approveFile struct {
	Text      *config.Node  `yaml:"text,required"`
	Within    time.Duration `yaml:"within"`
	OnTimeout string        `yaml:"on_timeout"`
}

// Validate is called by config, which finds the place.
func (f *approveFile) Validate() error {
	if f.Within <= 0 || f.Within > maxWithin {
		return fmt.Errorf("within: %s; want more than 0s and at most %s", f.Within, maxWithin)
	}
	if f.OnTimeout != onTimeoutStop && f.OnTimeout != onTimeoutGoOn {
		return fmt.Errorf("on_timeout: %q; want %s or %s", f.OnTimeout, onTimeoutStop, onTimeoutGoOn)
	}
	return nil
}

// control reads fail, stop and approve.
func (c *ruleCompiler) control(env *environment, s *step, n *config.Node) {
	if s.fun == Approve {
		f := approveFile{Text: n, Within: defaultWithin, OnTimeout: onTimeoutStop}
		if n.Kind() == config.Map {
			f.Text = nil
			if faults := n.Decode(&f); len(faults) > 0 {
				c.fault(faults...)
				return
			}
		}
		s.options = &Options{Approval: &Approval{Within: f.Within, GoOn: f.OnTimeout == onTimeoutGoOn}}
		n = f.Text
	}
	hint := "that is what people read"
	if s.fun == Approve {
		hint = approveExample
	}
	if n.Kind() != config.Scalar || strings.TrimSpace(n.Text()) == "" {
		c.fault(n.Fault("%s wants a text, not %s", s.fun, n.Kind()).WithHint(hint))
		return
	}
	s.text = c.template(env, n)
}
