package auth

import (
	"regexp"
	"strings"
	"testing"

	"dossier/internal/fault"
)

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	token, key := NewAPIKey()
	again, _ := NewAPIKey()
	if token == again || !regexp.MustCompile(`^dossier_key_[A-Z2-7]{33}$`).MatchString(token) || !IsAPIKey(token) {
		t.Errorf("%s, %s", token, again)
	}
	if len(key.TokenHash) != 32 || strings.Contains(string(key.TokenHash), token) || len(key.Hint) != 4 || !strings.HasSuffix(token, key.Hint) {
		t.Errorf("the hash is %x, the hint %s", key.TokenHash, key.Hint)
	}
	// What scanners are told of the checksum stays true. Python's zlib.crc32 and base64.b32encode make the same.
	if got := checksum("dossier_key_AAAAAAAAAAAAAAAAAAAAAAAAAA"); got != "GABPIYI" {
		t.Errorf("the checksum is %s", got)
	}
}

// What is no key is found out without a database: there is none here.
func TestMistypedAPIKeys(t *testing.T) {
	t.Parallel()
	token, _ := NewAPIKey()
	other := map[bool]string{true: "B", false: "A"}[token[20] == 'A']
	for name, mistyped := range map[string]string{
		"a letter": token[:20] + other + token[21:], "lower case": "dossier_key_" + strings.ToLower(token[12:]),
		"cut": token[:len(token)-1], "longer": token + "A", "nothing": apiKeyPrefix, "a space": token + " ",
	} {
		if _, err := (Credentials{}).Viewer(t.Context(), mistyped); !fault.Is(err, fault.Unauthenticated) || !strings.Contains(err.Error(), "API key") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
