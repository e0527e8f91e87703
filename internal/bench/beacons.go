package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	beaconlist "brine/beacons/all"
	"brine/internal/api"
	"brine/internal/config"
	"brine/internal/rig"
)

// calm is how long what a start has stirred up may take to come to rest.
const calm = 5 * time.Second

// everyBeacon looks at a minion that has every beacon at its defaults, while it does nothing; then at what each takes by itself, all at once, as
// they take little, in minions of their own.
func everyBeacon(ctx context.Context, r *rig.Rig, o options) (table, error) {
	t := table{head: []string{"beacons", "PSS", "processor", "events"}}
	if err := r.StartMaster(ctx); err != nil {
		return t, err
	}
	tree, err := someFiles(r)
	if err != nil {
		return t, err
	}
	list := atDefaults(tree)
	var all strings.Builder
	for _, b := range list {
		all.WriteString("  " + b.options)
	}
	m, err := member(ctx, r, "all", "beacons:\n"+all.String())
	if err != nil {
		return t, err
	}
	if err := resting(ctx, r, &t, o.idle, fmt.Sprintf("all %d", len(list)), m); err != nil {
		return t, err
	}
	pss := t.rows[0][1]
	if err := m.Stop(); err != nil {
		return t, err
	}
	var minions []*rig.Minion
	for _, b := range append(list, listed{"none", "{}\n"}) {
		m, err := member(ctx, r, b.name, "beacons:\n  "+b.options)
		if err != nil {
			return t, err
		}
		minions = append(minions, m)
	}
	if err := resting(ctx, r, &t, o.idle, "", minions...); err != nil {
		return t, err
	}
	for _, row := range t.rows {
		row[1] = "" // many minions share their pages, and the figure is too good
	}
	t.rows[0][1] = pss
	return t, nil
}

// listed is a beacon with its line below "beacons:".
type listed struct{ name, options string }

// someFiles makes a folder of as many files as /etc has on a common server. The real one is opened by whatever runs on the host.
func someFiles(r *rig.Rig) (dir string, err error) {
	dir = r.Path("host/etc")
	for i := range 2000 {
		if err := r.Write(fmt.Sprintf("host/etc/%d/%d.conf", i%100, i), fmt.Sprintln("option", i)); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// atDefaults are the beacons that need no options, and file, which watches a tree.
func atDefaults(tree string) (list []listed) {
	for _, m := range beaconlist.List() {
		options := "{}"
		if m.Name == "file" {
			options = "{paths: {" + tree + ": {recurse: true}}}"
		}
		n, _ := config.Parse(m.Name, []byte(options))
		if err := n.Decode(m.Config()).Err(); err != nil {
			fmt.Fprintf(os.Stderr, "left out: %v\n", err)
			continue
		}
		list = append(list, listed{m.Name, m.Name + ": " + options + "\n"})
	}
	return list
}

// member starts a minion and waits until the master has it.
func member(ctx context.Context, r *rig.Rig, id, extra string) (*rig.Minion, error) {
	m, err := r.NewMinion(id, extra)
	if err != nil {
		return nil, err
	}
	if err := r.Start(m); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.Accept(ctx, id); err != nil {
		return nil, cmp.Or(m.Err(), err)
	}
	return m, r.Online(ctx, id)
}

// resting measures minions that do nothing: a row for each, called what, or else by its name.
func resting(ctx context.Context, r *rig.Rig, t *table, over time.Duration, what string, minions ...*rig.Minion) error {
	if err := pause(ctx, calm); err != nil {
		return err
	}
	before := make([]time.Duration, len(minions))
	for i, m := range minions {
		before[i] = cpuTime(m.PID())
	}
	if err := pause(ctx, over); err != nil {
		return err
	}
	for i, m := range minions {
		used := cpuTime(m.PID()) - before[i]
		pss, err := memoryOf(m.PID(), "smaps_rollup", "Pss:")
		if err != nil {
			return err
		}
		fired := 0
		for line, err := range r.Client.Events(ctx, api.Query{Tag: "brine/beacon/" + m.ID + "/**"}) {
			if err != nil {
				return err
			}
			if line.Event != nil {
				fired++
			}
		}
		name := m.ID
		if what != "" {
			name = what
		}
		t.add(name, mib(pss), fmt.Sprintf("%.3f %% of a core over %s", 100*used.Seconds()/over.Seconds(), over), fmt.Sprint(fired))
	}
	return nil
}

// sockets looks at a minion that watches many connections each second: all new and closed ones, how fast they come and how many there are.
func sockets(ctx context.Context, r *rig.Rig, o options) (table, error) {
	t := table{head: []string{"sockets", "PSS", "processor", "events"}}
	release, err := connect(o.sockets / 2)
	defer release()
	if err != nil {
		return t, err
	}
	if err := r.StartMaster(ctx); err != nil {
		return t, err
	}
	m, err := join(ctx, r, `beacons:
  conn:
    listeners: {tell: [listening, gone]}
    all: {tell: [new, closed]}
    flood: {direction: in, rate: {above: 1000000, by: remote}, open: {above: 1000000}}
`)
	if err != nil {
		return t, err
	}
	return t, resting(ctx, r, &t, o.idle, fmt.Sprint(o.sockets/2*2), m)
}

// connect opens n connections within this process: two sockets each.
func connect(n int) (release func(), err error) {
	var open []net.Conn
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return func() {}, err
	}
	release = func() {
		l.Close()
		for _, c := range open {
			c.Close()
		}
	}
	for range n {
		for _, half := range []func() (net.Conn, error){func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }, l.Accept} {
			c, err := half()
			if err != nil {
				return release, fmt.Errorf("%d sockets are open: %w", len(open), err)
			}
			open = append(open, c)
		}
	}
	return release, nil
}
