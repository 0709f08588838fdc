package archtest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// renamed maps identifiers that earlier versions used to their successors. Several of the
// old names are common English words, so the rule holds for identifiers only.
var renamed = map[string]string{
	"inbound":  "leg",
	"outlet":   "replyRoom",
	"conclude": "finish",
	"settle":   "completeNegotiation",
	"enter":    "setState",
	"enclosed": "inSPNEGO",
	"told":     "mechSent",
	"ours":     "acceptorTGT, or the noun of the thing",
	"handover": "contextseal",
	"house":    "archtest",
	"lobby":    "pending",
	"hinted":   "hintsSent",
	"due":      "expected, or the noun of the thing",
}

// notRenamed lists the top-level folders whose identifiers are still to be renamed. The
// test fails for a folder on the list that has no old name left.
var notRenamed = []string{"keytab", "sspi"}

// TestTree_OldNames refuses identifiers and packages that have been renamed.
func TestTree_OldNames(t *testing.T) {
	old := make(map[string]bool) // top-level folders with an old name
	for _, f := range sources(t) {
		top, _, _ := strings.Cut(f.dir, "/")
		for _, use := range oldNames(f) {
			old[top] = true
			if !slices.Contains(notRenamed, top) {
				t.Error(use)
			}
		}
	}
	for _, dir := range notRenamed {
		if !old[dir] {
			t.Errorf("%s has no old name left: remove it from notRenamed", dir)
		}
	}
}

// oldNames returns a message for each renamed identifier and folder of f.
func oldNames(f source) []string {
	var out []string
	if f.path == "internal/archtest/names_test.go" {
		return nil
	}
	for _, part := range strings.Split(f.dir, "/") {
		if successor, ok := renamed[part]; ok {
			out = append(out, f.path+": the folder "+part+" is called "+successor+" now")
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if successor, ok := renamed[id.Name]; ok {
				out = append(out, at(f, id)+": "+id.Name+" is called "+successor+" now")
			}
		}
		return true
	})
	return out
}
