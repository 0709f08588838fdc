package ad

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// spec describes a forest of one domain. testdata/forest.py reads the same text.
type spec struct {
	Realm    string
	NetBIOS  string
	Suffixes []string // of user principal names, besides the domain's own
	Claims   []struct {
		ID        string
		Attribute string // lDAPDisplayName
		Type      string
		Classes   []string
	}
	Users, Computers, Services, Managed []account
	Groups                              []struct {
		Name, Scope string
		Members     []string
		Foreign     []string // accounts of the other forest
	}
	// Hostile are members of groups whose SID is that of a group of the other forest: a
	// hostile administrator of the forest made them.
	Hostile []struct{ Name, Group, SID string }
	// Protected are the members of the group Protected Users, whose tickets no service may
	// delegate.
	Protected []string
	// ActsFor lists the accounts that may delegate to a service (resource-based
	// constrained delegation).
	ActsFor map[string][]string
}

// account is a user, a computer, a service or a group managed service account.
type account struct {
	Name       string
	UPN        string
	SPNs       []string
	Options    []string
	Attributes map[string]any
}

// readSpecs reads testdata/forests.json: the specs by name, and the text of each.
func readSpecs() (map[string]spec, map[string]json.RawMessage, error) {
	b, err := os.ReadFile(filepath.Join("testdata", "forests.json"))
	if err != nil {
		return nil, nil, err
	}
	var specs map[string]spec
	var texts map[string]json.RawMessage
	if err := json.Unmarshal(b, &specs); err != nil {
		return nil, nil, err
	}
	return specs, texts, json.Unmarshal(b, &texts)
}

// user returns the spec of a user.
func (s *spec) user(t testing.TB, name string) account {
	t.Helper()
	for _, u := range s.Users {
		if u.Name == name {
			return u
		}
	}
	t.Fatalf("testdata/forests.json has no user %s", name)
	return account{}
}
