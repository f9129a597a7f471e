//go:build !race

package extract

const withRace = false
