// Package mailtest is a mail server for tests, which keeps what it is sent.
package mailtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The credentials that a server with authentication takes.
const (
	Username = "dossier"
	Password = "s3cret/with:signs"
)

// patience is how long a mail may take to come.
const patience = 20 * time.Second

// Mail is one that came.
type Mail struct {
	From, To  string // of the envelope
	Encrypted bool
	SignedIn  bool
	Header    mail.Header
	Text      string // of the body, decoded
}

// Server is an SMTP server on this machine.
type Server struct {
	Address string // host:port

	mu      sync.Mutex
	mails   []Mail
	refuse  []error // of the next mails
	refused int
}

// Options of a server.
type Options struct {
	Certificate *tls.Certificate // for STARTTLS, or with Implicit for TLS from the start; nil for none
	Implicit    bool
	Auth        bool // mails are taken from who signed in only
}

// New starts a server, which ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		_, encrypted := c.TLSConnectionState()
		return &session{server: s, auth: o.Auth, mail: Mail{Encrypted: encrypted}}, nil
	}))
	server.Domain, server.AllowInsecureAuth = "mail.test.example", true
	server.ReadTimeout, server.WriteTimeout = patience, patience
	server.ErrorLog = log.New(io.Discard, "", 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = listener.Addr().String()
	if o.Certificate != nil {
		config := &tls.Config{Certificates: []tls.Certificate{*o.Certificate}}
		if o.Implicit {
			listener = tls.NewListener(listener, config)
		} else {
			server.TLSConfig = config
		}
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// Refuse answers the next mails with these errors, one each.
func (s *Server) Refuse(errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = append(s.refuse, errs...)
}

// Mails are those that came.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Refused is how many were refused.
func (s *Server) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// Wait gives the first n mails when they have come.
func (s *Server) Wait(t testing.TB, n int) []Mail {
	t.Helper()
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if mails := s.Mails(); len(mails) >= n {
			return mails[:n]
		}
		if time.Since(began) > patience {
			t.Fatalf("waited %s in vain for %d mails: %v", patience, n, s.Mails())
		}
	}
}

type session struct {
	server *Server
	auth   bool
	mail   Mail
}

var _ smtp.AuthSession = (*session)(nil)

func (s *session) AuthMechanisms() []string {
	if !s.auth {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != Username || password != Password {
			return smtp.ErrAuthFailed
		}
		s.mail.SignedIn = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.auth && !s.mail.SignedIn {
		return smtp.ErrAuthRequired
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if len(s.server.refuse) > 0 {
		err := s.server.refuse[0]
		s.server.refuse = s.server.refuse[1:]
		s.server.refused++
		return err
	}
	s.mail.From = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.To += to
	return nil
}

func (s *session) Data(r io.Reader) error {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	var plain io.Reader = message.Body
	if message.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		plain = quotedprintable.NewReader(plain)
	}
	body, err := io.ReadAll(plain)
	if err != nil {
		return err
	}
	s.mail.Header, s.mail.Text = message.Header, string(body)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}

func (s *session) Reset()        { s.mail.From, s.mail.To = "", "" }
func (s *session) Logout() error { return nil }

// Certificate makes a certificate for the host, signed by itself, and a pool that trusts it.
func Certificate(t testing.TB, host string) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
