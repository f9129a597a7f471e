package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Bytes is a size: a whole number with a unit such as KiB, MiB, GiB or TiB, and of bytes without.
type Bytes int64

var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

// UnmarshalText reads 5GiB and the like.
func (b *Bytes) UnmarshalText(text []byte) error {
	number, times := string(text), int64(1)
	for _, unit := range units {
		if rest, ok := strings.CutSuffix(number, unit.name); ok {
			number, times = rest, unit.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<53)/times { // clients read sizes as JSON numbers
		return fmt.Errorf("%q is not a size", text)
	}
	*b = Bytes(n * times)
	return nil
}

// String writes it in the largest unit that divides it.
func (b Bytes) String() string {
	for i := len(units) - 1; i >= 0; i-- {
		if unit := units[i]; b > 0 && int64(b)%unit.bytes == 0 {
			return strconv.FormatInt(int64(b)/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}
