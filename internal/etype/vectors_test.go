package etype

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
)

var allIDs = []ID{AES128SHA1, AES256SHA1, AES128SHA2, AES256SHA2, RC4}

func implemented(e int32) bool { return e >= 17 && e <= 20 || e == 23 }

// vectorKey returns the key of a row. For a type that is not implemented it checks that New
// refuses the key, and returns nil.
func vectorKey(t *testing.T, e int32, hex string) *Key {
	t.Helper()
	k, err := New(ID(e), vectors.Hex(t, hex))
	if !implemented(e) {
		wantReason(t, "a type that is not implemented", err, status.ReasonETypeRefused)
		if k != nil {
			t.Errorf("type %d: a key beside an error", e)
		}
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func wantReason(t *testing.T, what string, err error, want status.Reason) {
	t.Helper()
	if got := status.ReasonOf(err); err == nil || got != want {
		t.Errorf("%s: %v (%v), want %v", what, err, got, want)
	}
}

func wantBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %x, want %x", what, got, want)
	}
}

func wantRows(t *testing.T, used, refused, wantUsed, wantRefused int) {
	t.Helper()
	if used != wantUsed || refused != wantRefused {
		t.Errorf("%d rows used and %d refused, want %d and %d", used, refused, wantUsed, wantRefused)
	}
}

// bothWays calls f with a key whose usage is not prepared, and with one whose usage is.
func bothWays(t *testing.T, e int32, hex string, usage uint32, f func(t *testing.T, k *Key)) {
	f(t, vectorKey(t, e, hex))
	k := vectorKey(t, e, hex)
	k.Prepare(usage)
	f(t, k)
}

func TestVectors_Decrypt(t *testing.T) {
	used, refused := 0, 0
	for _, row := range vectors.Load(t).Decrypt {
		if vectorKey(t, row.EType, row.Key) == nil {
			refused++
			continue
		}
		used++
		ciphertext, plaintext := vectors.Hex(t, row.Ciphertext), vectors.Hex(t, row.Plaintext)
		bothWays(t, row.EType, row.Key, row.Usage, func(t *testing.T, k *Key) {
			got, err := k.Decrypt(nil, ciphertext, row.Usage)
			if err != nil {
				t.Fatalf("%s usage %d: %v", row.Name, row.Usage, err)
			}
			wantBytes(t, row.Name+" plaintext", got, plaintext)
			wantBytes(t, row.Name+" input, which is not to be modified", ciphertext, vectors.Hex(t, row.Ciphertext))

			// The ciphertext contains the confounder. With the same confounder there is
			// only one possible encryption.
			u, err := k.Usage(row.Usage)
			if err != nil {
				t.Fatal(err)
			}
			text, mac := k.profile.split(bytes.Clone(ciphertext))
			if err := u.Open([]Segment{{B: text}}, mac); err != nil {
				t.Fatalf("%s: %v", row.Name, err)
			}
			wantBytes(t, row.Name+" opened", text[k.profile.ConfounderLen:], plaintext)
			sealed, err := k.Encrypt(nil, text[:k.profile.ConfounderLen], plaintext, row.Usage)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, row.Name+" ciphertext", sealed, ciphertext)
			again := make([]byte, len(ciphertext))
			out, sum := k.profile.split(again)
			copy(out, text)
			if err := u.Seal([]Segment{{B: out}}, sum); err != nil {
				t.Fatal(err)
			}
			wantBytes(t, row.Name+" sealed", again, ciphertext)
		})
	}
	wantRows(t, used, refused, 23, 20)
}

func TestVectors_Checksum(t *testing.T) {
	used, refused := 0, 0
	for _, row := range vectors.Load(t).Checksum {
		const hmacMD5Encrypt = -137 // the other checksum type of RC4 keys, which an acceptor never receives
		if row.Type == hmacMD5Encrypt || vectorKey(t, row.EType, row.Key) == nil {
			refused++
			continue
		}
		used++
		text, sum := vectors.Hex(t, row.Plaintext), vectors.Hex(t, row.Checksum)
		bothWays(t, row.EType, row.Key, row.Usage, func(t *testing.T, k *Key) {
			if k.Profile().ChecksumType != row.Type || k.Profile().ChecksumLen != len(sum) {
				t.Errorf("type %d: checksum type %d of %d bytes, want %d of %d", row.EType, k.Profile().ChecksumType, k.Profile().ChecksumLen, row.Type, len(sum))
			}
			got, err := k.Checksum([]byte("before"), text, row.Usage)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, "checksum", got, append([]byte("before"), sum...))
			if !k.VerifyChecksum(sum, text, row.Usage) {
				t.Error("a good checksum is refused")
			}
			u, err := k.Usage(row.Usage)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, "sum of parts", u.Sum([]byte("before"), text[:1], nil, text[1:]), append([]byte("before"), sum...))
			if !u.Verify(sum, text[:len(text)-1], text[len(text)-1:]) {
				t.Error("a good checksum of parts is refused")
			}
		})
	}
	wantRows(t, used, refused, 5, 9)
}

