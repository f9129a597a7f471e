package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	gomail "github.com/wneessen/go-mail"

	"dossier/internal/mailtest"
)

const from = `"Dossier, test" <dossier@test.example>`

var hello = Message{To: "mo@test.example", Subject: "Hello, é", Text: "First line\n\nhttps://app.test.example/x#token=abc\n"}

// sender is one without pauses.
func sender(t *testing.T, address string, more ...gomail.Option) *SMTP {
	t.Helper()
	s, err := newSMTP(address, from, more...)
	if err != nil {
		t.Fatal(err)
	}
	s.pause = time.Millisecond
	return s
}

func TestSend(t *testing.T) {
	t.Parallel()
	server := mailtest.New(t, mailtest.Options{})
	if err := sender(t, "smtp://"+server.Address).Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	got := server.Wait(t, 1)[0]
	if got.From != "dossier@test.example" || got.To != "mo@test.example" || got.Encrypted || got.SignedIn {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string]string{
		"From": from, "To": "<mo@test.example>", "Subject": "=?UTF-8?q?Hello,_=C3=A9?=", "Auto-Submitted": "auto-generated",
	} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("%s is %s, want %s", name, value, want)
		}
	}
	if id := got.Header.Get("Message-ID"); !strings.HasSuffix(id, "@test.example>") || got.Header.Get("Date") == "" {
		t.Errorf("Message-ID %s, Date %s", id, got.Header.Get("Date"))
	}
	if agent := got.Header.Get("User-Agent") + got.Header.Get("X-Mailer"); agent != "" {
		t.Errorf("it tells what sends it: %s", agent)
	}
	if kind := got.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") || !strings.Contains(got.Text, "First line\r\n") {
		t.Errorf("%s: %q", kind, got.Text)
	}
}

// at makes a sender to the server, whatever host the URL names, which trusts the pool.
func at(server *mailtest.Server, host string, pool *x509.CertPool) []gomail.Option {
	return []gomail.Option{
		gomail.WithTLSConfig(&tls.Config{ServerName: host, RootCAs: pool, MinVersion: tls.VersionTLS12}),
		gomail.WithDialContextFunc(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Address)
		}),
	}
}

// Beyond the own machine a mail, and the password of the sender, are never sent in the clear.
func TestEncryption(t *testing.T) {
	t.Parallel()
	const host = "mail.test.example"
	credentials := url.UserPassword(mailtest.Username, mailtest.Password).String()
	certificate, pool := mailtest.Certificate(t, host)
	t.Run("STARTTLS", func(t *testing.T) {
		t.Parallel()
		server := mailtest.New(t, mailtest.Options{Certificate: certificate, Auth: true})
		if err := sender(t, "smtp://"+credentials+"@"+host, at(server, host, pool)...).Send(t.Context(), hello); err != nil {
			t.Fatal(err)
		}
		if got := server.Wait(t, 1)[0]; !got.Encrypted || !got.SignedIn {
			t.Errorf("%+v", got)
		}
	})
	t.Run("no STARTTLS", func(t *testing.T) {
		t.Parallel()
		server := mailtest.New(t, mailtest.Options{})
		err := sender(t, "smtp://"+host, at(server, host, pool)...).Send(t.Context(), hello)
		if err == nil || !strings.Contains(err.Error(), "STARTTLS") || len(server.Mails()) > 0 {
			t.Errorf("%v, %v", err, server.Mails())
		}
	})
	t.Run("of someone else", func(t *testing.T) {
		t.Parallel()
		other, _ := mailtest.Certificate(t, host)
		server := mailtest.New(t, mailtest.Options{Certificate: other})
		err := sender(t, "smtp://"+host, at(server, host, pool)...).Send(t.Context(), hello)
		if err == nil || !strings.Contains(err.Error(), "certificate") || len(server.Mails()) > 0 {
			t.Errorf("%v, %v", err, server.Mails())
		}
	})
	t.Run("smtps", func(t *testing.T) {
		t.Parallel()
		local, trusted := mailtest.Certificate(t, "127.0.0.1")
		server := mailtest.New(t, mailtest.Options{Certificate: local, Implicit: true, Auth: true})
		trusting := gomail.WithTLSConfig(&tls.Config{ServerName: "127.0.0.1", RootCAs: trusted, MinVersion: tls.VersionTLS12})
		if err := sender(t, "smtps://"+credentials+"@"+server.Address, trusting).Send(t.Context(), hello); err != nil {
			t.Fatal(err)
		}
		if got := server.Wait(t, 1)[0]; !got.Encrypted || !got.SignedIn {
			t.Errorf("%+v", got)
		}
		if err := sender(t, "smtps://"+credentials+"@"+server.Address).Send(t.Context(), hello); err == nil {
			t.Error("a certificate that nobody vouches for is taken")
		}
	})
}

