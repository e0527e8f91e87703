package cli

import (
	"context"
	"errors"
	"fmt"

	"brine/internal/api"
)

// Exit codes of brine, as --help tells them.
const (
	exitOK          = 0
	exitFail        = 1 // it was done and something failed, or nothing matched
	exitUsage       = 2 // wrong usage
	exitUnreachable = 3 // the master cannot be reached, or did not answer in time
)

// usageError is what the operator got wrong on the command line.
type usageError struct {
	msg, hint string
}

func (u *usageError) Error() string { return u.msg }
func (u *usageError) Hint() string  { return u.hint }

func usagef(hint, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...), hint}
}

// failure is an error with its exit code. Without a message everything has been said already.
type failure struct {
	code      int
	msg, hint string
}

func (f *failure) Error() string { return f.msg }
func (f *failure) Hint() string  { return f.hint }

// failed ends a command whose output has said what failed.
func failed() error { return &failure{code: exitFail} }

// late ends a command whose output has said who did not answer.
func late() error { return &failure{code: exitUnreachable} }

func failf(hint, format string, args ...any) error {
	return &failure{exitFail, fmt.Sprintf(format, args...), hint}
}

// exitCode maps errors to exit codes: here and nowhere else.
func exitCode(err error) int {
	var (
		fail        *failure
		usage       *usageError
		unreachable *api.Unreachable
		cut         *api.CutOff
		answer      *api.Error
	)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &fail):
		return fail.code
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &unreachable), errors.As(err, &cut):
		return exitUnreachable
	case errors.As(err, &answer):
		switch answer.Code {
		case api.BadRequest:
			return exitUsage
		case api.Unavailable:
			return exitUnreachable
		}
	}
	return exitFail
}

// explain says what went wrong and what to do, and gives the exit code.
func (a *app) explain(err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) {
		err = &failure{code: exitFail, msg: "interrupted"}
	}
	if msg := err.Error(); msg != "" {
		fmt.Fprintf(a.err, "error: %s\n", clean(msg))
		var h interface{ Hint() string }
		if errors.As(err, &h) && h.Hint() != "" {
			fmt.Fprintf(a.err, "hint: %s\n", clean(h.Hint()))
		}
	}
	return exitCode(err)
}
