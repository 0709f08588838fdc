package etype

import (
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"

	"github.com/gosspi/kerberos/internal/secret"
	"github.com/gosspi/kerberos/status"
)

// Key is a protocol key (RFC 3961, Section 3): a service, session or sub key. It
// is immutable after [New] and [Key.Prepare], and then safe for concurrent use.
// It prints as redacted under every verb. The zero Key, and a wiped one, refuse
// everything.
type Key struct {
	profile *Profile   // nil: no key
	secret  **material // behind two pointers: see package secret
}

// material is what of a key must not be seen.
type material struct {
	raw      [maxKeyLen]byte
	base     cipher.Block // raw as a cipher: for derivation in 17 and 18
	hmac     hmacKey      // raw as an HMAC key: for derivation in 19, 20 and 23
	prepared []*Usage
}

// New makes a key of b, which it copies. For a type that is not implemented, and
// for b that is not exactly as long as the type's keys are, the error has
// ReasonETypeRefused.
func New(id ID, b []byte) (*Key, error) {
	p, ok := Lookup(id)
	if !ok {
		return nil, &status.Error{Reason: status.ReasonETypeRefused, Detail: id.String() + " is not implemented"}
	}
	if len(b) != p.KeyLen {
		return nil, &status.Error{Reason: status.ReasonETypeRefused, Detail: fmt.Sprintf("a key of %v has %d bytes, not %d", id, p.KeyLen, len(b))}
	}
	all := &struct { // one allocation
		Key
		secret.Veil[material]
	}{}
	all.Key = Key{profile: p, secret: all.Hide()}
	m := *all.secret
	copy(m.raw[:], b)
	switch p.construction {
	case macThenEncrypt:
		m.base = newCipher(m.raw[:p.KeyLen])
	case encryptThenMAC, rc4HMAC:
		s := p.hash.get()
		s.keep(&m.hmac, m.raw[:p.KeyLen])
		s.put()
	}
	return &all.Key, nil
}

// Prepare derives the keys of usages and keeps them, so that using them costs no
// derivation and no allocation. It must be called before the key is shared. A
// usage that no operation would take is passed over.
func (k *Key) Prepare(usages ...uint32) {
	for _, usage := range usages {
		if k.guard(usage) == nil && k.find(usage) == nil {
			m := k.material()
			m.prepared = append(m.prepared, k.newUsage(usage))
		}
	}
}

// material is for a key that passed guard.
func (k *Key) material() *material { return *k.secret }

// find returns the usage if it is prepared.
func (k *Key) find(usage uint32) *Usage {
	for _, u := range k.material().prepared {
		if u.derived().number == usage {
			return u
		}
	}
	return nil
}

// Profile returns the profile of the key's type, nil for the zero Key.
func (k *Key) Profile() *Profile { return k.profile }

// Bytes returns a copy of the secret.
func (k *Key) Bytes() []byte {
	if k.profile == nil {
		return nil
	}
	return append([]byte(nil), k.material().raw[:k.profile.KeyLen]...)
}

// Equal reports, in constant time, whether k and o have the same type and secret. The
// zero Key is not equal to any Key.
func (k *Key) Equal(o *Key) bool {
	return k != nil && o != nil && k.profile != nil && k.profile == o.profile &&
		subtle.ConstantTimeCompare(k.material().raw[:], o.material().raw[:]) == 1
}

// Wipe makes k the zero Key and overwrites its secret and its prepared usages. It cannot
// overwrite the key schedules of crypto/aes. No caller may use k, or a [Usage] that k
// returned for a prepared number, at the same time or later.
func (k *Key) Wipe() {
	if k.profile == nil {
		return
	}
	for _, u := range k.material().prepared {
		u.Wipe()
	}
	*k.material() = material{}
	*k = Key{}
}

// String returns the encryption type and the word "redacted".
func (k Key) String() string { return redacted("Key", k.profile) }

// Format writes [Key.String], whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue returns [Key.String].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

func redacted(what string, p *Profile) string {
	if p == nil {
		return "etype." + what + "(none)"
	}
	return "etype." + what + "(" + p.name + ", redacted)"
}
