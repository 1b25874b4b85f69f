package commands

import (
	"strings"
	"testing"
)

// Wrong words are answered with how the verb is used.
func TestGroupUsage(t *testing.T) {
	const read = "ERR syntax error, use: CHANGES GROUP READ group consumer [COUNT count] [BLOCK ms] [PENDING]"
	for words, want := range map[string]string{
		"read":                              read,
		"read g":                            read,
		"read g c COUNT":                    read,
		"read g c SIDEWAYS 1":               read,
		"read g c COUNT 0":                  "ERR COUNT must be a positive number",
		"ack g":                             "ERR syntax error, use: CHANGES GROUP ACK group token",
		"ack g a b":                         "ERR syntax error, use: CHANGES GROUP ACK group token",
		"delete g h":                        "ERR syntax error, use: CHANGES GROUP DELETE group",
		"position":                          "ERR syntax error, use: CHANGES GROUP POSITION group",
		"list g":                            "ERR syntax error, use: CHANGES GROUP LIST",
		"create g ALL":                      "ERR syntax error, use: CHANGES GROUP CREATE group partition|ALL FROM",
		"create g ALL SINCE BEGIN":          "ERR syntax error, use: CHANGES GROUP CREATE group partition|ALL FROM",
		"create g ALL FROM BEGIN COUNT 3":   "ERR syntax error, use: CHANGES GROUP CREATE group partition|ALL FROM",
		"create g x FROM BEGIN":             "ERR partition must be a number, or ALL",
		"drop g":                            "ERR unknown verb 'drop', use: CHANGES GROUP CREATE|READ|ACK|POSITION|DELETE|LIST",
		"create g ALL FROM BEGIN LEASE 500": "",
		"read g c PENDING COUNT 2 BLOCK 3":  "",
		"list":                              "",
	} {
		a := Args{[]byte("changes"), []byte("group")}
		for _, word := range strings.Fields(words) {
			a = append(a, []byte(word))
		}
		got := ""
		if _, refusal := parseGroupAsk(a); refusal != nil {
			got = refusal.Text
		}
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("CHANGES GROUP %s: got %q, want %q", words, got, want)
		}
	}
}
