package supervise

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"brine/beacons"
	"brine/internal/beaconset"
)

// firing hands every signal that comes to fire, and the error back.
func firing(in <-chan []beacons.Signal, out chan<- error) script {
	return func(ctx context.Context, _ beacons.Env, fire beacons.Fire) error {
		for {
			select {
			case s := <-in:
				out <- fire(ctx, s...)
			case <-ctx.Done():
				return nil
			}
		}
	}
}

func tags(signals []beacons.Signal) (out string) {
	for _, s := range signals {
		out += fmt.Sprintf("%s=%v:%d ", s.Tag, s.Data, len(s.Set))
	}
	return out
}

func TestOnChangeOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := make(chan []beacons.Signal), make(chan error, 1)
		b := instance("b", "1", firing(in, out))
		b.Common.OnChangeOnly = true
		s, h, stop := begin(t, b)
		send := func(signals ...beacons.Signal) error { in <- signals; return <-out }
		set := []beacons.KV{{Key: "k"}}
		h.fail = errors.New("full")
		if send(beacons.Signal{Tag: "a", Data: 1}) == nil {
			t.Error("an error is lost")
		}
		h.fail = nil
		send(beacons.Signal{Tag: "a", Data: 1})                                    // was not kept: told
		send(beacons.Signal{Tag: "a", Data: 1}, beacons.Signal{Tag: "a", Data: 1}) // no more
		send(beacons.Signal{Tag: "a", Data: 1, Set: set})                          // sets its baseline all the same
		send(beacons.Signal{Tag: "b", Data: 1}, beacons.Signal{Tag: "b", Data: 1}) // twice in one: once
		send(beacons.Signal{Tag: "a", Data: 2}, beacons.Signal{Tag: "", Set: set}) // a change
		if got, want := tags(h.fired["b"]), "a=1:0 =1:1 b=1:0 a=2:0 =<nil>:1 "; got != want {
			t.Errorf("fired %q; want %q", got, want)
		}
		if st := state(s, "b"); st.Fired != 3 || st.Unchanged != 4 {
			t.Errorf("%+v", st)
		}
		b.Text = "2" // goes on from what was told
		s.Set([]beaconset.Instance{b})
		synctest.Wait()
		send(beacons.Signal{Tag: "a", Data: 2})
		if n := h.count("b"); n != 5 {
			t.Errorf("told again after a restart: %q", tags(h.fired["b"]))
		}
		stop()
	})
}

func TestEmitAtStartupIsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []bool
		b := instance("b", "1", func(ctx context.Context, env beacons.Env, _ beacons.Fire) error {
			if asked = append(asked, env.AtStart); len(asked) == 1 {
				return errors.New("no")
			}
			<-ctx.Done()
			return nil
		})
		b.Common.EmitAtStartup = true
		s, _, stop := begin(t, b)
		time.Sleep(time.Minute)
		b.Text = "2"
		s.Set([]beaconset.Instance{b})
		synctest.Wait()
		if fmt.Sprint(asked) != "[true false false]" {
			t.Errorf("asked for the start %v", asked)
		}
		stop()
	})
}

// A beacon that samples takes no sample during a state run, and one right after it.
func TestNoSampleDuringAStateRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := instance("b", "1", ticking)
		b.Common.DisableDuringStateRun, b.Module.Interval = true, time.Second
		s, h, stop := begin(t, b, instance("other", "", ticking))
		time.Sleep(10 * time.Second)
		end := s.Runs().Begin("x")
		more := s.Runs().Begin("x") // runs may overlap
		synctest.Wait()
		before := h.count("b")
		time.Sleep(5 * time.Second)
		more()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := h.count("b"); n != before {
			t.Errorf("%d samples during the run", n-before)
		}
		if n := h.count("other"); n < 19 {
			t.Errorf("the other, without the option, took %d samples", n)
		}
		end()
		synctest.Wait()
		if n := h.count("b"); n != before+1 {
			t.Errorf("%d samples right after the run", n-before)
		}
		stop()
	})
}

// Of one that is told by the kernel, what it sees during a run is marked as Brine's own.
func TestOwnDuringAStateRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := make(chan []beacons.Signal), make(chan error, 1)
		b := instance("b", "1", firing(in, out))
		b.Common.DisableDuringStateRun = true
		s, h, stop := begin(t, b)
		send := func(at time.Time) { in <- []beacons.Signal{{Tag: "a", Time: at}}; <-out }
		send(time.Time{})
		before := time.Now()
		time.Sleep(time.Second)
		end := s.Runs().Begin("w:aaaaaaaa:1")
		send(time.Time{})
		send(before) // seen before the run, told during it
		end()
		time.Sleep(time.Second)
		send(time.Time{})
		time.Sleep(2 * time.Second)
		send(time.Time{})
		var own []bool
		for _, sig := range h.fired["b"] {
			own = append(own, sig.Own && sig.Cause == "w:aaaaaaaa:1")
		}
		if fmt.Sprint(own) != "[false true false true false]" || state(s, "b").Own != 2 {
			t.Errorf("own %v, %+v", own, state(s, "b"))
		}
		stop()
	})
}
