package commands

// globSteps bounds the work of one match: patterns with many stars could otherwise take very long
// (CVE-2022-36021, CVE-2024-31228).
const globSteps = 1_000_000

// Match tells whether text matches pattern in the language of KEYS: '*' any bytes, '?' any byte, "[a-c]" and
// "[^x]" classes, '\' takes the next byte as it is. It goes back to the last star only, which is enough, so
// its time is at most the product of the lengths; after globSteps steps the answer is no. fold ignores the case of ASCII letters.
// As in Redis, "*" matches the empty text and no other pattern of stars does.
func Match(pattern, text []byte, fold bool) bool {
	if len(text) == 0 {
		return len(pattern) == 0 || string(pattern) == "*"
	}
	p, t := 0, 0
	starP, starT := -1, 0
	for steps := 0; steps < globSteps; steps++ {
		if p < len(pattern) && pattern[p] == '*' {
			for p < len(pattern) && pattern[p] == '*' {
				p++
			}
			if p == len(pattern) {
				return true
			}
			starP, starT = p, t
			continue
		}
		if t == len(text) {
			return p == len(pattern)
		}
		if p < len(pattern) {
			if width, ok := matchOne(pattern[p:], text[t], fold); ok {
				p += width
				t++
				continue
			}
		}
		if starP < 0 {
			return false
		}
		starT++
		p, t = starP, starT
	}
	return false
}

// matchOne matches one byte with what pattern begins with, which is not a star, and returns how long that is.
func matchOne(pattern []byte, c byte, fold bool) (width int, ok bool) {
	switch {
	case pattern[0] == '?':
		return 1, true
	case pattern[0] == '[':
		return matchClass(pattern, c, fold)
	case pattern[0] == '\\' && len(pattern) >= 2:
		return 2, same(pattern[1], c, fold)
	default:
		return 1, same(pattern[0], c, fold)
	}
}

// matchClass matches one byte with a class, which ends with the pattern when its ']' is missing, as in Redis.
func matchClass(pattern []byte, c byte, fold bool) (width int, ok bool) {
	i := 1
	not := i < len(pattern) && pattern[i] == '^'
	if not {
		i++
	}
	for ; i < len(pattern) && pattern[i] != ']'; i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			i++
			ok = ok || pattern[i] == c
		case i+2 < len(pattern) && pattern[i+1] == '-':
			ok = ok || within(pattern[i], pattern[i+2], c, fold)
			i += 2
		default:
			ok = ok || same(pattern[i], c, fold)
		}
	}
	return min(i+1, len(pattern)), ok != not
}

func within(from, to, c byte, fold bool) bool {
	if from > to {
		from, to = to, from
	}
	if fold {
		from, to, c = lower(from), lower(to), lower(c)
	}
	return from <= c && c <= to
}

func same(a, b byte, fold bool) bool {
	return a == b || fold && lower(a) == lower(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
