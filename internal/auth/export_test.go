package auth

// NewJWTAgain is NewJWT with another bound for how often keys are fetched again.
var NewJWTAgain = newJWT
