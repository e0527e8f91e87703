package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"brine/internal/api"
	"brine/internal/event"
)

// Func handles one request: what it returns is the answer, as JSON, or the error.
type Func func(r *http.Request) (any, error)

// Routes are handlers by pattern, such as "GET /v1/status".
type Routes map[string]http.HandlerFunc

// JSON makes a handler of a Func. explain turns an error of the daemon's into one for the client, or returns nil for one that it
// does not know: that is an internal error, and is logged.
func JSON(log *slog.Logger, explain func(error) *api.Error, f Func) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		if err != nil {
			WriteError(w, Explain(r.Context(), log, explain, err))
			return
		}
		text, err := json.Marshal(v)
		if err != nil {
			WriteError(w, Explain(r.Context(), log, explain, err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(text, '\n')) // or the client is gone
	}
}

// Explain is the error that a client sees.
func Explain(ctx context.Context, log *slog.Logger, explain func(error) *api.Error, err error) *api.Error {
	var known *api.Error
	if errors.As(err, &known) {
		return known
	}
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return api.Errorf(api.Unavailable, "try again in a moment", "the daemon is stopping")
	}
	if known := explain(err); known != nil {
		return known
	}
	log.Error("request not served", "error", err)
	return api.Errorf(api.Internal, "the daemon's log may say more", "%v", err)
}

// WriteError answers with an error.
func WriteError(w http.ResponseWriter, e *api.Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Code.HTTPStatus())
	text, err := json.Marshal(e)
	if err != nil {
		return // strings alone cannot fail
	}
	_, _ = w.Write(append(text, '\n')) // or the client is gone
}

// Body reads a request strictly: one JSON value with known keys, within api.MaxBody.
func Body[T any](r *http.Request) (T, error) {
	var v T
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one JSON value")
		}
	}
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return v, api.Errorf(api.BadRequest, "", "the request has more than %d bytes", tooLong.Limit)
	case err != nil:
		return v, api.Errorf(api.BadRequest, "", "the request cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return v, nil
}

// fallback answers requests that no route takes, in JSON as all others.
func fallback(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		WriteError(w, api.Errorf(api.NotFound, "are the program and the daemon of a like version?", "there is no %s %s", r.Method, r.URL.Path))
	}
}

// guard recovers what panics, so that a mistake in one handler ends one request.
func guard(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p) // the server's own way to break off an answer
			default:
				log.Error("handler panicked", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				WriteError(w, api.Errorf(api.Internal, "the daemon's log has the details", "a mistake in Brine: %v", p))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// CheckFire says what is wrong with an event before it is fired.
func CheckFire(f api.Fire) error {
	err := event.CheckTag(f.Tag)
	hint := "a tag is segments separated by '/', such as deploy/finished"
	switch {
	case err == nil && event.IsReserved(f.Tag):
		err = fmt.Errorf("tag %q: below %s only Brine's own code fires", f.Tag, event.Reserved)
		hint = "choose a tag of your own, such as deploy/finished"
	case err == nil:
		err, hint = f.Data.Valid(), ""
	}
	if err != nil {
		return api.Errorf(api.BadRequest, hint, "%v", err)
	}
	return nil
}
