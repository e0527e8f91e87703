package notify

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"brine/internal/action"
	"brine/internal/webhook"
)

// Mail is a mail, handed to a mail server by SMTP.
type Mail struct {
	To           []string      `yaml:"to,required"`      // addresses: ops@example.com, or 'Ops <ops@example.com>'
	From         string        `yaml:"from,required"`    // an address
	Subject      string        `yaml:"subject,required"` // one line
	Text         string        `yaml:"text"`             // plain text
	Server       string        `yaml:"server"`           // host:port; localhost:25 without it
	TLS          string        `yaml:"tls"`              // starttls, which is what holds without it; tls from the first byte, as on port 465; none
	CA           string        `yaml:"ca"`               // a file of PEM certificates: trusted instead of the host's
	User         string        `yaml:"user"`             // of the mail server
	PasswordFile string        `yaml:"password_file"`    // holds the user's password
	Timeout      time.Duration `yaml:"timeout"`          // for everything: 30s without it
}

// Bounds of a mail.
const (
	maxRecipients = 50
	maxSubject    = 250 // characters
	mailTimeout   = 30 * time.Second
	defaultServer = "localhost:25"
)

// Validate names what is wrong.
func (m *Mail) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(m.To) == 0 || len(m.To) > maxRecipients {
		fault("to: %d addresses; want 1 to %d", len(m.To), maxRecipients)
	}
	for _, to := range m.To {
		if _, err := mail.ParseAddress(to); err != nil {
			fault("to: %q is no address", to)
		}
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		fault("from: %q is no address", m.From)
	}
	if host, port, err := net.SplitHostPort(m.server()); err != nil || host == "" || port == "" {
		fault("server: %q; want host:port, such as mail.example.com:587", m.Server)
	}
	if !slices.Contains([]string{"", "starttls", "tls", "none"}, m.TLS) {
		fault("tls: %q; want starttls, tls or none", m.TLS)
	}
	if (m.User == "") != (m.PasswordFile == "") {
		fault("user and password_file: one is of no use without the other")
	}
	if m.User != "" && m.TLS == "none" {
		fault("tls: with none the password would travel in the clear")
	}
	for name, path := range map[string]string{"password_file": m.PasswordFile, "ca": m.CA} {
		if path != "" && !filepath.IsAbs(path) {
			fault("%s: %q is not absolute", name, path)
		}
	}
	if m.Timeout < 0 || m.Timeout > webhook.MaxTimeout {
		fault("timeout: %s; want at most %s", m.Timeout, webhook.MaxTimeout)
	}
	return errors.Join(faults...)
}

func (m *Mail) server() string {
	if m.Server == "" {
		return defaultServer
	}
	return m.Server
}

// message writes the mail (RFC 5322). Whatever subject and text hold, it has no other header than these.
func (m *Mail) message(c action.Call, now time.Time) ([]byte, error) {
	from, err := mail.ParseAddress(m.From)
	if err != nil {
		return nil, err
	}
	to := make([]string, len(m.To))
	for i := range m.To {
		a, err := mail.ParseAddress(m.To[i])
		if err != nil {
			return nil, err
		}
		to[i] = a.String()
	}
	subject := []rune(oneLine(m.Subject))
	if len(subject) > maxSubject {
		subject = append(subject[:maxSubject], '…')
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", from.String()}, {"To", strings.Join(to, ",\r\n ")}, {"Subject", mime.QEncoding.Encode("utf-8", string(subject))},
		{"Date", now.Format(time.RFC1123Z)}, {"Message-ID", "<" + c.Job.JID + "@" + domain + ">"}, {"Auto-Submitted", "auto-generated"},
		{"X-Brine-Rule", c.Job.Rule}, {"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	text := strings.ReplaceAll(strings.ToValidUTF8(cut(m.Text), "\uFFFD"), "\r\n", "\n")
	if _, err := w.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n"))); err != nil {
		return nil, err
	}
	err = w.Close() // which writes the last line
	return b.Bytes(), err
}
