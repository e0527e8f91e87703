package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
)

// Code says what kind of error an answer is.
type Code string

// The codes, each with its HTTP status.
const (
	BadRequest  Code = "bad_request" // 400: what was asked makes no sense
	NotFound    Code = "not_found"   // 404
	Conflict    Code = "conflict"    // 409: it stands against what is so at present
	Internal    Code = "internal"    // 500
	Unavailable Code = "unavailable" // 503: the daemon is stopping, or its disk is full
)

// HTTPStatus is the code's status.
func (c Code) HTTPStatus() int {
	switch c {
	case BadRequest:
		return http.StatusBadRequest
	case NotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Error is what a daemon answers when it does not do what it was asked.
type Error struct {
	Message string `json:"error"`
	Advice  string `json:"hint,omitempty"` // what to do
	Code    Code   `json:"code"`
}

func (e *Error) Error() string { return e.Message }

// Hint says what to do, or nothing.
func (e *Error) Hint() string { return e.Advice }

// Errorf makes an Error.
func Errorf(code Code, hint, format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), Advice: hint, Code: code}
}

// IsNotFound reports whether a daemon answered that it has no such thing.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == NotFound
}

// Unreachable is returned when nobody answers at a socket, or the answer broke off.
type Unreachable struct {
	Socket string
	Err    error
}

func (u *Unreachable) Error() string {
	switch {
	case errors.Is(u.Err, fs.ErrNotExist), errors.Is(u.Err, syscall.ECONNREFUSED):
		return fmt.Sprintf("no %s at %s: is brine-%[1]s running?", u.role(), u.Socket)
	case errors.Is(u.Err, fs.ErrPermission):
		return fmt.Sprintf("no permission to use the socket %s", u.Socket)
	}
	return fmt.Sprintf("the daemon at %s does not answer: %v", u.Socket, u.Err)
}

func (u *Unreachable) Unwrap() error { return u.Err }

// role guesses which daemon should be there.
func (u *Unreachable) role() string {
	if strings.Contains(filepath.Base(u.Socket), "minion") {
		return "minion"
	}
	return "master"
}

// Hint says what to do.
func (u *Unreachable) Hint() string {
	switch {
	case errors.Is(u.Err, fs.ErrPermission):
		return "use sudo, or join the group that owns the socket (`ls -l " + u.Socket + "`)"
	case errors.Is(u.Err, fs.ErrNotExist), errors.Is(u.Err, syscall.ECONNREFUSED):
		return fmt.Sprintf("if its socket is elsewhere (`socket` in %s.yaml), say so with --socket or BRINE_SOCKET", u.role())
	}
	return ""
}

// CutOff is returned when a stream of events ended before the daemon said so. Next is where to go on.
type CutOff struct {
	Next   uint64 // 0: not known
	Reason string
}

func (c *CutOff) Error() string { return "the stream of events was cut off: " + c.Reason }

// Hint says where to go on.
func (c *CutOff) Hint() string {
	if c.Next == 0 {
		return ""
	}
	return fmt.Sprintf("nothing is lost: go on with `brine event list -f --from %d`", c.Next)
}
