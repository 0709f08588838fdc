package pac

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gosspi/kerberos/internal/ndr"
	"github.com/gosspi/kerberos/internal/xpress"
)

// A ClaimType is the type of the values of a claim ([MS-ADTS], Section 2.2.18.2).
type ClaimType uint16

// Types of claims.
const (
	CLAIM_TYPE_INT64   ClaimType = 1
	CLAIM_TYPE_UINT64  ClaimType = 2
	CLAIM_TYPE_STRING  ClaimType = 3
	CLAIM_TYPE_BOOLEAN ClaimType = 6
)

// A ClaimSource tells where a domain controller took a claim from ([MS-ADTS], Section
// 2.2.18.3).
type ClaimSource uint16

// Sources of claims.
const (
	CLAIMS_SOURCE_TYPE_AD          ClaimSource = 1
	CLAIMS_SOURCE_TYPE_CERTIFICATE ClaimSource = 2
)

// A Claim is a named attribute of a user or of a device, by the word of its domain.
// Exactly the slice that belongs to Type is not empty.
type Claim struct {
	ID      string
	Source  ClaimSource
	Type    ClaimType
	Int64s  []int64
	Uint64s []uint64
	Strings []string
	Bools   []bool
}

// Limits of claims.
const (
	maxClaimsLen = 1 << 20 // bytes of an uncompressed CLAIMS_SET
	maxClaims    = 4096    // arrays of claims, claims, and values of all claims together
)

// Compression formats ([MS-ADTS], Section 2.2.18.4).
const (
	compressionNone    = 0
	compressionHuffman = 4
)

var errClaims = errors.New("it has more than 4096 arrays of claims, claims or values")

// decodeClaims decodes a CLAIMS_SET_METADATA ([MS-ADTS], Section 2.2.18.6). An empty
// buffer has no claims.
func decodeClaims(b []byte) ([]Claim, error) {
	if len(b) == 0 {
		return nil, nil
	}
	d, err := ndr.NewDecoder(b)
	if err != nil {
		return nil, err
	}
	set := readList(&d)
	format := d.Uint16()
	size := d.Uint32()
	d.Uint16()               // usReservedType
	reserved := readList(&d) // ulReservedFieldSize, ReservedField
	content := readArray(&d, set, 1).elements
	readArray(&d, reserved, 1)
	if err := d.Close(); err != nil {
		return nil, err
	}
	switch format {
	case compressionNone:
		if uint64(size) != uint64(len(content)) {
			return nil, errors.New("the sizes of its uncompressed claims differ")
		}
	case compressionHuffman:
		if content, err = xpress.Decompress(content, int(size), maxClaimsLen); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("its compression format %d is not supported", format)
	}
	return decodeClaimsSet(content)
}

// decodeClaimsSet decodes a CLAIMS_SET ([MS-ADTS], Section 2.2.18.5).
func decodeClaimsSet(b []byte) ([]Claim, error) {
	d, err := ndr.NewDecoder(b)
	if err != nil {
		return nil, err
	}
	arrays := readList(&d)
	d.Uint16() // usReservedType
	reserved := readList(&d)
	claims, err := readClaimsArrays(&d, arrays)
	if err != nil {
		return nil, err
	}
	readArray(&d, reserved, 1)
	return claims, d.Close()
}

// readClaimsArrays reads an array of CLAIMS_ARRAY with the claims of each.
func readClaimsArrays(d *ndr.Decoder, l list) ([]Claim, error) {
	if !l.present {
		return nil, d.Err()
	}
	const size = 12
	n := d.Array(l.count, size)
	if n > maxClaims {
		return nil, errClaims
	}
	type claimsArray struct {
		source ClaimSource
		claims list
	}
	arrays := make([]claimsArray, n)
	for i := range arrays {
		arrays[i] = claimsArray{ClaimSource(d.Uint16()), readList(d)}
	}
	reader := claimsReader{d: d}
	for _, a := range arrays {
		if err := reader.read(a.source, a.claims); err != nil {
			return nil, err
		}
	}
	return reader.claims, d.Err()
}

// A claimsReader reads arrays of CLAIM_ENTRY and bounds their total.
type claimsReader struct {
	d       *ndr.Decoder
	claims  []Claim
	values  int
	scratch []byte // of text
}

// text reads a string. It returns "" if the Decoder has failed.
func (r *claimsReader) text() (string, error) {
	var ok bool
	if r.scratch, ok = ndr.AppendUTF8(r.scratch[:0], r.d.WideString()); !ok {
		return "", errText
	}
	return string(r.scratch), nil
}

// claimEntry is the fixed part of a CLAIM_ENTRY ([MS-ADTS], Section 2.2.18.8).
type claimEntry struct {
	id     bool
	kind   ClaimType
	values list
}

// read reads the entries of one CLAIMS_ARRAY.
func (r *claimsReader) read(source ClaimSource, l list) error {
	if !l.present {
		return r.d.Err()
	}
	const size = 16
	n := r.d.Array(l.count, size)
	if len(r.claims)+n > maxClaims {
		return errClaims
	}
	r.claims = slices.Grow(r.claims, n)
	entries := make([]claimEntry, n)
	for i := range entries {
		e := &entries[i]
		e.id, e.kind = r.d.Pointer(), ClaimType(r.d.Uint16())
		if arm := ClaimType(r.d.Uint16()); r.d.Err() == nil && arm != e.kind {
			return errors.New("the type of a claim differs from the type of its values")
		}
		e.values = readList(r.d)
	}
	for _, e := range entries {
		claim, err := r.claim(source, e)
		if err != nil {
			return err
		}
		r.claims = append(r.claims, claim)
	}
	return nil
}

// claim reads the referents of one entry: the id, and the values.
func (r *claimsReader) claim(source ClaimSource, e claimEntry) (Claim, error) {
	c := Claim{Source: source, Type: e.kind}
	r.d.Require(e.id)
	var err error
	if c.ID, err = r.text(); err != nil {
		return c, err
	}
	if !e.values.present {
		return c, nil
	}
	elemLen := 8
	if e.kind == CLAIM_TYPE_STRING {
		elemLen = 4
	}
	n := r.d.Array(e.values.count, elemLen)
	if r.values += n; r.values > maxClaims {
		return c, errClaims
	}
	return c, r.readValues(&c, n)
}

// readValues reads n values of the type of c.
func (r *claimsReader) readValues(c *Claim, n int) error {
	switch c.Type {
	case CLAIM_TYPE_INT64:
		c.Int64s = make([]int64, n)
		for i := range c.Int64s {
			c.Int64s[i] = int64(r.d.Uint64())
		}
	case CLAIM_TYPE_UINT64:
		c.Uint64s = make([]uint64, n)
		for i := range c.Uint64s {
			c.Uint64s[i] = r.d.Uint64()
		}
	case CLAIM_TYPE_BOOLEAN:
		c.Bools = make([]bool, n)
		for i := range c.Bools {
			c.Bools[i] = r.d.Uint64() != 0
		}
	case CLAIM_TYPE_STRING:
		return r.readStrings(c, n)
	default:
		return fmt.Errorf("the type %d of a claim is not supported", c.Type)
	}
	return r.d.Err()
}

// readStrings reads n strings: first their pointers, then their referents.
func (r *claimsReader) readStrings(c *Claim, n int) error {
	for range n {
		r.d.Require(r.d.Pointer())
	}
	c.Strings = make([]string, n)
	for i := range c.Strings {
		var err error
		if c.Strings[i], err = r.text(); err != nil {
			return err
		}
	}
	return nil
}
