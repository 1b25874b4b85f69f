package commands

import "strconv"

// integer reads a 64-bit integer as strictly as Redis does: no sign but '-', no leading zeros, no spaces.
func integer(word []byte) (int64, bool) {
	if len(word) == 0 || len(word) > 20 {
		return 0, false
	}
	digits := word
	if digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || digits[0] < '0' || digits[0] > '9' || digits[0] == '0' && len(word) > 1 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(word), 10, 64)
	return n, err == nil
}
