package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// dialTimeout is how long a connection to a socket of this host may take: more means that nobody accepts.
const dialTimeout = 5 * time.Second

// Client asks one daemon. It may be used by many goroutines.
type Client struct {
	socket string
	http   *http.Client
}

// New makes a client for the daemon at a socket. It connects when it is first used.
func New(socket string) *Client {
	dialer := net.Dialer{Timeout: dialTimeout}
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
		IdleConnTimeout:    30 * time.Second,
	}}}
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Socket is where the daemon is.
func (c *Client) Socket() string { return c.socket }

// get asks for path and reads the answer into into.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	return c.call(ctx, http.MethodGet, path, query, nil, into)
}

func (c *Client) post(ctx context.Context, path string, body, into any) error {
	return c.call(ctx, http.MethodPost, path, nil, body, into)
}

func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	resp, err := c.send(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	if err != nil {
		return c.broken(ctx, err)
	}
	if len(text) > MaxAnswer {
		return fmt.Errorf("the answer to %s has more than %d bytes", path, MaxAnswer)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the answer to %s cannot be read (is the daemon of a like version?): %w", path, err)
	}
	return nil
}

// send makes a request. An answer that is an error is returned as one; otherwise the caller closes the body.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: "brine", Path: path, RawQuery: query.Encode()}
	var r io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, refusal(resp)
}

// refusal is the error that an answer carries.
func refusal(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody))
	var e Error
	if err == nil && json.Unmarshal(text, &e) == nil && e.Message != "" {
		return &e
	}
	return Errorf(Internal, "is the daemon of a like version?", "the daemon answered %s", resp.Status)
}

// broken says that the daemon is not there, unless the caller has given up.
func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &Unreachable{Socket: c.socket, Err: err}
}
