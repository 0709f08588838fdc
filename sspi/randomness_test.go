package sspi_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// draws is a source of randomness that records the length of each read. Its bytes are 1, 2,
// 3 and so on.
type draws struct {
	sizes []int
	all   []byte
}

func (d *draws) Read(b []byte) (int, error) {
	d.sizes = append(d.sizes, len(b))
	for i := range b {
		b[i] = byte(len(d.all)) + 1
		d.all = append(d.all, b[i])
	}
	return len(b), nil
}

// since returns the sizes of the reads that f causes.
func (d *draws) since(f func()) []int {
	n := len(d.sizes)
	f()
	return d.sizes[n:]
}

// TestSEC_7_DrawsOfAPRep checks that an AP-REP makes one read, for confounder, subkey and
// sequence number in this order, whatever its frame is. An exchange without an AP-REP makes
// none.
func TestSEC_7_DrawsOfAPRep(t *testing.T) {
	both := func(change func(*krbtest.APReq)) func(*site) []func(*krbtest.APReq) {
		return func(*site) []func(*krbtest.APReq) { return []func(*krbtest.APReq){change} }
	}
	ofType := func(e keytab.EType, changes ...func(*krbtest.APReq)) func(*site) []func(*krbtest.APReq) {
		return func(s *site) []func(*krbtest.APReq) {
			return append([]func(*krbtest.APReq){s.ofType(e)}, changes...)
		}
	}
	for name, row := range map[string]struct {
		changes            func(*site) []func(*krbtest.APReq)
		confounder, subkey int // bytes in the AP-REP; 0, 0 if there is none
		legs               int
	}{
		"AES256":              {ofType(18), 16, 32, 1},
		"AES128":              {ofType(17), 16, 16, 1},
		"AES128, raised":      {ofType(17, fromAES256), 16, 32, 1},
		"AES128 with SHA-2":   {ofType(19), 16, 16, 1},
		"AES256 with SHA-2":   {ofType(20), 16, 32, 1},
		"RC4":                 {ofType(23), 8, 0, 1},
		"RC4, without subkey": {ofType(23, noSubkey), 8, 0, 1},
		"RC4, raised":         {ofType(23, fromAES256), 8, 32, 1},
		"DCE style":           {both(dce), 16, 32, 2},
		"one-way":             {both(oneWay), 0, 0, 1},
	} {
		for _, mechanisms := range [][][]byte{nil, onlyKerberos, ntlmFirst} {
			random := &draws{}
			s := newSite(t, withRC4, func(cfg *sspi.Config) { cfg.Rand = random })
			c := s.acceptor.NewContext(sspi.ContextConfig{})
			var err error
			var client *krbtest.Initiator
			if mechanisms == nil {
				client = s.request(row.changes(s)...).Start()
				err = carry(c, client)
			} else {
				n := s.client(mechanisms, row.changes(s)...)
				client = n.Kerberos
				_, err = negotiate(n, c)
			}
			if err != nil || c.Peer() == nil {
				t.Fatalf("%s: %v", name, err)
			}
			var want []int
			if row.confounder > 0 {
				want = []int{row.confounder + row.subkey + 4}
			}
			if !slices.Equal(random.sizes, want) {
				t.Fatalf("%s: reads of %v bytes, want %v", name, random.sizes, want)
			}
			if row.subkey > 0 {
				if key, _ := c.SessionKey(); !bytes.Equal(key, random.all[row.confounder:][:row.subkey]) {
					t.Errorf("%s: the subkey is %x of %x", name, key, random.all)
				}
			}
			if row.confounder > 0 {
				if number := binary.BigEndian.Uint32(random.all[row.confounder+row.subkey:]) & (1<<30 - 1); uint32(client.Reply.SequenceNumber) != number {
					t.Errorf("%s: sequence number %d, want %d", name, client.Reply.SequenceNumber, number)
				}
			}
		}
	}
}

// carry exchanges tokens without SPNEGO.
func carry(c *sspi.Context, client *krbtest.Initiator) error {
	var reply []byte
	for {
		token, done, err := client.Next(reply)
		if err != nil || token == nil {
			return err
		}
		if reply, _, err = c.Accept(context.Background(), token); err != nil && err != sspi.ErrContinue {
			return err
		}
		if done && len(reply) == 0 {
			return nil
		}
	}
}

