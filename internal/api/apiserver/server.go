// Package apiserver is what the APIs of both daemons have in common: the socket, who asks, bounds and deadlines, and errors as JSON.
// It must never know what a request is about.
package apiserver

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"brine/internal/api"
)

// Deadlines of one request. A stream sets its own.
const (
	headerTimeout   = 10 * time.Second
	readTimeout     = 30 * time.Second
	writeTimeout    = 60 * time.Second
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 3 * time.Second
	maxHeader       = 64 << 10 // bytes
	maxConns        = 256      // open at once; a further one waits
)

// Serve answers requests at a unix socket until ctx ends, and then returns nil. Requests under way see that ctx has ended.
func Serve(ctx context.Context, socket string, routes Routes, logger *slog.Logger) error {
	l, err := Listen(socket)
	if err != nil {
		return err
	}
	return serve(ctx, l, routes, logger)
}

func serve(ctx context.Context, l net.Listener, routes Routes, logger *slog.Logger) error {
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.Handle(pattern, h)
	}
	srv := &http.Server{
		Handler:           guard(logger, bound(fallback(mux))),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withPeer,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // what clients do wrong is told to them
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		end, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if srv.Shutdown(end) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(newLimit(l, maxConns))
	if stop() { // ctx goes on: the listener failed
		srv.Close()
		return err
	}
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// bound limits what one request may take.
func bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, api.MaxBody)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // a socket has deadlines
		next.ServeHTTP(w, r)
	})
}
