package sspi

import "github.com/gosspi/kerberos/status"

// SECBUFFER is the type of a SecBuffer, with attributes in its high bits.
type SECBUFFER uint32

// Types of buffers, as in sspi.h. AcceptSecurityContext looks for TOKEN and
// CHANNEL_BINDINGS; the message functions for TOKEN, DATA, PADDING and STREAM.
const (
	SECBUFFER_EMPTY            SECBUFFER = 0  // a placeholder, passed over
	SECBUFFER_DATA             SECBUFFER = 1  // message
	SECBUFFER_TOKEN            SECBUFFER = 2  // token, signature or security trailer
	SECBUFFER_PADDING          SECBUFFER = 9  // padding between message and trailer
	SECBUFFER_STREAM           SECBUFFER = 10 // a whole wrapped message
	SECBUFFER_CHANNEL_BINDINGS SECBUFFER = 14 // a SEC_CHANNEL_BINDINGS, or SEC_CHANNEL_BINDINGS_EX

	SECBUFFER_CHANNEL_BINDINGS_RESULT SECBUFFER = 30 // receives a SEC_CHANNEL_BINDINGS_RESULT

	SECBUFFER_READONLY               SECBUFFER = 0x80000000 // neither sealed nor signed
	SECBUFFER_READONLY_WITH_CHECKSUM SECBUFFER = 0x10000000 // signed, not sealed
)

// attributeMask is SECBUFFER_ATTRMASK of sspi.h.
const attributeMask SECBUFFER = 0xF0000000

// SECBUFFER_VERSION is the only version of a SecBufferDesc.
const SECBUFFER_VERSION = 0

// maxBuffers bounds a descriptor. RPC, with the longest lists, uses five.
const maxBuffers = 16

// SecBuffer is one buffer of a call.
type SecBuffer struct {
	// BufferType is a SECBUFFER type, with attributes.
	BufferType SECBUFFER
	// Buffer holds the bytes of an input. As room for an output its length
	// counts, never its capacity. On return an output has the length of its content,
	// and no bytes on failure.
	Buffer []byte
	// Needed is set with SEC_E_BUFFER_TOO_SMALL: this much room is enough.
	Needed int
}

// SecBufferDesc describes the buffers of a call, 16 at most.
type SecBufferDesc struct {
	Version uint32 // SECBUFFER_VERSION
	Buffers []SecBuffer
}

func (b *SecBuffer) is(t SECBUFFER) bool { return b.BufferType&^attributeMask == t }

// check refuses a descriptor that no call can use.
func (d *SecBufferDesc) check() status.Code {
	if d == nil || d.Version != SECBUFFER_VERSION || len(d.Buffers) > maxBuffers {
		return status.SEC_E_INVALID_TOKEN
	}
	return status.SEC_E_OK
}

// find returns the first buffer of a type at any position, and nil if d is nil or has no
// such buffer.
func (d *SecBufferDesc) find(t SECBUFFER) *SecBuffer {
	if d == nil {
		return nil
	}
	for i := range d.Buffers {
		if d.Buffers[i].is(t) {
			return &d.Buffers[i]
		}
	}
	return nil
}

// cut empties the output of this type after a failure, so that the caller sends no bytes.
func (d *SecBufferDesc) cut(t SECBUFFER) {
	if b := d.find(t); b != nil {
		b.Buffer = b.Buffer[:0]
	}
}
