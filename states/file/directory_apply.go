package file

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"brine/internal/hostfs"
	"brine/states"
)

// Apply makes the folder or sets its owner and mode, then cleans it, then gives what it holds its owner and mode.
func (d *Directory) Apply(ctx context.Context, env states.Env, changes states.Changes) error {
	if len(changes) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.last == nil {
		if _, err := d.Check(ctx, quiet(env)); err != nil {
			return err
		}
	}
	if err := d.applyFolder(ctx, env); err != nil {
		return err
	}
	now, dir, err := d.look(ctx, env)
	if err != nil || dir == nil {
		return err // where it is gone again, the next Check sees it
	}
	defer dir.Close()
	if !now.Mode.IsDir() {
		return nil
	}
	if err := d.cleanNow(ctx, env, dir); err != nil {
		return err
	}
	return d.fixNow(ctx, env, dir)
}

// quiet is env for a Check that only looks: nothing of it is announced.
func quiet(env states.Env) states.Env {
	env.Test = false
	return env
}

// applyFolder makes the folder itself as it should be.
func (d *Directory) applyFolder(ctx context.Context, env states.Env) error {
	a, w, err := d.want()
	if err != nil {
		return err
	}
	now := *d.last
	r := a.over(now, fs.ModeDir, defaultFolderMode)
	if now.exists && now.Mode.IsDir() {
		if len(a.compare(now.Info)) == 0 && len(d.todo) == 0 {
			return nil
		}
		return d.setFolder(ctx, env, now, r)
	}
	dir, name, err := w.open(env, d.Name)
	if err != nil {
		return err
	}
	defer dir.Close()
	draft, err := dir.DraftFolder(name, func(left string) { env.Displaced(d.Name, left) })
	if err != nil {
		return err
	}
	if err := draft.Attributes(r.uid, r.gid, r.mode, nil); err != nil {
		draft.Discard()
		return err
	}
	if err := d.labelled().onto(dir, draft); err != nil {
		draft.Discard()
		return err
	}
	env.Expect(d.Name, r.expected(""))
	s := swap{path: d.Name, fun: directoryFun, must: d.Backup == keptOnMinion, refuse: d.inTheWay}
	if err := s.run(ctx, env, draft, now); err != nil {
		return err
	}
	return d.batch.sync(env, dir)
}

// inTheWay refuses what a new folder may not displace: another folder above all.
func (d *Directory) inTheWay(now seen) error {
	if now.Mode.IsDir() {
		return errors.New("somebody else has made the folder")
	}
	return d.replaceable(now)
}

// setFolder sets owner and mode of the folder that Check saw.
func (d *Directory) setFolder(ctx context.Context, env states.Env, now seen, r result) error {
	is, dir, err := d.lookOnDisk(ctx, env)
	if err != nil || dir == nil {
		return err
	}
	defer dir.Close()
	if is.Ino != now.Ino || is.Dev != now.Dev {
		return nil // the next Check sees what stands there now
	}
	env.Expect(d.Name, r.expected(""))
	dir.Lazy = d.batch != nil
	err = dir.SetFolder(".", now.Info, r.uid, r.gid, r.mode)
	if err == nil {
		err = setXattrs(dir, ".", now.Info, d.todo)
	}
	if errors.Is(err, hostfs.ErrMoved) {
		return nil
	}
	return err
}

// sweeper is what clean does.
func (d *Directory) sweeper(env states.Env) (*sweeper, error) {
	exclude, err := d.patterns()
	if err != nil {
		return nil, err
	}
	k := newKept(d.Name, d.Keep, exclude)
	return &sweeper{env: env, fun: directoryFun, base: d.Name, judge: k.judge, must: d.Backup == keptOnMinion, doomed: d.doomed}, nil
}

func (d *Directory) cleanNow(ctx context.Context, env states.Env, dir *hostfs.Dir) error {
	if !d.Clean {
		return nil
	}
	s, err := d.sweeper(env)
	if err != nil {
		return err
	}
	_, err = s.empty(ctx, dir, "", 0)
	return errors.Join(err, lasting(env, dir))
}

// checkBelow adds what recurse and clean would change.
func (d *Directory) checkBelow(ctx context.Context, env states.Env, dir *hostfs.Dir, r *report) error {
	if d.Clean {
		if err := d.checkClean(ctx, env, dir, r); err != nil {
			return err
		}
	}
	f, err := d.fixer(env)
	if err != nil || f == nil {
		return err
	}
	return f.walk(ctx, dir, "", 1, func(dir *hostfs.Dir, name, rel string, i hostfs.Info, a attr) error {
		changes := a.compare(i)
		if len(changes) == 0 {
			return nil
		}
		p := path.Join(d.Name, rel)
		if env.Test {
			sum, err := sumOf(ctx, dir, name, i)
			if err != nil && !errors.Is(err, hostfs.ErrMoved) {
				return err
			}
			env.Expect(p, a.over(seen{i, true}, i.Mode.Type(), 0).expected(sum))
		}
		r.add(rel, changes...)
		return allowed(env, directoryFun, p)
	})
}

func (d *Directory) checkClean(ctx context.Context, env states.Env, dir *hostfs.Dir, r *report) error {
	if err := hostfs.CheckRemovableFolder(ctx, env.Root, d.last.Info); err != nil {
		return err
	}
	s, err := d.sweeper(env)
	if err != nil {
		return err
	}
	s.found = func(rel string, i hostfs.Info) error {
		if env.Test {
			env.Expect(path.Join(d.Name, rel), goneForGood)
		}
		r.add(rel, states.Change{What: "exists", From: i.Kind(), To: "absent"})
		return nil
	}
	_, err = s.survey(ctx, dir, "", 0)
	return err
}
