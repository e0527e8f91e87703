package api

import (
	"context"
	"strings"
)

// Source says where the content of a path on a minion comes from: GET /v1/source.
type Source struct {
	Minion  string `json:"minion"`
	Path    string `json:"path"`
	ID      string `json:"id"` // of the state in its SLS
	SLS     string `json:"sls"`
	Fun     string `json:"fun"`
	Name    string `json:"name"`
	File    string `json:"file"` // of the SLS
	Line    int    `json:"line"` // in it, where the content is said
	URL     string `json:"url,omitempty"`
	Source  string `json:"source,omitempty"` // the file of the source on the master's host
	Mode    string `json:"mode,omitempty"`   // of that file
	Kind    string `json:"kind"`             // SourceFile and the like
	SHA256  string `json:"sha256,omitempty"`
	Content []byte `json:"content,omitempty"`
}

// What a content comes from.
const (
	SourceFile     = "source"   // a file in the file roots
	SourceContents = "contents" // it stands in the SLS
	SourceTree     = "tree"     // the name is that of a whole tree
	SourceNone     = "none"     // the state says nothing of content
)

// Source finds where the content of a path on a minion, or of a state by its id or whole name, comes from: in the named SLS, or without
// any in those that were applied to the minion lately and its highstate.
func (c *Client) Source(ctx context.Context, minion, of string, sls ...string) (Source, error) {
	var s Source
	return s, c.get(ctx, "/v1/source", values("minion", minion, "of", of, "sls", strings.Join(sls, ",")), &s)
}
