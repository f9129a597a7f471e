package main

import (
	"fmt"
	"log/slog"

	"dossier/internal/auth"
	"dossier/internal/config"
	"dossier/internal/mail"
	"dossier/repo"
)

// newSessions makes what signs people in, with the post that mails them their tokens.
func newSessions(c config.Config, store *repo.Store, logger *slog.Logger) (auth.Sessions, error) {
	var mailer auth.Mailer = mail.Log{Logger: logger}
	switch {
	case c.SMTPURL != "":
		smtp, err := mail.NewSMTP(string(c.SMTPURL), c.MailFrom)
		if err != nil {
			return auth.Sessions{}, fmt.Errorf("SMTP_URL: %w", err)
		}
		mailer = smtp
	case !c.IsDevelopment():
		return auth.NewSessions(store, nil), nil
	}
	return auth.NewSessions(store, auth.NewPost(store, mailer, c.AppURL, logger)), nil
}

// warnOfMail says what does not work without a mail server.
func warnOfMail(c config.Config, logger *slog.Logger) {
	if c.SMTPURL == "" && !c.IsDevelopment() {
		logger.Warn("there is no SMTP_URL: nobody can reset a password, verify an address or change the own one, invitations are not mailed, and API keys make none")
	}
}
