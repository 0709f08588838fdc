package sspi_test

import (
	"strconv"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestMessages_Sequence checks repeated, late and missing messages with each pair of flags.
// A refused message returns no text, and a context continues after a gap.
func TestMessages_Sequence(t *testing.T) {
	const (
		replay   = flags.GSS_C_REPLAY_FLAG
		sequence = flags.GSS_C_SEQUENCE_FLAG
		ok       = status.SEC_E_OK
		bad      = status.SEC_E_OUT_OF_SEQUENCE
	)
	for _, row := range []struct {
		name    string
		numbers []int // the numbers of the messages, in the order of arrival
		neither []status.Code
		replay  []status.Code
		ordered []status.Code // with sequence detection, with or without replay detection
	}{
		{
			"in order",
			[]int{0, 1, 2},
			[]status.Code{ok, ok, ok},
			[]status.Code{ok, ok, ok},
			[]status.Code{ok, ok, ok},
		},
		{
			"twice",
			[]int{0, 0, 1, 1, 0},
			[]status.Code{ok, ok, ok, ok, ok},
			[]status.Code{ok, bad, ok, bad, bad},
			[]status.Code{ok, bad, ok, bad, bad},
		},
		{
			"one missing",
			[]int{0, 2, 3},
			[]status.Code{ok, ok, ok},
			[]status.Code{ok, ok, ok},
			[]status.Code{ok, bad, ok},
		},
		{
			"swapped",
			[]int{0, 2, 1, 3, 1},
			[]status.Code{ok, ok, ok, ok, ok},
			[]status.Code{ok, ok, ok, ok, bad},
			[]status.Code{ok, bad, bad, ok, bad},
		},
		{
			"the first too late",
			[]int{1, 0, 2},
			[]status.Code{ok, ok, ok},
			[]status.Code{ok, ok, ok},
			[]status.Code{bad, bad, ok},
		},
	} {
		for _, asked := range []struct {
			gss  flags.GSS
			want []status.Code
		}{{0, row.neither}, {replay, row.replay}, {sequence, row.ordered}, {replay | sequence, row.ordered}} {
			t.Run(row.name+"/"+asked.gss.String(), func(t *testing.T) {
				h, client := newSite(t).establish(t, asking(asked.gss|flags.GSS_C_MUTUAL_FLAG|flags.GSS_C_CONF_FLAG|flags.GSS_C_INTEG_FLAG))
				var messages [4][]byte
				for i := range messages {
					messages[i] = standing{client: client}.wrap("message " + strconv.Itoa(i))
				}
				for i, n := range row.numbers {
					d := stream(append([]byte(nil), messages[n]...))
					wantCode(t, "message "+strconv.Itoa(n)+", arriving as "+strconv.Itoa(i), sspi.DecryptMessage(&h, d, 0, nil), asked.want[i])
					got := string(d.Buffers[1].Buffer)
					if want := "message " + strconv.Itoa(n); asked.want[i] == ok && got != want || asked.want[i] != ok && got != "" {
						t.Errorf("arriving as %d: %q", i, got)
					}
				}
			})
		}
	}
}

// TestMessages_OneCount checks that MICs and messages share one sequence in each direction.
func TestMessages_OneCount(t *testing.T) {
	h, client := newSite(t).establish(t)
	for i := range 6 {
		text := "message " + strconv.Itoa(i)
		x := standing{client: client}
		switch i % 3 {
		case 0:
			wantCode(t, "verify", sspi.VerifySignature(&h, message(text, x.mic(text)), 0, nil), status.SEC_E_OK)
		case 1:
			wantCode(t, "decrypt", sspi.DecryptMessage(&h, stream(x.wrap(text)), 0, nil), status.SEC_E_OK)
		case 2:
			d := message(text, make([]byte, 100))
			wantCode(t, "encrypt", sspi.EncryptMessage(&h, 0, d, 0), status.SEC_E_OK)
			if _, _, err := client.Unwrap(append(d.Buffers[0].Buffer, d.Buffers[1].Buffer...)); err != nil {
				t.Errorf("the client: %v", err)
			}
			d = message(text, make([]byte, 100))
			wantCode(t, "sign", sspi.MakeSignature(&h, 0, d, 0), status.SEC_E_OK)
			if err := client.VerifyMIC([]byte(text), d.Buffers[0].Buffer); err != nil {
				t.Errorf("the client: %v", err)
			}
		}
	}
}

// TestMessages_SignaturesTwice checks that the rules for repeated messages apply to MICs.
func TestMessages_SignaturesTwice(t *testing.T) {
	h, client := newSite(t).establish(t)
	x := standing{client: client}
	first, second := x.mic("first"), x.mic("second")
	wantCode(t, "first", sspi.VerifySignature(&h, message("first", first), 0, nil), status.SEC_E_OK)
	wantCode(t, "first again", sspi.VerifySignature(&h, message("first", first), 0, nil), status.SEC_E_OUT_OF_SEQUENCE)
	wantCode(t, "over another text", sspi.VerifySignature(&h, message("other", first), 0, nil), status.SEC_E_MESSAGE_ALTERED)
	wantCode(t, "second", sspi.VerifySignature(&h, message("second", second), 0, nil), status.SEC_E_OK)
}

// TestMessages_OutOfSequenceLeavesNothing checks that a repeated message, which must be
// decrypted for the check, is wiped afterwards.
func TestMessages_OutOfSequenceLeavesNothing(t *testing.T) {
	const text = "attack at dawn, or rather at noon"
	secureEach(t, func(t *testing.T, x *secured) {
		token, data := x.detached(t, text, true)
		whole := append(append([]byte(nil), token...), data...)
		wantCode(t, "once", sspi.DecryptMessage(&x.handle, stream(append([]byte(nil), whole...)), 0, nil), status.SEC_E_OK)
		for _, detached := range []bool{true, false} {
			memory := append([]byte(nil), whole...)
			d := stream(memory)
			if detached {
				d = buffers(buffer(sspi.SECBUFFER_TOKEN, memory[:len(token)]), buffer(sspi.SECBUFFER_DATA, memory[len(token):]))
			}
			wantCode(t, "twice", sspi.DecryptMessage(&x.handle, d, 0, nil), status.SEC_E_OUT_OF_SEQUENCE)
			x.nothingLeft(t, d, memory, text, true)
		}
	})
}
