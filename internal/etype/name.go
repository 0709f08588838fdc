package etype

import "strconv"

// NameAndNumber returns the form of a type in errors and log records, such as
// "rc4-hmac (23)", or "etype(99)" for a number without a name.
func (id ID) NameAndNumber() string {
	number := "(" + strconv.Itoa(int(id)) + ")"
	if name := id.String(); name != "etype"+number {
		return name + " " + number
	}
	return "etype" + number
}
