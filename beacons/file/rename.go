package file

// pairs are the files of one path that may have been renamed, by inode: both names wait for their settle time.
type pairs struct {
	gone map[uint64]*item
	come map[uint64]*item
}

// pend notes that a name that is gone, or has come, waits.
func (t *root) pend(it *item, what string, before, after record) {
	if !t.options.Renames || it.path == t.path {
		return
	}
	switch {
	case what == Removed && before.movable():
		it.ino = before.Ino
		t.pairs.gone[it.ino] = it
	case what == Created && after.movable():
		it.ino = after.Ino
		t.pairs.come[it.ino] = it
	}
}

// movable: a folder's inode says too little, because it is given to another folder as soon as the first is removed.
func (r record) movable() bool { return r.Kind == regular || r.Kind == symlink }

// forget is pend's end.
func (t *root) forget(it *item) {
	if t.pairs.gone[it.ino] == it {
		delete(t.pairs.gone, it.ino)
	}
	if t.pairs.come[it.ino] == it {
		delete(t.pairs.come, it.ino)
	}
}

// renamedFrom finds the name that a file had before: the same inode with the same content and the same modification time, whose old
// name is gone. A name that a managed state covers is told as removed, so that it is put back.
func (r *run) renamedFrom(it *item, after record) *item {
	from := it.root.pairs.gone[after.Ino]
	if !it.root.options.Renames || from == nil || r.items[from.path] != from || from.fails > 0 {
		return nil
	}
	before := it.root.entries[from.path]
	if before.Ino != after.Ino || before.MTime != after.MTime || before.Size != after.Size || !before.sameContent(after) {
		return nil
	}
	if _, err := r.host.stat(from.path, false); err == nil {
		return nil
	}
	if r.env.Own != nil {
		if _, managed := r.env.Own(from.path); managed {
			return nil
		}
	}
	return from
}

// follows reports whether a name that is gone waits for one that has come, which will tell of both if they are the same file's.
func (r *run) follows(it *item, before record) bool {
	to := it.root.pairs.come[before.Ino]
	if to == nil || r.items[to.path] != to {
		return false
	}
	it.due = to.due.Add(firstLook)
	return true
}
