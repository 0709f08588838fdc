package sspi_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// everyAttribute lists the attributes that QueryContextAttributes supports.
var everyAttribute = []struct {
	name   string
	attr   sspi.SECPKG_ATTR
	early  bool // also before the context is established
	buffer func() sspi.ContextAttribute
	null   sspi.ContextAttribute
}{
	{"SIZES", sspi.SECPKG_ATTR_SIZES, false, make1[sspi.SecPkgContext_Sizes], (*sspi.SecPkgContext_Sizes)(nil)},
	{"NAMES", sspi.SECPKG_ATTR_NAMES, false, make1[sspi.SecPkgContext_Names], (*sspi.SecPkgContext_Names)(nil)},
	{"LIFESPAN", sspi.SECPKG_ATTR_LIFESPAN, false, make1[sspi.SecPkgContext_Lifespan], (*sspi.SecPkgContext_Lifespan)(nil)},
	{"KEY_INFO", sspi.SECPKG_ATTR_KEY_INFO, false, make1[sspi.SecPkgContext_KeyInfo], (*sspi.SecPkgContext_KeyInfo)(nil)},
	{"SESSION_KEY", sspi.SECPKG_ATTR_SESSION_KEY, false, make1[sspi.SecPkgContext_SessionKey], (*sspi.SecPkgContext_SessionKey)(nil)},
	{"PACKAGE_INFO", sspi.SECPKG_ATTR_PACKAGE_INFO, true, make1[sspi.SecPkgContext_PackageInfo], (*sspi.SecPkgContext_PackageInfo)(nil)},
	{"NEGOTIATION_INFO", sspi.SECPKG_ATTR_NEGOTIATION_INFO, true, make1[sspi.SecPkgContext_NegotiationInfo], (*sspi.SecPkgContext_NegotiationInfo)(nil)},
	{"NATIVE_NAMES", sspi.SECPKG_ATTR_NATIVE_NAMES, false, make1[sspi.SecPkgContext_NativeNames], (*sspi.SecPkgContext_NativeNames)(nil)},
	{"FLAGS", sspi.SECPKG_ATTR_FLAGS, false, make1[sspi.SecPkgContext_Flags], (*sspi.SecPkgContext_Flags)(nil)},
	{"DCE_INFO", sspi.SECPKG_ATTR_DCE_INFO, false, make1[sspi.SecPkgContext_DceInfo], (*sspi.SecPkgContext_DceInfo)(nil)},
	{"AUTHORITY", sspi.SECPKG_ATTR_AUTHORITY, false, make1[sspi.SecPkgContext_Authority], (*sspi.SecPkgContext_Authority)(nil)},
	{"CLIENT_SPECIFIED_TARGET", sspi.SECPKG_ATTR_CLIENT_SPECIFIED_TARGET, false, make1[sspi.SecPkgContext_ClientSpecifiedTarget], (*sspi.SecPkgContext_ClientSpecifiedTarget)(nil)},
	{"LAST_CLIENT_TOKEN_STATUS", sspi.SECPKG_ATTR_LAST_CLIENT_TOKEN_STATUS, true, make1[sspi.SecPkgContext_LastClientTokenStatus], (*sspi.SecPkgContext_LastClientTokenStatus)(nil)},
}

// make1 returns a new buffer of one of the SecPkgContext_ types.
func make1[T any, P interface {
	*T
	sspi.ContextAttribute
}]() sspi.ContextAttribute {
	return P(new(T))
}

// wantZero fails the test if the buffer is not zero.
func wantZero(t *testing.T, what string, b sspi.ContextAttribute) {
	t.Helper()
	if v := reflect.ValueOf(b); v.IsValid() && !v.IsNil() && !v.Elem().IsZero() {
		t.Errorf("%s was written to", what)
	}
}

// TestQuery_EveryNumber queries all possible attribute numbers, with right, wrong and no
// buffers, in all states of a context.
func TestQuery_EveryNumber(t *testing.T) {
	numbers := []sspi.SECPKG_ATTR{0x50, 0x55, 124, 128, 0x80000000, 0x80000086, 0xFFFFFFFF}
	for n := range sspi.SECPKG_ATTR(41) {
		numbers = append(numbers, n)
	}
	for _, state := range stateNames {
		t.Run(state, func(t *testing.T) {
			s := newSite(t, policy(sspi.PACPolicy{RealmsWithoutPAC: []string{"EXAMPLE.COM"}})) // else the client has no DCE_INFO
			x := inState[state](t, s)
			for _, n := range numbers {
				known := -1
				for i, a := range everyAttribute {
					if a.attr == n {
						known = i
					}
				}
				wantCode(t, "a nil buffer", sspi.QueryContextAttributes(x.handle, n, nil), answer(state, known, false))
				for i, a := range everyAttribute {
					b := a.buffer()
					want := answer(state, known, i == known)
					wantCode(t, a.name, sspi.QueryContextAttributes(x.handle, n, b), want)
					if want != status.SEC_E_OK {
						wantZero(t, a.name, b)
					}
					wantCode(t, "a nil "+a.name, sspi.QueryContextAttributes(x.handle, n, a.null), answer(state, known, false))
				}
			}
		})
	}
}

