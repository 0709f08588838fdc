//go:build !linux

package sqlreplay_test

import "os/exec"

func ownFolder(string) error { return nil }

func asServer(*exec.Cmd) {}
