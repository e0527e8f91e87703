package minionapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	beaconlist "brine/beacons/all"
	"brine/internal/api"
	"brine/internal/config"
	"brine/internal/minion"
	"brine/internal/outbox"
	statelist "brine/states/all"
)

// A program fires on a minion whose master is away: the event is kept, and the status says that it waits.
func TestFireWithoutAMaster(t *testing.T) {
	dir := t.TempDir()
	c := minion.DefaultConfig()
	c.ID, c.Master, c.TrustOnFirstUse = "web1", config.Strings{"tcp://127.0.0.1:1"}, true
	c.DataDir, c.Socket, c.Root = filepath.Join(dir, "data"), filepath.Join(dir, "minion.sock"), dir
	log := slog.New(slog.DiscardHandler)
	m, err := minion.New(minion.Options{Config: &c, Beacons: beaconlist.List(), States: statelist.List(), Version: "test", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- m.Run(ctx) }()
	go func() { done <- Serve(ctx, c.Socket, m, log) }()
	defer func() {
		cancel()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
	}()
	for end := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("unix", c.Socket)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	client := api.New(c.Socket)
	defer client.Close()
	before, err := client.MinionStatus(ctx)
	if err != nil || before.ID != "web1" || before.Connected || before.Key != m.Key() {
		t.Fatalf("%+v %v", before, err)
	}
	fired, err := client.Fire(ctx, "deploy/done", nil)
	if err != nil || fired.ID.Origin != "web1" || fired.Pos != 0 {
		t.Fatalf("%+v %v", fired, err)
	}
	if s, err := client.MinionStatus(ctx); err != nil || s.Unsent <= before.Unsent {
		t.Errorf("%+v %v, before %+v", s, err, before)
	}
	_, err = client.Fire(ctx, "brine/minion/web1/start", nil)
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.BadRequest {
		t.Errorf("a reserved tag: %v", err)
	}
	if e := explain(outbox.ErrFull); e == nil || e.Code != api.Unavailable || e.Advice == "" {
		t.Error(e)
	}
}
