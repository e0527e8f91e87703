package masterapi

import (
	"net/http"
	"strings"

	"brine/internal/api"
)

func (s *server) source(r *http.Request) (any, error) {
	in := &query{r: r}
	minion, of := in.text("minion"), in.text("of")
	if minion == "" || of == "" {
		return nil, api.Errorf(api.BadRequest, "", "minion and of: want the id of a minion, and a path or a state")
	}
	var sls []string
	if text := in.text("sls"); text != "" {
		sls = strings.Split(text, ",")
	}
	return s.m.SourceOf(r.Context(), minion, of, sls)
}
