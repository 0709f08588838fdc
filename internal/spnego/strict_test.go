package spnego

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// unusedFields are contents of a field that the acceptor does not use, with the result
// whether the field is DER.
var unusedFields = map[string]struct {
	content string
	ok      bool
}{
	"NULL":                          {"\x05\x00", true},
	"a nested SEQUENCE":             {krbtest.Element(0x30, krbtest.Element(0x02, "\x07"), krbtest.Element(0x31), krbtest.Element(0xa0, krbtest.Element(0x0c, "a"))), true},
	"a primitive of its own type":   {"\x80\x01\x80", true},
	"an object identifier":          {"\x06\x03\x2a\x86\x48", true},
	"a long OCTET STRING":           {krbtest.Element(0x04, strings.Repeat("a", 300)), true},
	"a negative INTEGER":            {"\x02\x02\xff\x7f", true},
	"BOOLEAN":                       {"\x01\x01\xff", true},
	"a BIT STRING":                  {"\x03\x02\x01\x62", true},
	"eight levels":                  {nested(8), true},
	"nine levels":                   {nested(9), false},
	"nothing":                       {"", false},
	"two elements":                  {"\x05\x00\x05\x00", false},
	"a byte behind":                 {"\x05\x00\x00", false},
	"cut":                           {"\x04\x05abc", false},
	"a length without need":         {"\x04\x81\x01a", false},
	"a length in two bytes":         {"\x04\x82\x00\x01a", false},
	"an indefinite length":          {"\x30\x80\x00\x00", false},
	"an end of contents":            {"\x00\x00", false},
	"a long tag":                    {"\x1f\x20\x01a", false},
	"a constructed OCTET STRING":    {"\x24\x03\x04\x01a", false},
	"a primitive SEQUENCE":          {"\x10\x00", false},
	"inside: a constructed NULL":    {krbtest.Element(0x30, "\x25\x00"), false},
	"inside: a length without need": {krbtest.Element(0x30, "\x04\x81\x01a"), false},
	"inside: a byte behind":         {krbtest.Element(0x30, "\x05\x00\x00"), false},
	"NULL with content":             {"\x05\x01\x00", false},
	"BOOLEAN of 1":                  {"\x01\x01\x01", false},
	"BOOLEAN of two bytes":          {"\x01\x02\xff\xff", false},
	"an empty INTEGER":              {"\x02\x00", false},
	"a padded INTEGER":              {"\x02\x02\x00\x01", false},
	"a padded negative INTEGER":     {"\x02\x02\xff\x80", false},
	"a padded ENUMERATED":           {"\x0a\x02\x00\x01", false},
	"a BIT STRING of 9 unused bits": {"\x03\x03\x09\x00\x00", false},
	"a BIT STRING, unused bits set": {"\x03\x02\x01\x63", false},
	"an object identifier, padded":  {"\x06\x03\x2a\x80\x01", false},
}

// nested returns n nested SEQUENCEs around a NULL.
func nested(n int) string {
	s := "\x05\x00"
	for range n {
		s = krbtest.Element(0x30, s)
	}
	return s
}

// TestPARSE_17_UnknownFields checks that the acceptor ignores fields that RFC 4178 does not
// define, and refuses them if they are not DER.
func TestPARSE_17_UnknownFields(t *testing.T) {
	for name, row := range unusedFields {
		more := []byte(krbtest.Element(0xa5, row.content))
		init := krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDKerberos}, More: more}
		_, err := ParseInit(init.Bytes())
		wantMalformed(t, name+" in NegTokenInit", err, row.ok)
		init.Hints = []byte("h")
		_, err = ParseInit(init.Bytes())
		wantMalformed(t, name+" in NegTokenInit2", err, row.ok)
		resp := krbtest.NegTokenResp{State: krbtest.NegIncomplete, More: more}
		_, err = ParseResponse(resp.Bytes())
		wantMalformed(t, name+" in NegTokenResp", err, row.ok)
	}
}

func wantMalformed(t *testing.T, what string, err error, ok bool) {
	t.Helper()
	if ok && err != nil || !ok && status.ReasonOf(err) != status.ReasonMalformedToken {
		t.Errorf("%s: %v", what, err)
	}
}