// TestSEC_7_DrawsOfMessages checks that a sealed message makes one read, for its
// confounder. With RC4 a signed message does too. A MIC makes none.
func TestSEC_7_DrawsOfMessages(t *testing.T) {
	for e, row := range map[keytab.EType]struct{ sealed, signed []int }{
		18: {[]int{16}, nil}, 19: {[]int{16}, nil}, 23: {[]int{8}, []int{8}},
	} {
		random := &draws{}
		s := newSite(t, withRC4, func(cfg *sspi.Config) { cfg.Rand = random })
		c, client := s.established(t, sspi.ContextConfig{}, s.ofType(e))
		h := c.Handle()
		encrypt := func(qop uint32) func() {
			return func() {
				wantCode(t, "encrypt", sspi.EncryptMessage(&h, qop, message("text", make([]byte, 100)), 0), status.SEC_E_OK)
			}
		}
		wrap := func(conf bool) func() {
			return func() {
				if _, err := c.Wrap(nil, []byte("text"), conf); err != nil {
					t.Error(err)
				}
			}
		}
		for name, call := range map[string]struct {
			f    func()
			want []int
		}{
			"Wrap, sealed":           {wrap(true), row.sealed},
			"Wrap, signed":           {wrap(false), row.signed},
			"EncryptMessage":         {encrypt(0), row.sealed},
			"EncryptMessage, signed": {encrypt(sspi.SECQOP_WRAP_NO_ENCRYPT), row.signed},
			"GetMIC":                 {func() { _, _ = c.GetMIC(nil, []byte("text")) }, nil},
			"MakeSignature":          {func() { sspi.MakeSignature(&h, 0, message("text", make([]byte, 100)), 0) }, nil},
			"Unwrap": {func() {
				token, _ := client.Wrap([]byte("text"), true)
				if _, _, err := c.Unwrap(nil, token); err != nil {
					t.Error(err)
				}
			}, nil},
		} {
			if got := random.since(call.f); !slices.Equal(got, call.want) {
				t.Errorf("%v, %s: reads of %v bytes, want %v", e, name, got, call.want)
			}
		}
	}
}

// TestSEC_7_DrawsOfRefusals checks that the read for an AP-REP follows every check except
// those of the output buffer and the replay cache. After a refusal by these two, a later
// call reads again.
func TestSEC_7_DrawsOfRefusals(t *testing.T) {
	random := &draws{}
	s := newSite(t, func(cfg *sspi.Config) {
		cfg.Rand, cfg.ExportKey = random, sspi.NewSecret(bytes.Repeat([]byte{1}, 32))
		cfg.Replay = authenticator.NewMemoryCache(0, authenticator.AcceptOlder)
	})
	for name, row := range map[string]struct {
		change func(*krbtest.APReq)
		want   status.Reason
	}{"wrong key": {wrongKey, status.ReasonWrongKey}, "late": {late, status.ReasonNone}} {
		got := random.since(func() {
			_, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), s.request(row.change).Token())
			if status.ReasonOf(err) != row.want {
				t.Errorf("%s: %v", name, err)
			}
		})
		if len(got) != 0 {
			t.Errorf("%s: reads of %v bytes", name, got)
		}
	}
	token := s.request().Token()
	var h *sspi.CtxtHandle
	if got := random.since(func() {
		l := s.first(token)
		l.out = room(1)
		wantCode(t, "little room", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
		l = s.first(token)
		wantCode(t, "room", l.call(), status.SEC_E_OK)
		wantCode(t, "a replay", s.first(token).call(), status.SEC_E_LOGON_DENIED)
		h = &l.handle
	}); !slices.Equal(got, []int{52, 52, 52}) {
		t.Errorf("reads of %v bytes", got)
	}
	if got := random.since(func() {
		sealed, err := h.Context().Export()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.acceptor.Import(context.Background(), sealed); err != nil {
			t.Fatal(err)
		}
	}); len(got) != 0 {
		t.Errorf("export and import: reads of %v bytes", got)
	}
}
