package compile

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"brine/internal/job"
)

// content compiles and gives what its one source holds.
func content(t *testing.T, c *Compiler) job.Content {
	t.Helper()
	low, err := c.Compile(context.Background(), "web1", nil, []string{"s"})
	if err != nil {
		t.Fatal(err)
	}
	return low.States[0].Content[0]
}

func read(t *testing.T, c *Compiler, hash string) (string, error) {
	t.Helper()
	f, size, err := c.Open(hash)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil || int64(len(b)) != size {
		t.Errorf("%d bytes of %d, %v", len(b), size, err)
	}
	return string(b), nil
}

const sourced = "a:\n  test.nop:\n    - source: brine://f\n"

// later makes stamps trusted as if the files had lain there for an hour.
func later(c *Compiler) { c.now = func() time.Time { return time.Now().Add(time.Hour) } }

func TestContentByHash(t *testing.T) {
	for _, old := range []bool{false, true} {
		dir := tree(t, map[string]string{"s.sls": sourced, "f": "one"})
		c := newCompiler(t, dir)
		if old {
			later(c)
		}
		one := content(t, c)
		if text, err := read(t, c, one.Hash); text != "one" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		if _, err := read(t, c, strings.Repeat("0", 64)); !errors.Is(err, ErrUnknownContent) {
			t.Error(err)
		}

		// Another content of the same size, in a new file under the old name.
		writeFile(t, dir, "new", "two")
		rename(t, dir, "new", "f")
		if text, err := read(t, c, one.Hash); !errors.Is(err, ErrUnknownContent) {
			t.Errorf("the changed file is handed out as the old one: %q, %v", text, err)
		}
		two := content(t, c)
		if text, err := read(t, c, two.Hash); text != "two" || err != nil {
			t.Errorf("%q, %v", text, err)
		}

		// The old content under the old name again, then the same content in a new file.
		writeFile(t, dir, "new", "one")
		rename(t, dir, "new", "f")
		if got := content(t, c); got != one {
			t.Errorf("%v, then %v", one, got)
		}
		writeFile(t, dir, "new", "one")
		rename(t, dir, "new", "f")
		if text, err := read(t, c, one.Hash); text != "one" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		if err := os.Remove(filepath.Join(dir, "f")); err != nil {
			t.Fatal(err)
		}
		if _, err := read(t, c, one.Hash); !errors.Is(err, ErrUnknownContent) {
			t.Error(err)
		}
	}
}

func writeFile(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, dir, from, to string) {
	t.Helper()
	if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
		t.Fatal(err)
	}
}

func TestOpenFileStaysAsLongAsItWas(t *testing.T) {
	dir := tree(t, map[string]string{"s.sls": sourced, "f": "one"})
	c := newCompiler(t, dir)
	f, size, err := c.Open(content(t, c).Hash)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	writeFile(t, dir, "f", "one and more")
	if b, err := io.ReadAll(f); string(b) != "one" || size != 3 || err != nil {
		t.Errorf("%q of %d, %v", b, size, err)
	}
	if at, err := f.Seek(1, io.SeekStart); at != 1 || err != nil {
		t.Error(at, err)
	}
}

// Two writes within one tick of the clock leave the same stamp; the second must be seen all the same.
func TestEditsInOneTickAreSeen(t *testing.T) {
	dir := tree(t, map[string]string{"s.sls": sourced, "f": "0"})
	c := newCompiler(t, dir)
	for i := range 50 {
		text := string(rune('a' + i%26))
		writeFile(t, dir, "f", text)
		writeFile(t, dir, "s.sls", sourced+"    - mode: '00"+text+"'\n")
		low, err := c.Compile(context.Background(), "web1", nil, []string{"s"})
		if err != nil {
			t.Fatal(err)
		}
		var got nop
		if err := low.States[0].Args.Decode(&got); err != nil || got.Mode != "00"+text {
			t.Fatalf("compiled %v where the file says 00%s", got, text)
		}
		if back, err := read(t, c, low.States[0].Content[0].Hash); back != text || err != nil {
			t.Fatalf("%q where the file says %q, %v", back, text, err)
		}
	}
}

func TestStampsAreTrustedWhenSettled(t *testing.T) {
	at := time.Unix(1000, 5e6)
	for _, tt := range []struct {
		what         string
		mtime, ctime time.Time
		want         bool
	}{
		{"long ago", at.Add(-time.Hour), at.Add(-time.Hour), true},
		{"within a tick", at.Add(-settleTick), at.Add(-settleTick), false},
		{"changed just now, with its time set back", at.Add(-time.Hour), at.Add(-time.Millisecond), false},
		{"from the future", at.Add(time.Hour), at.Add(-time.Hour), false},
		{"a second ago, on a file system of whole seconds", time.Unix(999, 0), time.Unix(999, 0), false},
		{"a minute ago, on a file system of whole seconds", time.Unix(940, 0), time.Unix(940, 0), true},
	} {
		if got := (stamp{mtime: tt.mtime.UnixNano(), ctime: tt.ctime.UnixNano()}).settled(at); got != tt.want {
			t.Errorf("%s: %v", tt.what, got)
		}
	}
	c := newContentCache()
	c.put(contentKey{"d", "f"}, cachedHash{content: job.Content{Hash: "h"}})
	if _, ok := c.get(contentKey{"d", "f"}, stamp{}); ok {
		t.Error("a stamp that is not settled is trusted")
	}
}

