package spnego

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jcmturner/gofork/encoding/asn1"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

func TestParseInit(t *testing.T) {
	list := [][]byte{krbtest.OIDMSKerberos, krbtest.OIDKerberos, krbtest.OIDNTLM}
	flags := asn1.BitString{Bytes: []byte{0x62}, BitLength: 7}
	for name, in := range map[string]krbtest.NegTokenInit{
		"a token":              {Token: []byte("token")},
		"no token":             {},
		"an empty token":       {Token: []byte{}},
		"request flags":        {ReqFlags: &flags, Token: []byte("token")},
		"a MIC":                {Token: []byte("token"), MIC: []byte("mic")},
		"hints":                {Hints: []byte("hint"), Token: []byte("token")},
		"hints and a MIC":      {Hints: []byte("hint"), MIC: []byte("mic")},
		"fields of the future": {Token: []byte("token"), More: []byte("\xa5\x02\x05\x00\xa9\x05\x30\x03\x02\x01\x07")},
	} {
		in.Mechanisms = list
		got, err := ParseInit(in.Bytes())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !same(got.Token, in.Token) || !same(got.MIC, in.MIC) || !bytes.Equal(got.MechTypes, in.ListBytes()) {
			t.Errorf("%s: %+v", name, got)
		}
		if oids := slices.Collect(got.Mechanisms()); !slices.EqualFunc(oids, list, bytes.Equal) {
			t.Errorf("%s: %x", name, oids)
		}
	}
}

// TestPARSE_14_WhereTheMICIs checks that the MIC has tag 3, or tag 4 if tag 3 is the hints.
func TestPARSE_14_WhereTheMICIs(t *testing.T) {
	for name, row := range map[string]struct {
		in   krbtest.NegTokenInit
		want string // "" if the token is malformed
	}{
		"tag 4, no hints":    {krbtest.NegTokenInit{More: []byte("\xa4\x05\x04\x03mic")}, "mic"},
		"tag 4 beside tag 3": {krbtest.NegTokenInit{MIC: []byte("mic"), More: []byte("\xa4\x05\x04\x03not")}, "mic"},
		"tag 4 is no string": {krbtest.NegTokenInit{More: []byte("\xa4\x02\x05\x00")}, ""},
		"tag 4 twice":        {krbtest.NegTokenInit{Hints: []byte("h"), MIC: []byte("mic"), More: []byte("\xa4\x05\x04\x03mic")}, ""},
		"tag 3 twice":        {krbtest.NegTokenInit{MIC: []byte("mic"), More: []byte("\xa3\x05\x04\x03mic")}, ""},
		"hints, and tag 3":   {krbtest.NegTokenInit{Hints: []byte("h"), More: []byte("\xa3\x05\x04\x03mic")}, ""},
		"tag 3 is no string": {krbtest.NegTokenInit{More: []byte("\xa3\x02\x05\x00")}, ""},
		"behind the hints":   {krbtest.NegTokenInit{More: []byte("\xa3\x04\x30\x00\x05\x00")}, ""},
		"hints that are cut": {krbtest.NegTokenInit{More: []byte("\xa3\x02\x30\x01")}, ""},
	} {
		row.in.Mechanisms = [][]byte{krbtest.OIDKerberos}
		got, err := ParseInit(row.in.Bytes())
		if string(got.MIC) != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%s: MIC %q, %v; want %q", name, got.MIC, err, row.want)
		}
	}
}

