// Command shiplog is the server and its operator's commands: it reads flags and the configuration file, opens the
// node, runs it until it is told to stop, and turns the outcome into an exit code.
//
// It promises one clear line on standard error and a non-zero exit code for everything that it refuses, before
// anything on the machine has been touched. It never decides anything about data.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errUsage says that the command line cannot be understood.
var errUsage = errors.New("see shiplog help")

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run runs one command and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	err := dispatch(args, stdout, stderr)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "shiplog: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailed
}

func dispatch(args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("which command? %w", errUsage)
	}
	command, rest := args[0], args[1:]
	if len(rest) == 1 && (rest[0] == "--help" || rest[0] == "-h") {
		return help(stdout, args[:1])
	}
	switch command {
	case "serve":
		return serve(rest, openNode, streams{stdout, stderr})
	case "local":
		return local(rest, streams{stdout, stderr})
	case "cluster":
		return clusterCommand(rest, stdout)
	case "changes":
		return changesCommand(rest, stdout)
	case "log":
		return logCommand(rest, stdout)
	case "version", "--version", "-v":
		_, err := fmt.Fprintln(stdout, version())
		return err
	case "help", "--help", "-h":
		return help(stdout, rest)
	}
	return fmt.Errorf("unknown command %q: %w", command, errUsage)
}
