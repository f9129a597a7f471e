package config

import (
	"errors"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
)

// SecretURL is a URL that may have a password, which it does not show.
type SecretURL string

// String is the URL with its password masked.
func (s SecretURL) String() string {
	u, err := url.Parse(string(s))
	if err != nil {
		return "***"
	}
	if _, ok := u.User.Password(); !ok {
		return string(s)
	}
	u.User = url.UserPassword(u.User.Username(), "***")
	return strings.Replace(u.String(), ":%2A%2A%2A@", ":***@", 1)
}

// GoString is String: %#v must not show the password either.
func (s SecretURL) GoString() string { return s.String() }

// checkMail says what is wrong with how mails are sent. Values are not told: one may have a password.
func (c Config) checkMail() []error {
	var wrong []error
	if c.SMTPURL != "" && !isMailServer(string(c.SMTPURL)) {
		wrong = append(wrong, errors.New("SMTP_URL is smtp://user:password@host:587 or smtps://user:password@host:465, "+
			"with special characters of the password as %40, and nothing behind the port"))
	}
	if c.SMTPURL != "" && c.MailFrom == "" {
		wrong = append(wrong, errors.New("MAIL_FROM is required with SMTP_URL: the address that mails are from"))
	}
	if _, err := mail.ParseAddress(c.MailFrom); c.MailFrom != "" && err != nil {
		wrong = append(wrong, errors.New("MAIL_FROM is an email address such as Dossier <dossier@example.com>"))
	}
	return wrong
}

func isMailServer(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" ||
		u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	if u.User != nil {
		if _, ok := u.User.Password(); !ok {
			return false
		}
	}
	port, err := strconv.Atoi(u.Port())
	return u.Port() == "" || err == nil && port > 0 && port < 1<<16
}
