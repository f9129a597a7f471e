package auth

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"dossier/internal/fault"
	"dossier/internal/limits"
	"dossier/internal/mail"
	"dossier/internal/telemetry"
	"dossier/model"
	"dossier/repo"
)

// Limits of the post.
const (
	postQueueMax   = 1000            // letters that wait
	postWorkers    = 4               // letters that are written at a time
	postTimeout    = time.Minute     // of one letter, tries to send it included
	postDrainMax   = 5 * time.Second // of a stop
	postRetryAfter = 30 * time.Second
)

// Mailer sends a mail.
type Mailer interface {
	Send(ctx context.Context, m mail.Message) error
}

// Post writes to users behind the answers: no answer takes longer, or differs, because there is someone to write to.
type Post struct {
	store  *repo.Store
	mailer Mailer
	appURL string // of the frontend, where links lead
	logger *slog.Logger

	unasked limits.PerName // mails to who may not have asked for them, by address
	letters chan letter
	working sync.WaitGroup
	closing sync.Once
	closed  chan struct{}
	ctx     context.Context
	cancel  context.CancelFunc
}

// letter writes a mail. Nil means that there is nobody to write to.
type letter func(context.Context) (*mail.Message, error)

// NewPost starts the post, which Close ends. Links in mails lead to pages of the frontend at appURL.
func NewPost(store *repo.Store, mailer Mailer, appURL string, logger *slog.Logger) *Post {
	p := &Post{
		store: store, mailer: mailer, appURL: appURL, logger: logger, unasked: limits.NewPerName(requestBudgets.Account),
		letters: make(chan letter, postQueueMax), closed: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(telemetry.WithOperation(context.Background(), "post"))
	for range postWorkers {
		p.working.Go(p.work)
	}
	return p
}

// ErrNoPost is a mail that cannot be sent, as no server for it is named.
var ErrNoPost = fault.New(fault.Unavailable, "This server cannot send mail: whoever runs it has not set that up.")

// enqueue has the letter written soon.
func (p *Post) enqueue(l letter) error {
	select {
	case p.letters <- l:
		return nil
	default:
		busy := fault.New(fault.RateLimited, "There are too many mails to send at the moment.")
		busy.Retryable, busy.RetryAfter = true, postRetryAfter
		return busy
	}
}

// work writes letters until the post is closed and none is left.
func (p *Post) work() {
	for {
		select {
		case l := <-p.letters:
			p.write(l)
		case <-p.closed:
			select {
			case l := <-p.letters:
				p.write(l)
			default:
				return
			}
		}
	}
}

// write tells of what failed in the log alone: whoever asked has been answered.
func (p *Post) write(l letter) {
	ctx, cancel := context.WithTimeout(p.ctx, postTimeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			p.logger.ErrorContext(ctx, "panic while writing a mail", "panic", r, "stack", string(debug.Stack()))
		}
	}()
	message, err := l(ctx)
	if err == nil && message != nil {
		err = p.mailer.Send(ctx, *message)
	}
	if err != nil {
		p.logger.WarnContext(ctx, "a mail was not sent", "error", telemetry.Reason(err, false))
	}
}

// Close sends what waits, for a few seconds at most. Where there is no post there is nothing to do.
func (p *Post) Close() {
	if p == nil {
		return
	}
	p.closing.Do(func() {
		close(p.closed)
		drained := make(chan struct{})
		go func() {
			p.working.Wait()
			close(drained)
		}()
		select {
		case <-drained:
		case <-time.After(postDrainMax): // nor is a mail server waited for that is slow to answer
			p.logger.Warn("mails that waited too long were not sent", "waiting", len(p.letters))
		}
		p.cancel()
	})
}

// The pages of the frontend that take a token. It stands behind a #, which browsers keep to themselves.
const (
	pageReset  = "/reset-password#token="
	pageVerify = "/verify-email#token="
	pageAccept = "/accept-invitation#token="
)

// InvitationLink leads to where the token of an invitation is accepted.
func InvitationLink(appURL, token string) string { return appURL + pageAccept + token }

// token makes a token for the user, stores it and gives the link that has it.
func (p *Post) token(ctx context.Context, user *model.User, purpose model.TokenPurpose, page string) (string, error) {
	token, row := newOneTimeToken(user, purpose)
	err := p.store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error { return tx.KeepToken(ctx, row) })
	return p.appURL + page + token, err
}

