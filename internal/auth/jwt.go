package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// JWTConfig says which tokens of an identity provider are good, and whose they are.
type JWTConfig struct {
	Secret    string // of HS256; empty: the keys are at JWKSURL
	JWKSURL   string
	Issuer    string
	Audience  string
	ClockSkew time.Duration
	ByEmail   bool   // the claim email tells the user, else sub does
	Provider  string // of the account links that have sub
}

// JWT knows the tokens of one identity provider (RFC 7519).
type JWT struct {
	config JWTConfig
	parser *jwt.Parser
	keys   keyfunc.Keyfunc // nil with a secret
}

// Signatures that are taken, by what the key is. One of the other kind is not: whoever knows a public key could else use it
// as a secret (RFC 8725, section 3.1).
var (
	secretAlgorithms = []string{"HS256"}
	publicAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

// NewJWT makes the check of the provider's tokens. It asks for the provider's keys once, and goes on where there is no answer:
// they are asked for again until the context ends.
func NewJWT(ctx context.Context, c JWTConfig, logger *slog.Logger) (*JWT, error) {
	return newJWT(ctx, c, logger, keysAgainMin)
}

func newJWT(ctx context.Context, c JWTConfig, logger *slog.Logger, againMin time.Duration) (*JWT, error) {
	algorithms := secretAlgorithms
	j := &JWT{config: c}
	if c.Secret == "" {
		algorithms = publicAlgorithms
		var err error
		if j.keys, err = fetchKeys(ctx, c.JWKSURL, logger, againMin); err != nil {
			return nil, fmt.Errorf("read keys of %s: %w", c.JWKSURL, err)
		}
	}
	j.parser = jwt.NewParser(jwt.WithValidMethods(algorithms), jwt.WithIssuer(c.Issuer), jwt.WithAudience(c.Audience),
		jwt.WithLeeway(c.ClockSkew), jwt.WithExpirationRequired())
	return j, nil
}

// looksLikeJWT tells a JWT from our own tokens, which have no dots.
func looksLikeJWT(token string) bool { return strings.Count(token, ".") == 2 }

// claims are what is read of a token.
type claims struct {
	jwt.RegisteredClaims

	Email         string `json:"email"`
	EmailVerified any    `json:"email_verified"` // some providers send a text
}

// identify checks a token and gives whom it is of.
func (j *JWT) identify(ctx context.Context, token string) (repo.Identity, error) {
	var c claims
	parsed, err := j.parse(ctx, token, &c)
	if j.keys != nil && errors.Is(err, jwt.ErrTokenSignatureInvalid) && namesNoKey(parsed) { // which the provider may have only now
		readAgain(ctx, j.keys)
		c = claims{}
		_, err = j.parse(ctx, token, &c)
	}
	if err != nil {
		return repo.Identity{}, refusal(err)
	}
	identity := repo.Identity{ExpiresAt: c.ExpiresAt.Add(j.config.ClockSkew)}
	if j.config.ByEmail {
		if c.Email == "" || !verified(c.EmailVerified) || !isText(c.Email) {
			return repo.Identity{}, refused("it has no email address that is verified")
		}
		identity.Email = c.Email
		return identity, nil
	}
	if c.Subject == "" || !isText(c.Subject) {
		return repo.Identity{}, refused("it has no subject")
	}
	identity.Provider, identity.Subject, identity.UserID = j.config.Provider, c.Subject, userIDOf(c.Subject)
	return identity, nil
}

func (j *JWT) parse(ctx context.Context, token string, c *claims) (*jwt.Token, error) {
	return j.parser.ParseWithClaims(token, c, func(t *jwt.Token) (any, error) { return j.key(ctx, t) })
}

var errCritical = errors.New("the token has header fields that must be understood, and are not")

// key gives the key, or keys, that the token may be signed with.
func (j *JWT) key(ctx context.Context, token *jwt.Token) (any, error) {
	if _, has := token.Header["crit"]; has { // RFC 7515, section 4.1.11
		return nil, errCritical
	}
	if j.keys == nil {
		return []byte(j.config.Secret), nil
	}
	return publicKey(ctx, j.keys, token)
}

// verified is true if the provider says so: of some the users may write what they like.
func verified(claim any) bool {
	text, _ := claim.(string)
	return claim == true || strings.EqualFold(text, "true")
}

// isText reports whether PostgreSQL can be asked for the text.
func isText(text string) bool {
	_, err := model.UnmarshalString(text)
	return err == nil
}

// userIDOf reads a subject that is a user's id, as this API writes it or as a UUID.
func userIDOf(subject string) *model.UserID {
	if global, err := model.ParseGlobalID(subject); err == nil {
		if id, err := model.As[model.UserID](global); err == nil {
			return &id
		}
	}
	if id, err := uuid.Parse(subject); err == nil && len(subject) == len(uuid.UUID{}.String()) {
		return new(model.UserID(id))
	}
	return nil
}

// reasons are what a client is told of a token that is refused, the first that fits.
var reasons = []struct {
	err  error
	text string
}{
	{jwt.ErrTokenMalformed, "it is malformed"},
	{jwt.ErrTokenUnverifiable, "its key is none of the identity provider's"},
	{jwt.ErrTokenSignatureInvalid, "its signature is not the identity provider's"},
	{jwt.ErrTokenExpired, "it has expired"},
	{jwt.ErrTokenNotValidYet, "it is not valid yet"},
	{jwt.ErrTokenInvalidIssuer, "it is of another issuer"},
	{jwt.ErrTokenInvalidAudience, "it is for another audience"},
	{jwt.ErrTokenRequiredClaimMissing, "its exp, iss or aud is missing"},
}

// refusal is why a token is not taken, in terms that its holder can do something about.
func refusal(err error) error {
	if fault.All(err) != nil {
		return err
	}
	for _, reason := range reasons {
		if errors.Is(err, reason.err) {
			return refused(reason.text).Because(err)
		}
	}
	return refused("its claims are not as they must be").Because(err)
}

func refused(why string) *fault.Error {
	return fault.New(fault.Unauthenticated, "The token is refused: %s.", why)
}
