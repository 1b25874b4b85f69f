package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// rowWidth is how much of a key and of values a row shows.
const rowWidth = 60

// printRow prints a change, which is JSON, as a row for people: time, partition, position, operation, key, and what else it says.
func printRow(w *bufio.Writer, item string) error {
	var c map[string]json.RawMessage
	if err := json.Unmarshal([]byte(item), &c); err != nil {
		return fmt.Errorf("a node's change is no JSON: %w", err)
	}
	number := func(name string) int64 {
		n, err := strconv.ParseInt(string(c[name]), 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	_, err := fmt.Fprintf(w, "%s  %3d  %9d.%-4d %-8s %-20s %s\n", time.UnixMilli(number("time")).Format("15:04:05.000"), number("partition"),
		number("sequence"), number("index"), word(c["op"]), shown(c, "key"), strings.Join(details(c), " "))
	return err
}

// details are the members that say what the operation has done.
func details(c map[string]json.RawMessage) (words []string) {
	for _, name := range []string{"field", "member", "score", "value", "at", "count", "id", "fields", "to", "group", "consumer"} {
		if text := shown(c, name); text != "" {
			words = append(words, name+"="+text)
		}
	}
	if ms, ok := c["expire_at"]; ok {
		words = append(words, "expire_at="+string(ms))
	}
	if cause := word(c["cause"]); cause != "client" && cause != "" {
		words = append(words, "("+cause+")")
	}
	return words
}

func word(raw json.RawMessage) string { return strings.Trim(string(raw), `"`) }

// shown is a member as JSON has it, cut off when it is long; of bytes that are no text their base64.
func shown(c map[string]json.RawMessage, name string) string {
	raw, ok := c[name]
	if !ok {
		if raw, ok = c[name+"64"]; !ok {
			return ""
		}
		return "base64:" + cut(word(raw))
	}
	return cut(string(raw))
}

func cut(text string) string {
	runes := []rune(text)
	if len(runes) <= rowWidth {
		return text
	}
	return string(runes[:rowWidth]) + "..."
}