// resetPassword writes to whoever has this email, if anyone who may sign in does.
func (p *Post) resetPassword(email string) error {
	return p.enqueue(func(ctx context.Context) (*mail.Message, error) {
		user, err := p.store.System().UserByEmail(ctx, email)
		if fault.Is(err, fault.NotFound) || err == nil && user.DeactivatedAt != nil {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		link, err := p.token(ctx, user, model.ToResetPassword, pageReset)
		return &mail.Message{To: user.Email, Subject: "Set a new password for Dossier", Text: fmt.Sprintf(`Hello,

someone asked for a new password for your account at Dossier. If that was you, set one here within an hour:

%s

If it was not you, nothing has changed, and there is nothing you need to do.
`, link)}, err
	})
}

// verifyEmail writes to the user's own address.
func (p *Post) verifyEmail(user *model.User) error {
	return p.enqueue(func(ctx context.Context) (*mail.Message, error) {
		link, err := p.token(ctx, user, model.ToVerifyEmail, pageVerify)
		return &mail.Message{To: user.Email, Subject: "Confirm your email address for Dossier", Text: fmt.Sprintf(`Hello,

please confirm that this is the email address of your account at Dossier, within a day:

%s

If you have no account there, someone mistyped an address: there is nothing you need to do.
`, link)}, err
	})
}

// Invite mails the token of a new invitation to the user. A person who invited has it too: what cannot be mailed is no failure, and
// where there is no post, or the address was written to often, nothing is.
func (p *Post) Invite(user *model.User, token string, invitation *model.Invitation) {
	if p == nil || !p.unasked.Allow(strings.ToLower(user.Email)) {
		return
	}
	message := &mail.Message{To: user.Email, Subject: "You are invited to Dossier", Text: fmt.Sprintf(`Hello,

you are invited to work with your colleagues in Dossier. Choose a password and sign in here, until %s:

%s

If you do not know what this is about, there is nothing you need to do.
`, invitation.ExpiresAt.UTC().Format("January 2, 2006, 15:04 UTC"), InvitationLink(p.appURL, token))}
	if err := p.enqueue(func(context.Context) (*mail.Message, error) { return message, nil }); err != nil {
		p.logger.Warn("an invitation was not mailed", "user_id", user.ID, "error", err)
	}
}

// changeEmail writes to the new address that the user has asked for, for the token to come back, and to the present one: whoever asked
// may be someone else.
func (p *Post) changeEmail(user *model.User, email, token string) error {
	err := p.enqueue(func(ctx context.Context) (*mail.Message, error) {
		if !p.unasked.Allow(strings.ToLower(email)) {
			return nil, nil
		}
		other, err := p.store.System().UserByEmail(ctx, email)
		if err == nil && other.ID != user.ID {
			return &mail.Message{To: email, Subject: "Your email address at Dossier", Text: `Hello,

someone asked to use this email address for an account at Dossier. There is another account with it already: nothing has changed.

If that was not you, there is nothing you need to do.
`}, nil
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		return &mail.Message{To: email, Subject: "Confirm your new email address for Dossier", Text: fmt.Sprintf(`Hello,

please confirm that this is to be the email address of your account at Dossier, within a day:

%s

If you have no account there, someone mistyped an address: there is nothing you need to do.
`, p.appURL+pageVerify+token)}, nil
	})
	if err != nil {
		return err
	}
	return p.enqueue(func(context.Context) (*mail.Message, error) {
		return &mail.Message{To: user.Email, Subject: "Your email address at Dossier is to change", Text: fmt.Sprintf(`Hello,

someone who is signed in to your account at Dossier asked for another email address: %s. It takes the place of this one when it is
confirmed, within a day.

If that was not you, set a new password now: that ends it.
`, email)}, nil
	})
}

// emailChanged writes to the address that the user no longer has, if mail can be sent.
func (p *Post) emailChanged(from, to string) {
	if p == nil {
		return
	}
	err := p.enqueue(func(context.Context) (*mail.Message, error) {
		return &mail.Message{To: from, Subject: "Your email address at Dossier has changed", Text: fmt.Sprintf(`Hello,

the email address of your account at Dossier is %s from now on.

If that was not you, tell whoever runs Dossier for you.
`, to)}, nil
	})
	if err != nil {
		p.logger.Warn("a change of an email address was not mailed", "error", err)
	}
}
