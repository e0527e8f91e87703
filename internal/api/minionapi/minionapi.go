// Package minionapi serves the minion's API over its unix socket, for programs on the minion's host: to fire events, and to see how the
// minion is. It decides nothing.
package minionapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"brine/internal/api"
	"brine/internal/api/apiserver"
	"brine/internal/minion"
	"brine/internal/outbox"
)

// Serve answers requests at the socket until ctx ends, and then returns nil. A socket that another daemon uses is an error.
func Serve(ctx context.Context, socket string, m *minion.Minion, log *slog.Logger) error {
	return apiserver.Serve(ctx, socket, apiserver.Routes{
		"GET /v1/status":  apiserver.JSON(log, explain, func(*http.Request) (any, error) { return m.Status(), nil }),
		"POST /v1/events": apiserver.JSON(log, explain, func(r *http.Request) (any, error) { return fire(r, m) }),
	}, log)
}

func fire(r *http.Request, m *minion.Minion) (any, error) {
	f, err := apiserver.Body[api.Fire](r)
	if err != nil {
		return nil, err
	}
	if err := apiserver.CheckFire(f); err != nil {
		return nil, err
	}
	id, err := m.Fire(r.Context(), f.Tag, f.Data, apiserver.By(r.Context()))
	if err != nil {
		return nil, err
	}
	return api.Fired{ID: id}, nil
}

func explain(err error) *api.Error {
	switch {
	case errors.Is(err, outbox.ErrFull):
		return api.Errorf(api.Unavailable, "the master has been away for too long: events are taken again when it is back", "%v", err)
	case errors.Is(err, outbox.ErrClosed):
		return api.Errorf(api.Unavailable, "try again in a moment", "the minion is stopping")
	}
	return nil
}