// answer returns the expected code: the handle decides first, then the attribute, then the
// buffer.
func answer(state string, known int, right bool) status.Code {
	switch state {
	case "new", "retry", "third leg", "negotiating", "MIC", "established":
	default:
		return status.SEC_E_INVALID_HANDLE
	}
	switch {
	case known < 0:
		return status.SEC_E_UNSUPPORTED_FUNCTION
	case state != "established" && !everyAttribute[known].early:
		return status.SEC_E_INVALID_HANDLE
	case !right:
		return status.SEC_E_INVALID_PARAMETER
	}
	return status.SEC_E_OK
}

// query returns one attribute, which the context must have.
func query[T any, P interface {
	*T
	sspi.ContextAttribute
}](t *testing.T, h sspi.CtxtHandle, attr sspi.SECPKG_ATTR) T {
	t.Helper()
	var b T
	wantCode(t, "query", sspi.QueryContextAttributes(&h, attr, P(&b)), status.SEC_E_OK)
	return b
}

func TestQuery_Contents(t *testing.T) {
	s := newSite(t)
	h, client := s.establish(t, func(q *krbtest.APReq) { // a renewed ticket, whose start is after the login
		q.Ticket.Part.AuthTime = q.Ticket.Part.AuthTime.Add(-time.Hour)
	})
	ticket := client.Request.Ticket.Part
	if got := query[sspi.SecPkgContext_Names](t, h, sspi.SECPKG_ATTR_NAMES); got.UserName != "alice@EXAMPLE.COM" {
		t.Errorf("NAMES %+v", got)
	}
	if got, want := query[sspi.SecPkgContext_NativeNames](t, h, sspi.SECPKG_ATTR_NATIVE_NAMES), (sspi.SecPkgContext_NativeNames{ClientName: "alice@EXAMPLE.COM", ServerName: service + "@EXAMPLE.COM"}); got != want {
		t.Errorf("NATIVE_NAMES %+v, want %+v", got, want)
	}
	life := query[sspi.SecPkgContext_Lifespan](t, h, sspi.SECPKG_ATTR_LIFESPAN)
	if !life.Start.Time().Equal(ticket.StartTime) || !life.Expiry.Time().Equal(ticket.EndTime) {
		t.Errorf("LIFESPAN %v to %v, want %v to %v", life.Start.Time(), life.Expiry.Time(), ticket.StartTime, ticket.EndTime)
	}
	key := query[sspi.SecPkgContext_SessionKey](t, h, sspi.SECPKG_ATTR_SESSION_KEY).SessionKey
	if string(key.Bytes()) != string(client.Key().KeyValue) {
		t.Errorf("SESSION_KEY %x, the client's is %x", key.Bytes(), client.Key().KeyValue)
	}
	key.Wipe()
	if again := query[sspi.SecPkgContext_SessionKey](t, h, sspi.SECPKG_ATTR_SESSION_KEY).SessionKey; string(again.Bytes()) != string(client.Key().KeyValue) {
		t.Error("SESSION_KEY is not a copy")
	}
	info := query[sspi.SecPkgContext_PackageInfo](t, h, sspi.SECPKG_ATTR_PACKAGE_INFO).PackageInfo
	info.Name = "changed"
	negotiation := query[sspi.SecPkgContext_NegotiationInfo](t, h, sspi.SECPKG_ATTR_NEGOTIATION_INFO)
	if negotiation.PackageInfo.Name != sspi.Kerberos || negotiation.NegotiationState != sspi.SECPKG_NEGOTIATION_COMPLETE {
		t.Errorf("NEGOTIATION_INFO %+v of %q", negotiation, negotiation.PackageInfo.Name)
	}
}

