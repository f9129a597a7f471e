package auth

// HashToken is what is stored of a token that an Auth.js frontend made, as it is of those made here.
func HashToken(token string) []byte { return hashToken(token) }
