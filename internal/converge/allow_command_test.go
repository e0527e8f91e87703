package converge

import (
	"errors"
	"strings"
	"testing"

	"brine/internal/command"
)

func TestPermitsCommand(t *testing.T) {
	const restart = "/usr/bin/systemctl restart *"
	for _, tt := range []struct {
		patterns []string
		argv     string
		ok       bool
	}{
		{[]string{"**"}, "anything at all", true}, {nil, "/bin/true", false}, {[]string{"**", "!/bin/rm **"}, "/bin/rm -r x", false}, {[]string{"!/bin/rm **", "**"}, "/bin/rm", true},
		{[]string{restart}, "/usr/bin/systemctl restart nginx", true}, {[]string{restart}, "/usr/bin/systemctl restart", false}, {[]string{restart}, "/usr/bin/systemctl restart a b", false},
		{[]string{restart}, "systemctl restart nginx", false}, {[]string{restart}, "/usr/bin/systemctl restart --force", false}, {[]string{restart}, "/usr/bin/../bin/systemctl restart a", false},
		{[]string{restart}, "/usr/bin/systemctl stop nginx", false}, {[]string{"/bin/ls **"}, "/bin/ls", true}, {[]string{"/bin/ls **"}, "/bin/ls -l /a/b", true}, {[]string{"/bin/ls -*"}, "/bin/ls -la", true},
		{[]string{"/bin/ls /srv/*"}, "/bin/ls /srv/a/b", true}, {[]string{"/bin/ls a*b"}, "/bin/ls axb", true}, {[]string{"/bin/ls a*b"}, "/bin/ls axc", false},
	} {
		err := Allow{Commands: tt.patterns}.PermitsCommand(&command.Args{Argv: strings.Fields(tt.argv)})
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%q with %q: %v", tt.argv, tt.patterns, err)
		}
	}
	for _, c := range []command.Args{{Env: map[string]string{"A": "1"}}, {Cwd: "/"}, {User: "root"}, {Stdin: "x"}} {
		c.Argv = []string{"/bin/true"}
		if err := (Allow{Commands: []string{"/bin/true"}}).PermitsCommand(&c); err == nil {
			t.Errorf("%+v is permitted", c)
		}
		if err := (Allow{Commands: []string{"**"}}).PermitsCommand(&c); err != nil {
			t.Error(err)
		}
	}
	if (Allow{}).PermitsCommand(&command.Args{}) == nil || DefaultAllow().Permits("cmd.run") == nil {
		t.Error("a command is permitted by default")
	}
}

func TestCommandPatterns(t *testing.T) {
	for p, ok := range map[string]bool{"**": true, "/bin/ls": true, "/bin/ls **": true, "!/bin/ls": true, "": false, "!": false, "ls": false, "/bin/*": false, "/bin/ls ** x": false, "/bin/ls a**": false, "*": false} {
		if err := (Allow{Commands: []string{p}}).Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", p, err)
		}
	}
}