// same compares two slices, and distinguishes nil from empty.
func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// TestPARSE_5_Lists checks that a list of mechanisms has 1 to 32 object identifiers of at
// most 64 arcs.
func TestPARSE_5_Lists(t *testing.T) {
	many := func(n int) [][]byte {
		return slices.Repeat([][]byte{krbtest.OIDKerberos}, n)
	}
	wide := func(last int) [][]byte { // 15 of 62 bytes and one more, in a SEQUENCE of four
		return append(slices.Repeat([][]byte{append([]byte{0x2a}, bytes.Repeat([]byte{1}, 61)...)}, 15), append([]byte{0x2a}, bytes.Repeat([]byte{1}, last-1)...))
	}
	arcs := func(n int) []byte { return append([]byte{0x2a}, bytes.Repeat([]byte{1}, n-2)...) }
	for name, row := range map[string]struct {
		in krbtest.NegTokenInit
		ok bool
	}{
		"one":               {krbtest.NegTokenInit{Mechanisms: many(1)}, true},
		"32":                {krbtest.NegTokenInit{Mechanisms: many(32)}, true},
		"33":                {krbtest.NegTokenInit{Mechanisms: many(33)}, false},
		"none":              {krbtest.NegTokenInit{List: []byte{0x30, 0}}, false},
		"64 arcs":           {krbtest.NegTokenInit{Mechanisms: [][]byte{arcs(64)}}, true},
		"65 arcs":           {krbtest.NegTokenInit{Mechanisms: [][]byte{arcs(65)}}, false},
		"an arc of 1<<31":   {krbtest.NegTokenInit{Mechanisms: [][]byte{{0x2a, 0x88, 0x80, 0x80, 0x80, 0x00}}}, true},
		"an arc above":      {krbtest.NegTokenInit{Mechanisms: [][]byte{{0x2a, 0x88, 0x80, 0x80, 0x80, 0x01}}}, false},
		"a padded arc":      {krbtest.NegTokenInit{Mechanisms: [][]byte{{0x2a, 0x80, 0x01}}}, false},
		"an empty OID":      {krbtest.NegTokenInit{List: []byte{0x30, 2, 6, 0}}, false},
		"something else":    {krbtest.NegTokenInit{List: []byte{0x30, 3, 4, 1, 0}}, false},
		"a SET":             {krbtest.NegTokenInit{List: []byte{0x31, 3, 6, 1, 0x2a}}, false},
		"indefinite length": {krbtest.NegTokenInit{List: []byte{0x30, 0x80, 6, 1, 0x2a, 0, 0}}, false},
		"a non-minimal one": {krbtest.NegTokenInit{List: []byte{0x30, 0x81, 3, 6, 1, 0x2a}}, false},
		"an unfinished one": {krbtest.NegTokenInit{List: []byte{0x30, 4, 6, 1, 0x2a}}, false},
		"1024 bytes":        {krbtest.NegTokenInit{Mechanisms: wide(58)}, true},
		"1025 bytes":        {krbtest.NegTokenInit{Mechanisms: wide(59)}, false},
		"none, and a token": {krbtest.NegTokenInit{List: []byte{0x30, 0}, Token: []byte{}}, false},
	} {
		_, err := ParseInit(row.in.Bytes())
		if row.ok && err != nil || !row.ok && status.ReasonOf(err) != status.ReasonMalformedToken {
			t.Errorf("%s: %v", name, err)
		}
	}
	token := krbtest.NegTokenInit{Mechanisms: many(1)}
	b := token.Bytes()
	if _, err := ParseInit(bytes.Replace(b, krbtest.OIDSPNEGO, []byte{0x2b, 6, 1, 5, 5, 3}, 1)); status.ReasonOf(err) != status.ReasonMalformedToken {
		t.Errorf("in another mechanism's frame: %v", err)
	}
	if _, err := ParseInit(bytes.Replace(b, []byte{0xa0, 13, 0x30}, []byte{0xa2, 13, 0x30}, 1)); status.ReasonOf(err) != status.ReasonMalformedToken {
		t.Errorf("no list: %v", err)
	}
}

