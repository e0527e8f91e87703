package run

import (
	"strings"
	"testing"

	"brine/internal/config"
)

func TestArgs(t *testing.T) {
	for text, want := range map[string]string{
		"{argv: [uptime]}": "", "{argv: [echo, '${data.x}'], env: {A: '${tag}'}, timeout: 5s}": "", "{argv: '${data.x} y'}": "",
		"{}": `"argv" is required`, "{argv: systemctl restart nginx}": "give a list: [systemctl, restart, nginx]", "{argv: ['']}": "the command is empty",
		"{argv: [a], user: '${data.x}'}": "user cannot be a template", "{argv: [a], cwd: tmp}": "not absolute", "{argv: [a], timeout: 2h}": "at most 1h",
		"{argv: [a], env: {'A=B': c}}": "is no variable", "{argv: [a], shell: yes}": "unknown key",
	} {
		n, faults := config.Parse("f", []byte(text))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		got := Module().CheckArgs(n)
		if want == "" && len(got) > 0 || want != "" && (len(got) == 0 || !strings.Contains(got.Error(), want)) {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
}
