package service

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Names of systemd on D-Bus: see org.freedesktop.systemd1(5).
const (
	systemd      = "org.freedesktop.systemd1"
	manager      = systemd + ".Manager"
	unitFace     = systemd + ".Unit"
	serviceFace  = systemd + ".Service"
	properties   = "org.freedesktop.DBus.Properties"
	managerPath  = "/org/freedesktop/systemd1"
	unitPath     = managerPath + "/unit"
	ownerChanged = "org.freedesktop.DBus.NameOwnerChanged"

	socket  = "/run/dbus/system_bus_socket"
	patient = 10 * time.Second // for one answer
	waiting = 1024             // signals between the connection and us; past them the library keeps them
)

// bus is a connection on which systemd tells.
type bus struct {
	conn    *dbus.Conn
	signals chan *dbus.Signal
}

// errNoSystemd is returned when there is a bus, and systemd is not on it.
var errNoSystemd = errors.New("systemd is not on the bus")

// connect opens the bus and asks to be told. With errNoSystemd the bus is there too: it tells when systemd comes.
func connect(ctx context.Context, path string) (*bus, error) {
	conn, err := dbus.Dial("unix:path="+dbus.EscapeBusAddressValue(path), dbus.WithContext(ctx), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		return nil, err
	}
	b := &bus{conn, make(chan *dbus.Signal, waiting)}
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := errors.Join(conn.Auth(nil), ctx.Err()); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := conn.Hello(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	conn.Signal(b.signals)
	if err := b.listen(ctx); errors.Is(err, errNoSystemd) {
		return b, err
	} else if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return b, nil
}

func (b *bus) listen(ctx context.Context) error {
	matches := [][]dbus.MatchOption{{dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, systemd)},
		{dbus.WithMatchInterface(manager), dbus.WithMatchMember("UnitNew")},
		{dbus.WithMatchInterface(manager), dbus.WithMatchMember("UnitRemoved")}}
	for _, face := range []string{unitFace, serviceFace} {
		matches = append(matches, []dbus.MatchOption{dbus.WithMatchInterface(properties), dbus.WithMatchMember("PropertiesChanged"),
			dbus.WithMatchPathNamespace(unitPath), dbus.WithMatchArg(0, face)})
	}
	for _, m := range matches {
		if err := b.conn.AddMatchSignalContext(ctx, m...); err != nil {
			return fmt.Errorf("signals: %w", err)
		}
	}
	var there bool
	if err := b.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, systemd).Store(&there); err != nil {
		return err
	}
	if !there {
		return errNoSystemd
	}
	return b.call(ctx, managerPath, manager+".Subscribe").Err
}

func (b *bus) call(ctx context.Context, path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return b.conn.Object(systemd, path).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}

// listed is a unit as ListUnits gives it, up to what is of use.
type listed struct {
	Name, Description, Load, Active, Sub, Following string
	Path                                            dbus.ObjectPath
	Job                                             uint32
	JobType                                         string
	JobPath                                         dbus.ObjectPath
}

// list gives all units that are loaded and meant, with everything that is to be known of them.
func (b *bus) list(ctx context.Context, meant func(string) bool) (map[string]*unit, error) {
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	var all []listed
	if err := b.call(ctx, managerPath, manager+".ListUnits").Store(&all); err != nil {
		return nil, fmt.Errorf("list of units: %w", err)
	}
	units := map[string]*unit{}
	for _, l := range all {
		if l.Load == "not-found" || !meant(l.Name) || len(units) >= maxUnits {
			continue
		}
		u := &unit{name: l.Name, description: l.Description, state: l.Active, sub: l.Sub}
		if strings.HasSuffix(l.Name, ".service") {
			var more map[string]dbus.Variant
			if err := b.call(ctx, l.Path, properties+".GetAll", serviceFace).Store(&more); err != nil {
				if ctx.Err() != nil {
					return nil, err
				}
				continue // it was unloaded just now
			}
			u.set(more)
		}
		units[l.Name] = u
	}
	return units, nil
}

// change is what a signal says.
type change struct {
	unit       string
	properties map[string]dbus.Variant // of a unit
	loaded     bool                    // or: it is known to systemd now
	unloaded   bool                    // or: no longer
	came, went bool                    // or: systemd itself
}

// read understands a signal. What is none of ours is an empty change.
func read(s *dbus.Signal) (c change) {
	text := func(i int) string {
		if i < len(s.Body) {
			t, _ := s.Body[i].(string)
			return t
		}
		return ""
	}
	switch s.Name {
	case properties + ".PropertiesChanged":
		if len(s.Body) > 1 && (text(0) == unitFace || text(0) == serviceFace) {
			c.unit = unescape(strings.TrimPrefix(string(s.Path), unitPath+"/"))
			c.properties, _ = s.Body[1].(map[string]dbus.Variant)
		}
	case manager + ".UnitNew":
		c.unit, c.loaded = text(0), true
	case manager + ".UnitRemoved":
		c.unit, c.unloaded = text(0), true
	case ownerChanged:
		if text(0) == systemd {
			c.came, c.went = text(2) != "", text(2) == ""
		}
	}
	return c
}

// unescape makes a unit's name out of the last part of its path, where _2e is a dot; empty for none.
func unescape(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		if s[0] != '_' {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		if len(s) < 3 {
			return ""
		}
		c, err := strconv.ParseUint(s[1:3], 16, 8)
		if err != nil {
			return ""
		}
		b.WriteByte(byte(c))
		s = s[3:]
	}
	return b.String()
}
