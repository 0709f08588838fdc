package krb5_test

import (
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
)

// The three messages of one accept, as an AD domain makes them.

func BenchmarkParse(b *testing.B) {
	m := alice(b)
	b.Run("APReq", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v krb5.APReq
			if err := v.Parse(m.apReq); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("EncTicketPart", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v krb5.EncTicketPart
			if err := v.Parse(m.encTicketPart); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Authenticator", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v krb5.Authenticator
			if err := v.Parse(m.authenticator); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Frame", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := krb5.CutFrame(m.token); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	part := krb5.EncAPRepPart{
		Ctime: 1795342878, Cusec: 907825, SequenceNumber: 1 << 29, HasSequenceNumber: true,
		Subkey: krb5.EncryptionKey{EType: 18, Value: make([]byte, 32)},
	}
	room := make([]byte, 0, 4096)
	b.Run("EncAPRepPart", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			part.Append(room)
		}
	})
	rep := krb5.APRep{EncPart: krb5.EncryptedData{EType: 18, Cipher: make([]byte, 16+part.Len()+12)}}
	b.Run("APRep", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rep.Append(room)
		}
	})
	e := krb5.KRBError{Stime: 1795342878, Code: 37, Realm: []byte("EXAMPLE.COM"), Service: krb5.NewName(2, "HTTP", "www.example.com")}
	b.Run("KRBError", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e.Append(room)
		}
	})
}
