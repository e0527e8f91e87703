package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
)

// vector is one case of testdata: what it is, what the codec must say ("ok", or a code and the field), and the bytes. In the
// files a line is hex, "; " begins what it means, and "61 x1024" stands for a byte repeated.
type vector struct {
	file, name, want string
	isEvent          bool
	bytes            []byte
}

func vectors(t testing.TB) (list []vector) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var v *vector
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			line := strings.TrimSpace(lines.Text())
			if name, is := strings.CutPrefix(line, "case: "); is {
				list = append(list, vector{file: filepath.Base(path), name: name, isEvent: filepath.Base(path) == "event.txt"})
				v = &list[len(list)-1]
			} else if want, is := strings.CutPrefix(line, "want: "); is {
				v.want = want
			} else {
				v.bytes = append(v.bytes, hexLine(t, line)...)
			}
		}
	}
	return list
}

func hexLine(t testing.TB, line string) (b []byte) {
	t.Helper()
	line, _, _ = strings.Cut(line, ";")
	for _, f := range strings.Fields(line) {
		if n, is := strings.CutPrefix(f, "x"); is {
			count, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, bytes.Repeat(b[len(b)-1:], count-1)...)
			continue
		}
		one, err := hex.DecodeString(f)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		b = append(b, one...)
	}
	return b
}

func TestVectors(t *testing.T) {
	codes := map[string]bool{}
	for _, v := range vectors(t) {
		got := verdict(t, v.bytes, v.isEvent)
		if got != v.want {
			t.Errorf("%s: %s: %q, want %q", v.file, v.name, got, v.want)
		}
		codes[strings.Fields(v.want)[0]] = true
	}
	for _, c := range []Code{CodeSize, CodeType, CodeSyntax, CodeShape, CodeMissing, CodeBound, CodeValue} {
		if !codes[string(c)] {
			t.Errorf("no vector is rejected with %s", c)
		}
	}
}

// verdict reads b with the codec and with the naive decoder, which must agree, and says what the codec said.
func verdict(t testing.TB, b []byte, isEvent bool) string {
	t.Helper()
	var value any
	var err error
	if isEvent {
		var e Event
		e, err = DecodeEvent(b)
		value = &e
	} else {
		value, err = Decode(b)
	}
	fields, ok := naive(b, isEvent)
	if ok != (err == nil) {
		t.Fatalf("the naive decoder takes it: %v; the codec says %v\n%s", ok, err, short(b))
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%v is no *Error", err)
		}
		return strings.TrimSuffix(fmt.Sprintf("%s %d", e.Code, e.Field), " 0")
	}
	agree(t, reflect.ValueOf(value).Elem(), fields)
	again(t, b, value)
	return "ok"
}

func short(b []byte) string { return hex.EncodeToString(b[:min(len(b), 300)]) }

// agree compares the struct with what the naive decoder has under the keys of its tags.
func agree(t testing.TB, v reflect.Value, fields map[uint64]any) {
	t.Helper()
	for i := range v.NumField() {
		tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("cbor"), ",")
		key, err := strconv.ParseUint(tag, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := plain(v.Field(i)), fmt.Sprint(simple(fields[key])); got != want && want != "<nil>" {
			t.Fatalf("%s key %d is %.200s, the naive decoder has %.200s", v.Type(), key, got, want)
		}
	}
}

// plain shows a Go value and simple a naive one in the same way; what is a struct or a list of them is left to again.
func plain(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case event.ID:
		return x.String()
	case time.Duration:
		return fmt.Sprint(int64(x))
	case event.Incarnation:
		return fmt.Sprint(uint64(x))
	case []event.ID:
		list := []string{}
		for _, id := range x {
			list = append(list, id.String())
		}
		return fmt.Sprint(list)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return "…"
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			return "…"
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return string(v.Bytes())
		}
		list := []string{}
		for i := range v.Len() {
			list = append(list, plain(v.Index(i)))
		}
		return fmt.Sprint(list)
	}
	return fmt.Sprint(v.Interface())
}

func simple(v any) any {
	switch v := v.(type) {
	case nNeg:
		return -1 - int64(v)
	case []byte:
		return string(v)
	case nMap:
		return "…"
	case []any:
		list := []string{}
		for _, e := range v {
			if _, isMap := e.(nMap); isMap {
				return "…"
			}
			list = append(list, fmt.Sprint(simple(e)))
		}
		return list
	}
	return v
}

// again encodes what was read. If it held no field that is unknown or has its default, the bytes must be the same.
func again(t testing.TB, b []byte, value any) {
	t.Helper()
	var out []byte
	if e, isEvent := value.(*Event); isEvent {
		if err := CheckEvent(*e); err != nil {
			t.Fatalf("read, but not to be written: %v", err)
		}
		out = EncodeEvent(*e)
	} else {
		var err error
		if out, err = Encode(value.(Message)); err != nil {
			t.Fatalf("read, but not to be written: %v", err)
		}
	}
	if len(out) == len(b) && !bytes.Equal(out, b) {
		t.Fatalf("read\n%s\nand written\n%s", short(b), short(out))
	}
	if len(out) > len(b) {
		t.Fatalf("written longer: %d, read %d", len(out), len(b))
	}
}
