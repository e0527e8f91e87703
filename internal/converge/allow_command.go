package converge

import (
	"errors"
	"fmt"
	"strings"

	"brine/internal/command"
	"brine/internal/event"
)

// anyCommand is the pattern that restricts nothing.
const anyCommand = "**"

// PermitsCommand is nil when a cmd.run may run this command, or wraps ErrNotAllowed. A pattern has a word for each argument, in which '*' stands for
// any text, and a last word '**' for any further arguments; one that begins with '*' takes no argument that begins with '-', or an
// option could be slipped in. Unless the pattern is '**' alone, nothing but arguments may be given: environment, folder, input and user
// could make another command of it.
func (a Allow) PermitsCommand(c *command.Args) error {
	for i := len(a.Commands) - 1; i >= 0; i-- {
		p, forbids := strings.CutPrefix(a.Commands[i], "!")
		if !matchCommand(p, c.Argv) {
			continue
		}
		switch {
		case forbids:
			return fmt.Errorf("command %.200q: %w", strings.Join(c.Argv, " "), ErrNotAllowed)
		case p != anyCommand && (len(c.Env) > 0 || c.Cwd != "" || c.User != "" || c.Stdin != ""):
			return fmt.Errorf("command %.200q with env, cwd, user or stdin: %w", strings.Join(c.Argv, " "), ErrNotAllowed)
		}
		return nil
	}
	return fmt.Errorf("command %.200q: %w", strings.Join(c.Argv, " "), ErrNotAllowed)
}

func matchCommand(pattern string, argv []string) bool {
	words := strings.Fields(pattern)
	for i, w := range words {
		if w == anyCommand && i == len(words)-1 {
			return true
		}
		if i >= len(argv) || strings.HasPrefix(w, "*") && strings.HasPrefix(argv[i], "-") || !event.MatchSegment(w, argv[i]) {
			return false
		}
	}
	return len(words) == len(argv)
}

func checkCommand(p string) error {
	words := strings.Fields(p)
	if len(words) == 0 {
		return errors.New("want a command such as '/usr/bin/systemctl restart *'")
	}
	for i, w := range words {
		if strings.Contains(w, anyCommand) && (w != anyCommand || i < len(words)-1) {
			return errors.New("'**' is a word of its own, the last")
		}
	}
	if words[0] != anyCommand && (words[0][0] != '/' || strings.Contains(words[0], "*")) {
		return errors.New("want the command by its whole path, without '*': PATH is searched for others, and they could be anything")
	}
	return nil
}
