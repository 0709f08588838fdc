package ticket_test

import (
	"errors"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// situations prepare each case of MIT's t_rdreq.py. A function returns the keytabs to try,
// and the ticket. The caller has created the keys of host/1 before.
var situations = map[string]func(r *krbtest.Realm, server string) ([]*keytab.Table, *krbtest.Ticket){
	"no keytab": func(r *krbtest.Realm, server string) ([]*keytab.Table, *krbtest.Ticket) {
		return []*keytab.Table{nil, {}}, r.Ticket("user", server)
	},
	"ok":                               onlyHost1,
	"acceptor not in keytab":           onlyHost1,
	"acceptor pattern matches nothing": onlyHost1,
	"ticket for another service, not in keytab": onlyHost1,
	"ticket for another service": func(r *krbtest.Realm, server string) ([]*keytab.Table, *krbtest.Ticket) {
		k := r.Ticket("user", server)
		return []*keytab.Table{r.Service("host/1"), r.Service("host/1", server)}, k
	},
	"ticket server not in keytab": onlyHost1,
	"ticket server in keytab (HTTP/3) but not admitted by the acceptor name": func(r *krbtest.Realm, server string) ([]*keytab.Table, *krbtest.Ticket) {
		k := r.Ticket("user", server)
		return []*keytab.Table{r.Service("host/1", server), r.Service(server, "host/1")}, k
	},
	"old ticket, keytab has only a newer kvno": func(r *krbtest.Realm, server string) ([]*keytab.Table, *krbtest.Ticket) {
		k := r.Ticket("user", server)
		r.Rotate("host/1")
		return []*keytab.Table{only(r.Service("host/1"), func(e keytab.Entry) bool { return e.Kvno == 2 })}, k
	},
	"kvno mismatch and other server": func(r *krbtest.Realm, server string) ([]*keytab.Table, *krbtest.Ticket) {
		k := r.Ticket("user", server)
		r.Rotate("host/1")
		return []*keytab.Table{only(r.Service("host/1"), func(e keytab.Entry) bool { return e.Kvno == 2 })}, k
	},
	"keytab older than the ticket": func(r *krbtest.Realm, server string) ([]*keytab.Table, *krbtest.Ticket) {
		old := r.Service("host/1")
		r.Rotate("host/1")
		return []*keytab.Table{old}, r.Ticket("user", server)
	},
	"kvno present, enctype absent": func(r *krbtest.Realm, server string) ([]*keytab.Table, *krbtest.Ticket) {
		k := r.Ticket("user", server)
		return []*keytab.Table{only(r.Service("host/1"), func(e keytab.Entry) bool { return int32(e.Key.EType()) != k.Key.KeyType })}, k
	},
	"same name, kvno, enctype, wrong key": func(r *krbtest.Realm, server string) ([]*keytab.Table, *krbtest.Ticket) {
		k := r.Ticket("user", server)
		k.Key = r.NewKey(keytab.EType(k.Key.KeyType))
		return []*keytab.Table{r.Service("host/1")}, k
	},
	"alias: ticket server HTTP/4 not in keytab, same key as host/1": alias,
	"alias": alias,
}

func onlyHost1(r *krbtest.Realm, server string) ([]*keytab.Table, *krbtest.Ticket) {
	return []*keytab.Table{r.Service("host/1")}, r.Ticket("user", server)
}

func alias(r *krbtest.Realm, server string) ([]*keytab.Table, *krbtest.Ticket) {
	k := r.Ticket("user", server)
	k.SealWith(r.Keys("host/1")[0])
	return []*keytab.Table{r.Service("host/1")}, k
}

// only returns the table of the entries for which keep returns true.
func only(t *keytab.Table, keep func(keytab.Entry) bool) *keytab.Table {
	var entries []keytab.Entry
	for e := range t.All() {
		if keep(e) {
			entries = append(entries, e)
		}
	}
	out, err := keytab.NewTable(entries...)
	if err != nil {
		panic(err)
	}
	return out
}

// admitted returns the principals that an acceptor's name admits: nil, which admits all, if
// acceptor is nil, and an empty set if the keytab does not have the name.
func admitted(t *testing.T, keys *keytab.Table, acceptor *string) *keytab.Services {
	t.Helper()
	if acceptor == nil {
		return nil
	}
	list, err := keys.Match(*acceptor)
	if err != nil {
		t.Fatal(err)
	}
	return keys.Only(list...)
}

// TestKEY_7_PublishedErrors runs every row of MIT's t_rdreq.py and expects its Kerberos
// error.
func TestKEY_7_PublishedErrors(t *testing.T) {
	rows := vectors.Load(t).RdReqErrors
	if len(rows) != 22 || len(situations) != 15 {
		t.Errorf("%d rows of %d cases, want 22 of 15", len(rows), len(situations))
	}
	reasons := map[int32]status.Reason{
		0: status.ReasonNone, 31: status.ReasonWrongKey, 35: status.ReasonWrongService,
		44: status.ReasonUnknownKeyVersion, 45: status.ReasonNoKey,
	}
	used := make(map[string]bool)
	for _, row := range rows {
		set, ok := situations[row.Case]
		if !ok {
			t.Errorf("situations has no entry for %q", row.Case)
			continue
		}
		used[row.Case] = true
		r := krbtest.NewRealm("EXAMPLE.COM")
		r.Service("host/1")
		tables, k := set(r, row.TicketServer)
		what := row.Case + ", ticket for " + row.TicketServer
		if row.Acceptor != nil {
			what += ", acceptor " + *row.Acceptor
		}
		for _, keys := range tables {
			p := &ticket.Params{Keys: keys, Services: admitted(t, keys, row.Acceptor), Now: r.Now(), Skew: skew}
			b := k.APReq().Bytes()
			if row.Error == 0 {
				if got := mustOpen(t, what, b, p); got.Service.String() != "host/1@EXAMPLE.COM" {
					t.Errorf("%s: the service is %v", what, got.Service)
				}
				continue
			}
			refused(t, what, b, p, reasons[row.Error])
			var e *status.Error
			if _, err := ticket.Open(b, p); !errors.As(err, &e) || e.Reason.Kerberos() != row.Error {
				t.Errorf("%s: %v; want the Kerberos error %d", what, err, row.Error)
			}
		}
	}
	if len(used) != len(situations) {
		t.Errorf("%d of %d situations were used", len(used), len(situations))
	}
}
