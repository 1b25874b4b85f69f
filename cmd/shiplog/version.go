package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"shiplog/node"
)

// version names the program, its version, the commit it was built from when that is known, and the toolchain.
func version() string {
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		commit = revision(info.Settings)
	}
	return fmt.Sprintf("shiplog %s (%s%s %s/%s)", node.Version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// revision returns "commit 0123456789ab, ", with a '+' when files had been changed, or nothing.
func revision(settings []debug.BuildSetting) string {
	values := make(map[string]string)
	for _, setting := range settings {
		values[setting.Key] = setting.Value
	}
	commit := values["vcs.revision"]
	if commit == "" {
		return ""
	}
	commit = commit[:min(len(commit), 12)]
	if values["vcs.modified"] == "true" {
		commit += "+"
	}
	return "commit " + commit + ", "
}
