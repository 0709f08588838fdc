package sspi

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// TestCTX_4_ClosedMeanwhile closes a context while a call, which has seen that the context
// is established, waits for its lock. The call must return an error and no key.
func TestCTX_4_ClosedMeanwhile(t *testing.T) {
	for name, row := range map[string]struct {
		waits string // the function that waits for the lock
		call  func(t *testing.T, c *Context)
	}{
		"SessionKey": {"sspi.(*Context).SessionKey(", func(t *testing.T, c *Context) {
			if key, err := c.SessionKey(); status.ReasonOf(err) != status.ReasonInvalidHandle || key != nil {
				t.Errorf("%d bytes of key, %v", len(key), err)
			}
		}},
		"SECPKG_ATTR_SESSION_KEY": {"sspi.(*Context).SessionKey(", func(t *testing.T, c *Context) {
			h := c.Handle()
			var key SecPkgContext_SessionKey
			if code := QueryContextAttributes(&h, SECPKG_ATTR_SESSION_KEY, &key); code != status.SEC_E_INVALID_HANDLE || !key.SessionKey.IsZero() {
				t.Errorf("%v, %d bytes of key", code, len(key.SessionKey.Bytes()))
			}
		}},
		"Export": {"sspi.(*Context).Export(", func(t *testing.T, c *Context) {
			if b, err := c.Export(); status.ReasonOf(err) != status.ReasonInvalidHandle || b != nil {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := begin(t, 0)
			c.acceptor.cfg.ExportKey = NewSecret(make([]byte, 32))
			done := make(chan struct{})
			c.mu.Lock()
			go func() {
				defer close(done)
				row.call(t, c)
			}()
			for !waitsForLock(row.waits) {
				runtime.Gosched()
			}
			c.state.Store(uint32(stateClosed)) // as Close does, which waits for the lock too
			c.vault.wipe()
			c.mu.Unlock()
			<-done
		})
	}
}

// waitsForLock reports whether a goroutine waits for a mutex in the function.
func waitsForLock(function string) bool {
	b := make([]byte, 1<<20)
	b = b[:runtime.Stack(b, true)]
	for g := range bytes.SplitSeq(b, []byte("\n\n")) {
		if bytes.Contains(g, []byte("[sync.Mutex.Lock")) && bytes.Contains(g, []byte(function)) {
			return true
		}
	}
	return false
}
