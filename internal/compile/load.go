package compile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"

	"brine/internal/config"
)

// maxCachedText bounds the text of the SLS files kept parsed, in bytes. At the bound they are read anew.
const maxCachedText = 8 << 20

// slsCache keeps parsed files as long as they do not change.
type slsCache struct {
	mu    sync.Mutex
	files map[slsKey]cachedSLS
	size  int64
}

type slsKey struct{ file, name string }

type cachedSLS struct {
	stamp stamp
	sls   *slsFile
}

func newSLSCache() *slsCache { return &slsCache{files: map[slsKey]cachedSLS{}} }

func (c *slsCache) get(k slsKey, now stamp) *slsFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.files[k]; ok && e.stamp == now {
		return e.sls
	}
	return nil
}

func (c *slsCache) put(k slsKey, at stamp, s *slsFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.files[k]; ok {
		c.size -= old.stamp.size
	}
	if c.size += at.size; c.size > maxCachedText {
		clear(c.files)
		c.size = at.size
	}
	c.files[k] = cachedSLS{at, s}
}

// wanted is an SLS that somebody named: the command, the top file, an include.
type wanted struct {
	name string
	by   *config.Node // where, for the fault; nil for the command
}

func (w wanted) fault(format string, args ...any) config.Fault { return w.by.Fault(format, args...) }

// checkName says what is wrong with the name of an SLS. Names may come from outside: nothing in them may leave the roots.
func checkName(name string) error {
	if name == "" || len(name) > 255 {
		return fmt.Errorf("an SLS has a name of 1 to 255 bytes")
	}
	for _, seg := range strings.Split(name, ".") {
		if seg == "" || strings.Trim(seg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			return fmt.Errorf("SLS %q: want letters, digits, '_', '-', and dots between folders", name)
		}
	}
	return nil
}

// load reads an SLS and before it what it includes, each once. Files that include each other are read in the order met.
func (r *run) load(w wanted) {
	if r.loaded[w.name] != nil || r.ctx.Err() != nil {
		return
	}
	if err := checkName(w.name); err != nil {
		r.fault(w.fault("%s", err))
		return
	}
	if len(r.loaded) == MaxSLS {
		r.fault(w.fault("more than %d SLS", MaxSLS))
		return
	}
	if len(r.loaded) > MaxSLS {
		return
	}
	s := r.read(w)
	r.loaded[w.name] = s
	r.faults = append(r.faults, s.faults...)
	for _, n := range s.incl {
		name, err := s.absolute(n.Text())
		if err != nil {
			r.fault(n.Fault("include: %s", err))
			continue
		}
		r.load(wanted{name, n})
	}
	r.files = append(r.files, s)
}

// absolute is the name of an SLS that this one includes: a leading dot stands for its own folder, each further one for the
// folder above.
func (s *slsFile) absolute(name string) (string, error) {
	rest := strings.TrimLeft(name, ".")
	dots := len(name) - len(rest)
	if dots == 0 {
		return name, nil
	}
	base := strings.Split(s.name, ".")
	if s.init {
		dots--
	}
	if dots > len(base) {
		return "", fmt.Errorf("%q leads out of the file roots", name)
	}
	return strings.Join(append(base[:len(base)-dots:len(base)-dots], rest), "."), nil
}

// read gives the file of an SLS, from the cache when it has not changed. What is wrong is in its faults.
func (r *run) read(w wanted) *slsFile {
	base := strings.ReplaceAll(w.name, ".", "/")
	bad := &slsFile{name: w.name}
	p, now, err := r.roots.find(base+".sls", base+"/init.sls")
	if errors.Is(err, fs.ErrNotExist) {
		bad.fault(w.fault("SLS %q: there is neither %s.sls nor %s/init.sls", w.name, base, base).WithHint(r.roots.nearest(base + ".sls")))
		return bad
	} else if err != nil {
		bad.fault(w.fault("SLS %q: %s", w.name, err))
		return bad
	}
	file := r.roots.name(p)
	init := path.Base(p.path) == "init.sls" && p.path != base+".sls"
	key := slsKey{file, w.name}
	if s := r.c.files.get(key, now); s != nil {
		return s
	}
	started := r.c.now()
	text, at, err := r.roots.readText(p)
	if err != nil {
		bad.fault(w.fault("SLS %q: %s: %s", w.name, file, plainError(err)))
		return bad
	}
	s := parseSLS(w.name, init, file, text)
	if at.settled(started) {
		r.c.files.put(key, at, s)
	}
	return s
}

// readText reads a file of YAML; one that is too large is cut, which the parser tells.
func (r *roots) readText(p place) (text []byte, at stamp, err error) {
	at, err = r.steady(p, func(f io.Reader) error {
		text, err = io.ReadAll(io.LimitReader(f, config.MaxFile+1))
		return err
	})
	return text, at, err
}
