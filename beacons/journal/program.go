package journal

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"time"
)

const (
	batch     = 256             // records in one transaction
	maxStderr = 4096            // bytes that are kept of what journalctl complains of
	killWait  = 5 * time.Second // for its pipes to close
)

// head keeps the beginning of what is written to it.
type head struct{ text []byte }

func (h *head) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), maxStderr-len(h.text))]...)
	return len(p), nil
}

// process is journalctl at work.
type process struct {
	cmd     *exec.Cmd
	stop    context.CancelFunc
	records chan record // closed when it has ended
	stderr  head        // read after end
	broken  error       // why its output could not be read on; read after end
}

// start runs journalctl from behind a cursor; with none, from the last record there is.
func start(ctx context.Context, program, root, cursor string) (*process, error) {
	from := []string{"--lines=1"}
	if cursor != "" {
		from = []string{"--no-tail", "--after-cursor=" + cursor}
	}
	ctx, stop := context.WithCancel(ctx)
	p := &process{stop: stop, records: make(chan record, batch)}
	p.cmd = exec.CommandContext(ctx, program, append([]string{"--follow", "--output=json", "--all", "--output-fields=" + fields, "--quiet", "--no-pager"}, from...)...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = root, []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, &p.stderr
	p.cmd.SysProcAttr, p.cmd.WaitDelay = &syscall.SysProcAttr{Setpgid: true}, killWait
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		stop()
		return nil, err
	}
	p.cmd.Cancel = func() error {
		err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		return errors.Join(err, out.Close())
	}
	if err := p.cmd.Start(); err != nil {
		stop()
		return nil, err
	}
	go func() {
		defer close(p.records)
		p.broken = lines(out, func(line []byte, long bool) error {
			select {
			case p.records <- read(line, long):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return p, nil
}

// end stops it, and returns when nothing of it is left: what it complained of, and its end.
func (p *process) end() (complaint string, err error) {
	p.stop()
	for range p.records { // its reader ends
	}
	err = p.cmd.Wait()
	return string(p.stderr.text), errors.Join(p.broken, err)
}
