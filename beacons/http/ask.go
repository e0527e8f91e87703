package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// answer is what one probe came to.
type answer struct {
	took   time.Duration
	status int
	cert   *x509.Certificate // the service's own; nil: there was none to be seen
	err    error
}

// ask makes one request, on a connection of its own and without what the environment says of proxies.
func (p Probe) ask(ctx context.Context, caPath string) (a answer) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	client, err := p.client(caPath)
	if err != nil {
		return answer{err: err}
	}
	req, err := http.NewRequestWithContext(ctx, p.Method, p.URL, nil)
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("User-Agent", "brine-minion")
	for name, value := range p.Headers {
		if http.CanonicalHeaderKey(name) == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	began := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return answer{took: time.Since(began), err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	a = answer{took: time.Since(began), status: resp.StatusCode, err: err}
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		a.cert = resp.TLS.PeerCertificates[0]
	}
	if a.err == nil {
		a.err = p.wrong(a, body)
	}
	return a
}

// wrong says what is not as it should be.
func (p Probe) wrong(a answer, body []byte) error {
	right := false
	for _, s := range p.Status {
		right = right || a.status >= s.First && a.status <= s.Last
	}
	switch {
	case !right:
		return fmt.Errorf("status %d; want %s", a.status, ranges(p.Status))
	case p.Body != nil && !p.Body.Match(body):
		return fmt.Errorf("the body does not match %q", p.Body)
	case p.Latency > 0 && a.took > p.Latency:
		return fmt.Errorf("it answered after %s; the limit is %s", a.took.Round(time.Millisecond), p.Latency)
	}
	return nil
}

func ranges(list []Status) string {
	var words []string
	for _, s := range list {
		w := strconv.Itoa(s.First)
		if s.Last != s.First {
			w += "-" + strconv.Itoa(s.Last)
		}
		words = append(words, w)
	}
	return strings.Join(words, ", ")
}

var errCA = errors.New("holds no certificate")

func (p Probe) client(caPath string) (*http.Client, error) {
	var roots *x509.CertPool
	if p.CA != "" {
		text, err := os.ReadFile(caPath)
		if err != nil {
			return nil, err
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("ca: %s: %w", p.CA, errCA)
		}
	}
	var d net.Dialer
	t := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: maxBody, TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if p.Connect != "" {
			addr = p.Connect
		}
		return d.DialContext(ctx, network, addr)
	}
	return &http.Client{Transport: t, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > p.Redirects {
			return http.ErrUseLastResponse
		}
		return nil
	}}, nil
}
