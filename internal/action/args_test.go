package action

import (
	"errors"
	"strings"
	"testing"
	"time"

	"brine/internal/config"
)

type sampleArgs struct {
	URL   string            `yaml:"url,required"`
	N     int               `yaml:"n"`
	For   time.Duration     `yaml:"for"`
	Heads map[string]string `yaml:"heads"`
	Data  any               `yaml:"data"`
}

func (a *sampleArgs) Validate() error {
	if !strings.HasPrefix(a.URL, "http") {
		return errors.New("url: want http")
	}
	return nil
}

func TestCheckArgs(t *testing.T) {
	m := Module{Name: "x", Args: func() any { return &sampleArgs{} }, Fixed: []string{"heads.secret"}, Check: func(n *config.Node) config.Faults {
		if n.Get("n").Text() == "13" {
			return config.Faults{n.Get("n").Fault("unlucky")}
		}
		return nil
	}}
	for text, want := range map[string]string{
		"{url: 'http://a', n: 5, for: 3s, data: {a: ['${b}']}}": "",
		"{url: '${a}', n: '${b}', for: '${c}'}":                 "",
		"{n: 5}":                                                `f:1:1: "url" is required`,
		"{url: 'ftp://'}":                                       "f:1:7: url: want http",
		"{url: 'http://a', n: x, for: '${c}'}":                  "f:1:22: want a whole number, not \"x\"",
		"{url: 'http://a', heads: {secret: '${a}'}}":            "f:1:35: heads.secret cannot be a template (no event has a say in it)",
		"{url: 'http://a', head: {a: '${a}'}}":                  "f:1:19: unknown key \"head\" (did you mean heads?)",
		"{url: 'http://a', n: 13}":                              "f:1:22: unlucky",
		"[a]":                                                   "f:1:1: want a map",
	} {
		n, faults := config.Parse("f", []byte(text))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		got := m.CheckArgs(n)
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0].String(), want)) {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
}
