package archtest

import (
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A habit is a pattern of English that hides the subject of a sentence.
type habit struct {
	name    string
	pattern *regexp.Regexp
	limit   float64 // occurrences in 10,000 words
}

// subject matches the first word of a noun clause behind "what": "the" in a clause about the bytes
// that the client sent. The table habits has the pattern of a verb behind "what".
const subject = `(?:a|an|the|this|that|these|those|it|they|he|she|we|you|its|their|his|each|every|any|some|no|all|both|one|another|[a-z]+s)`

var habits = []habit{
	{"what as a noun clause", regexp.MustCompile(`(?i)\bwhat (?:is|are|was|were|has|had|have|does|do|did|comes|came|can|could|may|might|must|should|would|will|makes|made|follows|stands|goes|went|remains|belongs|needs|happens|` + subject + `)\b`), 3},
	{"genitive without its noun", regexp.MustCompile(`\b(?:another|[Tt]he [a-z]+|[Aa]n? [a-z]+|[A-Z][A-Za-z]+|[Nn]obody|[Ss]omebody)'s(?:[.,;:)]| (?:is|are|was|were|and|or|but|alone|too)\b)|\b(?:ours|theirs|hers|others')(?:[.,;:) ])`), 1},
	{"nobody, somebody, whoever", regexp.MustCompile(`(?i)\b(?:nobody|somebody|whoever|everybody|anybody)\b`), 2},
	{"comes or stands for a verb of its own", regexp.MustCompile(`(?i)\b(?:comes|come|came|stands|stand|stood)\b`), 5},
	{"is one, is none", regexp.MustCompile(`(?i)\b(?:is|are|was|were) (?:one|none|ours|theirs|due)(?:[.,;:)]| (?:and|or|but|that|which|who|too)\b)`), 0},
}

// Limits of the documentation of functions.
const (
	statesLimit    = 0.10 // of those that begin "Name is ..."
	fragmentsLimit = 0    // of those that begin "Name: ..."
)

// text is a piece of English of the project.
type text struct {
	where string
	words string
}

// TestProse_Habits counts, in comments and in documents, the patterns that make readers
// decode a sentence before they can understand it. KERBEROS_PROSE restricts the test to the
// files whose path begins with it, for a writer.
func TestProse_Habits(t *testing.T) {
	texts := append(comments(t), documents(t)...)
	if dir := os.Getenv("KERBEROS_PROSE"); dir != "" {
		texts = slices.DeleteFunc(texts, func(x text) bool { return !strings.HasPrefix(x.where, dir) })
	}
	total := 0
	for _, x := range texts {
		total += len(strings.Fields(x.words))
	}
	for _, h := range habits {
		found := 0
		var where []string
		for _, x := range texts {
			for _, m := range h.pattern.FindAllString(x.words, -1) {
				found++
				where = append(where, x.where+": "+strings.Join(strings.Fields(m), " "))
			}
		}
		rate := float64(found) * 10000 / float64(total)
		if rate > h.limit {
			t.Errorf("%s: %d in %d words, %.1f in 10,000, above %.1f:\n\t%s", h.name, found, total, rate, h.limit, strings.Join(where, "\n\t"))
		}
	}
}

// TestProse_FunctionComments wants a function's comment to begin with its name and a
// verb in the third person.
func TestProse_FunctionComments(t *testing.T) {
	states := regexp.MustCompile(`^(?:is|are|was|were)\b`)
	var all, stating int
	var fragments, whereStating []string
	for _, f := range code(t) {
		if !strings.HasPrefix(f.path, os.Getenv("KERBEROS_PROSE")) {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Doc == nil {
				continue
			}
			all++
			_, rest, named := strings.Cut(strings.TrimSpace(fn.Doc.Text()), fn.Name.Name)
			switch {
			case named && strings.HasPrefix(rest, ":"):
				fragments = append(fragments, at(f, fn))
			case named && states.MatchString(strings.TrimSpace(rest)):
				stating++
				whereStating = append(whereStating, at(f, fn))
			}
		}
	}
	if len(fragments) > fragmentsLimit {
		t.Errorf("%d comments are a name, a colon and a fragment:\n\t%s", len(fragments), strings.Join(fragments, "\n\t"))
	}
	if share := float64(stating) / float64(all); share > statesLimit {
		t.Errorf("%d of %d comments of functions begin with a form of \"is\", above %.0f %%:\n\t%s", stating, all, statesLimit*100, strings.Join(whereStating, "\n\t"))
	}
}

// comments returns every comment of the code that programs link.
func comments(t *testing.T) []text {
	t.Helper()
	var out []text
	for _, f := range code(t) {
		for _, group := range f.ast.Comments {
			out = append(out, text{at(f, group), group.Text()})
		}
	}
	return out
}

// documents returns the Markdown files without their code.
func documents(t *testing.T) []text {
	t.Helper()
	fenced := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	var out []text
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "testdata" || name == ".git"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".md"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		out = append(out, text{filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator))), fenced.ReplaceAllString(string(b), "X")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
