// Package webhook posts one HTTP request and says how that went. It owns what a request may do on the way (redirects, time, the size of
// answers) and which failures may pass; it must never know why something is posted.
package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"brine/internal/event"
	"brine/internal/job"
)

// Bounds of a request.
const (
	DefaultTimeout = 10 * time.Second
	MaxTimeout     = 10 * time.Minute
	MaxAnswer      = 32 << 10 // bytes kept of an answer
	maxRedirects   = 3
	maxHeaderBytes = 64 << 10 // of an answer
)

// Request is what to post.
type Request struct {
	URL     *url.URL
	Header  http.Header // checked with CheckHeader
	Body    []byte
	TLS     TLS
	Timeout time.Duration // for everything, the answer's last byte included; 0 is DefaultTimeout
	Secrets []string      // never shown in what is kept of an answer or an error
}

// Answer is the Return of a result.
type Answer struct {
	Status int `json:"status"`
	JSON   any `json:"json,omitempty"` // the body, where it is JSON and no longer than MaxAnswer
}

// Post posts the request on a connection of its own. Any 2xx is success. Another attempt is of no use (Final) after any other answer
// but 408, 425, 429 and 5xx; what went wrong on the way may pass. A redirect is followed on the same host and scheme, where it keeps
// method and body (307, 308). Stdout is the beginning of the answer.
func Post(ctx context.Context, r Request) job.Result {
	timeout := min(r.Timeout, MaxTimeout)
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	config, err := r.TLS.Config()
	if err != nil {
		return job.Result{Error: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL.String(), bytes.NewReader(r.Body))
	if err != nil {
		return job.Result{Error: "the address makes no request", Final: true} // it may be a secret
	}
	req.Header = r.Header.Clone()
	client := http.Client{CheckRedirect: sameHost, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeaderBytes,
		TLSHandshakeTimeout: timeout, ForceAttemptHTTP2: true,
	}}
	resp, err := client.Do(req)
	if err != nil {
		return job.Result{Error: r.mask(r.URL.Host + ": " + cause(ctx, err, timeout))}
	}
	defer resp.Body.Close()
	return r.result(ctx, resp, timeout)
}

func (r Request) result(ctx context.Context, resp *http.Response, timeout time.Duration) (res job.Result) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	answer := Answer{Status: resp.StatusCode}
	cut := len(body) > MaxAnswer
	if cut {
		body = body[:MaxAnswer]
	}
	text := r.mask(strings.ToValidUTF8(string(body), "\uFFFD"))
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); !cut && (kind == "application/json" || strings.HasSuffix(kind, "+json")) {
		answer.JSON, _ = event.ParseJSON([]byte(text)) // nil for what only says so
	}
	if res.Return, err = encode(answer, err); cut {
		text += "\n[... more was left out ...]\n"
	}
	res.Stdout = text
	switch code := resp.StatusCode; {
	case err != nil:
		res.Error = r.mask(fmt.Sprintf("%s: answer %s: %s", r.URL.Host, resp.Status, cause(ctx, err, timeout)))
	case code >= 200 && code < 300:
		res.OK = true
	case code >= 300 && code < 400:
		res.Error, res.Final = fmt.Sprintf("%s: answer %s: a redirect is followed on the same host only, and only 307 and 308", r.URL.Host, clip(resp.Status)), true
	default:
		res.Error = r.mask(r.URL.Host + ": answer " + clip(resp.Status))
		res.Final = code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooEarly && code != http.StatusTooManyRequests
	}
	return res
}

// encode keeps the status when the JSON cannot be kept: nested too deep, say.
func encode(a Answer, read error) (event.Data, error) {
	data, err := event.Encode(a)
	if err != nil {
		data, err = event.Encode(Answer{Status: a.Status})
	}
	return data, errors.Join(read, err)
}

// sameHost lets a redirect go on where nothing else can be reached by it than what the request was meant for.
func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || req.Method != first.Method || req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// cause says what went wrong without the address, which may be a secret.
func cause(ctx context.Context, err error, timeout time.Duration) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", timeout)
	}
	if u := new(url.Error); errors.As(err, &u) {
		err = u.Err
	}
	return clip(err.Error())
}

func (r Request) mask(text string) string {
	for _, s := range r.Secrets {
		if len(s) > 3 {
			text = strings.ReplaceAll(text, s, "********")
		}
	}
	return text
}

// clip bounds a text from outside, in bytes.
func clip(s string) string {
	const most = 500
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
