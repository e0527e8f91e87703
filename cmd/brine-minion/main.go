// Command brine-minion is the minion's daemon: it watches its host, tells the master, and puts states right.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	beaconlist "brine/beacons/all"
	"brine/internal/api/minionapi"
	"brine/internal/daemon"
	"brine/internal/minion"
	statelist "brine/states/all"

	"golang.org/x/sync/errgroup"
)

func main() {
	os.Exit(daemon.Main(daemon.Daemon{
		Name:   "brine-minion",
		Short:  "The minion of Brine: watches its host, tells the master, and puts states right.",
		Config: "/etc/brine/minion.yaml",
		Check:  func(path string) error { _, err := minion.LoadConfig(path, beaconlist.List()); return err },
		Run:    run,

		TestBeacon: tryBeacon,
	}, os.Args[1:], os.Stderr))
}

func run(ctx context.Context, env daemon.Env) error {
	config, err := minion.LoadConfig(env.Config, beaconlist.List())
	if err != nil {
		return err
	}
	m, err := minion.New(minion.Options{
		Config: config, Path: env.Config, Beacons: beaconlist.List(), States: statelist.List(), Version: daemon.Version, Log: env.Log,
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.Run(ctx) })
	g.Go(func() error { return minionapi.Serve(ctx, config.Socket, m, env.Log) })
	g.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-env.Reload:
				_ = m.Reload(ctx, "SIGHUP") // it has been told
			}
		}
	})
	return g.Wait()
}

// tryBeacon is `brine-minion beacon test`.
func tryBeacon(ctx context.Context, t daemon.BeaconTest) error {
	fired, err := minion.TryBeacon(ctx, minion.Try{
		Name: t.Name, Config: t.Config, For: t.For, JSON: t.JSON, Out: t.Out, Log: t.Log, Modules: beaconlist.List(),
	})
	switch {
	case errors.Is(err, minion.ErrTry):
		return fmt.Errorf("%w: %w", daemon.ErrConfig, err)
	case err == nil && fired == 0:
		return fmt.Errorf("%w in %s", daemon.ErrNothing, t.For)
	}
	return err
}
