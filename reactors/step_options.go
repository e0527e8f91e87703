package reactors

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/job"
)

// Options are what a step says beside its function. They do not change once read.
type Options struct {
	Retry         *job.Retry `json:"retry,omitempty"`          // nil: job.DefaultRetry
	IgnoreFailure bool       `json:"ignore_failure,omitempty"` // the next step starts all the same
	DeadLetter    bool       `json:"dead_letter,omitempty"`    // what was running when the master ended is not tried again
	Batch         *Share     `json:"batch,omitempty"`          // of the targets, at once; nil: all
	MaxFailures   *Share     `json:"max_failures,omitempty"`   // of the targets, that are put up with; nil: none, and nothing is cut short
	Approval      *Approval  `json:"approval,omitempty"`       // of Approve
}

// Share is a number of targets, or a part of them.
type Share struct {
	Number  int     `json:"number,omitempty"`
	Percent float64 `json:"percent,omitempty"` // when Number is 0
}

// Of is the share of n, rounded down.
func (s Share) Of(n int) int {
	if s.Percent > 0 {
		return int(math.Floor(float64(n) * s.Percent / 100))
	}
	return s.Number
}

// String is the share as it is written.
func (s Share) String() string {
	if s.Percent > 0 {
		return config.Percent(s.Percent).String()
	}
	return strconv.Itoa(s.Number)
}

// retryFile is a job.Retry as it is written: what stands in it is what holds when a step does not say.
type retryFile struct {
	Attempts int           `yaml:"attempts"`
	Backoff  time.Duration `yaml:"backoff"`
	Timeout  time.Duration `yaml:"timeout"`
}

// Validate is called by config, which finds the place.
func (r *retryFile) Validate() error {
	switch {
	case r.Attempts < 1 || r.Attempts > job.MaxAttempts:
		return fmt.Errorf("attempts: %d; want 1 to %d", r.Attempts, job.MaxAttempts)
	case r.Backoff < minBackoff || r.Backoff > job.MaxBackoff:
		return fmt.Errorf("backoff: %s; want %s to %s", r.Backoff, minBackoff, job.MaxBackoff)
	case r.Timeout < 0 || r.Timeout > maxWithin:
		return fmt.Errorf("timeout: %s; want more than 0s and at most %s", r.Timeout, maxWithin)
	}
	return nil
}

// minBackoff keeps what fails at once from being tried as fast as the machine can.
const minBackoff = 100 * time.Millisecond

// maxStepTimeout bounds the timeout of one attempt.
const maxStepTimeout = 7 * 24 * time.Hour

// stepName is what can stand behind "steps." in an expression.
var stepName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// name reads the name by which later steps call this one.
func (c *ruleCompiler) name(env *environment, s *step, n *config.Node) {
	if n == nil {
		return
	}
	name := n.Text()
	switch {
	case n.Kind() != config.Scalar || !stepName.MatchString(name):
		c.fault(n.Fault("%q is no name of a step", clip(name, maxValue)).WithHint("letters, digits and '_', a letter first: steps.NAME stands in expressions"))
	case name == failedStep:
		c.fault(n.Fault("no step is called %q: steps.%s is the one that failed, in on_failure", failedStep, failedStep))
	case env.knows(name):
		c.fault(n.Fault("an earlier step is called %q already", name))
	default:
		s.name = name
	}
}

// options reads what a step says beside its function and target.
func (c *ruleCompiler) options(s *step, f stepFile) {
	o := Options{IgnoreFailure: f.IgnoreFailure}
	if s.options != nil {
		o.Approval = s.options.Approval
	}
	control := s.fun == Fail || s.fun == Stop || s.fun == Approve
	atOnce := control || s.fun == job.EventFire
	for _, refused := range []struct {
		n    *config.Node
		bad  bool
		what string
	}{
		{f.Batch, !s.minions, "batch: %s is not for several minions"},
		{f.MaxFailures, !s.minions, "max_failures: %s is not for several minions"},
		{f.Timeout, atOnce, "timeout: %s takes no time"},
		{f.Retry, atOnce, "retry: %s does not fail for a reason that could pass"},
		{f.Interrupted, s.minions || atOnce, "interrupted: a master that ends does not interrupt %s"},
	} {
		if refused.n != nil && refused.bad {
			c.fault(refused.n.Fault(refused.what, s.fun))
		}
	}
	c.retry(s, f.Retry, &o)
	o.Batch = c.share("batch", f.Batch, 1)
	o.MaxFailures = c.share("max_failures", f.MaxFailures, 0)
	if f.Timeout != nil {
		c.fault(f.Timeout.Decode(&s.timeout)...)
		if s.timeout <= 0 || s.timeout > maxStepTimeout {
			c.fault(f.Timeout.Fault("timeout: %s; want more than 0s and at most %s", s.timeout, maxStepTimeout))
		}
	}
	if f.Interrupted != nil {
		switch text := f.Interrupted.Text(); text {
		case "retry":
		case "dead_letter":
			o.DeadLetter = true
		default:
			c.fault(f.Interrupted.Fault("interrupted: %q; want retry or dead_letter", clip(text, maxValue)))
		}
	}
	if o != (Options{}) {
		s.options = &o
	}
}

// retry lets what a step says stand before what is the function's own.
func (c *ruleCompiler) retry(s *step, n *config.Node, o *Options) {
	if n == nil {
		return
	}
	f := retryFile(job.DefaultRetry(s.fun))
	c.fault(n.Decode(&f)...)
	r := job.Retry(f)
	o.Retry = &r
}

// share reads a number of targets, or a part of them.
func (c *ruleCompiler) share(key string, n *config.Node, least int) *Share {
	if n == nil {
		return nil
	}
	text := strings.TrimSpace(n.Text())
	if strings.HasSuffix(text, "%") {
		var p config.Percent
		if err := p.UnmarshalText([]byte(text)); err != nil {
			c.fault(n.Fault("%s: %v", key, err))
		} else if p == 0 {
			return &Share{}
		}
		return &Share{Percent: float64(p)}
	}
	number, err := strconv.Atoi(text)
	if n.Kind() != config.Scalar || err != nil || number < least {
		c.fault(n.Fault("%s: want a number of minions from %d, or a part of them such as 10%%", key, least))
	}
	return &Share{Number: number}
}
