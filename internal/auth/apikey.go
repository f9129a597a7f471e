package auth

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"dossier/internal/fault"
	"dossier/model"
)

// apiKeyPrefix lets secret scanners and people recognize an API key.
const apiKeyPrefix = "dossier_key_"

// A key ends with the CRC-32 (IEEE 802.3) of all that is before it, as 7 characters of base32 (RFC 4648, section 6). By it a
// scanner tells a key from what only looks like one, as does the server. The last characters of the key are its hint.
const (
	apiKeyChecksumLength = 7
	apiKeyHintLength     = 4
)

// NewAPIKey makes a token and the API key to store for it; what it is for, and whose it is, is still to be said.
func NewAPIKey() (string, model.APIKey) {
	token := apiKeyPrefix + rand.Text()
	token += checksum(token)
	return token, model.APIKey{TokenHash: HashToken(token), Hint: token[len(token)-apiKeyHintLength:]}
}

// IsAPIKey reports whether a token is meant to be an API key, a good one or not.
func IsAPIKey(token string) bool { return strings.HasPrefix(token, apiKeyPrefix) }

func checksum(text string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text)))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum)
}

var errMistypedKey = fault.New(fault.Unauthenticated, "This is no API key: a part of it is missing or mistyped.")

// apiKeyViewer gives whose API key the token is. One that is mistyped or made up is refused without a statement.
func (c Credentials) apiKeyViewer(ctx context.Context, token string) (model.Viewer, error) {
	end := max(0, len(token)-apiKeyChecksumLength)
	if checksum(token[:end]) != token[end:] {
		return model.Viewer{}, errMistypedKey
	}
	return c.Store.ViewerByAPIKey(ctx, HashToken(token))
}
