package keytab

import (
	"os"
	"strings"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
)

const (
	environment = "KRB5_KTNAME"
	defaultFile = "/etc/krb5.keytab"
)

// Default opens the keytab of this process: the file that the environment variable
// KRB5_KTNAME names, with or without the prefix FILE: or WRFILE:, or else
// /etc/krb5.keytab. If KRB5_KTNAME names a keytab of another type, Default returns an
// error. Default ignores KRB5_KTNAME in a process whose effective user or group differs
// from the real user or group (set-uid). It never reads krb5.conf.
//
// Only sspi.AcquireCredentialsHandle calls Default without being told to, if it is called
// without a configuration, because the caller then requests the process's own
// credentials.
func Default() (*File, error) {
	name := os.Getenv(environment)
	if os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid() {
		name = "" // the user who started the process set it, not the owner of the program
	}
	path, err := defaultPath(name)
	if err != nil {
		return nil, err
	}
	return OpenFile(path)
}

// defaultPath returns the path in the value of KRB5_KTNAME, which is empty if the
// variable is not set.
func defaultPath(name string) (string, error) {
	if name == "" {
		return defaultFile, nil
	}
	kind, path, typed := strings.Cut(name, ":")
	switch {
	case !typed, strings.HasPrefix(name, "/"), len(kind) == 1: // a drive of Windows
		return name, nil
	case kind != "FILE" && kind != "WRFILE":
		return "", &status.Error{Reason: status.ReasonNoCredentials, Detail: environment + " names a keytab of type " + quote.Text(kind) + "; only the types FILE and WRFILE are supported"}
	case path == "":
		return "", &status.Error{Reason: status.ReasonNoCredentials, Detail: environment + " names no file"}
	}
	return path, nil
}
