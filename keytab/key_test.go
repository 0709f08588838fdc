package keytab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
)

func TestKEY_3(t *testing.T) {
	lengths := map[EType]int{17: 16, 18: 32, 19: 16, 20: 32}
	for e := EType(-1); e < 40; e++ {
		for n := range 65 {
			k, err := NewKey(e, make([]byte, n))
			if want, known := lengths[e]; known && n == want {
				if err != nil || k.EType() != e || len(k.Bytes()) != n || k.IsZero() {
					t.Errorf("%v of %d bytes: %v, %v", e, n, k, err)
				}
			} else if e != RC4_HMAC && (status.ReasonOf(err) != status.ReasonETypeRefused || !k.IsZero()) {
				t.Errorf("%v of %d bytes: %v, %v", e, n, k, err)
			}
		}
	}
}

func TestKeyOwnership(t *testing.T) {
	b := slices.Clone(key32)
	k, err := NewKey(a256, b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !bytes.Equal(k.Bytes(), key32) {
		t.Error("the key changed when the caller changed its bytes")
	}
	clear(k.Bytes())
	if !bytes.Equal(k.Bytes(), key32) {
		t.Error("the key changed when the caller changed the result of Bytes")
	}
}

func TestKeyEqual(t *testing.T) {
	k := testKey(t, a128, 1)
	for name, c := range map[string]struct {
		a, b Key
		want bool
	}{
		"copy":         {k, k, true},
		"same bytes":   {k, testKey(t, a128, 1), true},
		"other bytes":  {k, testKey(t, a128, 2), false},
		"other type":   {k, testKey(t, AES128_CTS_HMAC_SHA256_128, 1), false},
		"zero":         {k, Key{}, false},
		"zero on left": {Key{}, k, false},
		"both zero":    {Key{}, Key{}, false},
	} {
		if c.a.Equal(c.b) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}

func TestZeroKey(t *testing.T) {
	var k Key
	if !k.IsZero() || k.EType() != 0 || k.Bytes() != nil || k.text() != "keytab.Key(none)" {
		t.Error("the zero Key has content")
	}
	_, d := k.Decrypt(nil, make([]byte, 64), 2)
	_, e := k.Encrypt(nil, nil, nil, 2)
	for _, err := range []error{d, e, k.VerifyChecksum(0, nil, nil, 2)} {
		if status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%v", err)
		}
	}
}

// TestKeyAgainstVectors checks a few published values, to show that the methods of Key call
// the right functions of internal/etype, whose tests check all values.
func TestKeyAgainstVectors(t *testing.T) {
	decrypted, summed := 0, 0
	for _, v := range vectors.Load(t).Decrypt {
		if v.EType < 17 || v.EType > 20 {
			continue
		}
		k, err := NewKey(EType(v.EType), vectors.Hex(t, v.Key))
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.Decrypt([]byte("x"), vectors.Hex(t, v.Ciphertext), v.Usage)
		if err != nil || !bytes.Equal(got, append([]byte("x"), vectors.Hex(t, v.Plaintext)...)) {
			t.Errorf("%+v: %x, %v", v, got, err)
		}
		decrypted++
	}
	for _, v := range vectors.Load(t).Checksum {
		if v.EType < 17 || v.EType > 20 {
			continue
		}
		k, err := NewKey(EType(v.EType), vectors.Hex(t, v.Key))
		if err != nil {
			t.Fatal(err)
		}
		sum, data := vectors.Hex(t, v.Checksum), []byte(v.Plaintext)
		if b, err := hexOrText(v.Plaintext); err == nil {
			data = b
		}
		if got, err := k.k.Checksum(nil, data, v.Usage); err != nil || !bytes.Equal(got, sum) {
			t.Errorf("%+v: %x, %v", v, got, err)
		}
		if err := k.VerifyChecksum(v.Type, sum, data, v.Usage); err != nil {
			t.Errorf("%+v: %v", v, err)
		}
		for _, err := range []error{
			k.VerifyChecksum(v.Type+1, sum, data, v.Usage),
			k.VerifyChecksum(v.Type, sum[1:], data, v.Usage),
			k.VerifyChecksum(v.Type, sum, append(data, 0), v.Usage),
			k.VerifyChecksum(v.Type, sum, data, v.Usage+1),
		} {
			if status.ReasonOf(err) != status.ReasonBadChecksum {
				t.Errorf("%+v: %v", v, err)
			}
		}
		summed++
	}
	if decrypted == 0 || summed == 0 {
		t.Errorf("%d and %d rows", decrypted, summed)
	}
}

func hexOrText(s string) ([]byte, error) {
	var b []byte
	_, err := fmt.Sscanf(s, "%x", &b)
	return b, err
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no luck") }

func TestKeyEncrypt(t *testing.T) {
	for _, e := range []EType{17, 18, 19, 20} {
		k := testKey(t, e, 5)
		random := bytes.NewReader(slices.Repeat([]byte{9}, 40))
		one, err := k.Encrypt(random, []byte("x"), []byte("plaintext"), 2)
		if err != nil || random.Len() != 24 || one[0] != 'x' {
			t.Fatalf("%v, %d bytes of randomness left", err, random.Len())
		}
		two, err := k.Encrypt(nil, nil, []byte("plaintext"), 2)
		if err != nil || bytes.Equal(one[1:], two) {
			t.Fatalf("%v", err)
		}
		for _, c := range [][]byte{one[1:], two} {
			if got, err := k.Decrypt(nil, c, 2); err != nil || string(got) != "plaintext" {
				t.Errorf("%q, %v", got, err)
			}
			if _, err := k.Decrypt(nil, c, 3); status.ReasonOf(err) != status.ReasonWrongKey {
				t.Errorf("another usage: %v", err)
			}
		}
		if _, err := k.Encrypt(failing{}, nil, nil, 2); status.ReasonOf(err) != status.ReasonInternal {
			t.Errorf("no randomness: %v", err)
		}
		if _, err := k.Encrypt(bytes.NewReader(make([]byte, 15)), nil, nil, 2); status.ReasonOf(err) != status.ReasonInternal {
			t.Errorf("too little randomness: %v", err)
		}
	}
}

// TestKEY_10 checks that no value that contains a key prints it, whatever the verb and the
// depth.
func TestKEY_10(t *testing.T) {
	table, err := Parse(fixture(t, mitFile))
	if err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(mitFile)
	if err != nil {
		t.Fatal(err)
	}
	entries := slices.Collect(table.All())
	k := entries[0].Key
	type holder struct {
		Exported Key
		hidden   Key
		any      any
	}
	things := []any{
		k, &k,
		[]Key{k},
		map[string]Key{"k": k},
		holder{k, k, k},
		&holder{k, k, &k},
		entries[0], &entries[0], entries, table, *table, f, any(k),
	}
	check := func(how, s string) {
		checkNoKey(t, table, s)
		if how == "%v of a key" && s != "keytab.Key(aes256-cts-hmac-sha1-96, redacted)" {
			t.Errorf("%s: %s", how, s)
		}
	}
	for _, thing := range things {
		for _, flag := range []string{"", "+", "#", "-", " ", "0", "+#", "200", ".200"} {
			for verb := 'A'; verb <= 'z'; verb++ {
				check("", fmt.Sprintf("%"+flag+string(verb), thing))
			}
		}
		if b, err := json.Marshal(thing); err == nil {
			check("", string(b))
		}
		var text, js strings.Builder
		slog.New(slog.NewTextHandler(&text, nil)).Info("m", "thing", thing)
		slog.New(slog.NewJSONHandler(&js, nil)).Info("m", "thing", thing)
		check("", text.String()+js.String())
	}
	check("%v of a key", fmt.Sprint(k))
	check("%v of a key", fmt.Sprintf("%x", k))
}

func TestETypeNames(t *testing.T) {
	for e, want := range map[EType]string{
		17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96",
		19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192", 99: "etype(99)", 3: "des-cbc-md5", 16: "des3-cbc-sha1-kd", 26: "camellia256-cts-cmac", -133: "etype(-133)",
	} {
		if e.String() != want {
			t.Errorf("%d is %s", int32(e), e)
		}
	}
}
