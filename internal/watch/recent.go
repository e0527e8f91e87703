package watch

import "container/list"

// recent is a map that holds at most max entries: the one that was set longest ago makes room.
type recent[K comparable, V any] struct {
	max   int
	byKey map[K]*list.Element
	order list.List // of pair; the oldest first
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](max int) *recent[K, V] {
	return &recent[K, V]{max: max, byKey: map[K]*list.Element{}}
}

func (r *recent[K, V]) get(k K) (v V, ok bool) {
	e := r.byKey[k]
	if e == nil {
		return v, false
	}
	return e.Value.(*pair[K, V]).value, true
}

func (r *recent[K, V]) set(k K, v V) {
	if e := r.byKey[k]; e != nil {
		e.Value.(*pair[K, V]).value = v
		r.order.MoveToBack(e)
		return
	}
	if r.order.Len() >= r.max {
		oldest := r.order.Front()
		delete(r.byKey, oldest.Value.(*pair[K, V]).key)
		r.order.Remove(oldest)
	}
	r.byKey[k] = r.order.PushBack(&pair[K, V]{k, v})
}
