package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"brine/internal/config"
	"brine/states"
)

// Bounds of a command.
const (
	maxArguments  = 64      // of check_cmd
	maxArgument   = 4 << 10 // bytes of each
	maxSaid       = 2 << 10 // bytes of its output that are told
	commandFinish = 5 * time.Second
)

// Command is a program and its arguments: a list, or a text that is split at spaces as a shell would, quotes and backslashes
// respected. No shell ever sees it.
type Command []string

// DecodeNode takes a list as it is, and splits a text.
func (c *Command) DecodeNode(n *config.Node) config.Faults {
	switch n.Kind() {
	case config.Null:
		*c = nil
	case config.Scalar:
		words, err := split(n.Text())
		if err != nil {
			return config.Faults{n.Fault("%s", err).WithHint("a list such as [visudo, -c, -f] is taken as it is")}
		}
		*c = words
	case config.List:
		return n.Decode((*[]string)(c))
	default:
		return config.Faults{n.Fault("want a command, as a text or a list of arguments, not %s", n.Kind())}
	}
	return nil
}

// shellOnly are the characters that mean something to a shell, outside quotes.
const shellOnly = "|&;<>()$`*?[#~\n"

func split(s string) (words []string, err error) {
	var word strings.Builder
	var quote byte
	begun := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t'):
			if begun {
				words, begun = append(words, word.String()), false
				word.Reset()
			}
			continue
		case c == quote && quote != 0:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
		case quote == 0 && strings.IndexByte(shellOnly, c) >= 0, quote == '"' && (c == '$' || c == '`'):
			return nil, fmt.Errorf("the command holds %q, which only a shell would understand, and none is used", c)
		default:
			word.WriteByte(c)
		}
		begun = true
	}
	if quote != 0 {
		return nil, fmt.Errorf("the command has a quote %q without its end", quote)
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// validate checks the bounds.
func (c Command) validate() error {
	if len(c) > maxArguments {
		return fmt.Errorf("%d arguments; at most %d", len(c), maxArguments)
	}
	for i, a := range c {
		if len(a) > maxArgument || strings.IndexByte(a, 0) >= 0 || i == 0 && a == "" {
			return fmt.Errorf("argument %d: %.20q is empty, holds a zero byte, or has more than %d bytes", i, a, maxArgument)
		}
	}
	return nil
}

// commandFun is what the host's configuration must allow for a command to be run.
const commandFun = "cmd.run"

func (c Command) allowed(env states.Env) error {
	if len(c) == 0 {
		return nil
	}
	if err := allowed(env, commandFun, ""); err != nil {
		return fmt.Errorf("check_cmd runs a command: %w", err)
	}
	return nil
}

// run runs the command with one more argument, in a process group of its own that ends with ctx. Its environment holds nothing but
// a PATH and a plain locale. It must end with exit code 0.
func (c Command) run(ctx context.Context, arg string) error {
	cmd := exec.CommandContext(ctx, c[0], append(append([]string(nil), c[1:]...), arg)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = commandFinish
	var said tail
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("check_cmd %q: %w", c[0], context.Cause(ctx))
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("check_cmd %q refused the new content (%s): %s", strings.Join(c, " "), exit.ProcessState, said.text(arg))
	}
	if err != nil {
		return fmt.Errorf("check_cmd: %w", err)
	}
	return nil
}

// tail keeps the last of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - maxSaid; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

// text is what was said in one line of valid text, without the name of the file that nobody knows.
func (t *tail) text(arg string) string {
	s := strings.ReplaceAll(string(bytes.ToValidUTF8(t.b, []byte("?"))), arg, "the file")
	return strings.Join(strings.Fields(s), " ")
}
