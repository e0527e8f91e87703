// Package beacontest is the conformance suite of beacons: what must hold for each of them, whatever it watches. It
// plays the minion: root, notifier, baselines and fire. It must never know a particular beacon.
package beacontest

import (
	"context"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/config"
	"brine/internal/event"
)

// Patience is how long a test waits for what must come.
const Patience = 20 * time.Second

// quiet is how long a beacon that has nothing to tell is listened to.
const quiet = 200 * time.Millisecond

// DefaultInterval is how often a beacon that samples does so in a case.
const DefaultInterval = 10 * time.Millisecond

// Case is one thing that the beacon sees.
type Case struct {
	Name   string
	Config string                            // YAML: what stands below the beacon's name
	Setup  func(t *testing.T, root string)   // makes what is there from the beginning; nil: nothing
	Ready  func(kept map[string][]byte) bool // the first look is over, told by the baselines; nil: after the first fire, or a while of silence
	Act    func(t *testing.T, root string)   // what the beacon must see
	Tags   []string                          // exactly these, in any order

	Interval time.Duration // of a beacon that samples; 0: DefaultInterval
	// System says that the beacon takes what it sees from the kernel itself and not from files below the root: what it opens is
	// not checked, and it is not shown damaged files.
	System bool
}

// Run runs the suite. Each case runs once as it stands, once with fire failing at first; then on a host of which every file that the
// case set up is damaged or gone, one at a time.
func Run(t *testing.T, m beacons.Module, cases ...Case) {
	if len(cases) == 0 {
		t.Fatal("no case: what does the beacon see?")
	}
	t.Run("module", func(t *testing.T) { checkModule(t, m) })
	t.Run("page", func(t *testing.T) { checkPage(t, m) })
	t.Run("sample", func(t *testing.T) { checkSample(t, m) })
	t.Run("config is fresh", func(t *testing.T) { checkFresh(t, m) })
	t.Run("stops when cancelled", func(t *testing.T) { checkCancel(t, m, cases) })
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { checkCase(t, m, c) })
		t.Run(c.Name+", fire failing", func(t *testing.T) { checkFailing(t, m, c) })
		if !c.System {
			t.Run(c.Name+", an empty host", func(t *testing.T) { checkEmpty(t, m, c) })
			t.Run(c.Name+", damaged files", func(t *testing.T) { checkDamaged(t, m, c) })
		}
	}
}

var snake = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func checkModule(t *testing.T, m beacons.Module) {
	if err := event.CheckTag(m.Name); err != nil || event.EscapeSegment(m.Name) != m.Name {
		t.Errorf("name %q cannot stand in a tag", m.Name)
	}
	checkData(t, reflect.TypeOf(m.Data), map[reflect.Type]bool{})
	if err := m.Config().Validate(); err != nil {
		t.Errorf("the defaults are not valid: %v", err)
	}
}

// checkData sees that each field of the data has a name in snake_case.
func checkData(t *testing.T, typ reflect.Type, seen map[reflect.Type]bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ.PkgPath() == "time" || seen[typ] {
		return
	}
	seen[typ] = true
	for i := range typ.NumField() {
		f := typ.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !snake.MatchString(name) {
			t.Errorf("%s.%s: json name %q is not in snake_case", typ, f.Name, name)
		}
		checkData(t, f.Type, seen)
	}
}

func checkSample(t *testing.T, m beacons.Module) {
	n, faults := config.Parse("sample.yaml", []byte(m.Sample))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	pairs := n.Pairs()
	if len(pairs) != 1 || pairs[0].Key.Text() != m.Name {
		t.Fatalf("the sample must hold %q and nothing else", m.Name)
	}
	if err := pairs[0].Value.Decode(m.Config()).Err(); err != nil {
		t.Error(err)
	}
}

// checkFresh sees that instances share nothing. (salt 58616)
func checkFresh(t *testing.T, m beacons.Module) {
	untouched := m.Config()
	n, _ := config.Parse("sample.yaml", []byte(m.Sample))
	changed := m.Config()
	if reflect.ValueOf(changed).Pointer() == reflect.ValueOf(untouched).Pointer() {
		t.Fatal("Config returns the same value twice")
	}
	if err := n.Pairs()[0].Value.Decode(changed).Err(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.Config(), untouched) {
		t.Error("decoding one configuration changed the defaults of the next")
	}
}

func checkCancel(t *testing.T, m beacons.Module, cases []Case) {
	before := openFiles(t)
	for _, c := range cases {
		h := newHost(t, m, c)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		h.run(ctx)() // cancelled before it began
		for _, after := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(context.Background(), after)
			h.run(ctx)()
			cancel()
		}
		h.close()
	}
	if now := openFiles(t); now != before {
		t.Errorf("%d open files, were %d", now, before)
	}
}

func checkCase(t *testing.T, m beacons.Module, c Case) {
	h := newHost(t, m, c)
	defer h.close()
	opened := WatchOpens(t)
	wait := h.start()
	h.ready(c)
	h.silent("before anything happened")
	c.Act(t, h.root)
	h.until(c.Tags)
	h.silent("beyond what happened")
	wait()
	h.quietLog()
	wait = h.start() // the baselines are kept: nothing is told twice
	h.silent("after a restart, though nothing happened")
	wait()
	h.quietLog()
	for _, p := range opened() {
		if !c.System && !below(h.root, p) {
			t.Errorf("opened %q, which is not below the root", p)
		}
	}
}

func checkFailing(t *testing.T, m beacons.Module, c Case) {
	h := newHost(t, m, c)
	defer h.close()
	h.mayEnd = true
	h.failing(3)
	wait := h.start()
	h.ready(c)
	h.failing(3)
	c.Act(t, h.root)
	h.until(c.Tags)
	wait()
}

// Refused sees that each wrong configuration, as YAML below the beacon's name, is refused with a fault that says what is wrong.
func Refused(t *testing.T, m beacons.Module, wants map[string]string) {
	t.Helper()
	for text, want := range wants {
		n, faults := config.Parse("minion.yaml", []byte(text))
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		err := n.Decode(m.Config()).Err()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", text, err, want)
		}
	}
}
