package pgconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

// sslRequest is the SSLRequest message: length 8, code 80877103
// (https://www.postgresql.org/docs/current/protocol-message-formats.html).
var sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}

// errNoTLS is the server's N.
var errNoTLS = errors.New("the server does not offer TLS")

// tlsPlan is one way to open a connection.
type tlsPlan int

const (
	planPlain tlsPlan = iota
	planOfferTLS
	planTLS
)

// plans are the ways to try in order, by sslmode: see "sslmode" in libpq-connect.
func (t Target) plans(h Host) []tlsPlan {
	if h.Network == "unix" {
		return []tlsPlan{planPlain} // "sslmode is ignored for Unix domain socket communication"
	}
	switch t.SSLMode {
	case SSLDisable:
		return []tlsPlan{planPlain}
	case SSLAllow:
		return []tlsPlan{planPlain, planTLS}
	case SSLPrefer:
		return []tlsPlan{planOfferTLS, planPlain}
	}
	return []tlsPlan{planTLS}
}

// tlsConfig is nil for a host that is never spoken to by TLS.
func (t Target) tlsConfig(h Host) (*tls.Config, error) {
	if h.Network == "unix" || t.SSLMode == SSLDisable {
		return nil, nil
	}
	conf := &tls.Config{ServerName: h.Name, MinVersion: tls.VersionTLS12}
	if t.SSLRootCert != "" && t.SSLRootCert != "system" {
		pem, err := os.ReadFile(t.SSLRootCert)
		if err != nil {
			return nil, fmt.Errorf("sslrootcert cannot be read: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("sslrootcert %s holds no PEM certificate", t.SSLRootCert)
		}
	}
	if t.SSLCert != "" {
		cert, err := tls.LoadX509KeyPair(t.SSLCert, t.SSLKey)
		if err != nil {
			return nil, fmt.Errorf("sslcert and sslkey cannot be used: %w", err)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	switch {
	case t.SSLMode == SSLVerifyFull:
	case t.verifiesChain():
		// crypto/tls has no "chain, but not the name" (go.dev/issue/21971): its check is off, and ours is on.
		conf.InsecureSkipVerify = true
		conf.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(conf.RootCAs, s) }
	default:
		conf.InsecureSkipVerify = true
	}
	return conf, nil
}

func verifyChain(roots *x509.CertPool, s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server sent no certificate")
	}
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, cert := range s.PeerCertificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	if _, err := s.PeerCertificates[0].Verify(opts); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
	}
	return nil
}

// startTLS asks for TLS and shakes hands; errNoTLS leaves raw usable in plain (protocol-flow, 55.2.11).
// It reads exactly one byte before the handshake: what a man in the middle sends along in plain text is then
// part of the handshake, which fails (CVE-2021-23222).
func startTLS(ctx context.Context, raw net.Conn, conf *tls.Config) (net.Conn, error) {
	if _, err := raw.Write(sslRequest); err != nil {
		return nil, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(raw, answer[:]); err != nil {
		return nil, fmt.Errorf("no answer to the request for TLS: %w", err)
	}
	switch answer[0] {
	case 'S':
	case 'N':
		return nil, errNoTLS
	default:
		return nil, errors.New("the request for TLS got an answer that is not PostgreSQL's")
	}
	conn := tls.Client(raw, conf)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, &handshakeError{err}
	}
	return conn, nil
}

// handshakeError is what sslmode prefer falls back from.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake failed: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }
