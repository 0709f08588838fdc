package sspisasl_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"unicode/utf8"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// blamesPeer fails the test if err has a Reason that a client cannot cause.
func blamesPeer(t *testing.T, err error) {
	t.Helper()
	switch reason := status.ReasonOf(err); reason {
	case status.ReasonInternal, status.ReasonArgument, status.ReasonInvalidHandle, status.ReasonContextState,
		status.ReasonReplayCacheFailed, status.ReasonNoKey, status.ReasonCanceled, status.ReasonUnsupported:
		t.Fatal(err)
	case status.ReasonNone:
		if status.CodeOf(err) != status.SEC_E_LOGON_DENIED {
			t.Fatal(err)
		}
	}
}

// FuzzNext passes messages to each mechanism. The Server must accept no client but that of
// the seeds, whatever the messages are, and an exchange that has ended must stay so.
func FuzzNext(f *testing.F) {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	seed := &site{f, realm, nil}
	if _, err := realm.Service(service); err != nil {
		f.Fatal(err)
	}
	binding := endPoint("data")
	header, bound := []byte("n,a=alice,"), []byte("p=tls-server-end-point,,")
	oneWay := seed.client(sspitest.Options{OneWay: true})
	token := say(f, oneWay, nil)
	f.Add(byte(0), token, choice(f, oneWay, 0x01_000000, "alice"), []byte{})
	signing := seed.client(sspitest.Options{OneWay: true})
	f.Add(byte(0), []byte{}, say(f, signing, nil), choice(f, signing, 0x02_010000, ""))
	f.Add(byte(0), say(f, seed.client(sspitest.Options{}), nil), []byte{}, []byte{1, 0, 0, 0})
	f.Add(byte(1), say(f, seed.client(sspitest.Options{SPNEGO: true}), nil), []byte{}, []byte{})
	f.Add(byte(1), say(f, seed.client(sspitest.Options{SPNEGO: true, OneWay: true, Flags: plain}), nil), []byte{}, []byte{})
	f.Add(byte(2), seed.gs2(string(header), string(header)), []byte{}, []byte{})
	f.Add(byte(3), seed.gs2(string(bound), string(bound)+"data"), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, which byte, first, second, third []byte) {
		acceptor, err := realm.Acceptor(service)
		if err != nil {
			t.Fatal(err)
		}
		cfg := sspisasl.Config{Acceptor: acceptor, Layers: all, SuccessData: which&0x80 != 0}
		m := [...]sspisasl.Mechanism{sspisasl.GSSAPI, sspisasl.GSSSPNEGO, sspisasl.GS2KRB5, sspisasl.GS2KRB5Plus}[which&3]
		if m == sspisasl.GS2KRB5Plus {
			cfg.Context.ChannelBindings = []sspi.ChannelBindings{binding}
		}
		s := newServer(t, &cfg, m)
		for _, message := range [][]byte{first, second, third} {
			challenge, done, err := s.Next(bytes.Clone(message))
			switch {
			case err != nil:
				blamesPeer(t, err)
				if done || s.Peer() != nil || s.Layer() != 0 {
					t.Fatalf("refused and logged in: %v", err)
				}
				over(t, s)
				return
			case done:
				who := s.AuthorizationID()
				if s.Peer().Client.String() != "alice@EXAMPLE.COM" || who != "alice@EXAMPLE.COM" || s.Layer()&all == 0 {
					t.Fatalf("logged in: %v as %q", s.Peer().Client, who)
				}
				over(t, s)
				return
			case challenge == nil || s.Peer() != nil:
				t.Fatalf("it goes on without a challenge, or with an identity: %x", challenge)
			}
		}
	})
}

