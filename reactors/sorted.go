package reactors

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// sortedAdapter makes maps whose keys an expression meets in their order. Those of CEL go by Go's, which is another one each time: the
// same history would give other decisions. Maps that are written in an expression itself keep CEL's way.
type sortedAdapter struct{ *types.Registry }

// NativeToValue is types.Adapter.
func (a sortedAdapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case map[string]any:
		return sortedMap{types.NewStringInterfaceMap(a, v)}
	case []any:
		return types.NewDynamicList(a, v)
	}
	return a.Registry.NativeToValue(value)
}

// sortedMap is a map with an order.
type sortedMap struct{ traits.Mapper }

// IsZeroValue is traits.Zeroer.
func (m sortedMap) IsZeroValue() bool { return m.Size() == types.IntZero }

// Iterator is traits.Iterable.
func (m sortedMap) Iterator() traits.Iterator {
	var keys []ref.Val
	for it := m.Mapper.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	slices.SortFunc(keys, func(a, b ref.Val) int { return strings.Compare(string(a.(types.String)), string(b.(types.String))) })
	return types.NewRefValList(types.DefaultTypeAdapter, keys).Iterator()
}
