// Package vectors reads the published test vectors and the captured exchanges
// under testdata. It is for tests: no package that a program links imports it.
//
// Byte strings of the vector file are returned as the file's hexadecimal text; [Hex]
// decodes them. The caller owns all returned values.
package vectors

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// File is testdata/vectors/vectors.json, one field for each set.
type File struct {
	Decrypt         []Decrypt
	Checksum        []Checksum
	Derive          []Derive
	PRF             []PRF
	StringToKey     []StringToKey
	NFold           []NFold
	AESCTS          AESCTS
	GSSMessages     GSSMessages
	SequenceWindow  []SequenceWindow
	TicketTimes     []TicketTime
	SnameMatch      []SnameMatch
	TransitedExpand []TransitedExpand
	PAC             PACs
	ASN1            map[string]string // hexadecimal DER by the name of MIT's encoder test
	SPNEGOAPReq     []SPNEGOAPReq
	ChannelBindings []ChannelBinding
	RdReqErrors     []RdReqError
}

// Decrypt is a ciphertext with its confounder and checksum.
type Decrypt struct {
	EType      int32
	Name       string
	Usage      uint32
	Key        string
	Plaintext  string
	Ciphertext string
}

// Checksum is a checksum of a text. EType is 0 and Key is empty if the checksum is unkeyed.
type Checksum struct {
	Type      int32 `json:"cksumtype"`
	EType     int32
	Usage     uint32
	Key       string
	Plaintext string
	Checksum  string
}

// Derive is a key derived with a constant: DK or DR of RFC 3961, or the KDF of
// RFC 8009, as Algorithm says.
type Derive struct {
	EType     int32
	Name      string
	Key       string
	Constant  string
	Algorithm string
	Derived   string
}

// PRF is an output of an encryption type's pseudo-random function.
type PRF struct {
	EType  int32
	Name   string
	Key    string
	Input  string
	Output string
}

// StringToKey is a key made of a password. Params is empty or the four-byte
// iteration count.
type StringToKey struct {
	EType    int32
	Name     string
	Password string
	Salt     string
	Params   string `json:"s2kparams"`
	Key      string
}

// NFold is Input folded to Bits bits.
type NFold struct {
	Input  string
	Bits   int
	Output string
}

// AESCTS is AES-128 in CBC mode with ciphertext stealing, all rows under one key.
type AESCTS struct {
	Key  string
	IV   string
	Rows []AESCTSRow
}

// AESCTSRow is one message of [AESCTS].
type AESCTSRow struct {
	Plaintext  string
	Ciphertext string
	NextIV     string `json:"next_iv"`
}

// GSSMessages holds per-message tokens of one message.
type GSSMessages struct {
	Message string
	CFX     CFX
	RFC1964 []RFC1964
}

// CFX holds RFC 4121 tokens with sequence number 0, sent by an initiator
// without an acceptor subkey. MustFail describes tokens; it does not hold them.
type CFX struct {
	EType            int32
	Key              string
	MIC              string
	WrapIntegrity    string   `json:"wrap_integrity_only"`
	WrapConfidential string   `json:"wrap_confidential"`
	MustFail         []string `json:"must_fail"`
}

// RFC1964 holds tokens in the format that preceded RFC 4121. WrapConfidential has
// sequence number 1 for RC4, everything else 0.
type RFC1964 struct {
	EType            int32
	Name             string
	Key              string `json:"context_key"`
	MIC              string `json:"mic_of_message"`
	WrapIntegrity    string `json:"wrap_integrity_only"`
	WrapConfidential string `json:"wrap_confidential"`
	BadPad           string `json:"bad_pad_wrap_token_must_fail"`
}

// SequenceWindow is a run of sequence numbers and the verdict on each.
type SequenceWindow struct {
	Initial  uint64 `json:",string"`
	Replay   bool
	Sequence bool
	Width    string // "64" for RFC 4121, "32" for RFC 1964, "both"
	Steps    []SequenceStep
}

