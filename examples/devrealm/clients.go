package main

import (
	"embed"
	"os"
	"path/filepath"
	"strings"
)

// clientFiles are programs and settings of clients: Get.java with jaas.conf, get.py, and user.js
// for a profile of Firefox.
//
//go:embed clients
var clientFiles embed.FS

// writeClients writes these files into the directory of the realm.
func (w *world) writeClients() error {
	// A backslash begins an escape in jaas.conf, also in the paths of Windows.
	cache := filepath.ToSlash(filepath.Join(w.dir, "ccache"))
	for name, to := range map[string]string{"Get.java": "Get.java", "get.py": "get.py", "jaas.conf": "jaas.conf", "user.js": filepath.Join("firefox", "user.js")} {
		content, err := clientFiles.ReadFile("clients/" + name)
		if err != nil {
			return err
		}
		path := filepath.Join(w.dir, to)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(content), "CCACHE", cache, 1)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// javaCommand returns the command up to the URL. Java reads no environment variable of MIT's
// library. PowerShell needs the quotation marks.
func (w *world) javaCommand() string {
	return "java '-Djava.security.krb5.conf=" + filepath.Join(w.dir, "krb5.conf") + "'" +
		" '-Djava.security.auth.login.config=" + filepath.Join(w.dir, "jaas.conf") + "'" +
		" '-Djavax.security.auth.useSubjectCredsOnly=false' " + quoted(filepath.Join(w.dir, "Get.java"))
}
