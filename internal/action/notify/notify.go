// Package notify is the action notify: it tells people, by a chat's incoming webhook (Slack's form, which Mattermost, Rocket.Chat, Discord
// and others take too) or by mail. It owns what such a message says; it must never know what happened.
//
// What an event inserts stays text: in a chat it can mention nobody and link nothing, in a mail it cannot add a header or a recipient. An event
// has no say in who is told: only subject, text and channel can hold templates.
//
// A mail that is repeated has the same Message-ID, made from the jid. A chat cannot tell a repetition: a message may come twice where
// its answer was lost.
package notify

import (
	"context"
	_ "embed"
	"errors"
	"strings"
	"unicode/utf8"

	"brine/internal/action"
	"brine/internal/job"
)

//go:embed sample.yaml
var sample string

// Name is the action's.
const Name = "notify"

// maxText bounds a message, in bytes; what is past it is cut off, and the message says so.
const maxText = 16 << 10

// Module describes the action notify.
func Module() action.Module {
	return action.Module{
		Name: Name, Sample: sample, Run: run, Args: func() any { return &Args{} },
		Fixed: []string{"slack.url_file", "slack.mention", "slack.tls.ca", "slack.tls.cert", "slack.tls.key", "slack.tls.server_name",
			"mail.to", "mail.from", "mail.server", "mail.tls", "mail.ca", "mail.user", "mail.password_file"},
	}
}

// Args are what a rule says: one of the two.
type Args struct {
	Slack *Slack `yaml:"slack"` // a message in a chat
	Mail  *Mail  `yaml:"mail"`  // a mail
}

// Validate says that there must be one.
func (a *Args) Validate() error {
	if (a.Slack == nil) == (a.Mail == nil) {
		return errors.New("one of slack and mail is required, in a step of its own")
	}
	return nil
}

func run(ctx context.Context, c action.Call) job.Result {
	if a := c.Args.(*Args); a.Mail != nil {
		return a.Mail.send(ctx, c)
	} else {
		return a.Slack.send(ctx, c)
	}
}

// cut bounds a text of a message.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	s = s[:maxText]
	for !utf8.ValidString(s) { // in the middle of a character
		s = s[:len(s)-1]
	}
	return s + "\n[... cut ...]"
}

// oneLine makes a text fit a line: what is no printable character becomes a space.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\u0085' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
