package apiserver

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"brine/internal/api"
)

// Whatever a client sends is read or refused in words, and what is read can be looked at.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		"", "null", "{}", "[]", `{"tag":"a/b","data":{"n":1}}`, `{"tag":"a","data":1e999}`, `{"tag":"a","tag":"b"}`, `{"tag":"a"}{}`, `{"fun":"test.ping","tgt":"*","ttl":"5m"}`,
		`{"ttl":"-1h"}`, `{"ttl":5}`, `{"data":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", "{\"tag\":\"\xff\"}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		refused := func(err error) bool {
			var e *api.Error
			if err != nil && (!errors.As(err, &e) || e.Code != api.BadRequest || e.Message == "") {
				t.Fatalf("%q: %v", body, err)
			}
			return err != nil
		}
		if fire, err := Body[api.Fire](httptest.NewRequest("POST", "/", strings.NewReader(body))); !refused(err) && !refused(CheckFire(fire)) {
			if err := fire.Data.Valid(); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Body[api.Submit](httptest.NewRequest("POST", "/", strings.NewReader(body)))
		refused(err)
	})
}
