package secrettest

import "strings"

// Index finds any of many patterns in a text, in the time of one pass over the text.
type Index struct{ byEnd map[[keyLen]byte][]pattern }

type pattern struct{ text, name string }

// keyLen is the length of the last bytes of a pattern, by which Index finds it. The
// beginnings of patterns are often alike, such as "%!y(uint8=".
const keyLen = 6

// NewIndex returns an Index of patterns, which map a text of at least 6 bytes to its name.
func NewIndex(patterns map[string]string) *Index {
	x := &Index{make(map[[keyLen]byte][]pattern, len(patterns))}
	for text, name := range patterns {
		key := [keyLen]byte([]byte(text[len(text)-keyLen:]))
		x.byEnd[key] = append(x.byEnd[key], pattern{text, name})
	}
	return x
}

// Find returns the name of a pattern that text contains, or "" if text contains none.
func (x *Index) Find(text string) string {
	var key [keyLen]byte
	for end := keyLen; end <= len(text); end++ {
		copy(key[:], text[end-keyLen:end])
		for _, p := range x.byEnd[key] {
			if strings.HasSuffix(text[:end], p.text) {
				return p.name
			}
		}
	}
	return ""
}
