// Package rig sets real daemons up in a folder of their own, on loopback, and takes them down again: for the demo, the
// end-to-end tests and the benchmarks. It must never know what it is used for.
package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"brine/internal/api"
)

// Rig is one installation: a folder with a master and any number of minions.
type Rig struct {
	Dir    string // everything is below it
	Bin    string // folder of the binaries
	Addr   string // host:port of the master
	Client *api.Client
	Master *Process

	mu      sync.Mutex
	minions []*Minion
}

// Minion is one minion of a rig.
type Minion struct {
	ID     string
	Dir    string // its data_dir
	Socket string
	Config string
	*Process
}

// New prepares a folder for a master. The binaries brine-master and brine-minion must lie in bin.
func New(dir, bin string) (*Rig, error) {
	for _, name := range []string{"brine-master", "brine-minion"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return nil, fmt.Errorf("%s is not beside this program (`make build` makes all three): %w", name, err)
		}
	}
	r := &Rig{Dir: dir, Bin: bin}
	for _, sub := range []string{"states", "reactors", "beacons", "etc", "log", "run"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	r.Addr = addr
	r.Client = api.New(r.Path("run/master.sock"))
	return r, r.Write("etc/master.yaml", fmt.Sprintf(`listen: tcp://%s
data_dir: %s
socket: %s
tap: ipc://%s
file_roots: [%s]
reactor_dirs: [%s]
beacon_dirs: [%s]
`, addr, r.Path("master"), r.Path("run/master.sock"), r.Path("run/tap/events.ipc"), r.Path("states"), r.Path("reactors"), r.Path("beacons")))
}

// Ports below those that the kernel gives to connections (32768 and up on Linux), so that none is taken, not even by a minion that
// dials its own address, while the master is down.
const (
	firstPort = 20000
	ports     = 12000
	portTries = 1000
)

// freeAddr finds a port that is free at this moment.
func freeAddr() (string, error) {
	var last error
	for range portTries {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(ports)))
		if err == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
		last = err
	}
	return "", fmt.Errorf("no free port: %w", last)
}

// Path is a path below the rig's folder.
func (r *Rig) Path(rel string) string { return filepath.Join(r.Dir, rel) }

// Write writes a file below the rig's folder, in one step, so that nobody reads half of it.
func (r *Rig) Write(rel, text string) error {
	path := r.Path(rel)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// StartMaster starts the master and waits until it answers.
func (r *Rig) StartMaster(ctx context.Context) error {
	p, err := r.start("brine-master", "master", r.Path("etc/master.yaml"))
	if err != nil {
		return err
	}
	r.Master = p
	return r.Wait(ctx, "the master answers", func() (bool, error) {
		if err := p.Err(); err != nil {
			return false, err
		}
		_, err := r.Client.Status(ctx)
		return err == nil, nil
	})
}

// NewMinion prepares a minion. extra is added to its configuration.
func (r *Rig) NewMinion(id, extra string) (*Minion, error) {
	m := &Minion{ID: id, Dir: r.Path("minion-" + id), Socket: r.Path("run/" + id + ".sock"), Config: r.Path("etc/" + id + ".yaml")}
	err := r.Write("etc/"+id+".yaml", fmt.Sprintf(`id: %s
master: tcp://%s
trust_on_first_use: true
data_dir: %s
socket: %s
%s`, id, r.Addr, m.Dir, m.Socket, extra))
	r.mu.Lock()
	r.minions = append(r.minions, m)
	r.mu.Unlock()
	return m, err
}

// Start starts a minion that NewMinion has prepared.
func (r *Rig) Start(m *Minion) (err error) {
	m.Process, err = r.start("brine-minion", m.ID, m.Config)
	return err
}

// Accept waits until the minion's key has come, and accepts it.
func (r *Rig) Accept(ctx context.Context, id string) error {
	err := r.Wait(ctx, "the key of "+id+" arrives", func() (bool, error) {
		keys, err := r.Client.Keys(ctx, id)
		return len(keys) > 0, err
	})
	if err != nil {
		return err
	}
	_, err = r.Client.AcceptKeys(ctx, id)
	return err
}

// Online waits until the minion has a session.
func (r *Rig) Online(ctx context.Context, id string) error {
	return r.Wait(ctx, id+" is online", func() (bool, error) {
		list, err := r.Client.Minions(ctx, id, "")
		return len(list) == 1 && list[0].Online, err
	})
}

// Minions are those that NewMinion has prepared and Start has started.
func (r *Rig) Minions() (started []*Minion) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.minions {
		if m.Process != nil {
			started = append(started, m)
		}
	}
	return started
}

// poll is how often Wait looks.
const poll = 5 * time.Millisecond

// Wait looks until what is so, or ctx ends; it says what it waited for in vain.
func (r *Rig) Wait(ctx context.Context, what string, so func() (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		ok, err := so()
		if err != nil {
			return fmt.Errorf("waiting until %s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		}
	}
}

// Stop stops everything that was started.
func (r *Rig) Stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, m := range r.minions {
		if m.Process != nil {
			errs = append(errs, m.Stop())
		}
	}
	if r.Master != nil {
		errs = append(errs, r.Master.Stop())
	}
	return errors.Join(errs...)
}

// Process is one daemon.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error
}

func (r *Rig) start(binary, name, config string) (*Process, error) {
	p := &Process{name: name, log: r.Path("log/" + name + ".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(filepath.Join(r.Bin, binary), "--config", config)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	// A daemon does not outlive the program that set it up, whatever becomes of that.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Err is why the process has ended, with the end of its log; nil while it runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended: %w\n%s", p.name, cmpErr(p.err), p.Tail())
	default:
		return nil
	}
}

func cmpErr(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// stopWait is how long a process may take to end by itself.
const stopWait = 10 * time.Second

// Stop ends the process as an administrator would.
func (p *Process) Stop() error {
	if p.Err() != nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopWait):
		p.Kill()
		return fmt.Errorf("%s did not end within %s of SIGTERM\n%s", p.name, stopWait, p.Tail())
	}
}

// Kill is kill -9, and waits until the process is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// Tail is the end of the process's log.
func (p *Process) Tail() string {
	f, err := os.Open(p.log)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 4096 {
		_, _ = f.Seek(-4096, io.SeekEnd) // the beginning does as well
	}
	var b bytes.Buffer
	_, _ = io.Copy(&b, f)
	return strings.TrimSpace(b.String())
}
