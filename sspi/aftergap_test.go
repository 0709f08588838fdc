package sspi_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// gapStep is the arrival of the message with this number, in a context whose client asked
// for SEQUENCE and REPLAY.
type gapStep struct {
	number  int
	byRule  status.Reason // the Reason of Unwrap and the related functions
	missing uint64        // the result of UnwrapAfterGap and the related functions
	after   status.Reason
}

const (
	isDuplicate   = status.ReasonMessageDuplicate
	isUnsequenced = status.ReasonMessageUnsequenced
	isGap         = status.ReasonMessageGap
)

// gapSteps begin like the messages of a client that begins with its second number, as Wine
// does.
var gapSteps = []gapStep{
	{1, isGap, 1, 0},
	{2, 0, 0, 0},
	{2, isDuplicate, 0, isDuplicate},
	{0, isUnsequenced, 0, isUnsequenced},
	{5, isGap, 2, 0},
	{6, 0, 0, 0},
	{1, isDuplicate, 0, isDuplicate},
	{4, isUnsequenced, 0, isUnsequenced},
	{7, 0, 0, 0},
}

// received is the result of a function of either API that receives a message.
type received struct {
	text    string
	missing uint64
	err     error
	code    status.Code // the code of the Windows API
}

// gapCalls are the functions that receive a message or a MIC, with the default rules or
// after a gap.
var gapCalls = map[string]struct {
	mic      bool
	afterGap bool
	call     func(h *sspi.CtxtHandle, text string, token []byte) received
}{
	"Unwrap": {false, false, func(h *sspi.CtxtHandle, _ string, token []byte) received {
		b, _, err := h.Context().Unwrap(nil, token)
		return received{text: string(b), err: err}
	}},
	"UnwrapAfterGap": {false, true, func(h *sspi.CtxtHandle, _ string, token []byte) received {
		b, _, missing, err := h.Context().UnwrapAfterGap(nil, token)
		return received{text: string(b), missing: missing, err: err}
	}},
	"VerifyMIC": {true, false, func(h *sspi.CtxtHandle, text string, token []byte) received {
		return received{err: h.Context().VerifyMIC([]byte(text), token)}
	}},
	"VerifyMICAfterGap": {true, true, func(h *sspi.CtxtHandle, text string, token []byte) received {
		missing, err := h.Context().VerifyMICAfterGap([]byte(text), token)
		return received{missing: missing, err: err}
	}},
	"DecryptMessage": {false, false, func(h *sspi.CtxtHandle, _ string, token []byte) received {
		d := stream(token)
		code := sspi.DecryptMessage(h, d, 0, nil)
		return inWindows(h, received{text: string(d.Buffers[1].Buffer), code: code})
	}},
	"DecryptMessageAfterGap": {false, true, func(h *sspi.CtxtHandle, _ string, token []byte) received {
		d := stream(token)
		code, missing := sspi.DecryptMessageAfterGap(h, d, 0, nil)
		return inWindows(h, received{text: string(d.Buffers[1].Buffer), code: code, missing: missing})
	}},
	"VerifySignature": {true, false, func(h *sspi.CtxtHandle, text string, token []byte) received {
		return inWindows(h, received{code: sspi.VerifySignature(h, message(text, token), 0, nil)})
	}},
	"VerifySignatureAfterGap": {true, true, func(h *sspi.CtxtHandle, text string, token []byte) received {
		code, missing := sspi.VerifySignatureAfterGap(h, message(text, token), 0, nil)
		return inWindows(h, received{code: code, missing: missing})
	}},
}

// inWindows adds to r the Reason that the handle has after a call of the Windows API.
func inWindows(h *sspi.CtxtHandle, r received) received {
	if r.code != status.SEC_E_OK {
		r.err = h.MessageErr()
		if status.CodeOf(r.err) != r.code {
			r.err = fmt.Errorf("the code is %v, and MessageErr %w", r.code, r.err)
		}
	}
	return r
}

// TestMSG_13_BothFaces checks that each position in the sequence has its own Reason in both
// APIs, and that the AfterGap functions deliver a message after a gap with the count of
// missing messages.
func TestMSG_13_BothFaces(t *testing.T) {
	for name, call := range gapCalls {
		for _, e := range []keytab.EType{17, 18, 19, 20} {
			t.Run(fmt.Sprintf("%s, etype %d", name, e), func(t *testing.T) {
				s := newSite(t)
				h, client := s.establish(t, s.ofType(e))
				tokens := numbered(t, client, call.mic)
				for i, step := range gapSteps {
					text := "message " + strconv.Itoa(step.number)
					got := call.call(&h, text, append([]byte(nil), tokens[step.number]...))
					want := received{err: nil}
					reason := step.byRule
					if call.afterGap {
						reason, want.missing = step.after, step.missing
					}
					if reason == 0 && !call.mic {
						want.text = text
					}
					if got.text != want.text || got.missing != want.missing || status.ReasonOf(got.err) != reason {
						t.Errorf("arrival %d: %q, %d missing, %v; want %q, %d, %v", i, got.text, got.missing, got.err, want.text, want.missing, reason)
					}
					if reason != 0 && (!errors.Is(got.err, &status.Error{Reason: reason}) || !errors.Is(got.err, status.SEC_E_OUT_OF_SEQUENCE.Err())) {
						t.Errorf("arrival %d: errors.Is finds neither the Reason nor the code in %v", i, got.err)
					}
				}
			})
		}
	}
}

