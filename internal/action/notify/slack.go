package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"brine/internal/action"
	"brine/internal/job"
	"brine/internal/webhook"
)

// Slack is a message in a chat.
type Slack struct {
	URLFile string        `yaml:"url_file,required"` // a file that holds the webhook's address, which is a secret
	Text    string        `yaml:"text,required"`     // what is said: *bold*, _italic_ and `code` are the chat's, <, > and & are text
	Channel string        `yaml:"channel"`           // where the webhook may choose it: such as #ops
	Mention []string      `yaml:"mention"`           // who is called: here, channel, everyone, or ids of users (U...) and groups (S...)
	TLS     webhook.TLS   `yaml:"tls"`
	Timeout time.Duration `yaml:"timeout"` // 10s without it
}

// maxMentions bounds mention.
const maxMentions = 20

var mentionID = regexp.MustCompile(`^[UWS][A-Z0-9]{1,30}$`)

// Validate names what is wrong.
func (s *Slack) Validate() error {
	if !filepath.IsAbs(s.URLFile) {
		return fmt.Errorf("url_file: %q is not absolute", s.URLFile)
	}
	if len(s.Mention) > maxMentions {
		return fmt.Errorf("mention: %d entries; at most %d", len(s.Mention), maxMentions)
	}
	for _, m := range s.Mention {
		if mention(m) == "" {
			return fmt.Errorf("mention: %q; want here, channel, everyone, or an id such as U024BE7LH", m)
		}
	}
	if s.Timeout < 0 || s.Timeout > webhook.MaxTimeout {
		return fmt.Errorf("timeout: %s; want at most %s", s.Timeout, webhook.MaxTimeout)
	}
	return nil
}

// mention is how Slack writes it; empty for what is none.
func mention(who string) string {
	switch {
	case who == "here" || who == "channel" || who == "everyone":
		return "<!" + who + ">"
	case !mentionID.MatchString(who):
		return ""
	case who[0] == 'S':
		return "<!subteam^" + who + ">"
	}
	return "<@" + who + ">"
}

type slackMessage struct {
	Text    string `json:"text"`
	Channel string `json:"channel,omitempty"`
}

// message is the text, in which nothing but what mention names is Slack's markup: see "escaping text" in its documentation.
func (s *Slack) message() slackMessage {
	var b strings.Builder
	for _, m := range s.Mention {
		b.WriteString(mention(m) + " ")
	}
	b.WriteString(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(cut(s.Text)))
	return slackMessage{Text: b.String(), Channel: oneLine(s.Channel)}
}

func (s *Slack) send(ctx context.Context, c action.Call) job.Result {
	if strings.TrimSpace(s.Text) == "" {
		return action.Refused(errors.New("slack: the text is empty"))
	}
	address, err := c.Host.Secret(s.URLFile)
	if err != nil {
		return action.Failed(fmt.Errorf("slack: url_file: %w", err))
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return action.Failed(fmt.Errorf("slack: url_file: %q holds no address such as https://host/path", s.URLFile))
	}
	body, err := json.Marshal(s.message())
	if err != nil {
		return action.Refused(err)
	}
	return webhook.Post(ctx, webhook.Request{
		URL: u, Body: body, TLS: s.TLS, Timeout: s.Timeout, Secrets: []string{u.String(), u.EscapedPath()},
		Header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"brine/" + c.Host.Version}, "Idempotency-Key": {c.Job.JID}},
	})
}
