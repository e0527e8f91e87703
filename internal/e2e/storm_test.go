package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/job"
)

const (
	// stormFiles drift at once, which takes half a second to two seconds to put right on two cores; stormMost is far more than ten times that.
	stormFiles = 1000
	stormMost  = time.Minute
	// newFiles come in newFolders, as fast as they can be made.
	newFiles, newFolders = 2000, 200
)

// Many enforced files that drift at once are all put right, and each is told once.
func TestEnforceStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand files")
	}
	t.Parallel()
	w := newWorld(t)
	var sls strings.Builder
	var files []string
	for i := range stormFiles {
		file := w.Path(fmt.Sprintf("host/etc/%d.conf", i))
		files = append(files, file)
		fmt.Fprintf(&sls, "%s:\n  file.managed:\n    - contents: %d\n    - mode: '0640'\n    - enforce: true\n", file, i)
	}
	w.must(os.MkdirAll(filepath.Dir(files[0]), 0o755))
	w.write("states/storm.sls", sls.String())
	w.startMaster()
	m := w.minion("web1", "")
	if r := w.apply(m.ID, "storm"); !r.OK {
		t.Fatalf("not applied: %s", r.Error)
	}
	w.must(os.WriteFile(files[0], []byte("a trial\n"), 0o640)) // put right as soon as the beacon watches
	w.until("the beacon watches", func() bool { return len(w.tagged("brine/drift/"+m.ID+"/*/corrected", 0)) > 0 })
	w.settled(m)
	before := w.head()
	ways := []func(file string) error{
		func(file string) error { return os.WriteFile(file, []byte("drift\n"), 0o640) },
		os.Remove,
		func(file string) error { return os.Chmod(file, 0o600) },
	}
	start := time.Now()
	for i, file := range files[1:] {
		w.must(ways[i%len(ways)](file))
	}
	for i, file := range files {
		w.until(file+" is right", func() bool {
			info, err := os.Lstat(file)
			if err != nil || info.Mode() != 0o640 {
				return false
			}
			text, err := os.ReadFile(file)
			return err == nil && strings.TrimSpace(string(text)) == fmt.Sprint(i)
		})
	}
	if took := time.Since(start); took > stormMost {
		t.Errorf("all are right after %s", took)
	}
	times := map[string]int{}
	w.until("every correction is told", func() bool {
		clear(times)
		for _, e := range w.tagged("brine/drift/"+m.ID+"/**", before) {
			var d job.Drift
			w.must(e.Data.Decode(&d))
			if !strings.HasSuffix(e.Tag, "/"+job.DriftCorrected) || len(e.Causes) == 0 {
				t.Fatalf("%s with %d causes: %+v", e.Tag, len(e.Causes), d)
			}
			times[d.Name]++
		}
		return len(times) >= stormFiles-1
	})
	w.settled(m)
	for _, file := range files[1:] {
		if times[file] != 1 {
			t.Errorf("%s was corrected %d times", file, times[file])
		}
	}
}

// Files in folders that are made at the same moment are all told.
func TestNewFolders(t *testing.T) {
	if testing.Short() {
		t.Skip("two thousand files")
	}
	t.Parallel()
	w := newWorld(t)
	tree := w.Path("host/tree")
	w.must(os.MkdirAll(tree, 0o755))
	w.startMaster()
	m := w.minion("web1", "beacons: {file: {paths: {"+tree+": {recurse: true}}}}\n")
	tag := "brine/beacon/" + m.ID + "/file" + event.EscapeTag(tree) + "/"
	w.until("the tree is watched", func() bool {
		w.must(os.WriteFile(tree+"/probe", []byte(time.Now().String()), 0o644))
		return len(w.tagged(tag+"probe", 0)) > 0
	})
	made := map[string]bool{}
	for i := range newFiles {
		file := fmt.Sprintf("d%d/%d", i%newFolders, i)
		w.must(os.MkdirAll(filepath.Dir(tree+"/"+file), 0o755))
		w.must(os.WriteFile(tree+"/"+file, []byte(file), 0o644))
		made[tag+file] = true
	}
	var list []event.Event
	w.until("2,000 events", func() bool {
		list = w.tagged(tag+"d*/**", 0)
		return len(list) >= newFiles
	})
	w.settled(m)
	if list = w.tagged(tag+"d*/**", 0); len(list) != newFiles {
		t.Errorf("%d events", len(list))
	}
	for _, e := range list {
		if !made[e.Tag] {
			t.Errorf("told twice, or never made: %s", e.Tag)
		}
		delete(made, e.Tag)
	}
}