// TestQuery_StartTime checks that a ticket without a starttime is valid from its authtime.
func TestQuery_StartTime(t *testing.T) {
	s := newSite(t)
	h, client := s.establish(t, func(q *krbtest.APReq) {
		q.Ticket.Part.StartTime = time.Time{}
		q.Ticket.Part.AuthTime = q.Ticket.Part.AuthTime.Add(-time.Hour)
	})
	life := query[sspi.SecPkgContext_Lifespan](t, h, sspi.SECPKG_ATTR_LIFESPAN)
	if !life.Start.Time().Equal(client.Request.Ticket.Part.AuthTime) {
		t.Errorf("starts %v, want %v", life.Start.Time(), client.Request.Ticket.Part.AuthTime)
	}
}

func TestQuery_NegotiationInProgress(t *testing.T) {
	for _, state := range []string{"new", "retry", "third leg", "negotiating", "MIC"} {
		x := inState[state](t, newSite(t))
		got := query[sspi.SecPkgContext_NegotiationInfo](t, *x.handle, sspi.SECPKG_ATTR_NEGOTIATION_INFO)
		if got.NegotiationState != sspi.SECPKG_NEGOTIATION_IN_PROGRESS {
			t.Errorf("%s: state %d", state, got.NegotiationState)
		}
	}
}

// TestQuery_KeyInfo compares with the numbers and names of the registries of RFC 3961,
// Section 8, and RFC 8009, Section 7.
func TestQuery_KeyInfo(t *testing.T) {
	for _, want := range []sspi.SecPkgContext_KeyInfo{
		{SignatureAlgorithmName: "hmac-sha1-96-aes128", EncryptAlgorithmName: "aes128-cts-hmac-sha1-96", KeySize: 128, SignatureAlgorithm: 15, EncryptAlgorithm: 17},
		{SignatureAlgorithmName: "hmac-sha1-96-aes256", EncryptAlgorithmName: "aes256-cts-hmac-sha1-96", KeySize: 256, SignatureAlgorithm: 16, EncryptAlgorithm: 18},
		{SignatureAlgorithmName: "hmac-sha256-128-aes128", EncryptAlgorithmName: "aes128-cts-hmac-sha256-128", KeySize: 128, SignatureAlgorithm: 19, EncryptAlgorithm: 19},
		{SignatureAlgorithmName: "hmac-sha384-192-aes256", EncryptAlgorithmName: "aes256-cts-hmac-sha384-192", KeySize: 256, SignatureAlgorithm: 20, EncryptAlgorithm: 20},
	} {
		s := newSite(t)
		h, _ := s.establish(t, s.ofType(keytab.EType(want.EncryptAlgorithm)))
		if got := query[sspi.SecPkgContext_KeyInfo](t, h, sspi.SECPKG_ATTR_KEY_INFO); got != want {
			t.Errorf("%+v\nwant %+v", got, want)
		}
	}
}

// ofType sets the type of all keys of an exchange.
func (s *site) ofType(e keytab.EType) func(*krbtest.APReq) {
	return func(q *krbtest.APReq) {
		q.Ticket.Part.Key = s.realm.NewKey(e)
		q.Key = q.Ticket.Part.Key
		q.Authenticator.SubKey = s.realm.NewKey(e)
		q.ETypes = nil
	}
}

// TestQuery_Sizes checks the sizes of RFC 4121, Section 4.2.6: a MIC has 16 bytes of header
// and the checksum. A sealed message also has a confounder, a second header, and the filler
// of DCE style.
func TestQuery_Sizes(t *testing.T) {
	const protection = flags.GSS_C_INTEG_FLAG | flags.GSS_C_CONF_FLAG | flags.GSS_C_REPLAY_FLAG | flags.GSS_C_SEQUENCE_FLAG
	s := newSite(t)
	for _, row := range []struct {
		name         string
		change       func(*krbtest.APReq)
		mic, trailer uint32
	}{
		{"etype 17", s.ofType(keytab.AES128_CTS_HMAC_SHA1_96), 28, 76},
		{"etype 18", s.ofType(keytab.AES256_CTS_HMAC_SHA1_96), 28, 76},
		{"etype 19", s.ofType(keytab.AES128_CTS_HMAC_SHA256_128), 32, 80},
		{"etype 20", s.ofType(keytab.AES256_CTS_HMAC_SHA384_192), 40, 88},
		{"integrity alone", asking(flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_INTEG_FLAG), 28, 76},
		{"sequence alone", asking(flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_SEQUENCE_FLAG), 28, 76},
		{"no protection", asking(krbtest.DefaultFlags &^ protection), 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			h, _ := s.establish(t, row.change)
			got := query[sspi.SecPkgContext_Sizes](t, h, sspi.SECPKG_ATTR_SIZES)
			if want := (sspi.SecPkgContext_Sizes{MaxToken: 48000, MaxSignature: row.mic, BlockSize: 1, SecurityTrailer: row.trailer}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}