// SequenceStep is one number of a run. Verdict is ok, dup, old, gap or unseq.
type SequenceStep struct {
	Number  uint64
	Verdict string
}

// TicketTime is a ticket's times against a clock, in Unix seconds, with a clock
// skew of 300 seconds. Start is 0 if the ticket has no start time. Result is
// "ok" or the name of the Kerberos error.
type TicketTime struct {
	Now, Auth, Start, End int64
	Result                string
}

// SnameMatch says whether an acceptor name admits a keytab principal. Matching
// is nil for an acceptor without a name.
type SnameMatch struct {
	Matching               *string
	NameType               string `json:"matching_nametype"`
	Principal              string
	IgnoreAcceptorHostname bool `json:"ignore_acceptor_hostname"`
	Result                 bool
}

// TransitedExpand is a compressed transited field between two realms. Realms
// are the named realms, in order; Error reports that the field must be refused.
type TransitedExpand struct {
	Client, Server, Contents string
	Realms                   []string
	Error                    bool
}

// Key is an encryption type and a key in hexadecimal.
type Key struct {
	EType int32
	Key   string
}

// PACs holds the PAC set.
type PACs struct {
	Saved struct {
		PAC          string
		ServerKey    Key `json:"server_key"`
		KDCKey       Key `json:"kdc_key"`
		AuthTime     int64
		Client       string
		LogonInfoLen int `json:"logon_info_len"`
		Verifies     bool
	}
	S4U []struct {
		Name       string
		PAC        string
		ServerKey  Key `json:"server_key"`
		AuthTime   int64
		Enterprise bool
		XRealm     bool
	}
	MustNotParse []string `json:"must_not_parse"`
	ADTicket     struct {
		Ticket    string // DER Ticket
		ServerKey Key    `json:"server_key"`
		KrbtgtKey Key    `json:"krbtgt_key"`
		Client    string
		Server    string
	} `json:"ad_ticket"`
}

// SPNEGOAPReq is the first token of a Windows client. It is valid at CTime.
type SPNEGOAPReq struct {
	Name        string
	Token       string `json:"spnego_token"`
	SHA256      string
	ServiceKey  string `json:"service_key"`
	EType       int32
	Kvno        uint32
	CTime       string // RFC 3339
	Cusec       int
	Seq         uint32
	EndTime     string // RFC 3339
	SubkeyEType int32  `json:"subkey_etype"`
	PACLen      int    `json:"pac_len"`
}

// ChannelBinding is a combination of bindings on the two sides, "-" for none.
// Result is yes (bound), no (accepted, not bound) or BAD_BINDINGS.
type ChannelBinding struct {
	Initiator   string
	Acceptor    string
	ClientAware bool `json:"client_aware"`
	Result      string
}

// RdReqError is a state of the keytab and the error that an AP-REQ then causes. Acceptor
// is nil for an acceptor that admits any principal.
type RdReqError struct {
	Case         string
	TicketServer string `json:"ticket_server"`
	Acceptor     *string
	Error        int32 `json:"krb_error"` // RFC 4120 number; 0: accepted
}

// Load reads the vector file. It fails t if the file is missing or malformed.
func Load(t testing.TB) *File {
	t.Helper()
	var f File
	if err := json.Unmarshal(read(t, "vectors", "vectors.json"), &f); err != nil {
		t.Fatalf("vectors.json: %v", err)
	}
	return &f
}

// Hex decodes s, and fails t if it is not hexadecimal.
func Hex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("not hexadecimal: %v", err)
	}
	return b
}

// Dir returns the testdata folder at the root of the repository. It searches the parents
// of the working directory, so that tests of nested modules find the folder too.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		data := filepath.Join(dir, "testdata")
		if _, err := os.Stat(filepath.Join(data, "vectors", "vectors.json")); err == nil {
			return data
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no testdata/vectors/vectors.json above the working directory")
		}
		dir = parent
	}
}

func read(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{Dir(t)}, elem...)...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