// TestPARSE_4_Tokens checks that tokens must be DER, without bytes after them.
func TestPARSE_4_Tokens(t *testing.T) {
	init := krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDKerberos}, Token: []byte("token")}
	resp := krbtest.NegTokenResp{State: krbtest.NegIncomplete, Mechanism: krbtest.OIDKerberos, Token: []byte("token"), MIC: []byte("mic")}
	for name, b := range map[string][]byte{"NegTokenInit": init.Bytes(), "NegTokenResp": resp.Bytes()} {
		parse := func(b []byte) error {
			if name == "NegTokenInit" {
				_, err := ParseInit(b)
				return err
			}
			_, err := ParseResponse(b)
			return err
		}
		if err := parse(b); err != nil {
			t.Fatal(err)
		}
		for n := range b {
			if parse(b[:n]) == nil {
				t.Errorf("%s: %d bytes of %d are read", name, n, len(b))
			}
		}
		if parse(append(bytes.Clone(b), 0)) == nil {
			t.Errorf("%s: a byte after it is accepted", name)
		}
	}
	for name, b := range map[string]string{
		"a state of 4":           "\xa1\x07\x30\x05\xa0\x03\x0a\x01\x04",
		"a negative state":       "\xa1\x07\x30\x05\xa0\x03\x0a\x01\xff",
		"a state of two bytes":   "\xa1\x08\x30\x06\xa0\x04\x0a\x02\x00\x01",
		"a state without value":  "\xa1\x06\x30\x04\xa0\x02\x0a\x00",
		"an INTEGER for a state": "\xa1\x07\x30\x05\xa0\x03\x02\x01\x01",
		"an empty state":         "\xa1\x04\x30\x02\xa0\x00",
		"a state that is cut":    "\xa1\x07\x30\x05\xa0\x04\x0a\x01\x01",
		"an empty mechanism":     "\xa1\x04\x30\x02\xa1\x00",
		"a mechanism of no arcs": "\xa1\x06\x30\x04\xa1\x02\x06\x00",
		"a padded arc":           "\xa1\x09\x30\x07\xa1\x05\x06\x03\x2a\x80\x01",
		"two mechanisms":         "\xa1\x0c\x30\x0a\xa1\x08\x06\x02\x2a\x03\x06\x02\x2a\x03",
		"an OCTET STRING for it": "\xa1\x08\x30\x06\xa1\x04\x04\x02\x2a\x03",
		"a cut mechanism":        "\xa1\x08\x30\x06\xa1\x05\x06\x02\x2a\x03",
		"two states":             "\xa1\x0c\x30\x0a\xa0\x03\x0a\x01\x01\xa0\x03\x0a\x01\x01",
		"out of order":           "\xa1\x0b\x30\x09\xa2\x02\x04\x00\xa0\x03\x0a\x01\x01",
		"behind the state":       "\xa1\x09\x30\x07\xa0\x05\x0a\x01\x01\x05\x00",
		"an unknown low field":   "\xa1\x06\x30\x04\xa4\x00\xa4\x00",
		"a field that is no one": "\xa1\x04\x30\x02\x05\x00",
		"no SEQUENCE":            "\xa1\x02\x31\x00",
		"two SEQUENCEs":          "\xa1\x04\x30\x00\x30\x00",
	} {
		if r, err := ParseResponse([]byte(b)); status.ReasonOf(err) != status.ReasonMalformedToken {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// TestPARSE_15_Responses checks which fields may be absent and which present.
func TestPARSE_15_Responses(t *testing.T) {
	for _, state := range []krbtest.NegState{krbtest.NegAbsent, krbtest.NegCompleted, krbtest.NegIncomplete, krbtest.NegReject, krbtest.NegRequestMIC} {
		for _, mechanism := range [][]byte{nil, krbtest.OIDKerberos} {
			for _, token := range [][]byte{nil, {}, []byte("token")} {
				for _, mic := range [][]byte{nil, {}, []byte("mic")} {
					for _, more := range [][]byte{nil, []byte("\xa4\x02\x05\x00\xa7\x03\x0c\x01a")} {
						in := krbtest.NegTokenResp{State: state, Mechanism: mechanism, Token: token, MIC: mic, More: more}
						r, err := ParseResponse(in.Bytes())
						if err != nil || r.State != State(state+1) || !same(r.Mechanism, mechanism) || !same(r.Token, token) || !same(r.MIC, mic) {
							t.Errorf("%+v: %+v, %v", in, r, err)
						}
					}
				}
			}
		}
	}
}

// TestResponse_Append checks that the encoding is equal to gofork's, and has the announced
// length.
func TestResponse_Append(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 100, 127, 128, 255, 256, 65535, 65536} {
		var token []byte
		if n >= 0 {
			token = bytes.Repeat([]byte{7}, n)
		}
		for _, mic := range [][]byte{nil, {}, make([]byte, 28)} {
			for _, mechanism := range [][]byte{nil, krb5.OIDKerberos} {
				r := Response{State: AcceptIncomplete, Mechanism: mechanism, Token: token, MIC: mic}
				want := (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Mechanism: mechanism, Token: token, MIC: mic}).Bytes()
				got := r.Append([]byte("before"))
				if !bytes.Equal(got, append([]byte("before"), want...)) || r.Len() != len(want) {
					t.Errorf("token of %d: %d bytes, Len %d, want %d", n, len(got)-6, r.Len(), len(want))
				}
			}
		}
	}
}

// TestAppendHints checks that the hints have the form of the token in MS-SPNG, Section 4.1.
func TestAppendHints(t *testing.T) {
	for n := range 30 {
		list := slices.Repeat([][]byte{krb5.OIDKerberos}, n+1)
		want := (&krbtest.NegTokenInit{Mechanisms: list, Hints: []byte(hint)}).Bytes()
		if got := AppendHints(nil, list...); !bytes.Equal(got, want) {
			t.Errorf("%d mechanisms:\n got %x\nwant %x", n+1, got, want)
		}
	}
}

