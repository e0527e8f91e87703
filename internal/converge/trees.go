package converge

import (
	"fmt"

	"brine/internal/job"
	"brine/internal/manifest"
	"brine/states"
)

// list fills in the trees of the state whose files stand in a manifest, and gives the contents that these name, each once. The manifests
// must be here.
func (a *attempt) list() ([]job.Content, error) {
	sourced, ok := a.state.(states.SourcedTree)
	if !ok {
		return nil, nil
	}
	var contents []job.Content
	listed := false
	a.named = map[string]bool{}
	for _, t := range sourced.Trees() {
		if t.Manifest == "" {
			continue
		}
		if err := a.read(t); err != nil {
			return nil, fmt.Errorf("source %q: %w", t.URL, err)
		}
		listed = true
		for _, f := range t.Files {
			if !a.named[f.Hash] {
				a.named[f.Hash] = true
				contents = append(contents, job.Content{Hash: f.Hash, Size: f.Size})
			}
		}
	}
	if !listed {
		return nil, nil
	}
	return contents, a.state.Validate() // it has seen no path of them before
}

func (a *attempt) read(t *states.Tree) error {
	f, err := a.open(t.Manifest)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := manifest.Decode(f, t); err != nil {
		return err
	}
	t.Listed = true
	return nil
}
