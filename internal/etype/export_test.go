package etype

// Fold exports fold for the comparison with gokrb5, which an internal test cannot make,
// because krbtest imports this package.
func Fold(in []byte) (out [16]byte) {
	fold(&out, in)
	return out
}
