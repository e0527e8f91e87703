package file

import (
	"context"
	"errors"
	"fmt"

	"brine/internal/hostfs"
	"brine/states"
)

// swap puts a draft in place and looks at what that displaced.
type swap struct {
	path   string
	fun    string           // the state's function
	must   bool             // what is replaced has to be kept
	refuse func(seen) error // says what may not be replaced; it is put back
	doomed doomed           // what Check saw below, where a folder stands in the way
}

// run is not ended by the run's context once the swap is done, but for the removal of a folder. now is what Check saw.
// Afterwards the folder is still to be synced.
func (s swap) run(ctx context.Context, env states.Env, draft *hostfs.Draft, now seen) error {
	displaced, err := draft.Swap()
	if err != nil {
		draft.Discard()
		return err
	}
	if displaced {
		if err := s.inspect(ctx, env, draft, now); err != nil {
			if undone := draft.Undo(); undone != nil {
				return errors.Join(err, undone)
			}
			draft.Discard()
			return err
		}
	}
	if err := draft.Close(); err != nil || !displaced {
		return err
	}
	return draft.Discard()
}

// inspect reports or keeps what was displaced; an error says that it must be put back.
func (s swap) inspect(ctx context.Context, env states.Env, draft *hostfs.Draft, now seen) error {
	got, err := draft.Displaced(context.Background())
	if err != nil {
		env.Displaced(s.path, draft.Temp())
		return nil
	}
	if err := s.refuse(seen{got, true}); err != nil {
		return fmt.Errorf("it changed meanwhile: %w", err)
	}
	switch {
	case got.Mode.IsDir():
		return s.clear(ctx, env, draft, got, now)
	case !now.exists || !got.Same(now.Info):
		env.Displaced(s.path, draft.Temp())
		return nil
	}
	if err := replaced(env, s.path, draft.Temp(), s.must); err != nil {
		return fmt.Errorf("backup of %q, which was left as it was: %w", s.path, err)
	}
	return nil
}

// clear removes what is in a folder that was displaced, if it is the one that Check saw.
func (s swap) clear(ctx context.Context, env states.Env, draft *hostfs.Draft, got hostfs.Info, now seen) error {
	if !now.exists || got.Ino != now.Ino || got.Dev != now.Dev {
		return fmt.Errorf("%q became another folder meanwhile", s.path)
	}
	dir, err := draft.OpenDisplaced()
	if err != nil {
		return err
	}
	defer dir.Close()
	sw := &sweeper{env: env, fun: s.fun, base: s.path, must: s.must, doomed: s.doomed}
	_, err = sw.empty(ctx, dir, "", 0)
	return err
}
