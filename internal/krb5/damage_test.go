package krb5_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// TestPARSE_1_Truncations truncates each sample of each kind at every byte. The slices have
// no spare capacity, so that a read past the end panics.
func TestPARSE_1_Truncations(t *testing.T) {
	for _, k := range kinds(t) {
		for _, sample := range k.samples {
			m := k.new()
			for n := range sample {
				cut := slices.Clip(bytes.Clone(sample[:n]))
				wantReason(t, k.name, m.Parse(cut), status.ReasonMalformedToken)
			}
		}
	}
}

// TestPARSE_1_BitFlips changes each bit of each sample. A message that is accepted must
// encode to the same bytes.
func TestPARSE_1_BitFlips(t *testing.T) {
	for _, k := range kinds(t) {
		accepted, all := 0, 0
		for _, sample := range k.samples {
			b := slices.Clip(bytes.Clone(sample))
			m := k.new()
			for bit := range 8 * len(b) {
				b[bit/8] ^= 1 << (bit % 8)
				all++
				if err := m.Parse(b); err == nil {
					accepted++
					written := m.Append(nil)
					if !bytes.Equal(written, b) && meaning(t, written) != meaning(t, b) {
						t.Errorf("%s, bit %d: %x is written as %x", k.name, bit, b, written)
					}
				} else if !isVerdict(err) {
					t.Errorf("%s, bit %d: %v", k.name, bit, err)
				}
				b[bit/8] ^= 1 << (bit % 8)
			}
		}
		if accepted == 0 || accepted == all {
			t.Errorf("%s: %d of %d damaged messages were accepted", k.name, accepted, all)
		}
	}
}

// isVerdict reports whether err has one of the three Reasons of a parser.
func isVerdict(err error) bool {
	var e *status.Error
	return errors.As(err, &e) &&
		(e.Reason == status.ReasonMalformedToken || e.Reason == status.ReasonWrongVersion || e.Reason == status.ReasonWrongMessageType)
}

// TestPARSE_3_Empty passes empty input to each parser.
func TestPARSE_3_Empty(t *testing.T) {
	for _, b := range [][]byte{nil, {}} {
		for _, k := range kinds(t) {
			refused(t, k.name, k.new(), b)
		}
		_, err := krb5.CutFrame(b)
		wantReason(t, "CutFrame", err, status.ReasonMalformedToken)
		_, err = krb5.ReadAuthorizationData(b)
		wantReason(t, "ReadAuthorizationData", err, status.ReasonMalformedToken)
		_, err = krb5.ReadAddresses(b)
		wantReason(t, "ReadAddresses", err, status.ReasonMalformedToken)
		if krb5.ValidOID(b) {
			t.Error("ValidOID accepts nothing at all")
		}
	}
	var data krb5.AuthDataReader
	var addresses krb5.AddressReader
	if _, ok := data.Next(); ok {
		t.Error("the zero AuthDataReader has an element")
	}
	if _, ok := addresses.Next(); ok {
		t.Error("the zero AddressReader has an element")
	}
}

// TestParse_RefusalLeavesTheZeroMessage checks that a refusal at any byte leaves the zero
// message in a variable that held another message before.
func TestParse_RefusalLeavesTheZeroMessage(t *testing.T) {
	for _, k := range kinds(t) {
		for _, sample := range k.samples {
			for i := range sample {
				m := k.new()
				if err := m.Parse(k.samples[0]); err != nil {
					t.Fatal(err)
				}
				b := bytes.Clone(sample)
				b[i] ^= 0x80
				if m.Parse(b) != nil && !reflect.DeepEqual(m, k.new()) {
					t.Fatalf("%s, byte %d: a refused message leaves %+v", k.name, i, m)
				}
			}
		}
	}
}

// TestParse_ViewsHaveNoRoomBehindThem checks that no slice of a parsed message has spare
// capacity: appending to it must not write into the token.
func TestParse_ViewsHaveNoRoomBehindThem(t *testing.T) {
	for _, k := range kinds(t) {
		for _, sample := range k.samples {
			m := k.new()
			if err := m.Parse(append(bytes.Clone(sample), make([]byte, 64)...)[:len(sample)]); err != nil {
				t.Fatal(err)
			}
			views := 0
			eachView(reflect.ValueOf(m).Elem(), func(b []byte) {
				views++
				if cap(b) != len(b) {
					t.Errorf("%s: a view of %d bytes has capacity %d", k.name, len(b), cap(b))
				}
			})
			if views == 0 && k.name != "EncAPRepPart" && k.name != "KERB-TGT-REQUEST" {
				t.Errorf("%s has no views", k.name)
			}
		}
	}
}

func eachView(v reflect.Value, f func([]byte)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			eachView(v.Field(i), f)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if !v.IsNil() {
				f(v.Bytes())
			}
			return
		}
		for i := range v.Len() {
			eachView(v.Index(i), f)
		}
	}
}
