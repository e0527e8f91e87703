package outbox

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"brine/internal/wire"
)

const crashEnv = "BRINE_OUTBOX_CRASH"

// crashChild commits from several goroutines until it is killed, and tells what has returned: the sequence and the tag.
// Each transaction also sets a baseline to the tag, and now and then acknowledges all but a few.
func crashChild(path string) {
	o, err := Open(path, Options{FlushDelay: time.Millisecond, CompactBytes: 1 << 20})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	if n := o.Damages(); len(n) > 0 {
		fmt.Println("error", n)
		os.Exit(1)
	}
	var mu sync.Mutex
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				tag := fmt.Sprintf("w%d/%d/%d", w, os.Getpid(), i)
				e := wire.Event{Tag: tag, Data: make([]byte, rand.IntN(20000))}
				first, err := o.Commit(Tx{Events: []wire.Event{e, e}, Baselines: []KV{{"b", strconv.Itoa(w), []byte(tag)}}})
				mu.Lock()
				if err != nil {
					fmt.Println("error", err)
				} else {
					fmt.Println("kept", first, tag, w)
				}
				if first > 20 && rand.IntN(10) == 0 {
					s := o.State()
					if err := o.Ack(s.Next-1-rand.Uint64N(2)*min(5, s.Next-s.First-1), nil); err != nil {
						fmt.Println("error", err)
					}
				}
				mu.Unlock()
			}
		}()
	}
	select {}
}

// TestCrash kills a child at random moments. What its Commit had returned for is there, once, unless it was acknowledged.
func TestCrash(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	path := file(t)
	seen := map[uint64]string{} // by sequence, over all rounds
	for round := range rounds {
		base := killChild(t, path, seen)
		o := open(t, path, Options{})
		s := o.State()
		if n := o.Damages(); len(n) > 0 {
			t.Fatalf("round %d: %v", round, n)
		}
		list := tags(t, o)
		if len(list) != int(s.Next-s.First) {
			t.Fatalf("round %d: %d events of %+v", round, len(list), s)
		}
		for i, tag := range list {
			seq := s.First + uint64(i)
			if was, ok := seen[seq]; ok && was != tag {
				t.Fatalf("round %d: sequence %d was %s and is %s", round, seq, was, tag)
			}
			seen[seq] = tag
		}
		for seq := range seen {
			if seq >= s.Next {
				t.Fatalf("round %d: %d was committed, but next is %d", round, seq, s.Next)
			}
		}
		for w, tag := range base {
			v, err := o.Baseline("b").Get(w)
			if err != nil || number(string(v)) < number(tag) {
				t.Fatalf("round %d: baseline of %s is %q, committed was %q, %v", round, w, v, tag, err)
			}
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d events over %d crashes", len(seen), rounds)
}

func number(tag string) int {
	n, _ := strconv.Atoi(tag[strings.LastIndexByte(tag, '/')+1:])
	return n
}

// killChild runs a child for a few milliseconds of commits, adds what it kept to seen and returns the baselines it kept.
func killChild(t *testing.T, path string, seen map[uint64]string) map[string]string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	base := map[string]string{}
	lines := bufio.NewScanner(out)
	kill := 1 + rand.IntN(300) // lines
	for n := 0; lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		if len(f) != 4 || f[0] != "kept" {
			if n < kill { // the last line may be cut short
				t.Errorf("the child says %q", lines.Text())
			}
			continue
		}
		first, err := strconv.ParseUint(f[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(2) {
			if was, twice := seen[first+i]; twice {
				t.Errorf("sequence %d was %s and was given again to %s", first+i, was, f[2])
			}
			seen[first+i] = f[2]
		}
		base[f[3]] = f[2]
		if n == kill {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	return base
}
