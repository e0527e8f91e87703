package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"brine/internal/compile"
	"brine/internal/eventlog"
	"brine/internal/hostfs"
	"brine/internal/job"
	"brine/internal/target"
)

// Bounds of looking for the source of a path.
const (
	maxSource      = 1 << 20 // bytes of a source that is handed out
	maxAppliedJobs = 200     // jobs of a minion that are looked through for what was applied to it
)

var (
	// ErrNotManaged is returned when no state that is known to be meant for a minion is about what was asked.
	ErrNotManaged = errors.New("no state is about it")
	// ErrSeveral is returned when more than one state is.
	ErrSeveral = errors.New("several states are about it")
)

// Source says where the content of a path on a minion comes from.
type Source struct {
	Minion  string `json:"minion"`
	Path    string `json:"path"`
	ID      string `json:"id"`
	SLS     string `json:"sls"`
	Fun     string `json:"fun"`
	Name    string `json:"name"`
	File    string `json:"file"` // of the SLS
	Line    int    `json:"line"` // in it, where the content is said
	URL     string `json:"url,omitempty"`
	Source  string `json:"source,omitempty"` // the file of the source on the master's host
	Mode    string `json:"mode,omitempty"`
	Kind    string `json:"kind"` // source, contents (they stand in the SLS), tree (a whole one), none
	SHA256  string `json:"sha256,omitempty"`
	Content []byte `json:"content,omitempty"`
}

// SourceOf finds the source of a path, or of a state by its id or whole name: in the named SLS, or without any in those that enforced states
// of the minion come from, those applied to it lately, and its highstate. The errors are ErrUnknown for the minion, ErrNotManaged and
// ErrSeveral.
func (m *Master) SourceOf(ctx context.Context, minion, of string, sls []string) (Source, error) {
	exact, err := target.Parse("list", minion)
	if err != nil {
		return Source{}, err
	}
	infos := m.Minions(exact)
	if len(infos) != 1 {
		return Source{}, fmt.Errorf("minion %q: %w", minion, ErrUnknown)
	}
	sets := [][]string{sls}
	if len(sls) == 0 {
		sets = m.appliedTo(minion, of)
	}
	var tried []string
	var faults error
	for _, set := range sets {
		found, err := m.compiler.Locate(ctx, minion, infos[0].grainsMap, set, of)
		if ctx.Err() != nil {
			return Source{}, ctx.Err()
		}
		name := strings.Join(set, " ")
		if set == nil {
			name = "the highstate"
		}
		tried = append(tried, name)
		switch {
		case err != nil && faults == nil && set != nil:
			faults = fmt.Errorf("%s: %w", name, err)
		case err == nil && len(found) > 1:
			return Source{}, several(of, found)
		case err == nil && len(found) == 1:
			return sourceOf(minion, found[0])
		}
	}
	err = fmt.Errorf("%q on %s: %w (looked in %s)", of, minion, ErrNotManaged, strings.Join(tried, ", "))
	return Source{}, errors.Join(err, faults)
}

func several(of string, found []compile.Origin) error {
	var names []string
	for _, o := range found {
		names = append(names, fmt.Sprintf("%s (%s:%d)", o.Low.Key(), o.File, o.Line))
	}
	return fmt.Errorf("%q: %w: %s", of, ErrSeveral, strings.Join(names, ", "))
}

// appliedTo are sets of SLS in which a state of the minion may stand, the likeliest first; nil is the highstate.
func (m *Master) appliedTo(minion, of string) (sets [][]string) {
	add := func(set []string) {
		if !slices.ContainsFunc(sets, func(s []string) bool { return slices.Equal(s, set) }) {
			sets = append(sets, set)
		}
	}
	if exact, err := target.Parse("list", minion); err == nil {
		drift, err := m.Drift(exact, true)
		if err != nil {
			m.log.Warn("what is known of drift cannot be read", "error", err)
		}
		for _, d := range drift {
			if d.SLS != "" && (d.Name == of || d.ID == of || d.Fun+": "+d.Name == of) {
				add([]string{d.SLS})
			}
		}
	}
	for j, err := range m.store.Jobs(eventlog.JobQuery{Target: minion, Limit: maxAppliedJobs, Reverse: true}) {
		if err == nil && j.Fun == job.StateApply && !j.Args.Test && len(j.Args.SLS) > 0 {
			add(j.Args.SLS)
		}
	}
	return append(sets, nil)
}

// sourceOf reads the content that an origin names.
func sourceOf(minion string, o compile.Origin) (Source, error) {
	s := Source{Minion: minion, Path: o.Path, ID: o.Low.ID, SLS: o.Low.SLS, Fun: o.Low.Fun, Name: o.Low.Name, File: o.File, Line: o.Line,
		URL: o.URL, Source: o.Source, Kind: "none"}
	var text io.Reader
	switch {
	case o.Tree:
		s.Kind = "tree"
		return s, nil
	case o.Inline != nil:
		s.Kind, text = "contents", strings.NewReader(*o.Inline)
	case o.Source != "":
		s.Kind, s.Mode = "source", hostfs.Octal(o.Mode)
		f, err := os.Open(o.Source)
		if err != nil {
			return s, err
		}
		defer f.Close()
		text = f
	default:
		return s, nil
	}
	var err error
	if s.Content, err = io.ReadAll(io.LimitReader(text, maxSource+1)); err != nil {
		return s, err
	}
	if len(s.Content) > maxSource {
		return s, fmt.Errorf("the source %q has more than %d bytes: compare it by hand", o.Source, maxSource)
	}
	s.SHA256, err = hostfs.Hash(context.Background(), strings.NewReader(string(s.Content)))
	return s, err
}