// FuzzChoice wraps any bytes as a client's choice of a layer, and compares the result with
// a model.
func FuzzChoice(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00"), byte(7))
	f.Add([]byte("\x04\xff\xff\xffalice"), byte(7))
	f.Add([]byte("\x02\x00\x00\x1d\xff"), byte(2))
	f.Add([]byte("\x06\x01\x00\x00"), byte(0))
	shared := newSite(f)
	f.Fuzz(func(t *testing.T, message []byte, layers byte) {
		site := &site{t, shared.realm, shared.acceptor}
		cfg := site.config()
		cfg.Layers = sspisasl.Layer(layers) & all
		cfg.Authorize = func(*sspi.Peer, string) error { return nil }
		s := newServer(t, cfg, sspisasl.GSSAPI)
		client := site.client(sspitest.Options{OneWay: true})
		offered := offer(t, s, client) >> 24
		response, err := client.Wrap(message, false)
		if err != nil {
			t.Fatal(err)
		}
		want := len(message) >= 4 && len(message) <= 4+4096 && utf8.Valid(message[4:]) && !bytes.Contains(message[4:], []byte{0})
		if want {
			size := binary.BigEndian.Uint32(message) & 0xffffff
			need := map[byte]uint32{1: 0, 2: 512, 4: 512}
			least, one := need[message[0]]
			want = one && uint32(message[0])&offered != 0 && size >= least
		}
		_, done, err := s.Next(response)
		if done != want || (err == nil) != want {
			t.Fatalf("%x of %x: %v, %v, want %v", message, offered, done, err, want)
		}
		if err != nil {
			blamesPeer(t, err)
			return
		}
		who := string(message[4:])
		if who == "" {
			who = "alice@EXAMPLE.COM"
		}
		if string(s.Layer())+s.AuthorizationID() != string(rune(message[0]))+who {
			t.Fatalf("%x: %v, %q", message, s.Layer(), s.AuthorizationID())
		}
	})
}

// FuzzConn runs a client with a script of valid and invalid messages, over a connection
// that splits them. Read must return the messages before the first invalid one, and then
// its error.
func FuzzConn(f *testing.F) {
	f.Add([]byte{0, 10, 0, 200, 7}, byte(1), true)
	f.Add([]byte{0, 10, 1, 3, 0, 5}, byte(30), false)
	f.Add([]byte{0, 1, 2, 9, 3, 0, 4, 0, 5, 0, 6, 4}, byte(255), true)
	shared := newSite(f)
	f.Fuzz(func(t *testing.T, script []byte, cut byte, sealed bool) {
		site := &site{t, shared.realm, shared.acceptor}
		layer, flag := sspisasl.Integrity, plain|flags.GSS_C_INTEG_FLAG
		if sealed {
			layer, flag = sspisasl.Confidentiality, flag|flags.GSS_C_CONF_FLAG
		}
		cfg := site.config()
		cfg.MaxBuffer = 1024
		client := site.client(sspitest.Options{OneWay: true, Flags: flag})
		s := login(t, cfg, client, uint32(layer)<<24|4096, "")
		play := &player{t: t, client: client, sealed: sealed}
		for ; len(script) >= 2 && len(play.sent) < 1<<16; script = script[2:] {
			play.do(script[0], script[1])
		}
		conn := s.Conn(wire{Reader: &cutting{play.sent, int(cut) + 1}})
		got, err := io.ReadAll(conn)
		if !bytes.Equal(got, play.good) || (err != nil) != play.bad {
			t.Fatalf("%x, want %x, bad %v: %v", got, play.good, play.bad, err)
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			blamesPeer(t, err)
		}
	})
}

// player is a client in FuzzConn.
type player struct {
	t      *testing.T
	client *sspitest.Initiator
	sealed bool
	last   []byte // the last valid message as it was sent
	sent   []byte
	good   []byte // the bytes that Read must return
	bad    bool   // the client has sent a message that must end reading
}

// do sends one message. The client does not make a message that it does not send, because
// the message would use up a sequence number.
func (p *player) do(what, how byte) {
	message := string(bytes.Repeat([]byte{how}, int(how)*3))
	var whole []byte
	switch what % 7 {
	case 0, 1: // a valid message
		if p.bad {
			return
		}
		p.last = frame(p.t, p.client, message, p.sealed)
		p.good = append(p.good, message...)
		p.sent = append(p.sent, p.last...)
		return
	case 2: // a message with a changed bit
		whole = frame(p.t, p.client, message, p.sealed)
		at := int(how) % (len(whole) - 4)
		if at == 6 || at == 7 { // different values of RRC can be valid
			at = 0
		}
		whole[4+at] ^= 1 << (how % 8)
	case 3: // the last message again
		if whole = p.last; whole == nil {
			return
		}
	case 4: // a message with a wrong length
		whole = frame(p.t, p.client, message, p.sealed)
		length := int(how) * 5
		if length == len(whole)-4 {
			length++
		}
		binary.BigEndian.PutUint32(whole, uint32(length))
	case 5: // a message with less protection
		if !p.sealed {
			return
		}
		whole = frame(p.t, p.client, message, false)
	case 6: // a message whose end is missing
		whole = frame(p.t, p.client, message, p.sealed)
		whole = whole[:len(whole)-1-int(how)%(len(whole)-1)]
	}
	p.bad = true
	p.sent = append(p.sent, whole...)
}

// cutting returns at most n bytes at once.
type cutting struct {
	b []byte
	n int
}

func (c *cutting) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.n)], c.b)
	c.b = c.b[n:]
	return n, nil
}
