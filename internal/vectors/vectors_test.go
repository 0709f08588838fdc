package vectors

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestVectors_RowCounts holds the number of rows of every set, so that none can
// vanish unseen, and refuses a set that the loader does not know.
func TestVectors_RowCounts(t *testing.T) {
	f := Load(t)
	want := map[string]int{
		"Decrypt": 43, "Checksum": 14, "Derive": 21, "PRF": 8, "StringToKey": 37,
		"NFold": 11, "SequenceWindow": 16, "TicketTimes": 8, "SnameMatch": 22,
		"TransitedExpand": 9, "ASN1": 24, "SPNEGOAPReq": 3, "ChannelBindings": 10,
		"RdReqErrors": 22,
	}
	v := reflect.ValueOf(*f)
	for name, n := range want {
		if got := v.FieldByName(name).Len(); got != n {
			t.Errorf("%s has %d rows, want %d", name, got, n)
		}
	}
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"AESCTS.Rows", len(f.AESCTS.Rows), 6},
		{"GSSMessages.RFC1964", len(f.GSSMessages.RFC1964), 2},
		{"GSSMessages.CFX.MustFail", len(f.GSSMessages.CFX.MustFail), 5},
		{"PAC.S4U", len(f.PAC.S4U), 4},
		{"PAC.MustNotParse", len(f.PAC.MustNotParse), 2},
		{"sets", v.NumField(), len(want) + 3},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.name, c.got, c.want)
		}
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(read(t, "vectors", "vectors.json"), &raw); err != nil {
		t.Fatal(err)
	}
	delete(raw, "_about")
	delete(raw, "sources")
	if len(raw) != v.NumField() {
		t.Errorf("the file has %d sets, the loader reads %d", len(raw), v.NumField())
	}
}

