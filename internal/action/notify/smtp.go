package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"time"

	"brine/internal/action"
	"brine/internal/job"
	"brine/internal/webhook"
)

// send hands the mail to the server. What the server refuses for good (a code of 500 and more) is final.
func (m *Mail) send(ctx context.Context, c action.Call) job.Result {
	timeout := m.Timeout
	if timeout == 0 {
		timeout = mailTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := m.deliver(ctx, c)
	var refused *textproto.Error
	switch {
	case err == nil:
		return job.Result{OK: true}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return action.Failed(fmt.Errorf("mail: %s: not delivered within %s", m.server(), timeout))
	}
	err = fmt.Errorf("mail: %s: %.500w", m.server(), err)
	if errors.As(err, &refused) && refused.Code >= 500 || errors.Is(err, errUnusable) {
		return action.Refused(err)
	}
	return action.Failed(err)
}

// errUnusable is a server, or a message, with which no attempt can succeed.
var errUnusable = errors.New("it cannot be used so")

func (m *Mail) deliver(ctx context.Context, c action.Call) error {
	text, err := m.message(c, time.Now())
	if err != nil {
		return fmt.Errorf("%w: %w", errUnusable, err)
	}
	password := ""
	if m.PasswordFile != "" {
		if password, err = c.Host.Secret(m.PasswordFile); err != nil {
			return fmt.Errorf("password_file: %w", err)
		}
	}
	s, err := m.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if m.User != "" {
		host, _, _ := net.SplitHostPort(m.server())
		if err := s.Auth(smtp.PlainAuth("", m.User, password, host)); err != nil {
			return fmt.Errorf("user %q: %w", m.User, err)
		}
	}
	if err := m.envelope(s); err != nil {
		return err
	}
	w, err := s.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = s.Quit() // it is delivered already
	return nil
}

// dial connects; what happens on the connection ends when ctx does.
func (m *Mail) dial(ctx context.Context) (*smtp.Client, error) {
	config, err := webhook.TLS{CA: m.CA}.Config()
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(m.server())
	config.ServerName = host
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", m.server())
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { raw.Close() })
	var conn net.Conn = &bounded{Conn: raw, left: maxSaid}
	if m.TLS == "tls" {
		conn = tls.Client(conn, config)
	}
	s, err := smtp.NewClient(conn, host)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if m.TLS == "" || m.TLS == "starttls" {
		if ok, _ := s.Extension("STARTTLS"); !ok {
			err = fmt.Errorf("%w: it offers no STARTTLS, and tls: none is not said", errUnusable)
		} else {
			err = s.StartTLS(config)
		}
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// maxSaid bounds what a mail server may say in all, in bytes: the SMTP client reads lines of any length.
const maxSaid = 1 << 20

type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the server has said more than %d bytes", maxSaid)
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (m *Mail) envelope(s *smtp.Client) error {
	for i, text := range append([]string{m.From}, m.To...) {
		a, err := mail.ParseAddress(text)
		if err != nil {
			return fmt.Errorf("%w: %w", errUnusable, err)
		}
		if i == 0 {
			err = s.Mail(a.Address)
		} else {
			err = s.Rcpt(a.Address)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a.Address, err)
		}
	}
	return nil
}