// TestPARSE_17_ReqFlags checks that the value of reqFlags is ignored (MS-SPNG, Section
// 3.1.5.3), and that a field that is not ContextFlags in DER is refused (case C19).
func TestPARSE_17_ReqFlags(t *testing.T) {
	token := krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDKerberos}}
	list := krbtest.Element(0xa0, string(token.ListBytes()))
	for name, row := range map[string]struct {
		field string
		ok    bool
	}{
		"none":                     {"", true},
		"no bits":                  {"\xa1\x03\x03\x01\x00", true},
		"seven bits":               {"\xa1\x04\x03\x02\x01\x62", true},
		"32 bits":                  {"\xa1\x07\x03\x05\x00\xff\xff\xff\xff", true},
		"33 bits":                  {"\xa1\x08\x03\x06\x07\xff\xff\xff\xff\x80", false},
		"nothing in it":            {"\xa1\x00", false},
		"NULL":                     {"\xa1\x02\x05\x00", false},
		"9 unused bits":            {"\xa1\x05\x03\x03\x09\x00\x00", false},
		"unused bits that are set": {"\xa1\x04\x03\x02\x01\x63", false},
		"unused bits of none":      {"\xa1\x03\x03\x01\x01", false},
		"no count of unused bits":  {"\xa1\x02\x03\x00", false},
		"a length in two bytes":    {"\xa1\x05\x03\x81\x02\x01\x62", false},
		"its own in two bytes":     {"\xa1\x81\x04\x03\x02\x01\x62", false},
		"a constructed BIT STRING": {"\xa1\x06\x23\x04\x03\x02\x01\x62", false},
		"two BIT STRINGs":          {"\xa1\x08\x03\x02\x01\x62\x03\x02\x01\x62", false},
		"implicitly tagged":        {"\x81\x02\x01\x62", false},
		"cut":                      {"\xa1\x04\x03\x03\x01\x62", false},
		"twice":                    {"\xa1\x04\x03\x02\x01\x62\xa1\x04\x03\x02\x01\x62", false},
	} {
		b := []byte(krbtest.Element(0x60, krbtest.Element(0x06, string(krbtest.OIDSPNEGO)), krbtest.Element(0xa0, krbtest.Element(0x30, list, row.field, "\xa2\x03\x04\x01t"))))
		init, err := ParseInit(b)
		wantMalformed(t, name, err, row.ok)
		if row.ok && !bytes.Equal(init.Token, []byte("t")) {
			t.Errorf("%s: token %q", name, init.Token)
		}
	}
}

// TestPARSE_17_NegHints checks that the values of NegHints are ignored, and that unknown
// fields and fields that are not DER are refused (MS-SPNG, Section 2.2.1).
func TestPARSE_17_NegHints(t *testing.T) {
	for name, row := range map[string]struct {
		hints string
		ok    bool
	}{
		"none":                      {"", true},
		"a name":                    {"\xa0\x03\x1b\x01h", true},
		"an empty name":             {"\xa0\x02\x1b\x00", true},
		"an address":                {"\xa1\x03\x04\x01h", true},
		"both":                      {"\xa0\x03\x1b\x01h\xa1\x03\x04\x01h", true},
		"out of order":              {"\xa1\x03\x04\x01h\xa0\x03\x1b\x01h", false},
		"a name twice":              {"\xa0\x03\x1b\x01h\xa0\x03\x1b\x01h", false},
		"no GeneralString":          {"\xa0\x03\x0c\x01h", false},
		"no OCTET STRING":           {"\xa1\x03\x1b\x01h", false},
		"an empty field":            {"\xa0\x00", false},
		"a third field":             {"\xa2\x02\x05\x00", false},
		"a length without need":     {"\xa0\x04\x1b\x81\x01h", false},
		"no field":                  {"\x05\x00", false},
		"a byte behind":             {"\xa0\x03\x1b\x01h\x00", false},
		"a byte behind the name":    {"\xa0\x04\x1b\x01h\x00", false},
		"a constructed name":        {"\xa0\x05\x3b\x03\x1b\x01h", false},
		"an indefinite name":        {"\xa0\x06\x3b\x80\x1b\x00\x00\x00", false},
		"an address that is cut":    {"\xa1\x03\x04\x02h", false},
		"hints instead of a name":   {"\x1b\x01h", false},
		"a name in an OCTET STRING": {"\xa0\x05\x04\x03\x1b\x01h", false},
	} {
		in := krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDKerberos}, More: []byte(krbtest.Element(0xa3, krbtest.Element(0x30, row.hints)) + "\xa4\x05\x04\x03mic")}
		init, err := ParseInit(in.Bytes())
		wantMalformed(t, name, err, row.ok)
		if row.ok && string(init.MIC) != "mic" {
			t.Errorf("%s: MIC %q", name, init.MIC)
		}
	}
}
