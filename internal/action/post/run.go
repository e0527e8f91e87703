package post

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"brine/internal/action"
	"brine/internal/job"
	"brine/internal/webhook"
)

func run(ctx context.Context, c action.Call) job.Result {
	r, err := c.Args.(*Args).request(c, time.Now())
	if f := (final{}); errors.As(err, &f) {
		return action.Refused(err)
	}
	if err != nil {
		return action.Failed(err) // a file that cannot be read now may be there later
	}
	return webhook.Post(ctx, r)
}

// request makes the request of a call.
func (a *Args) request(c action.Call, now time.Time) (webhook.Request, error) {
	r := webhook.Request{Header: http.Header{}, TLS: a.TLS, Timeout: a.Timeout}
	var err error
	if r.URL, err = a.address(c.Host); err != nil {
		return r, err
	}
	if a.URLFile != "" {
		r.Secrets = append(r.Secrets, r.URL.String(), r.URL.EscapedPath())
	}
	if r.Body, err = a.body(c, r.Header); err != nil {
		return r, final{err}
	}
	for name, value := range a.Headers {
		if err := webhook.CheckHeader(name, value); err != nil {
			return r, final{err}
		}
		r.Header.Set(name, value)
	}
	r.Header.Set("User-Agent", "brine/"+c.Host.Version)
	r.Header.Set("Idempotency-Key", c.Job.JID)
	r.Header.Set("X-Brine-Attempt", strconv.Itoa(c.Job.Attempt))
	if a.AuthorizationFile != "" {
		secret, err := c.Host.Secret(a.AuthorizationFile)
		if err == nil && webhook.CheckHeader("Authorization", secret) != nil {
			err = errors.New("it holds more than one line") // and is not to be shown
		}
		if err != nil {
			return r, fmt.Errorf("authorization_file: %w", err)
		}
		r.Header.Set("Authorization", secret)
		r.Secrets = append(r.Secrets, secret)
	}
	if a.Sign.SecretFile != "" {
		secret, err := c.Host.Secret(a.Sign.SecretFile)
		if err != nil {
			return r, fmt.Errorf("sign: secret_file: %w", err)
		}
		r.Header.Set(a.Sign.Header, a.Sign.signature(secret, r.Body, now))
		r.Secrets = append(r.Secrets, secret)
	}
	return r, nil
}
