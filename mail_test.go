package main

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"dossier/internal/mailtest"
	"dossier/internal/pgtest"
)

const requestReset = `mutation($e: String!) { requestPasswordReset(input: {email: $e}) { userErrors { message } } }`

// From the forgotten password to the mail, through a mail server, and from the mail to a session. What was asked for when the
// program stops is still mailed.
func TestMailsByTheProgram(t *testing.T) {
	t.Parallel()
	server := mailtest.New(t, mailtest.Options{Auth: true})
	address := "smtp://" + url.UserPassword(mailtest.Username, mailtest.Password).String() + "@" + server.Address
	p := serve(t, "DATA_DIR="+seededFolder(t), "SMTP_URL="+address, "MAIL_FROM=Dossier <dossier@test.example>", "APP_URL=https://app.test.example/")
	p.waitReady(t)
	p.with("").Query(t, requestReset, "e", "member@demo.example")
	mail := server.Wait(t, 1)[0]
	const link = "https://app.test.example/reset-password#token="
	_, rest, _ := strings.Cut(mail.Text, link)
	token, _, _ := strings.Cut(rest, "\r\n")
	if mail.From != "dossier@test.example" || mail.To != "member@demo.example" || !mail.SignedIn || !strings.HasPrefix(token, "dossier_reset_") {
		t.Fatalf("%+v", mail)
	}
	data := p.with("").Query(t, `mutation($t: String!) { resetPassword(input: {token: $t, password: "another one"}) { token userErrors { message } } }`, "t", token)
	p.with(data.Text("resetPassword.token")).Query(t, `{ me { name } }`)
	p.with("").Query(t, requestReset, "e", "manager@demo.example")
	p.stop(t)
	if last := server.Wait(t, 2)[1]; last.To != "manager@demo.example" {
		t.Errorf("%+v", last)
	}
	if text := p.output.String(); strings.Contains(text, url.QueryEscape(mailtest.Password)) || strings.Contains(text, mailtest.Password) ||
		!strings.Contains(text, "SMTP_URL=smtp://"+mailtest.Username+":***@"+server.Address) || strings.Contains(text, token) {
		t.Error("a secret is printed, or the mail server is not")
	}
}

// Without a mail server, development shows mails in the log; production says what does not work, at the start and when asked.
func TestWithoutMailServer(t *testing.T) {
	t.Parallel()
	t.Run("development", func(t *testing.T) {
		t.Parallel()
		p := serve(t, "DATA_DIR="+seededFolder(t))
		p.waitReady(t)
		p.with("").Query(t, requestReset, "e", "member@demo.example")
		eventually(t, "the mail in the log", func() bool {
			return strings.Contains(p.output.String(), p.url+"/reset-password#token=dossier_reset_")
		})
	})
	t.Run("production", func(t *testing.T) {
		t.Parallel()
		p := serve(t, productionSettings(pgtest.New(t).URL, "SHUTDOWN_DELAY=0s")...)
		p.waitReady(t)
		answer := p.with("").Do(t, requestReset, "e", "member@demo.example")
		if !slices.Equal(answer.Codes(), []string{"UNAVAILABLE"}) || !strings.Contains(answer.Errors[0].Message, "cannot send mail") {
			t.Errorf("%s", answer.Body)
		}
		if !strings.Contains(p.output.String(), "there is no SMTP_URL") {
			t.Error("the log does not say so")
		}
	})
}