func TestChoose(t *testing.T) {
	k, m, n, u := krb5.OIDKerberos, krb5.OIDMSKerberos, krb5.OIDNTLM, krb5.OIDUser2User
	for _, row := range []struct {
		offered [][]byte
		want    []byte
		first   bool
	}{
		{[][]byte{k}, k, true},
		{[][]byte{m, k}, m, true},
		{[][]byte{k, m}, k, true},
		{[][]byte{n, m, k}, m, false},
		{[][]byte{u, k}, k, false},
		{[][]byte{n, u}, nil, false},
		{[][]byte{k[:8]}, nil, false},
	} {
		init, err := ParseInit((&krbtest.NegTokenInit{Mechanisms: row.offered}).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got, first := init.Choose(k, m); !bytes.Equal(got, row.want) || first != row.first {
			t.Errorf("%x: %x, %v", row.offered, got, first)
		}
	}
}

// TestFragments checks that Join assembles a token from fragments of every size, and stores
// nothing else.
func TestFragments(t *testing.T) {
	init := krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDKerberos}, Token: bytes.Repeat([]byte("token"), 300)}
	resp := krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: bytes.Repeat([]byte("token"), 201)}
	for _, token := range [][]byte{init.Bytes(), resp.Bytes()} {
		for size := 1; size <= len(token); size++ {
			var f Fragments
			for rest := token; ; {
				piece := rest[:min(size, len(rest))]
				rest = rest[len(piece):]
				want := token
				if len(rest) > 0 {
					want = nil
				}
				for range 2 { // the caller may pass the same fragment again before Hold
					joined, whole, err := f.Join(bytes.Clone(piece), 2000)
					if err != nil || whole != (len(rest) == 0) || !bytes.Equal(joined, want) {
						t.Fatalf("pieces of %d: %v, %v, %d bytes", size, whole, err, len(joined))
					}
				}
				if want != nil {
					break
				}
				callers := bytes.Clone(piece)
				f.Hold(callers)
				clear(callers) // the caller may use its memory again
				if f.Len() != len(token)-len(rest) {
					t.Fatalf("%d bytes are held", f.Len())
				}
			}
			if f.Drop(); f.Len() != 0 {
				t.Fatal("something is still held")
			}
		}
	}
}

// TestPARSE_2_Fragments checks that a token is refused when its header announces too many
// bytes, and that the stored bytes never exceed the limit.
func TestPARSE_2_Fragments(t *testing.T) {
	const max = 1000
	for name, token := range map[string][]byte{
		"announced":             []byte("\x60\x82\x04\x00\x06\x06"),
		"announced in 4 bytes":  []byte("\x60\x84\xff\xff\xff\xff\x06"),
		"a response, announced": []byte("\xa1\x83\x01\x00\x00"),
		"no length, and there":  append([]byte("\x60\x80"), make([]byte, 999)...),
		"there":                 append([]byte("\x6e\x82\x03\xe5"), make([]byte, 997)...),
	} {
		var f Fragments
		if _, _, err := f.Join(token, max); status.ReasonOf(err) != status.ReasonTokenTooLong {
			t.Errorf("%s: %v", name, err)
		}
	}
	var f Fragments
	f.Hold([]byte("\xa1\x82\x03\x00"))
	if _, _, err := f.Join(make([]byte, max-3), max); status.ReasonOf(err) != status.ReasonTokenTooLong {
		t.Errorf("more than announced: %v", err)
	}
	f.Drop()
	f.Hold([]byte("\xa1"))
	if _, _, err := f.Join(bytes.Repeat([]byte{0xff}, max), max); status.ReasonOf(err) != status.ReasonTokenTooLong {
		t.Errorf("a piece too long: %v", err)
	}
	if f.Len() != 1 {
		t.Errorf("%d bytes are held", f.Len())
	}
}

// TestCTX_8_FragmentsMemory checks that a fragmented token occupies memory for its received
// bytes, whatever the fragments are, and none for the bytes that the header announces.
func TestCTX_8_FragmentsMemory(t *testing.T) {
	for _, total := range []int{1, 495, 496, 497, 5000, 65000} {
		for _, size := range []int{1, 7, 496, 65000} {
			var f Fragments
			for n := total; n > 0; n -= size {
				f.Hold(make([]byte, min(size, n)))
			}
			blocks := 0
			for b := f.first; b != nil; b = b.next {
				blocks++
			}
			if most := (total + 495) / 496; f.Len() != total || blocks != most {
				t.Errorf("%d bytes in pieces of %d: %d are held in %d blocks, want %d", total, size, f.Len(), blocks, most)
			}
		}
	}
	// A block and the allocator's header of 8 bytes must fit into 512 bytes.
	if size := reflect.TypeFor[block]().Size(); size > 504 {
		t.Errorf("a block has %d bytes", size)
	}
}

