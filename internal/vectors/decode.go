package vectors

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// rows is the format of a set in the file: an object with rows and remarks.
type rows[T any] struct {
	Rows T
}

// UnmarshalJSON decodes the rows of each set. The field of a missing set stays empty,
// which TestVectors_RowCounts detects.
func (f *File) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	return errors.Join(
		set(raw, "decrypt", &f.Decrypt),
		set(raw, "checksum", &f.Checksum),
		set(raw, "derive", &f.Derive),
		set(raw, "prf", &f.PRF),
		set(raw, "string_to_key", &f.StringToKey),
		set(raw, "nfold", &f.NFold),
		whole(raw, "aes_cts", &f.AESCTS),
		whole(raw, "gss_messages", &f.GSSMessages),
		set(raw, "sequence_window", &f.SequenceWindow),
		set(raw, "ticket_times", &f.TicketTimes),
		set(raw, "sname_match", &f.SnameMatch),
		set(raw, "transited_expand", &f.TransitedExpand),
		whole(raw, "pac", &f.PAC),
		set(raw, "asn1", &f.ASN1),
		set(raw, "spnego_ap_req", &f.SPNEGOAPReq),
		set(raw, "channel_bindings", &f.ChannelBindings),
		set(raw, "rd_req_errors", &f.RdReqErrors),
	)
}

func set[T any](raw map[string]json.RawMessage, name string, dst *T) error {
	var r rows[T]
	if err := whole(raw, name, &r); err != nil {
		return err
	}
	*dst = r.Rows
	return nil
}

func whole(raw map[string]json.RawMessage, name string, dst any) error {
	if err := json.Unmarshal(raw[name], dst); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}

// UnmarshalJSON decodes a step in the file's format: ["17", "gap"].
func (s *SequenceStep) UnmarshalJSON(b []byte) error {
	var pair [2]string
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	n, err := strconv.ParseUint(pair[0], 10, 64)
	if err != nil {
		return err
	}
	*s = SequenceStep{Number: n, Verdict: pair[1]}
	return nil
}

// UnmarshalJSON decodes a row that has either realms or the result "error".
func (x *TransitedExpand) UnmarshalJSON(b []byte) error {
	var row struct {
		Args   [3]string
		Realms []string
		Result string
	}
	if err := json.Unmarshal(b, &row); err != nil {
		return err
	}
	if row.Result != "" && row.Result != "error" {
		return fmt.Errorf("unknown result %q", row.Result)
	}
	*x = TransitedExpand{
		Client: row.Args[0], Server: row.Args[1], Contents: row.Args[2],
		Realms: row.Realms, Error: row.Result == "error",
	}
	return nil
}
