package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// uncompared tells why no script holds a command; it is empty when one must: against redis-server, or, if that is too old to have
// it, against what is written down in newer.script.
func uncompared(command string) string {
	if command == "cluster" || strings.HasPrefix(command, "cluster|") {
		return "redis-server refuses them outside a cluster; TestClusterConversation and node/commands compare them within one"
	}
	if command == "changes" || strings.HasPrefix(command, "changes|") {
		return "redis-server does not have them: TestChanges and those named like it hold them"
	}
	return ""
}

// TestCoverage fails for a command or sub-command of the server under test that occurs in no script, and for an
// exception that is none any more.
func TestCoverage(t *testing.T) {
	seen := scripted(t)
	commands := do(t, dial(t, startShiplog(t)), "COMMAND", "LIST").Elems
	excepted := 0
	for _, e := range commands {
		switch reason := uncompared(e.Text); {
		case reason != "" && seen[e.Text]:
			t.Errorf("%s is in a script, but an exception: %s", e.Text, reason)
		case reason != "":
			excepted++
		case !seen[e.Text]:
			t.Errorf("%s is in no script", e.Text)
		}
	}
	if len(commands) < 150 || excepted == 0 {
		t.Errorf("%d commands, %d exceptions: too few to mean anything", len(commands), excepted)
	}
}

// unscripted tells why an option is in no script; it is empty when it must be.
func unscripted(command, token string) string {
	switch {
	case command == "client|tracking":
		return "what it does is pushed to other connections: TestTracking compares that"
	case command == "client|reply" && token == "SKIP":
		return "it is in connection.script, as raw bytes"
	case command == "script|debug" && token != "NO":
		return "redis-server would debug the scripts that follow: node/commands holds what is answered"
	}
	return ""
}

// TestCoverageOptions fails for an option that redis-server or the server under test documents and that occurs in no script with its
// command.
func TestCoverageOptions(t *testing.T) {
	words := wordsOf(t)
	nodes := [2]*Node{startShiplog(t), startRedis(t)}
	options := 0
	for _, row := range append(table(t, nodes), ownTable(t, nodes[0])...) {
		name := strings.ToLower(strings.Join(row.words, "|"))
		if uncompared(name) != "" {
			continue
		}
		for _, token := range tokens(row.arguments) {
			options++
			if !words[row.words[0]][strings.ToUpper(token)] && unscripted(name, token) == "" {
				t.Errorf("%s is in no script with %s", name, token)
			}
		}
	}
	if options < 600 {
		t.Errorf("only %d options: too few to mean anything", options)
	}
}

// ownTable is the table as the server under test documents it, with all that redis-server does not have.
func ownTable(t *testing.T, n *Node) (rows []tableRow) {
	t.Helper()
	for name, docs := range fields(do(t, dial(t, n), "COMMAND", "DOCS")) {
		rows = append(rows, tableRow{words: []string{strings.ToUpper(name)}, arguments: fields(docs)["arguments"].Elems})
		for sub, docs := range fields(fields(docs)["subcommands"]) {
			rows = append(rows, tableRow{words: strings.Split(strings.ToUpper(sub), "|"), arguments: fields(docs)["arguments"].Elems})
		}
	}
	return rows
}

// tokens are the words that stand for themselves in documented arguments.
func tokens(docs []Value) (list []string) {
	for _, doc := range docs {
		f := fields(doc)
		list = append(list, strings.Fields(f["token"].Text)...)
		list = append(list, tokens(f["arguments"].Elems)...)
	}
	return list
}

// wordsOf returns, for each command in the scripts, all words that occur with it, in capitals.
func wordsOf(t *testing.T) map[string]map[string]bool {
	t.Helper()
	words := map[string]map[string]bool{}
	for _, s := range scriptSteps(t) {
		name := strings.ToUpper(s.words[0])
		if words[name] == nil {
			words[name] = map[string]bool{}
		}
		for _, w := range s.words[1:] {
			words[name][strings.ToUpper(w)] = true
		}
	}
	return words
}

// scripted returns the commands of all scripts as COMMAND LIST names them: "config" and "config|get".
func scripted(t *testing.T) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range scriptSteps(t) {
		seen[strings.ToLower(s.words[0])] = true
		if len(s.words) > 1 {
			seen[strings.ToLower(s.words[0]+"|"+s.words[1])] = true
		}
	}
	return seen
}

// scriptSteps are the steps of all scripts that send a command.
func scriptSteps(t *testing.T) (steps []step) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.script")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		for _, s := range loadScript(t, file) {
			if len(s.words) > 0 {
				steps = append(steps, s)
			}
		}
	}
	return steps
}