// TestCutError checks that the error says how much of the token arrived.
func TestCutError(t *testing.T) {
	for token, want := range map[string]string{
		"\x60\x82\x01":             "ends within its header, after 3 bytes",
		"\x60\x82\x01\x00\x06\x06": "its header announces 260 bytes and 6 arrived",
	} {
		if err := CutError([]byte(token)); status.ReasonOf(err) != status.ReasonMalformedToken || !strings.Contains(err.Error(), want) {
			t.Errorf("%x: %v", token, err)
		}
	}
}

// TestFragments_OfOthers checks that Join does not wait for the rest of a token of another
// mechanism.
func TestFragments_OfOthers(t *testing.T) {
	for name, token := range map[string]string{
		"a cut Kerberos token":   "\x60\x82\x01\x00\x06\x09\x2a\x86",
		"a cut AP-REQ":           "\x6e\x82\x01\x00\x30",
		"NTLM":                   "NTLMSSP\x00",
		"text":                   "GET /",
		"a letter":               "G",
		"an indefinite length":   "\x60\x80\x06\x06\x2b\x06",
		"a length of 5 bytes":    "\x60\x85\x00\x00\x00\x00\x01",
		"a response, indefinite": "\xa1\x80\x30\x00\x00\x00",
	} {
		var f Fragments
		if _, whole, err := f.Join([]byte(token), 1000); !whole || err != nil {
			t.Errorf("%s: whole %v, %v", name, whole, err)
		}
	}
}

func TestIsInit(t *testing.T) {
	token := (&krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDKerberos}}).Bytes()
	for n := range token {
		if got := IsInit(token[:n]); got != (n >= 10) {
			t.Errorf("%d bytes: %v", n, got)
		}
	}
	for _, b := range []string{"", "\x60", "\x60\x80", "\x60\xff", "\xa1\x08\x06\x06\x2b\x06\x01\x05\x05\x02"} {
		if IsInit([]byte(b)) {
			t.Errorf("IsInit accepts %x", b)
		}
	}
}

// FuzzParse parses any bytes as each token. Nothing may panic, an accepted token must have
// the same content after it is encoded and parsed again, and fragments must make no
// difference.
func FuzzParse(f *testing.F) {
	f.Add((&krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDNTLM, krbtest.OIDKerberos}, Token: []byte("token"), MIC: []byte("mic")}).Bytes(), uint8(7))
	f.Add((&krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDKerberos}, Hints: []byte("h"), MIC: []byte("mic")}).Bytes(), uint8(1))
	f.Add((&krbtest.NegTokenResp{State: krbtest.NegRequestMIC, Mechanism: krbtest.OIDKerberos, Token: []byte("token"), MIC: []byte("mic")}).Bytes(), uint8(3))
	f.Add([]byte("\x60\x84\xff\xff\xff\xff\x06"), uint8(2))
	f.Fuzz(func(t *testing.T, token []byte, size uint8) {
		if init, err := ParseInit(token); err == nil {
			n := 0
			for oid := range init.Mechanisms() {
				if n++; !krb5.ValidOID(oid) {
					t.Fatalf("mechanism %x", oid)
				}
			}
			if n == 0 || n > maxMechanisms || !IsInit(token) {
				t.Fatalf("%d mechanisms", n)
			}
		}
		if r, err := ParseResponse(token); err == nil && r.State != StateAbsent {
			again, err := ParseResponse(r.Append(nil))
			if err != nil || fmt.Sprint(again) != fmt.Sprint(r) || len(r.Append(nil)) != r.Len() {
				t.Fatalf("%+v became %+v, %v", r, again, err)
			}
		}
		var fragments Fragments
		const max = 4096
		for rest := token; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			joined, whole, err := fragments.Join(rest[:n:n], max)
			if whole != (joined != nil) || whole && !bytes.Equal(joined, token[:len(token)-len(rest)+n]) {
				t.Fatalf("whole %v, %d bytes", whole, len(joined))
			}
			if err != nil || whole {
				return
			}
			fragments.Hold(rest[:n:n])
			if rest = rest[n:]; fragments.Len() != len(token)-len(rest) || fragments.Len() > max {
				t.Fatalf("%d bytes are held of %d", fragments.Len(), len(token)-len(rest))
			}
		}
	})
}
