package flags

// GSS is the type of the flags in the authenticator's checksum 0x8003 (RFC 4121, Section
// 4.1.1.1), in which the client requests properties of the context.
type GSS uint32

// The bits of RFC 4121, Section 4.1.1.1, and of RFC 4757, Section 7.1, that an acceptor
// acts on. [GSS.String] knows the names of all bits.
const (
	GSS_C_DELEG_FLAG    GSS = 0x0001 // credentials are forwarded
	GSS_C_MUTUAL_FLAG   GSS = 0x0002 // the client wants an AP-REP
	GSS_C_REPLAY_FLAG   GSS = 0x0004 // detect repeated messages
	GSS_C_SEQUENCE_FLAG GSS = 0x0008 // detect messages out of order
	GSS_C_CONF_FLAG     GSS = 0x0010 // encrypt messages
	GSS_C_INTEG_FLAG    GSS = 0x0020 // sign messages
	GSS_C_DCE_STYLE     GSS = 0x1000 // three legs, RFC 4757, Section 7.1
	GSS_C_IDENTIFY_FLAG GSS = 0x2000 // identify, do not impersonate, RFC 4757, Section 7.1
)

// String returns the names of f's bits joined by '|', with unknown bits as one
// hexadecimal number. It returns "0" if no bit is set.
func (f GSS) String() string { return join(uint32(f), &gssNames) }

// gssExtendedError says that the client understands KRB-ERRORs (GSS_C_EXTENDED_ERROR_FLAG,
// RFC 4757, Section 7.1).
const gssExtendedError GSS = 0x4000

// gssToASC is the table of the translation. It leaves out GSS_C_ANON_FLAG, because
// ASC_RET_NULL_SESSION means an NTLM null session, and the bits that do not describe the
// context.
var gssToASC = [...]struct {
	gss GSS
	asc ASC_RET
}{
	{GSS_C_DELEG_FLAG, ASC_RET_DELEGATE},
	{GSS_C_MUTUAL_FLAG, ASC_RET_MUTUAL_AUTH},
	{GSS_C_REPLAY_FLAG, ASC_RET_REPLAY_DETECT},
	{GSS_C_SEQUENCE_FLAG, ASC_RET_SEQUENCE_DETECT},
	{GSS_C_CONF_FLAG, ASC_RET_CONFIDENTIALITY},
	{GSS_C_INTEG_FLAG, ASC_RET_INTEGRITY},
	{GSS_C_DCE_STYLE, ASC_RET_USED_DCE_STYLE},
	{GSS_C_IDENTIFY_FLAG, ASC_RET_IDENTIFY},
	{gssExtendedError, ASC_RET_EXTENDED_ERROR},
}

// ASC translates the client's flags into the flags that AcceptSecurityContext returns. It
// is the only translation, and no flag implies another: ASC sets ASC_RET_INTEGRITY only
// for GSS_C_INTEG_FLAG, because peers rely on the flags and a security layer that was not
// negotiated would break them. The caller clears ASC_RET_DELEGATE if no forwarded
// credentials were decrypted.
func (f GSS) ASC() ASC_RET {
	var out ASC_RET
	for _, row := range &gssToASC {
		if f&row.gss != 0 {
			out |= row.asc
		}
	}
	return out
}

var gssNames = [32]string{
	0:  "GSS_C_DELEG_FLAG",
	1:  "GSS_C_MUTUAL_FLAG",
	2:  "GSS_C_REPLAY_FLAG",
	3:  "GSS_C_SEQUENCE_FLAG",
	4:  "GSS_C_CONF_FLAG",
	5:  "GSS_C_INTEG_FLAG",
	6:  "GSS_C_ANON_FLAG",
	7:  "GSS_C_PROT_READY_FLAG",
	8:  "GSS_C_TRANS_FLAG",
	11: "GSS_C_CHANNEL_BOUND_FLAG",
	12: "GSS_C_DCE_STYLE",
	13: "GSS_C_IDENTIFY_FLAG",
	14: "GSS_C_EXTENDED_ERROR_FLAG",
	15: "GSS_C_DELEG_POLICY_FLAG",
}
