package resp

// splitInline cuts a line into words as Redis cuts inline commands: words in double quotes know the escapes
// \n \r \t \b \a \xHH and \c for any other c, words in single quotes know only \'. It appends the words to args
// and unquotes in place. With ok false the quotes are unbalanced, or a closing quote is not followed by a space.
func splitInline(line []byte, args [][]byte) (words [][]byte, ok bool) {
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) || line[i] == 0 {
			return args, true
		}
		start, end := i, i
		for i < len(line) && !endsWord(line[i]) {
			switch c := line[i]; c {
			case '"', '\'':
				i, end, ok = unquote(line, i, end)
				if !ok {
					return nil, false
				}
			default:
				line[end] = c
				i, end = i+1, end+1
			}
		}
		args = append(args, line[start:end:end])
	}
}

// unquote copies the quoted text that begins at line[i] to line[end:], and returns where both end.
func unquote(line []byte, i, end int) (next, newEnd int, ok bool) {
	quote := line[i]
	for i++; i < len(line); {
		c := line[i]
		switch {
		case c == quote:
			i++
			return i, end, i == len(line) || isSpace(line[i]) || line[i] == 0
		case c == 0:
			return 0, 0, false
		case c == '\\' && quote == '"' && i+1 < len(line):
			c, i = escape(line, i)
		case c == '\\' && quote == '\'' && i+1 < len(line) && line[i+1] == '\'':
			c, i = '\'', i+2
		default:
			i++
		}
		line[end] = c
		end++
	}
	return 0, 0, false
}

// escape reads the escape sequence at line[i] and returns its character and where it ends.
func escape(line []byte, i int) (c byte, next int) {
	if line[i+1] == 'x' && i+3 < len(line) && isHex(line[i+2]) && isHex(line[i+3]) {
		return hexValue(line[i+2])<<4 | hexValue(line[i+3]), i + 4
	}
	switch c = line[i+1]; c {
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'b':
		c = '\b'
	case 'a':
		c = '\a'
	}
	return c, i + 2
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// endsWord tells whether c ends a word that is not quoted. Redis skips \v and \f before words, yet does not
// end a word with them.
func endsWord(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0 }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
