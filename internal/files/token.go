package files

import (
	"crypto/rand"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dossier/internal/fault"
	"dossier/model"
)

// What a link is for, so that one that lets download lets upload nothing.
const (
	forDownload = "download"
	forUpload   = "upload"
)

// downloadLife is how long a link to download is good: for a click, and for a player to begin.
const downloadLife = 5 * time.Minute

// NewKey makes a key to sign links with.
func NewKey() string { return rand.Text() + rand.Text() }

// link is what a signed link says: of what it is and for whom.
type link struct {
	jwt.RegisteredClaims
	User string `json:"usr,omitempty"` // whose right to see it is
}

// sign makes the secret part of a link, a JSON Web Token (RFC 7519) by HS256.
func (f *Files) sign(purpose string, of model.GlobalID, user string, expires time.Time) string {
	claims := link{jwt.RegisteredClaims{
		Audience: jwt.ClaimStrings{purpose}, Subject: of.String(), ExpiresAt: jwt.NewNumericDate(expires)}, user}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(f.Keys[0]))
	if err != nil {
		panic(err) // HMAC takes any key, and the claims can be encoded
	}
	return token
}

var errLink = fault.Denied("The link is not good, or not any more: ask for a new one.")

// verify reads the secret part of a link.
func (f *Files) verify(purpose, token string) (link, error) {
	var failed error
	for _, key := range f.Keys {
		var claims link
		_, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return []byte(key), nil },
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Name}), jwt.WithAudience(purpose), jwt.WithExpirationRequired())
		if err == nil {
			return claims, nil
		}
		failed = err
	}
	return link{}, errLink.Because(failed)
}
