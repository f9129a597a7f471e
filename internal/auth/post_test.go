package auth

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/internal/fault"
	"dossier/internal/mail"
)

// mailer counts, and waits for a word before each mail if there is someone to give it.
type mailer struct {
	mu   sync.Mutex
	sent []string
	next chan struct{}
}

func (m *mailer) Send(ctx context.Context, message mail.Message) error {
	if m.next != nil {
		select {
		case <-m.next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = append(m.sent, message.To)
	if message.To == "panic" {
		panic("made by a test")
	}
	if message.To == "refused" {
		return errors.New("refused")
	}
	return nil
}

func (m *mailer) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sent)
}

func to(address string) letter {
	return func(context.Context) (*mail.Message, error) { return &mail.Message{To: address}, nil }
}

// What waits when the program stops is sent, and the post is bounded.
func TestPostIsBoundedAndDrained(t *testing.T) {
	t.Parallel()
	m := &mailer{next: make(chan struct{})}
	p := NewPost(nil, m, "", slog.New(slog.DiscardHandler))
	taken := 0
	for began := time.Now(); time.Since(began) < 10*time.Second; taken++ {
		if err := p.enqueue(to("x")); err != nil {
			if faults := fault.All(err); len(faults) != 1 || faults[0].Code != fault.RateLimited || faults[0].RetryAfter == 0 {
				t.Errorf("a full post: %v", err)
			}
			break
		}
	}
	if taken < postQueueMax || taken > postQueueMax+postWorkers {
		t.Errorf("the post takes %d letters", taken)
	}
	close(m.next)
	p.Close()
	p.Close()
	if m.count() != taken {
		t.Errorf("%d of %d were sent", m.count(), taken)
	}
}

// One letter that cannot be sent is told in the log, and keeps no other one from being sent.
func TestPostGoesOn(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	m := &mailer{}
	p := NewPost(nil, m, "", slog.New(slog.NewTextHandler(&text, nil)))
	for range postWorkers {
		for _, l := range []letter{to("panic"), to("refused"), func(context.Context) (*mail.Message, error) { return nil, errors.New("unwritten") },
			func(context.Context) (*mail.Message, error) { return nil, nil }} {
			if err := p.enqueue(l); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.enqueue(to("last")); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if m.count() != 2*postWorkers+1 {
		t.Errorf("sent: %v", m.sent)
	}
	for _, word := range []string{"panic while", "refused", "unwritten"} {
		if strings.Count(text.String(), word) < postWorkers {
			t.Errorf("the log does not tell of %q:\n%s", word, text.String())
		}
	}
}

// A mail server that does not answer keeps no program from stopping.
func TestPostDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	m := &mailer{next: make(chan struct{})}
	p := NewPost(nil, m, "", slog.New(slog.DiscardHandler))
	for range 2 * postWorkers {
		if err := p.enqueue(to("x")); err != nil {
			t.Fatal(err)
		}
	}
	closed := make(chan struct{})
	go func() {
		p.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(6 * postDrainMax):
		t.Fatal("it waits on")
	}
	if m.count() > 0 {
		t.Errorf("sent: %v", m.sent)
	}
}

// What is held back is held back for each failure of a request, and no longer than there is time.
func TestFloor(t *testing.T) {
	t.Parallel()
	ctx := WithFloor(t.Context())
	began := time.Now()
	AwaitFloor(ctx)
	AwaitFloor(t.Context())
	if took := time.Since(began); took > failureFloor/2 {
		t.Errorf("an answer without failures is held back for %s", took)
	}
	began = time.Now()
	holdBack(ctx, began)
	holdBack(ctx, time.Now())
	AwaitFloor(ctx)
	if took := time.Since(began); took < 2*failureFloor {
		t.Errorf("two failures took %s", took)
	}
	holdBack(ctx, time.Now())
	hurried, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	began = time.Now()
	AwaitFloor(hurried)
	if took := time.Since(began); took > failureFloor/2 {
		t.Errorf("with a millisecond to go it took %s", took)
	}
	holdBack(t.Context(), time.Now()) // there is no one to wait
}
