package config

import (
	"slices"
	"testing"
)

func TestChanges(t *testing.T) {
	type below struct{ A, B int }
	type options struct {
		Name   string   `yaml:"name"`
		List   []string `yaml:"list" reload:"live"`
		Below  below    `yaml:"below" reload:"live"`
		Size   int      `yaml:"size"`
		hidden int
	}
	was := options{Name: "a", List: []string{"x"}, hidden: 1}
	for name, c := range map[string]struct {
		is            options
		live, restart []string
	}{
		"nothing":    {options{Name: "a", List: []string{"x"}, hidden: 2}, nil, nil},
		"live":       {options{Name: "a", List: []string{"x", "y"}, Below: below{B: 1}}, []string{"list", "below"}, nil},
		"a restart":  {options{Name: "b", List: []string{"x"}}, nil, []string{"name"}},
		"both kinds": {options{Size: 3}, []string{"list"}, []string{"name", "size"}},
	} {
		if live, restart := Changes(&was, &c.is); !slices.Equal(live, c.live) || !slices.Equal(restart, c.restart) {
			t.Errorf("%s: %q take effect, %q need a restart", name, live, restart)
		}
	}
}