func TestVectors_Derive(t *testing.T) {
	used, refused := 0, 0
	for _, row := range vectors.Load(t).Derive {
		k := vectorKey(t, row.EType, row.Key)
		if k == nil {
			refused++
			continue
		}
		used++
		constant := vectors.Hex(t, row.Constant)
		if len(constant) != 5 {
			t.Fatalf("a constant of %d bytes", len(constant))
		}
		s := k.profile.hash.get()
		wantBytes(t, row.Name+" "+row.Constant, k.deriveUsage(s, binary.BigEndian.Uint32(constant), constant[4]), vectors.Hex(t, row.Derived))
		s.put()
	}
	wantRows(t, used, refused, 12, 9)
}

func TestVectors_PRF(t *testing.T) {
	used, refused := 0, 0
	for _, row := range vectors.Load(t).PRF {
		k := vectorKey(t, row.EType, row.Key)
		if k == nil {
			refused++
			continue
		}
		used++
		got, err := k.PRF([]byte("before"), vectors.Hex(t, row.Input))
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, row.Name, got, append([]byte("before"), vectors.Hex(t, row.Output)...))
	}
	wantRows(t, used, refused, 8, 0)
}

func TestVectors_StringToKey(t *testing.T) {
	used, refused := 0, 0
	for _, row := range vectors.Load(t).StringToKey {
		password, salt := string(vectors.Hex(t, row.Password)), string(vectors.Hex(t, row.Salt))
		if !implemented(row.EType) {
			refused++
			k, err := StringToKey(ID(row.EType), password, salt, 0)
			wantReason(t, row.Name, err, status.ReasonETypeRefused)
			if k != nil {
				t.Errorf("%s: a key beside an error", row.Name)
			}
			continue
		}
		used++
		var iterations uint32
		if params := vectors.Hex(t, row.Params); len(params) > 0 { // RC4 has no parameters
			iterations = binary.BigEndian.Uint32(params)
		}
		got, err := StringToKey(ID(row.EType), password, salt, iterations)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, row.Name, got, vectors.Hex(t, row.Key))
		if row.EType >= 19 { // the vectors of types 19 and 20 use the default
			got, err := StringToKey(ID(row.EType), password, salt, 0)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, row.Name+" by default", got, vectors.Hex(t, row.Key))
		}
	}
	wantRows(t, used, refused, 17, 20)
}

// TestVectors_NFold compares the row whose sizes fold supports. TestGokrb5_Fold compares
// the other sizes.
func TestVectors_NFold(t *testing.T) {
	used, passed := 0, 0
	for _, row := range vectors.Load(t).NFold {
		in := vectors.Hex(t, row.Input)
		if row.Bits != 128 || len(in) > 8 {
			passed++
			continue
		}
		used++
		var got [16]byte
		fold(&got, in)
		wantBytes(t, row.Input, got[:], vectors.Hex(t, row.Output))
	}
	wantRows(t, used, passed, 1, 10)
}

func TestVectors_AESCTS(t *testing.T) {
	set := vectors.Load(t).AESCTS
	block := newCipher(vectors.Hex(t, set.Key))
	if !bytes.Equal(vectors.Hex(t, set.IV), make([]byte, blockLen)) {
		t.Fatal("the set does not begin with the zero vector")
	}
	s := sha1Hashing.get()
	defer s.put()
	used := 0
	for _, row := range set.Rows {
		used++
		plaintext, ciphertext := vectors.Hex(t, row.Plaintext), vectors.Hex(t, row.Ciphertext)
		b := bytes.Clone(plaintext)
		s.encrypt(block, []Segment{{B: b}}, len(b))
		wantBytes(t, "ciphertext", b, ciphertext)
		s.decrypt(block, []Segment{{B: b}}, len(b))
		wantBytes(t, "plaintext", b, plaintext)
	}
	wantRows(t, used, 0, 6, 0)
}