// numbered returns eight wrapped messages or MICs of the client.
func numbered(t *testing.T, client *krbtest.Initiator, mic bool) [][]byte {
	t.Helper()
	var tokens [][]byte
	for i := range 8 {
		x := standing{client: client}
		if text := "message " + strconv.Itoa(i); mic {
			tokens = append(tokens, x.mic(text))
		} else {
			tokens = append(tokens, x.wrap(text))
		}
	}
	return tokens
}

// TestMSG_13_AESOnly checks that an RC4 context and a context without mutual authentication
// deliver no message after a gap.
func TestMSG_13_AESOnly(t *testing.T) {
	for name, establish := range map[string]func(t *testing.T) (sspi.CtxtHandle, *krbtest.Initiator){
		"RC4": func(t *testing.T) (sspi.CtxtHandle, *krbtest.Initiator) {
			s := newSite(t, withRC4)
			return s.establish(t, s.ofType(keytab.RC4_HMAC))
		},
		"one way": func(t *testing.T) (sspi.CtxtHandle, *krbtest.Initiator) { return newSite(t).establish(t, oneWay) },
	} {
		for call, x := range gapCalls {
			t.Run(name+", "+call, func(t *testing.T) {
				h, client := establish(t)
				tokens := numbered(t, client, x.mic)
				for i, step := range []gapStep{{number: 0}, {2, isGap, 0, isGap}, {number: 3}} {
					got := x.call(&h, "message "+strconv.Itoa(step.number), tokens[step.number])
					if status.ReasonOf(got.err) != step.byRule || got.missing != 0 || step.byRule != 0 && got.text != "" {
						t.Errorf("arrival %d: %q, %d missing, %v", i, got.text, got.missing, got.err)
					}
				}
			})
		}
	}
}

// TestMessageErr checks that a handle keeps the error of a failed message function until
// the next one fails.
func TestMessageErr(t *testing.T) {
	h, client := newSite(t).establish(t)
	copied := h
	wantReason := func(what string, want status.Reason) {
		t.Helper()
		if got := status.ReasonOf(copied.MessageErr()); got != want {
			t.Errorf("%s: %v", what, copied.MessageErr())
		}
	}
	wantReason("no call yet", status.ReasonNone)
	room := func(n int) *sspi.SecBufferDesc { return message("text", make([]byte, n)) }
	wantCode(t, "sign", sspi.MakeSignature(&h, 0, room(100), 0), status.SEC_E_OK)
	wantReason("success", status.ReasonNone)
	wantCode(t, "no room", sspi.MakeSignature(&h, 0, room(5), 0), status.SEC_E_BUFFER_TOO_SMALL)
	wantReason("no room", status.ReasonBuffer)
	wantCode(t, "sign", sspi.MakeSignature(&h, 0, room(100), 0), status.SEC_E_OK)
	wantReason("success changes nothing", status.ReasonBuffer)
	wantCode(t, "another fQOP", sspi.EncryptMessage(&h, 7, room(100), 0), status.SEC_E_QOP_NOT_SUPPORTED)
	wantReason("another fQOP", status.ReasonProtectionNotNegotiated)
	wantCode(t, "no DATA", sspi.EncryptMessage(&h, 0, buffers(buffer(sspi.SECBUFFER_TOKEN, make([]byte, 100))), 0), status.SEC_E_INVALID_TOKEN)
	wantReason("no DATA", status.ReasonNoTokenBuffer)
	wantCode(t, "no descriptor", sspi.VerifySignature(&h, nil, 0, nil), status.SEC_E_INVALID_TOKEN)
	wantReason("no descriptor", status.ReasonBufferType)
	wantCode(t, "altered", sspi.VerifySignature(&h, message("text", make([]byte, 28)), 0, nil), status.SEC_E_MESSAGE_ALTERED)
	wantReason("altered", status.ReasonMessageAltered)
	wantCode(t, "short", sspi.DecryptMessage(&h, stream(make([]byte, 15)), 0, nil), status.SEC_E_INVALID_TOKEN)
	wantReason("short", status.ReasonMalformedToken)
	if _, err := client.GetMIC([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	x := standing{client: client}
	wantCode(t, "gap", sspi.VerifySignature(&h, message("text", x.mic("text")), 0, nil), status.SEC_E_OUT_OF_SEQUENCE)
	wantReason("gap", status.ReasonMessageGap)
	wantCode(t, "delete", sspi.DeleteSecurityContext(&h), status.SEC_E_OK)
	wantCode(t, "closed", sspi.MakeSignature(&copied, 0, room(100), 0), status.SEC_E_INVALID_HANDLE)
	wantReason("closed", status.ReasonInvalidHandle)
	if h.MessageErr() != nil || (sspi.CtxtHandle{}).MessageErr() != nil {
		t.Error("the zero handle has an error")
	}
	wantCode(t, "nil handle", sspi.MakeSignature(nil, 0, room(100), 0), status.SEC_E_INVALID_HANDLE)
	if code, missing := sspi.DecryptMessageAfterGap(nil, nil, 0, nil); code != status.SEC_E_INVALID_HANDLE || missing != 0 {
		t.Errorf("%v, %d missing", code, missing)
	}
}
