package etype

// Fold is for the comparison with gokrb5, which internal tests cannot make: what
// it is made with imports this package.
func Fold(in []byte) (out [16]byte) {
	fold(&out, in)
	return out
}
