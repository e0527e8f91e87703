// Command brine-master is the master daemon: it takes in events, keeps them, decides, and sends jobs.
package main

import (
	"context"
	"os"

	beaconlist "brine/beacons/all"
	actionlist "brine/internal/action/all"
	"brine/internal/api/masterapi"
	"brine/internal/daemon"
	"brine/internal/master"
	statelist "brine/states/all"

	"golang.org/x/sync/errgroup"
)

func main() {
	os.Exit(daemon.Main(daemon.Daemon{
		Name:   "brine-master",
		Short:  "The master of Brine: takes in events, keeps them, decides, and sends jobs.",
		Config: "/etc/brine/master.yaml",
		Check:  func(path string) error { _, err := master.LoadConfig(path); return err },
		Run:    run,
	}, os.Args[1:], os.Stderr))
}

func run(ctx context.Context, env daemon.Env) error {
	config, err := master.LoadConfig(env.Config)
	if err != nil {
		return err
	}
	m, err := master.New(master.Options{
		Config: config, Path: env.Config, Beacons: beaconlist.List(), States: statelist.List(), Actions: actionlist.List(), Version: daemon.Version, Log: env.Log,
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.Run(ctx) })
	g.Go(func() error { return masterapi.Serve(ctx, config.Socket, m, env.Log) })
	g.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-env.Reload:
				if err := m.Reload(ctx, "SIGHUP"); err != nil {
					env.Log.Error("files not loaded; the last good ones stay in force", "error", err)
				}
			}
		}
	})
	return g.Wait()
}
