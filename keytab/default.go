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

// Default opens the keytab of this process: the file that the environment
// variable KRB5_KTNAME names, with or without the prefix FILE: or WRFILE:, else
// /etc/krb5.keytab. A KRB5_KTNAME of another type of keytab is an error. It is
// not looked at in a process with other effective than real user or group
// (set-uid), nor is krb5.conf ever.
//
// Nothing calls Default unasked but sspi.AcquireCredentialsHandle without a
// configuration, which asks for the process's own credentials.
func Default() (*File, error) {
	name := os.Getenv(environment)
	if os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid() {
		name = "" // the caller's wish, not the owner's
	}
	path, err := defaultPath(name)
	if err != nil {
		return nil, err
	}
	return OpenFile(path)
}

// defaultPath reads the value of KRB5_KTNAME, "" for none.
func defaultPath(name string) (string, error) {
	if name == "" {
		return defaultFile, nil
	}
	kind, path, typed := strings.Cut(name, ":")
	switch {
	case !typed, strings.HasPrefix(name, "/"), len(kind) == 1: // a drive of Windows
		return name, nil
	case kind != "FILE" && kind != "WRFILE":
		return "", &status.Error{Reason: status.ReasonNoCredentials, Detail: environment + " names a keytab of type " + quote.Text(kind) + "; only FILE and WRFILE can be read"}
	case path == "":
		return "", &status.Error{Reason: status.ReasonNoCredentials, Detail: environment + " names no file"}
	}
	return path, nil
}
