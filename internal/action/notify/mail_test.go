package notify

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// server speaks as much SMTP as is needed. say answers a command, or is empty for what a server says as a rule.
func server(t *testing.T, say func(verb string) string) (addr string, got func() (string, string)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	type mailed struct{ envelope, text string }
	done := make(chan mailed, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		var m mailed
		defer func() { done <- m }()
		fmt.Fprint(c, "220 ready\r\n")
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if verb == "MAIL" || verb == "RCPT" {
				m.envelope += strings.TrimSpace(line) + "\n"
			}
			answer := say(verb)
			switch {
			case answer != "":
			case verb == "EHLO":
				answer = "250-me\r\n250 8BITMIME"
			case verb == "DATA":
				answer = "354 go on"
			case verb == "QUIT":
				answer = "221 bye"
			default:
				answer = "250 ok"
			}
			fmt.Fprint(c, answer+"\r\n")
			if strings.HasPrefix(answer, "354") {
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					if line == ".\r\n" {
						break
					}
					m.text += strings.TrimPrefix(line, ".")
				}
				answer := say(".")
				if answer == "" {
					answer = "250 taken"
				}
				fmt.Fprint(c, answer+"\r\n")
			}
		}
	}()
	return l.Addr().String(), func() (string, string) { m := <-done; return m.envelope, m.text }
}

func silent(string) string { return "" }

func TestMail(t *testing.T) {
	addr, got := server(t, silent)
	r := send(t, map[string]any{"mail": map[string]any{
		"to": []any{"ops@example.com", "Nächte <night@example.com>"}, "from": "Brine <brine@example.com>", "server": addr, "tls": "none",
		"subject": "failed on wéb1\r\nBcc: evil@example.com\r\n\r\nbody", "text": "first\n.\n.two ä\r\nDATA\n" + strings.Repeat("x", 200),
	}})
	if !r.OK {
		t.Fatalf("%+v", r)
	}
	envelope, text := got()
	if d := cmp.Diff("MAIL FROM:<brine@example.com> BODY=8BITMIME\nRCPT TO:<ops@example.com>\nRCPT TO:<night@example.com>\n", envelope); d != "" {
		t.Error(d)
	}
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "failed on wéb1  Bcc: evil@example.com    body" {
		t.Errorf("subject %q, %v", subject, err)
	}
	var names []string
	for name := range m.Header {
		names = append(names, name)
	}
	if len(names) != 10 || m.Header.Get("Bcc") != "" || m.Header.Get("Message-Id") != "<j1@example.com>" || m.Header.Get("X-Brine-Rule") != "tell" {
		t.Errorf("%v", m.Header)
	}
	if to, err := m.Header.AddressList("To"); err != nil || len(to) != 2 || to[1].Name != "Nächte" {
		t.Errorf("%v, %v", to, err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if want := "first\r\n.\r\n.two ä\r\nDATA\r\n" + strings.Repeat("x", 200); err != nil || strings.TrimRight(string(body), "\r\n") != want {
		t.Errorf("%q, %d of %d bytes, %v\n%s", body, len(body), len(want), err, text)
	}
	for _, line := range strings.Split(text, "\r\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

// What a mail server refuses for good is final; the rest may pass.
func TestMailRefused(t *testing.T) {
	for _, tt := range []struct {
		verb, answer, want string
		final              bool
		more               map[string]any
	}{
		{"RCPT", "550 no such user", `ops@example.com: 550 "no such user"`, true, nil},
		{"RCPT", "451 later", `451 "later"`, false, nil},
		{"MAIL", "421 closing", `421 "closing"`, false, nil},
		{"DATA", "554 no", `554 "no"`, true, nil},
		{".", "452 disk full", `452 "disk full"`, false, nil},
		{".", "550 spam", `550 "spam"`, true, nil},
		{"", "", "offers no STARTTLS", true, map[string]any{"tls": "starttls"}},
		{"MAIL", strings.Repeat("250 x ", maxSaid), "has said more than", false, nil},
	} {
		addr, _ := server(t, func(verb string) string {
			if verb == tt.verb {
				return tt.answer
			}
			return ""
		})
		args := map[string]any{"to": "ops@example.com", "from": "brine@example.com", "server": addr, "tls": "none", "subject": "s"}
		for k, v := range tt.more {
			args[k] = v
		}
		r := send(t, map[string]any{"mail": args})
		if r.OK || r.Final != tt.final || !strings.Contains(r.Error, tt.want) {
			t.Errorf("%s %.40s: %.200s, final %v", tt.verb, tt.answer, r.Error, r.Final)
		}
	}
}

func TestMailServerAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	args := map[string]any{"to": "ops@example.com", "from": "brine@example.com", "server": l.Addr().String(), "subject": "s", "timeout": "100ms"}
	if r := send(t, map[string]any{"mail": args}); r.OK || r.Final || !strings.Contains(r.Error, "not delivered within 100ms") {
		t.Errorf("one that never answers: %+v", r)
	}
	l.Close()
	if r := send(t, map[string]any{"mail": args}); r.OK || r.Final || !strings.Contains(r.Error, "refused") {
		t.Errorf("one that is down: %+v", r)
	}
	args["password_file"], args["user"] = "/no/such", "u"
	if r := send(t, map[string]any{"mail": args}); r.OK || r.Final || !strings.Contains(r.Error, "password_file") {
		t.Errorf("%+v", r)
	}
}
