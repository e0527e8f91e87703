package wire

import (
	"brine/internal/event"
	"brine/internal/job"
)

// lowField is the key of the low state in Job: what is wrong inside is told under it.
const lowField = 9

// low reads a low state. Its parts are maps with names as keys, as they are in JSON.
func (r *reader) low() *job.LowState {
	low := &job.LowState{}
	n := r.names(2)
	for n.next(r) {
		switch string(n.name) {
		case "hash":
			low.Hash = r.text()
		case "states":
			low.States = readArray(r, MaxStates, (*reader).state)
		case "source":
			low.Source = readArray(r, MaxSource, (*reader).text)
		case "whole":
			n.optional()
			low.Whole = r.bool()
		default:
			n.skip(r)
		}
	}
	n.need(r, "a low state", 3)
	return low
}

func (r *reader) state() (s job.Low) {
	n := r.names(4)
	for n.next(r) {
		switch string(n.name) {
		case "id":
			s.ID = r.text()
		case "sls":
			s.SLS = r.text()
		case "fun":
			s.Fun = r.text()
		case "name":
			s.Name = r.text()
		case "args":
			s.Args = r.bytes()
		case "require":
			s.Require = readArray(r, MaxRequire, (*reader).count)
		case "content":
			s.Content = readArray(r, MaxContents, (*reader).content)
		case "enforce":
			n.optional()
			s.Enforce = job.Enforce(r.text())
		default:
			n.skip(r)
		}
	}
	n.need(r, "a state", 7)
	return s
}

func (r *reader) content() (c job.Content) {
	n := r.names(6)
	for n.next(r) {
		switch string(n.name) {
		case "hash":
			c.Hash = r.text()
		case "size":
			c.Size = r.int()
		default:
			n.skip(r)
		}
	}
	n.need(r, "a content", 2)
	return c
}

// readArray reads elements one by one, so that the memory it takes follows what is there, not what is claimed.
func readArray[T any](r *reader, limit int, read func(*reader) T) []T {
	n := r.array(limit)
	var list []T
	for range n {
		v := read(r)
		if r.err != nil {
			return nil
		}
		list = append(list, v)
	}
	return list
}

func checkLow(low *job.LowState) *Error {
	if err := checkHash(lowField, low.Hash); err != nil {
		return err
	}
	if len(low.States) > MaxStates || len(low.Source) > MaxSource {
		return fault(CodeBound, lowField, "%d states of %d SLS; at most %d of %d", len(low.States), len(low.Source), MaxStates, MaxSource)
	}
	for _, s := range low.Source {
		if err := checkName(lowField, "source", s, MaxName); err != nil {
			return err
		}
	}
	for i := range low.States {
		if err := checkState(&low.States[i], i); err != nil {
			return err
		}
	}
	return nil
}

func checkState(s *job.Low, place int) *Error {
	err := first(checkName(lowField, "id", s.ID, MaxName), checkName(lowField, "sls", s.SLS, MaxName),
		checkName(lowField, "fun", s.Fun, MaxName))
	if err == nil {
		err = checkUTF8(lowField, s.Name)
	}
	switch {
	case err != nil:
		return err
	case s.Fun == "":
		return fault(CodeValue, lowField, "state %d has no function", place)
	case len(s.Name) > MaxStateName:
		return fault(CodeBound, lowField, "the name of state %d has %d bytes; at most %d", place, len(s.Name), MaxStateName)
	case len(s.Args) > event.MaxData:
		return fault(CodeBound, lowField, "the arguments of state %d have %d bytes; at most %d", place, len(s.Args), event.MaxData)
	case s.Enforce != job.EnforceNot && s.Enforce != job.EnforceTrue && s.Enforce != job.EnforceWarn:
		return fault(CodeValue, lowField, "state %d: enforce is %.20q; want true or warn", place, string(s.Enforce))
	case len(s.Require) > MaxRequire || len(s.Content) > MaxContents:
		return fault(CodeBound, lowField, "state %d requires %d states and names %d contents", place, len(s.Require), len(s.Content))
	}
	for _, q := range s.Require {
		if q < 0 || q >= place {
			return fault(CodeBound, lowField, "state %d requires state %d, which does not come before it", place, q)
		}
	}
	for _, c := range s.Content {
		if err := checkHash(lowField, c.Hash); err != nil {
			return err
		}
		if c.Size < 0 {
			return fault(CodeBound, lowField, "content of %d bytes", c.Size)
		}
	}
	return nil
}
