package compile

import (
	"errors"
	"fmt"
	"io/fs"

	"brine/internal/config"
	"brine/internal/target"
)

// topFile says which minion gets which SLS.
const topFile = "top.sls"

// topEnv is the only environment there is: Brine has no others.
const topEnv = "base"

// wanted gives the SLS to compile: those that were asked for, or those that the top file has for the minion.
func (r *run) wanted(minion string, grains map[string]any, sls []string) ([]wanted, error) {
	var out []wanted
	if len(sls) > 0 {
		for _, name := range sls {
			out = append(out, wanted{name: name})
		}
		return out, nil
	}
	root, err := r.readTop()
	if err != nil {
		return nil, err
	}
	var faults config.Faults
	for _, env := range root.Pairs() {
		if env.Key.Text() != topEnv {
			faults = append(faults, env.Key.Fault("the environment %q is unknown", env.Key.Text()).WithHint("the only one is "+topEnv))
			continue
		}
		if k := env.Value.Kind(); k != config.Map && k != config.Null {
			faults = append(faults, env.Value.Fault("want a map of targets, not %s", k))
		}
		for _, p := range env.Value.Pairs() {
			names, match, f := topEntry(p.Key, p.Value)
			faults = append(faults, f...)
			if len(f) == 0 && match.Match(minion, grains) {
				out = append(out, names...)
			}
		}
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%q: %w", minion, ErrNothing)
	}
	return out, nil
}

func (r *run) readTop() (*config.Node, error) {
	p, _, err := r.roots.find(topFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, config.Faults{{Msg: "there is no " + topFile + " in the file roots", Hint: r.roots.nearest(topFile)}}
	} else if err != nil {
		return nil, config.Faults{{Msg: err.Error()}}
	}
	file := r.roots.name(p)
	text, _, err := r.roots.readText(p)
	if err != nil {
		return nil, config.Faults{{File: file, Msg: plainError(err).Error()}}
	}
	root, faults := config.Parse(file, text)
	if len(faults) > 0 {
		if f, ok := templated(file, text); ok {
			faults = config.Faults{f}
		}
		return nil, faults
	}
	if root.Kind() != config.Map {
		return nil, config.Faults{root.Fault("want %s: and below it targets, not %s", topEnv, root.Kind())}
	}
	return root, nil
}

// topEntry reads one target: SLS names, and {match: KIND} if it is no glob.
func topEntry(key, body *config.Node) (names []wanted, t target.Target, faults config.Faults) {
	items := body.Items()
	if body.Kind() != config.List {
		items = []*config.Node{body}
	}
	kind := target.Glob
	for _, it := range items {
		switch {
		case it.Kind() == config.Scalar:
			names = append(names, wanted{it.Text(), it})
		case it.Kind() == config.Map && len(it.Pairs()) == 1 && it.Get("match").Kind() == config.Scalar:
			kind = target.Kind(it.Get("match").Text())
		default:
			faults = append(faults, it.Fault("target %q: want the name of an SLS, or match: list, not %s", key.Text(), it.Kind()))
		}
	}
	t, err := target.Parse(string(kind), key.Text())
	if err != nil {
		faults = append(faults, key.Fault("%s", err))
	}
	return names, t, faults
}
