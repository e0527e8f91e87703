// Package reactors holds the rules: reading and checking them, matching events, throttles, verdicts. It decides and
// does nothing: no clock, no I/O, no goroutine, so that the same history always gives the same verdicts and a rule can be
// tested, explained and replayed. It must never know a bus, a store or a role.
package reactors
