package apitest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/internal/auth"
	"dossier/internal/mail"
)

// mailPatience is how long a mail may take to be written.
const mailPatience = 20 * time.Second

// Outbox keeps what the server mails.
type Outbox struct {
	post  *auth.Post
	mu    sync.Mutex
	mails []mail.Message
}

// Send keeps the mail.
func (o *Outbox) Send(_ context.Context, m mail.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mails = append(o.mails, m)
	return nil
}

// To gives the mails to the address, in the order in which they were written.
func (o *Outbox) To(address string) []mail.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []mail.Message
	for _, m := range o.mails {
		if m.To == address {
			found = append(found, m)
		}
	}
	return found
}

// Token waits for the address's mail of this number, from 1 on, and gives the token in it.
func (o *Outbox) Token(t testing.TB, address string, number int) string {
	t.Helper()
	for began := time.Now(); time.Since(began) < mailPatience; time.Sleep(2 * time.Millisecond) {
		if mails := o.To(address); len(mails) >= number {
			_, token, _ := strings.Cut(mails[number-1].Text, "#token=")
			token, _, _ = strings.Cut(token, "\n")
			return token
		}
	}
	t.Fatalf("waited %s in vain for mail %d to %s", mailPatience, number, address)
	return ""
}

// Close writes what is asked for, and nothing after it.
func (o *Outbox) Close() { o.post.Close() }
