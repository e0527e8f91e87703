package reactors

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// plain turns a result of an expression into what event data is made of: nil, bool, int64, float64, string, []byte, []any and
// map[string]any. Times become RFC 3339 text, durations text such as 1m30s; an empty optional is nil.
func plain(v ref.Val) (any, error) {
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	case types.Uint:
		if v > math.MaxInt64 {
			return nil, fmt.Errorf("%d is too large a number", uint64(v))
		}
		return int64(v), nil
	case types.Double:
		return float64(v), nil
	case types.String:
		return string(v), nil
	case types.Bytes:
		return []byte(v), nil
	case types.Timestamp:
		return v.Time.Format(time.RFC3339Nano), nil
	case types.Duration:
		return v.Duration.String(), nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, nil
		}
		return plain(v.GetValue())
	}
	switch v := v.(type) {
	case traits.Mapper:
		return plainMap(v)
	case traits.Lister:
		return plainList(v)
	}
	return nil, fmt.Errorf("a %s is nothing that data can hold", v.Type().TypeName())
}

func plainMap(m traits.Mapper) (any, error) {
	if raw, ok := m.Value().(map[string]any); ok {
		return raw, nil // as it was decoded
	}
	out := make(map[string]any)
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		k, ok := key.(types.String)
		if !ok {
			return nil, fmt.Errorf("a key of a map is %s; want a string", key.Type().TypeName())
		}
		v, err := plain(m.Get(key))
		if err != nil {
			return nil, err
		}
		out[string(k)] = v
	}
	return out, nil
}

func plainList(l traits.Lister) (any, error) {
	if raw, ok := l.Value().([]any); ok {
		return raw, nil // as it was decoded
	}
	var out []any
	for it := l.Iterator(); it.HasNext() == types.True; {
		v, err := plain(it.Next())
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// textOf writes a plain value into a text: strings as they are, lists and maps as JSON. Null is an error: a text in which
// something is silently missing is worse than none.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", fmt.Errorf("is null: where it may be missing, write .orValue(...)")
	case string:
		return v, nil
	case []byte:
		if !utf8.Valid(v) {
			return "", fmt.Errorf("is bytes that are no text")
		}
		return string(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}
