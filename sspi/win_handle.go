package sspi

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/gosspi/kerberos/status"
)

// CredHandle is a handle to a service's credentials. It is comparable, the zero
// handle is invalid, and copies share one fate. It is safe for concurrent use.
type CredHandle struct{ c *credential }

// credential is the target of a CredHandle.
type credential struct {
	acceptor *Acceptor
	pkg      Package
	freed    atomic.Bool
}

// CredHandle makes a handle for the Windows API. p must be a package of this
// library, else the handle is the zero one.
func (a *Acceptor) CredHandle(p Package) CredHandle {
	info, ok := lookupPackage(p)
	if !ok || !a.made() {
		return CredHandle{}
	}
	return CredHandle{&credential{acceptor: a, pkg: info.Name}}
}

// Acceptor returns the handle's Acceptor, and nil if the handle is invalid.
func (h CredHandle) Acceptor() *Acceptor {
	if !h.valid() {
		return nil
	}
	return h.c.acceptor
}

func (h CredHandle) valid() bool {
	return h.c != nil && h.c.acceptor.made() && !h.c.freed.Load()
}

// Format prints a handle without its contents, whatever the verb.
func (h CredHandle) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, handleText("CredHandle", h.c == nil))
}

// CtxtHandle is a handle to a security context. It is comparable, the zero
// handle is invalid, and copies share one fate. It is safe for concurrent use
// as Context is. Forgetting one leaks nothing.
type CtxtHandle struct{ c *Context }

// Handle returns the handle of c for the Windows API, and the zero handle for a nil or zero
// Context.
func (c *Context) Handle() CtxtHandle {
	if c.isZero() {
		return CtxtHandle{}
	}
	return CtxtHandle{c}
}

// Context returns the handle's Context for the Go API, and nil if the handle is invalid.
func (h CtxtHandle) Context() *Context {
	if !h.live() {
		return nil
	}
	return h.c
}

// Err returns the error that ended the exchange, or nil if the exchange has not failed. The
// error wraps a *status.Error, whose Reason is more specific than the returned status.Code.
// Err returns nil for the zero handle, which AcceptSecurityContext leaves when its arguments
// are invalid; use status.Code.Err in that case. Call Err before DeleteSecurityContext, which
// zeroes the handle.
func (h CtxtHandle) Err() error {
	if h.c == nil {
		return nil
	}
	return h.c.Err()
}

// MessageErr returns the error of the call for messages that failed last on this context:
// MakeSignature, VerifySignature, EncryptMessage, DecryptMessage, or one of the two
// AfterGap functions. The error wraps a *status.Error, whose Reason is more specific than
// the returned code. A call that succeeds does not change MessageErr; nil means that none
// has failed. Copies of the handle share it. If one goroutine sends and another receives
// on the context, and both fail, MessageErr has the later error of the two; the methods
// of [Context] return each error to its own caller. Ask before DeleteSecurityContext,
// which zeroes the handle.
func (h CtxtHandle) MessageErr() error {
	if h.c.isZero() {
		return nil
	}
	if err := h.c.messageErr.Load(); err != nil {
		return *err
	}
	return nil
}

// live reports whether the handle answers more than Err and
// DeleteSecurityContext.
func (h CtxtHandle) live() bool {
	if h.c == nil || !h.c.acceptor.made() {
		return false
	}
	s := h.c.at()
	return s != stateFailed && s != stateClosed
}

// Format prints a handle without its contents, whatever the verb.
func (h CtxtHandle) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, handleText("CtxtHandle", h.c == nil))
}

func handleText(name string, zero bool) string {
	if zero {
		return "sspi." + name + "{}"
	}
	return "sspi." + name + "{...}"
}

// context returns the established context of a handle.
func (h *CtxtHandle) context() (*Context, status.Code) {
	if h == nil || h.c == nil || h.c.at() != stateEstablished {
		return nil, status.SEC_E_INVALID_HANDLE
	}
	return h.c, status.SEC_E_OK
}

// DeleteSecurityContext wipes the context's keys and zeroes *phContext. Copies
// of the handle are invalid from then on. It succeeds once for every context
// that AcceptSecurityContext returned, failed ones too; after that, and for a
// zero handle, it is SEC_E_INVALID_HANDLE and does nothing.
func DeleteSecurityContext(phContext *CtxtHandle) status.Code {
	if phContext == nil || phContext.c == nil {
		return status.SEC_E_INVALID_HANDLE
	}
	c := phContext.c
	*phContext = CtxtHandle{}
	if c.deleted.Swap(true) {
		return status.SEC_E_INVALID_HANDLE
	}
	c.Close()
	return status.SEC_E_OK
}

// FreeCredentialsHandle makes the handle and its copies invalid and zeroes
// *phCredential. Contexts made with it live on. The second time it is
// SEC_E_INVALID_HANDLE.
func FreeCredentialsHandle(phCredential *CredHandle) status.Code {
	if phCredential == nil || phCredential.c == nil {
		return status.SEC_E_INVALID_HANDLE
	}
	c := phCredential.c
	*phCredential = CredHandle{}
	if c.freed.Swap(true) {
		return status.SEC_E_INVALID_HANDLE
	}
	return status.SEC_E_OK
}

// FreeContextBuffer exists for programs written for Windows. It frees nothing: a buffer that ASC_REQ_ALLOCATE_MEMORY made belongs to the
// caller and to the garbage collector, and no pool takes it back.
func FreeContextBuffer(pvContextBuffer any) status.Code { return status.SEC_E_OK }