// TestVectors_InScope holds the number of rows of the encryption types that this
// library implements: a test that skips the others cannot skip more than them.
func TestVectors_InScope(t *testing.T) {
	f := Load(t)
	count := func(etypes []int32) map[int32]int {
		m := make(map[int32]int)
		for _, e := range etypes {
			if e >= 17 && e <= 20 {
				m[e]++
			}
		}
		return m
	}
	column := func(rows any) []int32 {
		var out []int32
		v := reflect.ValueOf(rows)
		for i := range v.Len() {
			out = append(out, int32(v.Index(i).FieldByName("EType").Int()))
		}
		return out
	}
	for _, c := range []struct {
		name string
		rows any
		want map[int32]int
	}{
		{"Decrypt", f.Decrypt, map[int32]int{17: 5, 18: 5, 19: 4, 20: 4}},
		{"Checksum", f.Checksum, map[int32]int{17: 1, 18: 1, 19: 1, 20: 1}},
		{"Derive", f.Derive, map[int32]int{17: 3, 18: 3, 19: 3, 20: 3}},
		{"PRF", f.PRF, map[int32]int{17: 2, 18: 4, 19: 1, 20: 1}},
		{"StringToKey", f.StringToKey, map[int32]int{17: 7, 18: 8, 19: 1, 20: 1}},
	} {
		if got := count(column(c.rows)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestVectors_Hex decodes every byte string of the file, whatever its name.
func TestVectors_Hex(t *testing.T) {
	texts := regexp.MustCompile(`^(Name|Algorithm|Verdict|Width|Matching|NameType|Principal|Result|Client|Server|Contents|Realms|MustFail|CTime|EndTime|Initiator|Acceptor|Case|TicketServer)$`)
	decoded := 0
	var walk func(name string, v reflect.Value)
	walk = func(name string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(name, v.Index(i))
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				walk(name, v.MapIndex(k))
			}
		case reflect.String:
			if !texts.MatchString(name) {
				Hex(t, v.String())
				decoded++
			}
		}
	}
	walk("", reflect.ValueOf(*Load(t)))
	if decoded < 400 {
		t.Errorf("%d byte strings, want more: is the file whole?", decoded)
	}
}

func TestVectors_Shapes(t *testing.T) {
	f := Load(t)
	if got := f.SequenceWindow[5].Steps[2]; got != (SequenceStep{0, "ok"}) || f.SequenceWindow[5].Initial != 1<<64-2 {
		t.Errorf("a number of 64 bits is read as %v after %d", got, f.SequenceWindow[5].Initial)
	}
	if f.SnameMatch[0].Matching != nil || f.SnameMatch[1].Matching == nil {
		t.Error("null and a name are told apart wrongly")
	}
	if !f.TransitedExpand[5].Error || f.TransitedExpand[0].Error {
		t.Error("the refused transited field is not row 5")
	}
	if f.SPNEGOAPReq[1].EType != 17 || f.SPNEGOAPReq[1].Kvno != 5 || f.SPNEGOAPReq[1].PACLen != 1040 {
		t.Errorf("row aes128 is read as %+v", f.SPNEGOAPReq[1])
	}
	if f.PAC.ADTicket.KrbtgtKey.EType != 18 || f.PAC.Saved.LogonInfoLen != 472 {
		t.Error("the PAC set is misread")
	}
	if f.Checksum[0].Type != 2 || f.StringToKey[0].Params != "" || f.RdReqErrors[0].Error != 45 {
		t.Error("a renamed column is misread")
	}
	for _, r := range f.SPNEGOAPReq {
		if _, err := time.Parse(time.RFC3339, r.CTime); err != nil {
			t.Error(err)
		}
	}
}

// TestAD_Cases holds the list of captured exchanges, and that each is complete:
// both sides tell the same tokens, keys and messages.
func TestAD_Cases(t *testing.T) {
	want := strings.Fields(`alice-aes256 alice-spnego alice-dce alice-cb alice-def alice-nopac
		alice-upcase-spn alice-deleg many-groups taro erin-enterprise s4u2self-alice rc4-only heimdal-alice heimdal-deleg`)
	var got []string
	for _, c := range AD(t) {
		got = append(got, c.Name)
		t.Run(c.Name, func(t *testing.T) { checkADCase(t, c) })
	}
	if !slices.Equal(got, want) {
		t.Errorf("cases %q, want %q", got, want)
	}
	if n := len(ADKeytab(t)); n != 4763 {
		t.Errorf("the keytab has %d bytes, want 4763", n)
	}
}

func checkADCase(t *testing.T, c ADCase) {
	if got := strings.TrimSpace(string(read(t, "ad", c.Name+".time"))); got != strconv.FormatInt(c.Time.Unix(), 10) {
		t.Errorf("%s.time says %s, the manifest %d", c.Name, got, c.Time.Unix())
	}
	if len(c.Ticket["enc.session"]) == 0 || len(c.Ticket["auth.ctime"]) == 0 {
		t.Error("the ticket's text has no session key or no ctime")
	}
	client, server := c.ClientSide, c.ServerSide
	if first := client.Tokens("SEND-TOKEN"); len(first) == 0 || !slices.Equal(first[0].Data, c.Token) {
		t.Error("the client's first token is not the case's")
	}
	if len(client.Lines) != len(server.Lines) {
		t.Fatalf("%d lines on one side, %d on the other", len(client.Lines), len(server.Lines))
	}
	for i, l := range client.Lines {
		r := server.Lines[i]
		if swap(l.Kind) != r.Kind || !slices.Equal(l.Data, r.Data) || l.Plaintext != r.Plaintext || l.Conf != r.Conf {
			t.Errorf("line %d differs: %s %q, %s %q", i, l.Kind, l.Plaintext, r.Kind, r.Plaintext)
		}
		if message := !strings.HasSuffix(l.Kind, "TOKEN"); message && l.Plaintext == "" {
			t.Errorf("line %d: %s without a plaintext", i, l.Kind)
		}
	}
	for _, kind := range []string{"SEND-WRAP", "RECV-WRAP", "SEND-MIC", "RECV-MIC"} {
		if n := len(client.Tokens(kind)); n != 1 {
			t.Errorf("%d lines of %s, want 1", n, kind)
		}
	}
	if len(server.SessionKey) == 0 || server.SessionEType == 0 || server.Granted == 0 || client.Requested == 0 {
		t.Errorf("incomplete: %d bytes of key, etype %d, flags %#x of %#x",
			len(server.SessionKey), server.SessionEType, server.Granted, client.Requested)
	}
	if server.Client == "" {
		t.Error("the server's side names no client")
	}
}

func swap(kind string) string {
	if rest, ok := strings.CutPrefix(kind, "SEND"); ok {
		return "RECV" + rest
	}
	return "SEND" + strings.TrimPrefix(kind, "RECV")
}

// TestAD_Files refuses a file that no case of the manifest accounts for.
func TestAD_Files(t *testing.T) {
	known := map[string]bool{"MANIFEST.tsv": true, "lab.keytab": true}
	cases := []string{"synth-resource-groups"}
	for _, c := range AD(t) {
		cases = append(cases, c.Name)
	}
	entries, err := os.ReadDir(filepath.Join(Dir(t), "ad"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), ".")
		if !known[e.Name()] && !slices.Contains(cases, name) {
			t.Errorf("%s belongs to no case", e.Name())
		}
	}
	if len(entries) != 130 {
		t.Errorf("%d files, want 130", len(entries))
	}
}
