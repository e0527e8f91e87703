package masterapi

import (
	"net/http"

	"brine/internal/api"
)

func (s *server) explain(r *http.Request) (any, error) {
	name := r.PathValue("id")
	e, err := s.m.Explain(name, r.URL.Query().Get("rule"))
	if err != nil {
		return nil, named(err, name)
	}
	e.Verdicts = list(e.Verdicts)
	return e, nil
}

func (s *server) ruleFiles(*http.Request) (any, error) {
	files := s.m.RuleFiles()
	out := make([]api.RuleFile, len(files))
	for i, f := range files {
		out[i] = api.RuleFile{Name: f.Name, Text: string(f.Text)}
	}
	return out, nil
}
