package etype

// veil keeps a secret where fmt does not find it. With a verb that a type does
// not have, as in %y, fmt prints the fields behind a pointer, and does so past
// Format where the pointer is in an unexported field. It never follows a pointer
// to a pointer.
//
// Owner, pointer and secret lie in one struct, so that a veil costs no
// allocation of its own.
type veil[T any] struct {
	direct *T
	hidden T
}

func (v *veil[T]) hide() **T {
	v.direct = &v.hidden
	return &v.direct
}
