// Package mail sends mails by SMTP.
package mail

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"
)

// Message is a mail to one address, in plain text.
type Message struct {
	To      string
	Subject string
	Text    string
}

const (
	// replyTimeout is how long the server may take for its next reply, and connecting to it.
	replyTimeout = 10 * time.Second
	// triesMax bounds how often a mail is tried that the server could not take for now.
	triesMax = 3
	// retryPause is the pause before the second try; it is four times as long before the next one.
	retryPause = 2 * time.Second
)

// SMTP sends mails through a server.
type SMTP struct {
	client *gomail.Client
	from   *mail.Address
	pause  time.Duration
}

// NewSMTP makes a sender through the server of a URL, smtp://user:password@host:port or smtps://…, from an address such as
// `Dossier <dossier@example.com>`. By smtp the server must offer STARTTLS, unless it is on the own machine. Errors do not
// show the URL.
func NewSMTP(address, from string) (*SMTP, error) { return newSMTP(address, from) }

func newSMTP(address, from string, more ...gomail.Option) (*SMTP, error) {
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, errors.New("the sender is not an email address")
	}
	server, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the URL of the mail server is malformed")
	}
	host := server.Hostname()
	options := []gomail.Option{
		gomail.WithTimeout(replyTimeout),
		gomail.WithTLSConfig(&tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}),
	}
	auth := gomail.SMTPAuthAutoDiscover
	switch {
	case server.Scheme == "smtps":
		options = append(options, gomail.WithSSLPort(false))
	case isLoopback(host): // what goes there passes no network
		options = append(options, gomail.WithTLSPortPolicy(gomail.NoTLS))
		auth = gomail.SMTPAuthPlain
	default:
		options = append(options, gomail.WithTLSPortPolicy(gomail.TLSMandatory))
	}
	if port := server.Port(); port != "" {
		n, err := strconv.Atoi(port)
		if err != nil {
			return nil, errors.New("the port of the mail server is malformed")
		}
		options = append(options, gomail.WithPort(n))
	}
	if password, ok := server.User.Password(); ok {
		options = append(options, gomail.WithSMTPAuth(auth), gomail.WithUsername(server.User.Username()), gomail.WithPassword(password))
	}
	if strings.Contains(host, ":") { // IPv6, to which the port is appended as it is
		host = "[" + host + "]"
	}
	client, err := gomail.NewClient(host, append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("prepare for the mail server: %w", err)
	}
	return &SMTP{client: client, from: sender, pause: retryPause}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send hands the mail to the server. What the server or the way to it refuses for now is tried again, a bounded number of times.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	pause := s.pause
	for try := 1; ; try++ {
		err := s.send(ctx, m)
		if err == nil || try == triesMax || isFinal(err) {
			return err
		}
		select {
		case <-time.After(pause):
			pause *= 4
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

var errMessage = errors.New("the mail cannot be written")

func (s *SMTP) send(ctx context.Context, m Message) error {
	message, err := s.compose(m)
	if err != nil {
		return fmt.Errorf("%w: %w", errMessage, err)
	}
	err = s.client.DialAndSendWithContext(ctx, message)
	if message.IsDelivered() { // what failed afterwards is none of the mail's business
		return nil
	}
	return err
}

// compose refuses an address that is none, such as one with a line break in it.
func (s *SMTP) compose(m Message) (*gomail.Msg, error) {
	to, err := asciiDomain(m.To)
	if err != nil {
		return nil, err
	}
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := errors.Join(message.From(s.from.String()), message.To(to)); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(s.from.Address, "@")
	message.SetMessageIDWithValue(rand.Text() + "@" + domain) // not of this machine's name, which is nobody's business
	message.SetDate()
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody answers it by itself
	message.Subject(m.Subject)
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	return message, nil
}

// asciiDomain writes the domain as every mail server understands it (RFC 5891).
func asciiDomain(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", errors.New("the address has no domain")
	}
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil {
		return "", errors.New("the address has no valid domain")
	}
	return address[:at+1] + domain, nil
}

// isFinal reports whether the same mail would be refused again: a reply of 500 or more says so (RFC 5321, section 4.2.1).
func isFinal(err error) bool {
	if refused, ok := errors.AsType[*gomail.SendError](err); ok {
		return refused.ErrorCode() >= 500
	}
	reply, ok := errors.AsType[*textproto.Error](err)
	return ok && reply.Code >= 500 || errors.Is(err, errMessage)
}

// Log stands in for a mail server in development: it shows mails in the log.
type Log struct{ Logger *slog.Logger }

// Send shows the mail.
func (l Log) Send(ctx context.Context, m Message) error {
	l.Logger.InfoContext(ctx, "mail, which is not sent without SMTP_URL", "to", m.To, "subject", m.Subject, "text", m.Text)
	return nil
}
