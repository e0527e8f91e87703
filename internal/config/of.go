package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Of is the node of a plain value, as Value gives them: for what was read once and is to be decoded now. What it is called stands for
// its place, so that faults read "name.key[2]: ...".
func Of(name string, v any) *Node {
	n := &Node{file: name, height: 1, weight: 1}
	switch v := v.(type) {
	case nil:
	case map[string]any:
		n.kind = Map
		for _, k := range slices.Sorted(maps.Keys(v)) {
			key := &Node{file: name, kind: Scalar, text: k, value: k, height: 1, weight: 1}
			n.pairs = append(n.pairs, Pair{key, Of(name+"."+k, v[k])})
			n.grow(key)
			n.grow(n.pairs[len(n.pairs)-1].Value)
		}
	case []any:
		n.kind = List
		for i, item := range v {
			n.items = append(n.items, Of(name+"["+strconv.Itoa(i)+"]", item))
			n.grow(n.items[i])
		}
	default:
		n.kind, n.value, n.text = Scalar, v, fmt.Sprint(v)
		if f, ok := v.(float64); ok {
			n.text = strconv.FormatFloat(f, 'g', -1, 64)
		}
	}
	return n
}
