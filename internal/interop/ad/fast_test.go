package ad

import (
	"crypto/aes"
	"crypto/sha1"
	"testing"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/rfc3961"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// The structures of FAST (RFC 6113, Section 5.4). gokrb5 does not have them.
type (
	fastArmor struct {
		Type  int32  `asn1:"explicit,tag:0"`
		Value []byte `asn1:"explicit,tag:1"`
	}
	fastArmoredReq struct {
		Armor      fastArmor           `asn1:"explicit,tag:0"`
		Sum        types.Checksum      `asn1:"explicit,tag:1"`
		EncFastReq types.EncryptedData `asn1:"explicit,tag:2"`
	}
	fastReq struct {
		Options asn1.BitString       `asn1:"explicit,tag:0"`
		PAData  types.PADataSequence `asn1:"explicit,tag:1"`
		Body    asn1.RawValue
	}
	fastArmoredRep struct {
		EncFastRep types.EncryptedData `asn1:"explicit,tag:0"`
	}
	fastResponse struct {
		PAData     types.PADataSequence `asn1:"explicit,tag:0"`
		Strengthen types.EncryptionKey  `asn1:"explicit,optional,tag:1"`
		Finished   asn1.RawValue        `asn1:"explicit,optional,tag:2"`
		Nonce      int64                `asn1:"explicit,tag:3"`
	}
)

const (
	paTGSReq         = 1
	paFXFast         = 136
	armorAPRequest   = 1
	fastOptionsCount = 32
)

// armoredTicket gets a service ticket for a user whose request is armored with the
// ticket-granting ticket of a computer (compound identity). No client of Debian sends such a
// request.
func (f *forest) armoredTicket(t testing.TB, user, computer grantingTicket, service string) (messages.Ticket, types.EncryptionKey) {
	t.Helper()
	req := newRequest(t, user, f.Realm, service)
	body := must(req.ReqBody.Marshal())(t)
	proof, subkey := user.proof(t, body, usageTGSProof)
	armor, armorSubkey := computer.proof(t, nil, usageProof)
	explicit := combine(t, armorSubkey, computer.key, "subkeyarmor", "ticketarmor")
	key := combine(t, explicit, subkey, "explicitarmor", "tgsarmor")

	etype := must(crypto.GetEtype(key.KeyType))(t)
	inner := must(asn1.Marshal(fastReq{
		Options: asn1.BitString{Bytes: make([]byte, fastOptionsCount/8), BitLength: fastOptionsCount},
		PAData:  types.PADataSequence{},
		Body:    contextTag(2, body),
	}))(t)
	armored := must(asn1.Marshal(fastArmoredReq{
		Armor:      fastArmor{armorAPRequest, armor},
		Sum:        types.Checksum{CksumType: etype.GetHashID(), Checksum: must(etype.GetChecksumHash(key.KeyValue, proof, usageFASTSum))(t)},
		EncFastReq: must(crypto.GetEncryptedData(inner, key, usageFASTRequest, 0))(t),
	}))(t)
	req.PAData = types.PADataSequence{
		{PADataType: paTGSReq, PADataValue: proof},
		{PADataType: paFXFast, PADataValue: must(asn1.Marshal(contextTag(0, armored)))(t)},
	}
	reply := f.ask(t, must(req.Marshal())(t))
	return reply.Ticket, sessionKey(t, &reply, key, subkey)
}

// sessionKey opens a reply to an armored request, and returns the session key of its ticket.
func sessionKey(t testing.TB, reply *messages.TGSRep, armor, subkey types.EncryptionKey) types.EncryptionKey {
	t.Helper()
	var fast []byte
	for _, p := range reply.PAData {
		if p.PADataType == paFXFast {
			fast = p.PADataValue
		}
	}
	var choice asn1.RawValue
	if _, err := asn1.Unmarshal(fast, &choice); err != nil {
		t.Fatalf("the KDC's reply has no FAST: %v", err)
	}
	var armored fastArmoredRep
	if _, err := asn1.Unmarshal(choice.Bytes, &armored); err != nil {
		t.Fatal(err)
	}
	var response fastResponse
	if _, err := asn1.Unmarshal(must(crypto.DecryptEncPart(armored.EncFastRep, armor, usageFASTReply))(t), &response); err != nil {
		t.Fatal(err)
	}
	if len(response.Strengthen.KeyValue) > 0 {
		subkey = combine(t, response.Strengthen, subkey, "strengthenkey", "replykey")
	}
	return replyKey(t, reply, subkey)
}

func contextTag(tag int, b []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: b}
}

// combine is KRB-FX-CF2 (RFC 6113, Section 5.1) for keys of AES with SHA-1.
func combine(t testing.TB, a, b types.EncryptionKey, pepperA, pepperB string) types.EncryptionKey {
	t.Helper()
	out := prfPlus(t, a, pepperA)
	for i, x := range prfPlus(t, b, pepperB) {
		out[i] ^= x
	}
	return types.EncryptionKey{KeyType: a.KeyType, KeyValue: out}
}

// prfPlus returns as many bytes of PRF+ as the key has. PRF is that of RFC 3962, Section 5.
func prfPlus(t testing.TB, key types.EncryptionKey, pepper string) []byte {
	t.Helper()
	etype := must(crypto.GetEtype(key.KeyType))(t)
	prf := must(rfc3961.DeriveKey(key.KeyValue, []byte("prf"), etype))(t)
	var out []byte
	for counter := byte(1); len(out) < len(key.KeyValue); counter++ {
		out = append(out, aesBlock(t, prf, hashOf(append([]byte{counter}, pepper...)))...)
	}
	return out[:len(key.KeyValue)]
}

// hashOf returns the hash that the PRF of RFC 3962 encrypts, cut to a block.
func hashOf(b []byte) []byte {
	sum := sha1.Sum(b)
	return sum[:aes.BlockSize]
}

func aesBlock(t testing.TB, key, in []byte) []byte {
	t.Helper()
	out := make([]byte, aes.BlockSize)
	must(aes.NewCipher(key))(t).Encrypt(out, in)
	return out
}
