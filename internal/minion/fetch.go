package minion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"brine/internal/converge"
	"brine/internal/diff"
	"brine/internal/event"
	"brine/internal/hostfs"
	"brine/internal/job"
	"brine/internal/sealed"
	"brine/internal/wire"
)

// stateFetch gives the drifted content of one file to the operator who asks, sealed so that nobody else can read it.
func (m *Minion) stateFetch(ctx context.Context, j *wire.Job, r *job.Result) *job.LowState {
	got, err := m.fetch(ctx, j)
	if err == nil {
		r.Return, err = event.Encode(got)
	}
	if r.OK = err == nil; !r.OK {
		r.Error = err.Error()
	}
	return nil
}

func (m *Minion) fetch(ctx context.Context, j *wire.Job) (got job.Fetched, err error) {
	var ask job.Fetch
	if err := j.Args.Decode(&ask); err != nil {
		return got, fmt.Errorf("arguments: %w", err)
	}
	if err := hostfs.CheckPath(ask.Path); err != nil {
		return got, err
	}
	if err := m.cfg.Allow.PermitsPath(ask.Path); err != nil {
		return got, err
	}
	if !ask.Secret && diff.SecretPath(ask.Path) {
		return got, secretError(ask.Path)
	}
	content, got, err := m.drifted(ctx, ask)
	if err != nil {
		return got, err
	}
	if !ask.Secret && diff.SecretText(content) {
		return got, secretError(ask.Path)
	}
	got.Path, got.Size = ask.Path, int64(len(content))
	got.Sealed, err = sealed.Seal(ask.Key, ask.Path, content)
	return got, err
}

func secretError(p string) error {
	return fmt.Errorf("%q holds a secret, which is not shown unless that is asked for (--secret)", p)
}

// drifted is what is on disk, unless that is as it is wanted; then what was pushed aside last and is not. A hash names one of them.
func (m *Minion) drifted(ctx context.Context, ask job.Fetch) ([]byte, job.Fetched, error) {
	wanted := append(m.enforcer.contents(ask.Path), ask.Wanted...)
	right := func(hash string) bool {
		if ask.Hash != "" {
			return !strings.HasPrefix(hash, ask.Hash)
		}
		return slices.Contains(wanted, hash)
	}
	dir, name, err := hostfs.Parent(m.cfg.Root, ask.Path, false)
	var now hostfs.Info
	if err == nil {
		defer dir.Close()
		now, err = dir.Look(ctx, name, true)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, job.Fetched{}, err
	}
	if err == nil && now.IsRegular() && !right(now.SHA256) {
		if now.Size > job.MaxFetch {
			return nil, job.Fetched{}, tooLarge(ask.Path, now.Size)
		}
		content, err := dir.Read(ctx, name, job.MaxFetch)
		return content, job.Fetched{From: job.FromDisk, SHA256: now.SHA256, Mode: hostfs.Octal(now.Mode &^ fs.ModeType), UID: now.UID, GID: now.GID}, err
	}
	return m.keptOf(ask, right, err == nil)
}

func (m *Minion) keptOf(ask job.Fetch, right func(string) bool, there bool) ([]byte, job.Fetched, error) {
	list, err := m.keeper.List()
	if err != nil {
		return nil, job.Fetched{}, err
	}
	if list, err = converge.Select(list, job.Undo{Of: []string{ask.Path}, Hash: ask.Hash}); err != nil {
		return nil, job.Fetched{}, err
	}
	for _, k := range slices.Backward(list) {
		if k.Target != ask.Path || k.What() != "file" || right(k.SHA256) {
			continue
		}
		if k.Size > job.MaxFetch {
			return nil, job.Fetched{}, tooLarge(ask.Path, k.Size)
		}
		content, err := m.keeper.Read(k, job.MaxFetch)
		return content, job.Fetched{From: job.FromKept, SHA256: k.SHA256, Mode: hostfs.Octal(k.Mode &^ fs.ModeType), UID: k.UID, GID: k.GID, When: k.When}, err
	}
	switch {
	case ask.Hash != "":
		return nil, job.Fetched{}, fmt.Errorf("neither on disk nor kept is a content of %q with the hash %s", ask.Path, ask.Hash)
	case !there:
		return nil, job.Fetched{}, fmt.Errorf("there is no file %q, and no other content of it is kept", ask.Path)
	}
	return nil, job.Fetched{}, fmt.Errorf("%q holds what it should, and no other content of it is kept", ask.Path)
}

func tooLarge(p string, size int64) error {
	return fmt.Errorf("%q has %d bytes; at most %d are fetched: copy it by hand, with scp for instance", p, size, job.MaxFetch)
}
