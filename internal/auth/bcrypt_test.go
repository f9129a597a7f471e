package auth

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// Hashes that other implementations made, of the test vectors of crypt_blowfish 1.3 (wrapper.c).
func TestBcryptOfOthers(t *testing.T) {
	t.Parallel()
	for hash, password := range map[string]string{
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": "U*U",
		"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": "U*U",
		"$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": "U*U",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK": "U*U*",
		"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a": "U*U*U",
		"$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
	} {
		if ok, err := checkPassword(t.Context(), nil, password, &hash); !ok || err != nil {
			t.Errorf("%s: %t, %v", hash, ok, err)
		}
		if ok, err := checkPassword(t.Context(), nil, "x"+password[1:], &hash); ok || err != nil {
			t.Errorf("%s, another password: %t, %v", hash, ok, err)
		}
		if upgraded, err := upgrade(t.Context(), password, hash); err != nil || upgraded == nil || isBcrypt(*upgraded) {
			t.Errorf("%s is upgraded to %v, %v", hash, upgraded, err)
		}
	}
}

// bcrypt takes 72 bytes: what comes after them never counted, and is no error.
func TestBcryptTakesSoMuch(t *testing.T) {
	t.Parallel()
	password := strings.Repeat("ä", 36)
	made, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	hash := string(made)
	for given, want := range map[string]bool{password: true, password + "x": true, strings.Repeat("ä", 256): true, password[:70]: false} {
		if ok, err := checkPassword(t.Context(), nil, given, &hash); ok != want || err != nil {
			t.Errorf("%d bytes: %t, %v", len(given), ok, err)
		}
	}
}

// A hash that would take hours is not computed, and says nothing of itself.
func TestBcryptCostIsBounded(t *testing.T) {
	t.Parallel()
	for _, hash := range []string{
		"$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "$2a$xx$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "$2a$05$C",
	} {
		if ok, err := checkPassword(t.Context(), nil, "U*U", &hash); ok || err == nil || strings.Contains(err.Error(), "E5YPO") {
			t.Errorf("%s: %t, %v", hash, ok, err)
		}
	}
}
