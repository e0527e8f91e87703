package service

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"brine/internal/beacontest"
)

// fakeEnv makes the test binary a systemd on a bus of its own, below this root: in a process of its own, so that the conformance suite
// counts none of its goroutines and files.
const fakeEnv = "BRINE_FAKE_SYSTEMD"

const maxLife = 3 * time.Minute // of a fake that nobody ends

func TestMain(m *testing.M) {
	if root := os.Getenv(fakeEnv); root != "" {
		if err := serve(root); err != nil {
			fmt.Fprintln(os.Stderr, "fake systemd:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// order is what a test tells its fake to do, and state what becomes of a unit.
type order struct {
	Quit, Leave, Return bool // ends it; systemd leaves the bus, or comes back
	Silent              bool // the state changes and nobody is told, as if it were during a stop
	Unit                string
	Unload              bool
	State, Sub, Result  string
	Code, Status        int32
	PID, Restarts       uint32
}

// fake starts a bus with a systemd below root and ends it with the test.
func fake(t *testing.T, root string) {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		if os.Getenv("BRINE_REQUIRE_TOOLS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	p, err := os.StartProcess("/proc/self/exe", []string{"fake-systemd"}, &os.ProcAttr{Env: append(os.Environ(), fakeEnv+"="+root), Files: []*os.File{nil, nil, os.Stderr}})
	if err != nil {
		t.Fatal(err)
	}
	pid := p.Pid
	_ = p.Release() // it holds a file
	t.Cleanup(func() {
		_ = tell(root, order{Quit: true})
		var status syscall.WaitStatus
		_, _ = syscall.Wait4(pid, &status, 0, nil)
	})
	for end := time.Now().Add(beacontest.Patience); tell(root, order{Unit: "ready.target", State: Inactive}) != nil; {
		if time.Now().After(end) {
			t.Fatal("the fake systemd does not come up")
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// tell orders a fake, and returns when it has done it.
func tell(root string, o order) error {
	c, err := net.Dial("unix", filepath.Join(root, "ctl"))
	if err != nil {
		return err
	}
	defer c.Close()
	if err := json.NewEncoder(c).Encode(o); err != nil {
		return err
	}
	var done bool
	return json.NewDecoder(c).Decode(&done)
}

func do(t *testing.T, root string, orders ...order) {
	t.Helper()
	for _, o := range orders {
		if err := tell(root, o); err != nil {
			t.Fatal(err)
		}
	}
}

// systemdFake is the fake itself.
type systemdFake struct {
	conn  *dbus.Conn
	mu    sync.Mutex
	units map[string]order
}

func serve(root string) error {
	time.AfterFunc(maxLife, func() { os.Exit(1) })
	dir := filepath.Join(root, filepath.Dir(socket))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=unix:path="+dbus.EscapeBusAddressValue(filepath.Join(root, socket)))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	var conn *dbus.Conn
	var err error
	for end := time.Now().Add(beacontest.Patience); ; time.Sleep(2 * time.Millisecond) {
		if conn, err = dbus.Connect("unix:path=" + dbus.EscapeBusAddressValue(filepath.Join(root, socket))); err == nil || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		return err
	}
	f := &systemdFake{conn: conn, units: map[string]order{}}
	if err := conn.Export(f, managerPath, manager); err != nil {
		return err
	}
	if err := conn.ExportSubtreeMethodTable(map[string]any{"GetAll": f.getAll}, unitPath, properties); err != nil {
		return err
	}
	if _, err := conn.RequestName(systemd, 0); err != nil {
		return err
	}
	l, err := net.Listen("unix", filepath.Join(root, "ctl"))
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		var o order
		if err := json.NewDecoder(c).Decode(&o); err != nil {
			return err
		}
		if o.Quit {
			return c.Close()
		}
		if err := f.obey(o); err != nil {
			return err
		}
		_ = json.NewEncoder(c).Encode(true)
		_ = c.Close()
	}
}

func escapePath(unit string) dbus.ObjectPath {
	out := unitPath + "/"
	for _, c := range []byte(unit) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			out += string(c)
		} else {
			out += fmt.Sprintf("_%02x", c)
		}
	}
	return dbus.ObjectPath(out)
}

// obey does as told, and says so as systemd does: what is the service's own first.
func (f *systemdFake) obey(o order) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case o.Leave:
		_, err := f.conn.ReleaseName(systemd)
		return err
	case o.Return:
		_, err := f.conn.RequestName(systemd, 0)
		return err
	case o.Unload:
		delete(f.units, o.Unit)
		return f.conn.Emit(managerPath, manager+".UnitRemoved", o.Unit, escapePath(o.Unit))
	}
	f.units[o.Unit] = o
	if o.Silent {
		return nil
	}
	path := escapePath(o.Unit)
	if err := f.conn.Emit(path, properties+".PropertiesChanged", serviceFace, o.service(), []string{"StatusText"}); err != nil {
		return err
	}
	return f.conn.Emit(path, properties+".PropertiesChanged", unitFace, map[string]dbus.Variant{"ActiveState": dbus.MakeVariant(o.State),
		"SubState": dbus.MakeVariant(o.Sub), "StateChangeTimestamp": dbus.MakeVariant(uint64(1))}, []string{})
}

func (o order) service() map[string]dbus.Variant {
	return map[string]dbus.Variant{"ExecMainCode": dbus.MakeVariant(o.Code), "ExecMainStatus": dbus.MakeVariant(o.Status), "MainPID": dbus.MakeVariant(o.PID),
		"NRestarts": dbus.MakeVariant(o.Restarts), "Result": dbus.MakeVariant(o.Result)}
}

// Subscribe is systemd's.
func (f *systemdFake) Subscribe() *dbus.Error { return nil }

// ListUnits is systemd's.
func (f *systemdFake) ListUnits() (list []listed, _ *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, o := range f.units {
		list = append(list, listed{Name: name, Description: "The unit " + name, Load: "loaded", Active: o.State, Sub: o.Sub, Path: escapePath(name), JobPath: "/"})
	}
	return list, nil
}

func (f *systemdFake) getAll(m dbus.Message, _ string) (map[string]dbus.Variant, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	for name, o := range f.units {
		if escapePath(name) == path {
			return o.service(), nil
		}
	}
	return nil, dbus.MakeFailedError(fmt.Errorf("no unit at %s", path))
}
