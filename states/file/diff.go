package file

import (
	"bytes"
	"context"
	"io"

	"brine/internal/diff"
	"brine/internal/hostfs"
	"brine/states"
)

// diff is the unified diff of the content as it is and as it is wanted; empty where there is no sense or no right in one.
func (m *Managed) diff(ctx context.Context, env states.Env, w want, now seen) (string, error) {
	if !is(m.ShowChanges, true) || diff.SecretPath(m.Name) || now.Size > diff.MaxInput || m.Source != nil && m.Source.Size > diff.MaxInput {
		return "", nil
	}
	var before []byte
	if now.exists && now.IsRegular() && now.Ino != 0 {
		dir, name, err := hostfs.Parent(env.Root, m.Name, false)
		if err != nil {
			return "", nil // gone by now, which Apply will find out
		}
		defer dir.Close()
		f, _, err := dir.Open(name)
		if err != nil {
			return "", nil
		}
		before = readText(ctx, f)
		if before == nil {
			return "", nil
		}
	}
	content, err := m.open(env, nil, "", w, now)
	if err != nil {
		return "", err
	}
	after := readText(ctx, content)
	if after == nil {
		return "", nil
	}
	return diff.Unified(m.Name+" (is)", m.Name+" (wanted)", before, after, diff.MaxOutput), nil
}

// readText reads and closes r. It is nil for what is no text, or too long.
func readText(ctx context.Context, r io.ReadCloser) []byte {
	defer r.Close()
	var b bytes.Buffer
	if _, err := hostfs.Copy(ctx, &b, io.LimitReader(r, diff.MaxInput+1)); err != nil || b.Len() > diff.MaxInput {
		return nil
	}
	if !diff.IsText(b.Bytes()) {
		return nil
	}
	return append([]byte{}, b.Bytes()...)
}