func TestUnchangedFilesAreNotReadAgain(t *testing.T) {
	dir := tree(t, map[string]string{"s.sls": sourced, "f": "one"})
	c := newCompiler(t, dir)
	later(c)
	want := content(t, c)
	file := filepath.Join(dir, "f")
	if got := c.content.byFile[contentKey{dir, "f"}]; !got.settled || got.content != want {
		t.Fatalf("%+v", got)
	}
	// A mark in the cache shows that it is what answers.
	k := contentKey{dir, "f"}
	e := c.content.byFile[k]
	e.content.Size = 42
	c.content.byFile[k] = e
	if got := content(t, c); got.Size != 42 {
		t.Error("hashed again")
	}
	if s, err := c.files.files[slsKey{filepath.Join(dir, "s.sls"), "s"}], error(nil); s.sls == nil || err != nil {
		t.Error("the SLS is not kept")
	}
	// Touched, it is hashed again.
	if err := os.Chtimes(file, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if got := content(t, c); got != want {
		t.Error(got)
	}
}

func TestNothingOutsideTheRoots(t *testing.T) {
	secret := tree(t, map[string]string{"secret": "s", "x.sls": "x: test.nop\n"})
	dir := tree(t, map[string]string{"real": "fine", "real.sls": "r: test.nop\n", "sub/f": ""})
	for link, to := range map[string]string{"f": filepath.Join(secret, "secret"), "up": "../" + filepath.Base(secret) + "/secret", "dir": secret, "out.sls": filepath.Join(secret, "x.sls"),
		"inside": "real", "inside.sls": "sub/../real.sls", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{"f": "leads out of the file root", "up": "leads out", "dir/secret": "leads out", "loop": "symbolic links", "fifo": "is no regular file",
		"sub": "there is no such file", "real/x": "there is no such file", "inside": ""} {
		writeFile(t, dir, "s.sls", "a:\n  test.nop:\n    - source: brine://"+source+"\n")
		// A second root that has the name does not make up for a link that leads out of the first.
		_, err := compile(t, newCompiler(t, dir, tree(t, map[string]string{"f": "", "up": "", "loop": "", "fifo": ""})), "s")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
	if _, err := compile(t, newCompiler(t, dir), "out"); err == nil || !strings.Contains(err.Error(), "leads out") {
		t.Error(err)
	}
	if got, err := compile(t, newCompiler(t, dir), "inside"); got != "0 inside r test.nop r\n" {
		t.Error(got, err)
	}

	// What was a file when it was compiled, and is a way out when it is asked for.
	writeFile(t, dir, "s.sls", strings.Replace(sourced, "//f", "//real", 1))
	c := newCompiler(t, dir)
	later(c)
	hash := content(t, c).Hash
	if err := os.Remove(filepath.Join(dir, "real")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(secret, "secret"), filepath.Join(dir, "real")); err != nil {
		t.Fatal(err)
	}
	if text, err := read(t, c, hash); !errors.Is(err, ErrUnknownContent) {
		t.Errorf("%q, %v", text, err)
	}
}

func TestCachesAreBounded(t *testing.T) {
	c := newContentCache()
	for i := range maxContent + 10 {
		name := time.Duration(i).String()
		c.put(contentKey{"d", name}, cachedHash{content: job.Content{Hash: name}})
	}
	if len(c.byFile) > maxContent || len(c.byHash) > maxContent || len(c.byFile) == 0 {
		t.Error(len(c.byFile), len(c.byHash))
	}
	s := newSLSCache()
	for i := range 100 {
		for range 2 {
			s.put(slsKey{"f", time.Duration(i).String()}, stamp{size: maxCachedText / 10}, &slsFile{})
		}
	}
	if s.size > maxCachedText || len(s.files) == 0 || int64(len(s.files))*(maxCachedText/10) != s.size {
		t.Error(s.size, len(s.files))
	}
}

// Files are edited while minions are compiled for: each result is one of the versions, or a fault, and nothing races.
func TestCompileWhileFilesChange(t *testing.T) {
	dir := tree(t, map[string]string{"s.sls": sourced, "f": "one"})
	c := newCompiler(t, dir)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				low, err := c.Compile(context.Background(), "web1", nil, []string{"s"})
				if err != nil {
					continue // half written
				}
				if n := len(low.States); n > 1 {
					t.Errorf("%d states", n)
				}
				for _, l := range low.States {
					if f, _, err := c.Open(l.Content[0].Hash); err == nil {
						f.Close()
					}
				}
			}
		})
	}
	for i := range 100 {
		writeFile(t, dir, "s.sls", sourced[:len(sourced)-i%30])
		writeFile(t, dir, "f", strings.Repeat("x", i%7))
	}
	wg.Wait()
}

func TestCompileStopsWhenTold(t *testing.T) {
	dir := tree(t, map[string]string{"s.sls": sourced, "f": "one"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := newCompiler(t, dir).Compile(ctx, "web1", nil, []string{"s"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