func TestSignsIn(t *testing.T) {
	t.Parallel()
	server := mailtest.New(t, mailtest.Options{Auth: true})
	good := url.UserPassword(mailtest.Username, mailtest.Password).String()
	if err := sender(t, "smtp://"+good+"@"+server.Address).Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	if got := server.Wait(t, 1)[0]; !got.SignedIn {
		t.Errorf("%+v", got)
	}
	err := sender(t, "smtp://dossier:hunter2@"+server.Address).Send(t.Context(), hello)
	if err == nil || strings.Contains(err.Error(), "hunter2") || !isFinal(err) {
		t.Errorf("a wrong password: %v", err)
	}
}

// What the server cannot take for now is tried again, a bounded number of times; what it refuses is not.
func TestRetries(t *testing.T) {
	t.Parallel()
	later := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Come again"}
	never := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "Never"}
	for name, c := range map[string]struct {
		refuse         []error
		refused, mails int
	}{
		"once":      {[]error{later}, 1, 1},
		"twice":     {[]error{later, later}, 2, 1},
		"too often": {[]error{later, later, later, later}, 3, 0},
		"for good":  {[]error{never}, 1, 0},
	} {
		server := mailtest.New(t, mailtest.Options{})
		server.Refuse(c.refuse...)
		err := sender(t, "smtp://"+server.Address).Send(t.Context(), hello)
		if (err == nil) != (c.mails == 1) || server.Refused() != c.refused || len(server.Mails()) != c.mails {
			t.Errorf("%s: refused %d times, %d mails: %v", name, server.Refused(), len(server.Mails()), err)
		}
	}
	// Nobody waits for a server that is away longer than the context.
	away := sender(t, "smtp://127.0.0.1:1")
	away.pause = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := away.Send(ctx, hello); err == nil {
		t.Error("a mail to nowhere was sent")
	}
}

// An address adds neither headers nor recipients.
func TestAddressesInjectNothing(t *testing.T) {
	t.Parallel()
	server := mailtest.New(t, mailtest.Options{})
	s := sender(t, "smtp://"+server.Address)
	for _, to := range []string{
		"mo@test.example\r\nBcc: all@test.example", "mo@test.example, all@test.example", "mo@test.example>\r\nDATA", "mo", "mo@", "", "mo@exa mple.com",
	} {
		if err := s.Send(t.Context(), Message{To: to, Subject: "s", Text: "t"}); err == nil {
			t.Errorf("%q is an address", to)
		}
	}
	if err := s.Send(t.Context(), Message{To: "mo@test.example", Subject: "s\r\nBcc: all@test.example", Text: "t\r\n.\r\nMAIL FROM:<x@x.example>"}); err != nil {
		t.Fatal(err)
	}
	got := server.Wait(t, 1)
	if len(server.Mails()) != 1 || got[0].Header.Get("Bcc") != "" || got[0].To != "mo@test.example" {
		t.Errorf("%+v", server.Mails())
	}
}

func TestDomainsOfAnyScript(t *testing.T) {
	t.Parallel()
	server := mailtest.New(t, mailtest.Options{})
	if err := sender(t, "smtp://"+server.Address).Send(t.Context(), Message{To: "mo@bücher.example", Subject: "s", Text: "t"}); err != nil {
		t.Fatal(err)
	}
	if got := server.Wait(t, 1)[0]; got.To != "mo@xn--bcher-kva.example" {
		t.Errorf("%+v", got)
	}
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	for address, sender := range map[string]string{"smtp://mail.example": "nobody", "smtp://u:hunter2@mail.example:x": from, "smtp://": from, "smtp://mail.example:0": from} {
		if _, err := NewSMTP(address, sender); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	if err := (Log{slog.New(slog.NewTextHandler(&text, nil))}).Send(t.Context(), hello); err != nil || !strings.Contains(text.String(), "#token=abc") {
		t.Errorf("%v: %s", err, text.String())
	}
}
