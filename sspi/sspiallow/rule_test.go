package sspiallow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

const (
	corpRealm = "CORP.EXAMPLE"
	enabled   = pac.SE_GROUP_MANDATORY | pac.SE_GROUP_ENABLED_BY_DEFAULT | pac.SE_GROUP_ENABLED
)

// corp returns an account or a group of the domain of corpRealm, and partner one of another
// forest.
func corp(rid int) pac.SID    { return pac.MustParseSID(fmt.Sprint("S-1-5-21-11-12-13-", rid)) }
func partner(rid int) pac.SID { return pac.MustParseSID(fmt.Sprint("S-1-5-21-21-22-23-", rid)) }

// Groups of the tests, by their relative identifiers.
const (
	staff = 2001 + iota
	engineers
	interns
	laptops
	admins = 512
)

// names is the file of the tests.
const names = `# groups of the tests
S-1-5-21-11-12-13 CORP
S-1-5-21-11-12-13-2001 CORP\staff
S-1-5-21-11-12-13-2002 CORP\R, D (all) "new"
S-1-5-21-11-12-13-2003	CORP\interns
S-1-5-21-11-12-13-2004 CORP\laptops

S-1-5-21-21-22-23-2001 PARTNER\staff
`

// client logs in and returns the Peer.
func client(t testing.TB, user string, o sspitest.Options) *sspi.Peer {
	t.Helper()
	realm := sspitest.NewRealm(corpRealm)
	cfg, err := realm.Config("HTTP/www.corp.example")
	if err != nil {
		t.Fatal(err)
	}
	cfg.PAC.ForestRealms = []string{"SISTER.EXAMPLE"}
	cfg.PAC.DomainSIDs = map[string]pac.SID{corpRealm: corp(1).Domain()}
	a, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	i, err := realm.User(user).Initiate("HTTP/www.corp.example", o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sspitest.Handshake(i, a.NewContext(sspi.ContextConfig{}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// member returns the options of a client with an account of a domain, groups and claims.
func member(sid pac.SID, groups []pac.Group, claims ...pac.Claim) sspitest.Options {
	return sspitest.Options{Account: &sspitest.Account{SID: sid, Groups: groups, Claims: claims}}
}

func in(rids ...int) (groups []pac.Group) {
	for _, rid := range rids {
		groups = append(groups, pac.Group{SID: corp(rid)})
	}
	return groups
}

func parse(t testing.TB, text string) sspiallow.Rule {
	t.Helper()
	r, err := sspiallow.Parse(text, openNames(t, names))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRULE_2_Decisions checks which clients rules admit. A rule and its negation both refuse a
// client about which it is unknown whether the rule applies.
func TestRULE_2_Decisions(t *testing.T) {
	research := pac.Claim{ID: "department", Source: 1, Type: pac.CLAIM_TYPE_STRING, Strings: []string{"Sales", "Research, Development"}}
	quota := pac.Claim{ID: "quota", Source: 1, Type: pac.CLAIM_TYPE_INT64, Int64s: []int64{-5}}
	classes := pac.Claim{ID: "classes", Source: 1, Type: pac.CLAIM_TYPE_UINT64, Uint64s: []uint64{1 << 63}}
	dialin := pac.Claim{ID: "dialin", Source: 1, Type: pac.CLAIM_TYPE_BOOLEAN, Bools: []bool{true}}
	denyOnly := []pac.Group{{SID: corp(staff)}, {SID: corp(interns), Attributes: enabled | pac.SE_GROUP_USE_FOR_DENY_ONLY}}
	planted := []pac.Group{{SID: partner(staff)}, {SID: corp(admins)}}
	clients := map[string]*sspi.Peer{
		"staff":     client(t, "alice", member(corp(1104), in(staff))),
		"both":      client(t, "alice", member(corp(1104), in(staff, interns))),
		"denied":    client(t, "alice", member(corp(1104), denyOnly)),
		"nobody":    client(t, "alice", member(corp(1104), nil)),
		"claims":    client(t, "alice", member(corp(1105), nil, research, quota, classes, dialin)),
		"partner":   client(t, "alice@PARTNER.EXAMPLE", member(partner(1104), planted, research)),
		"MIT":       client(t, "alice", sspitest.Options{}),
		"no PAC":    client(t, "alice", sspitest.Options{NoPAC: true}),
		"anonymous": {Client: clientOf(t), Anonymous: true},
	}
	for _, c := range []struct {
		rule string
		// The clients that the rule admits, and those that its negation admits.
		admits, refuses string
	}{
		{`CORP\staff`, "staff both denied", "nobody claims partner"},
		{`corp\STAFF`, "staff both denied", "nobody claims partner"},
		{"S-1-5-21-11-12-13-2001", "staff both denied", "nobody claims partner"},
		{`CORP\interns`, "both", "staff nobody claims partner"},
		{`CORP\Domain Users`, "staff both denied nobody claims", "partner"},
		{`CORP\Domain Admins`, "", "staff both denied nobody claims"}, // partner has it, by the word of a stranger
		{`PARTNER\staff`, "partner", "staff both denied nobody claims"},
		{"S-1-5-21-11-12-13-1105", "claims", "staff both denied nobody partner"},
		{"realm(CORP.EXAMPLE)", "staff both denied nobody claims MIT", "partner"},
		{"realm(corp.example)", "", "staff both denied nobody claims MIT partner"},
		{`claim(CORP.EXAMPLE, department, "research, Development")`, "claims", "partner"},
		{`claim(CORP.EXAMPLE, department, Research)`, "", "claims partner"},
		{`claim(CORP.EXAMPLE, Department, Sales)`, "", "claims partner"},
		{`claim(PARTNER.EXAMPLE, department, sales)`, "", "staff both denied nobody claims MIT"},
		{`claim(CORP.EXAMPLE, quota, -5)`, "claims", "partner"},
		{`claim(CORP.EXAMPLE, classes, 9223372036854775808)`, "claims", "partner"},
		{`claim(CORP.EXAMPLE, dialin, true)`, "claims", "partner"},
		{`claim(CORP.EXAMPLE, dialin, false)`, "", "claims partner"},
		{`any(CORP\interns, S-1-5-21-11-12-13-1105)`, "both claims", "staff nobody partner"},
		{`all(CORP\staff, CORP\interns)`, "both", "staff nobody claims partner"},
		{`all(CORP\staff, not(CORP\interns))`, "staff", "both nobody claims partner"},
		{`any(CORP\staff, realm(CORP.EXAMPLE))`, "staff both denied nobody claims MIT", "partner"},
		{`all(CORP\staff, realm(PARTNER.EXAMPLE))`, "", "staff both denied nobody claims partner MIT"},
		{`not(not(CORP\interns))`, "both", "staff nobody claims partner"},
		{"Authentication Authority Asserted Identity", "staff both denied nobody claims partner", ""},
	} {
		rule := parse(t, c.rule)
		again := parse(t, rule.String())
		for name, p := range clients {
			for _, x := range []struct {
				rule   sspiallow.Rule
				admits string
			}{
				{rule, c.admits},
				{again, c.admits},
				{sspiallow.Not(rule), c.refuses},
				{parse(t, "not("+c.rule+")"), c.refuses},
				{sspiallow.Any(rule, sspiallow.Rule{}), c.admits},
				{sspiallow.All(rule, sspiallow.Rule{}), ""},
				{sspiallow.Not(sspiallow.All(rule, sspiallow.Rule{})), c.refuses},
			} {
				want := strings.Contains(" "+x.admits+" ", " "+name+" ")
				err := x.rule.Check(p)
				ok, why := x.rule.Explain(p)
				if (err == nil) != want || ok != want || why == "" || strings.Contains(why, "\n") {
					t.Errorf("%s, %s: %v, %v, %s; want %v", x.rule, name, err, ok, why, want)
				}
				if !want && (status.ReasonOf(err) != status.ReasonNotAuthorized || !strings.Contains(err.Error(), why)) {
					t.Errorf("%s, %s: %v, want the reason %s", x.rule, name, err, why)
				}
			}
		}
	}
}

// TestRULE_2_Device checks rules about the computer of a client. They and their negations refuse
// a client whose ticket does not name its computer, and one whose computer is of another domain.
func TestRULE_2_Device(t *testing.T) {
	location := func(value string) []pac.Claim {
		return []pac.Claim{{ID: "location", Source: 1, Type: pac.CLAIM_TYPE_STRING, Strings: []string{value}}}
	}
	at := func(device *sspitest.Account, claims ...pac.Claim) sspitest.Options {
		return sspitest.Options{Account: &sspitest.Account{SID: corp(1104), Groups: in(staff), Claims: claims, Device: device}}
	}
	denyOnly := []pac.Group{{SID: corp(laptops), Attributes: enabled | pac.SE_GROUP_USE_FOR_DENY_ONLY}}
	clients := map[string]*sspi.Peer{
		"laptop":   client(t, "alice", at(&sspitest.Account{SID: corp(1500), Groups: in(laptops), Claims: location("Berlin")})),
		"desktop":  client(t, "alice", at(&sspitest.Account{SID: corp(1501), Claims: location("Rome")})),
		"silent":   client(t, "alice", at(&sspitest.Account{SID: corp(1502)}, location("Berlin")...)), // the claim is the user's
		"denied":   client(t, "alice", at(&sspitest.Account{SID: corp(1503), Groups: denyOnly})),
		"stranger": client(t, "alice", at(&sspitest.Account{SID: partner(1500), Groups: in(laptops), Claims: location("Berlin")})),
		"none":     client(t, "alice", at(nil, location("Berlin")...)),
		"MIT":      client(t, "alice", sspitest.Options{}),
		"no PAC":   client(t, "alice", sspitest.Options{NoPAC: true}),
		"sister":   client(t, "alice@SISTER.EXAMPLE", sspitest.Options{Account: &sspitest.Account{SID: partner(1104), Device: &sspitest.Account{SID: partner(1500), Claims: location("Berlin")}}}),
	}
	for _, c := range []struct{ rule, admits, refuses string }{
		{`device(CORP\laptops)`, "laptop", "desktop silent sister"},
		{`device( "corp\LAPTOPS" )`, "laptop", "desktop silent sister"},
		{"device(S-1-5-21-11-12-13-1501)", "desktop", "laptop silent denied stranger sister"},
		{`device(CORP\Domain Computers)`, "laptop desktop silent denied", "stranger sister"},
		{`device(CORP\staff)`, "", "laptop desktop silent denied stranger sister"}, // the user is in it
		{`deviceclaim(CORP.EXAMPLE, location, berlin)`, "laptop", "desktop sister"},
		{`deviceclaim(SISTER.EXAMPLE, location, Berlin)`, "sister", "laptop desktop silent denied stranger none MIT no PAC"},
		{`all(device(CORP\laptops), deviceclaim(CORP.EXAMPLE, location, Berlin), CORP\staff)`, "laptop", "desktop silent sister"},
	} {
		rule := parse(t, c.rule)
		for name, p := range clients {
			for rule, list := range map[*sspiallow.Rule]string{&rule: c.admits, pointer(sspiallow.Not(rule)): c.refuses, pointer(parse(t, rule.String())): c.admits} {
				want := strings.Contains(" "+list+" ", " "+name+" ")
				if name == "no PAC" { // proves no name
					want = false
				}
				if ok, why := rule.Explain(p); ok != want || rule.Check(p) == nil != want {
					t.Errorf("%s, %s: %v, %s", rule, name, ok, why)
				}
			}
		}
	}
}

// TestRULE_2_NoClaimsOfAnotherForest checks that rules about claims and their negations refuse a
// client of another forest, and a computer of another domain, also if its ticket has no claims.
func TestRULE_2_NoClaimsOfAnotherForest(t *testing.T) {
	valid := []pac.Group{{SID: pac.ClaimsValid}}
	stranger := &sspitest.Account{SID: partner(1500), Groups: valid}
	for rule, p := range map[string]*sspi.Peer{
		"claim(PARTNER.EXAMPLE, a, b)":    client(t, "alice@PARTNER.EXAMPLE", member(partner(1104), valid)),
		"deviceclaim(CORP.EXAMPLE, a, b)": client(t, "alice", sspitest.Options{Account: &sspitest.Account{SID: corp(1104), Groups: valid, Device: stranger}}),
	} {
		for _, r := range []sspiallow.Rule{parse(t, rule), parse(t, "not("+rule+")")} {
			if ok, why := r.Explain(p); ok || !strings.Contains(why, "do not count") {
				t.Errorf("%s: %v, %s", r, ok, why)
			}
		}
	}
}

func pointer[T any](v T) *T { return &v }

// TestRULE_2_Indicators checks rules about indicators. They and their negations refuse a client
// whose ticket has none.
func TestRULE_2_Indicators(t *testing.T) {
	with := func(indicators ...string) *sspi.Peer {
		p := client(t, "alice", member(corp(1104), nil))
		p.Indicators = indicators
		return p
	}
	for _, c := range []struct {
		rule         string
		peer         *sspi.Peer
		admits, isNo bool
	}{
		{"indicator(otp)", with("hardened", "otp"), true, false},
		{`indicator("otp")`, with("otp"), true, false},
		{"indicator(otp)", with("OTP"), false, true},
		{"indicator(otp)", with("otp "), false, true},
		{"indicator(otp)", with(), false, false},
		{"indicator(a b)", with("a b"), true, false},
		{"any(indicator(otp), indicator(pkinit))", with("pkinit"), true, false},
		{"all(indicator(otp), indicator(pkinit))", with("pkinit"), false, true},
	} {
		rule := parse(t, c.rule)
		for rule, want := range map[*sspiallow.Rule]bool{&rule: c.admits, pointer(parse(t, rule.String())): c.admits, pointer(sspiallow.Not(rule)): c.isNo} {
			if ok, why := rule.Explain(c.peer); ok != want {
				t.Errorf("%s, %q: %v, %s", rule, c.peer.Indicators, ok, why)
			}
		}
	}
}

// TestRULE_2_ClaimsOfForest checks that the claims of another realm of the forest count, for rules
// that name that realm.
func TestRULE_2_ClaimsOfForest(t *testing.T) {
	claim := pac.Claim{ID: "department", Source: 1, Type: pac.CLAIM_TYPE_STRING, Strings: []string{"Sales"}}
	p := client(t, "alice@SISTER.EXAMPLE", member(partner(1104), nil, claim))
	for text, want := range map[string]bool{
		"claim(SISTER.EXAMPLE, department, Sales)": true, "not(claim(SISTER.EXAMPLE, department, Sales))": false,
		"claim(CORP.EXAMPLE, department, Sales)": false, "not(claim(SISTER.EXAMPLE, department, Research))": true,
	} {
		if ok, why := parse(t, text).Explain(p); ok != want {
			t.Errorf("%s: %v, %s", text, ok, why)
		}
	}
}

// TestRULE_2_Empty checks that rules without content admit no client, negated or not.
func TestRULE_2_Empty(t *testing.T) {
	p := client(t, "alice", member(corp(1104), in(staff)))
	for i, r := range []sspiallow.Rule{
		{},
		sspiallow.Any(), sspiallow.All(), sspiallow.SID(pac.SID{}), sspiallow.Realm(""), sspiallow.Claim("", "a", "b"),
		sspiallow.Claim(corpRealm, "", "b"), sspiallow.Claim(corpRealm, "a", ""),
		sspiallow.Indicator(""), sspiallow.Device(pac.SID{}), sspiallow.DeviceClaim("", "a", "b"), sspiallow.DeviceClaim(corpRealm, "", "b"),
		sspiallow.DeviceClaim(corpRealm, "a", ""),
	} {
		for _, r := range []sspiallow.Rule{r, sspiallow.Not(r), sspiallow.Any(r), sspiallow.All(r, r), sspiallow.Not(sspiallow.Not(r))} {
			if ok, why := r.Explain(p); ok || r.Check(p) == nil || !strings.Contains(why, "empty") {
				t.Errorf("%d: %q admits the client: %s", i, r, why)
			}
		}
	}
	if _, why := sspiallow.Realm(corpRealm).Explain(nil); why != "there is no client" {
		t.Error(why)
	}
	if sspiallow.Realm(corpRealm).Check(nil) == nil || sspiallow.Not(sspiallow.Realm("X")).Check(new(sspi.Peer)) == nil {
		t.Error("a rule admits no client at all")
	}
}

// TestRULE_2_ManySIDs checks rules with more SIDs than one pac.SIDSet, and than the room for
// their results.
func TestRULE_2_ManySIDs(t *testing.T) {
	p := client(t, "alice", member(corp(1104), in(staff, 9999)))
	for _, n := range []int{63, 64, 65, 256, 257, 1000} {
		var rules []sspiallow.Rule
		for i := range n {
			rules = append(rules, sspiallow.SID(corp(10_000+i)))
		}
		if sspiallow.Any(rules...).Check(p) == nil || sspiallow.Not(sspiallow.Any(rules...)).Check(p) != nil {
			t.Errorf("%d SIDs: the client is admitted", n)
		}
		rules = append(rules, sspiallow.SID(corp(9999)))
		if err := sspiallow.Any(rules...).Check(p); err != nil {
			t.Errorf("%d SIDs: %v", n, err)
		}
		if ok, why := sspiallow.Not(sspiallow.Any(rules...)).Explain(p); ok || !strings.Contains(why, "it is in S-1-5-21-11-12-13-9999") {
			t.Errorf("%d SIDs: %s", n, why)
		}
	}
}

// TestRULE_3_Explained checks the one line that explains a decision, in which the names of the
// client are quoted.
func TestRULE_3_Explained(t *testing.T) {
	alice := client(t, "alice", member(corp(1104), in(staff)))
	mit := client(t, "alice", sspitest.Options{})
	foreign := client(t, "alice@PARTNER.EXAMPLE", member(partner(1104), []pac.Group{{SID: corp(admins)}}))
	laptop := &sspitest.Account{SID: corp(1500), Groups: in(laptops), Claims: []pac.Claim{{ID: "location", Source: 1, Type: pac.CLAIM_TYPE_STRING, Strings: []string{"Rome"}}}}
	compound := client(t, "alice", sspitest.Options{Account: &sspitest.Account{SID: corp(1104), Device: laptop}})
	stranger := client(t, "alice", sspitest.Options{Account: &sspitest.Account{SID: corp(1104), Device: &sspitest.Account{SID: partner(1500), Groups: in(laptops), Claims: laptop.Claims}}})
	otp := client(t, "alice", member(corp(1104), nil))
	otp.Indicators = []string{"otp"}
	odd := client(t, "alice", sspitest.Options{Account: &sspitest.Account{SID: corp(1104), Name: "a\u202e is admitted"}})
	for _, c := range []struct {
		rule string
		peer *sspi.Peer
		want string
	}{
		{`CORP\staff`, alice, `the client "CORP\\alice" is admitted: it is in CORP\staff (S-1-5-21-11-12-13-2001)`},
		{"S-1-5-21-11-12-13-1104", alice, `the client "CORP\\alice" is admitted: it is S-1-5-21-11-12-13-1104`},
		{`not(CORP\staff)`, alice, `the client "CORP\\alice" is not admitted: it is in CORP\staff (S-1-5-21-11-12-13-2001)`},
		{`any(CORP\interns, realm(X))`, alice, `the client "CORP\\alice" is not admitted: it is not in CORP\interns (S-1-5-21-11-12-13-2003); it is of the realm "CORP.EXAMPLE" and not of X`},
		{`any(S-1-5-21-1-1-1-1, S-1-5-21-1-1-1-2, S-1-5-21-1-1-1-3, S-1-5-21-1-1-1-4, S-1-5-21-1-1-1-5, S-1-5-21-1-1-1-6)`, alice, `the client "CORP\\alice" is not admitted: it is not in S-1-5-21-1-1-1-1; it is not in S-1-5-21-1-1-1-2; it is not in S-1-5-21-1-1-1-3; it is not in S-1-5-21-1-1-1-4; and 2 more`},
		{`all(CORP\staff, not(CORP\interns), CORP\Domain Admins, realm(X))`, alice, `the client "CORP\\alice" is not admitted: it is not in CORP\Domain Admins (S-1-5-21-11-12-13-512)`},
		{`claim(CORP.EXAMPLE, department, Sales)`, alice, `the client "CORP\\alice" is not admitted: it is unknown whether it has the claim department = "Sales": its ticket has no valid claims`},
		{`claim(X, department, Sales)`, alice, `the client "CORP\\alice" is not admitted: it is of the realm "CORP.EXAMPLE" and not of X, whose claim department = "Sales" the rule names`},
		{`CORP\staff`, mit, `the client "alice@CORP.EXAMPLE" is not admitted: it is unknown whether it is in CORP\staff (S-1-5-21-11-12-13-2001): the PAC has no account (LOGON_INFO)`},
		{`not(CORP\Domain Admins)`, foreign, `the client "PARTNER\\alice" is not admitted: it is in CORP\Domain Admins (S-1-5-21-11-12-13-512) for deny-only, or by the word of a domain controller that has no authority over it`},
		{`realm(CORP.EXAMPLE)`, alice, `the client "CORP\\alice" is admitted: it is of the realm CORP.EXAMPLE`},
		{`indicator(otp)`, otp, `the client "CORP\\alice" is admitted: its ticket has the indicator otp`},
		{`indicator(pkinit)`, otp, `the client "CORP\\alice" is not admitted: its ticket has not the indicator pkinit`},
		{`not(indicator(pkinit))`, alice, `the client "CORP\\alice" is not admitted: its ticket has no indicators that count, and so not the indicator pkinit`},
		{`device(CORP\laptops)`, compound, `the client "CORP\\alice" is admitted: its computer is in CORP\laptops (S-1-5-21-11-12-13-2004)`},
		{`device(S-1-5-21-11-12-13-1500)`, compound, `the client "CORP\\alice" is admitted: its computer is S-1-5-21-11-12-13-1500`},
		{`device(CORP\interns)`, compound, `the client "CORP\\alice" is not admitted: its computer is not in CORP\interns (S-1-5-21-11-12-13-2003)`},
		{`device(CORP\laptops)`, alice, `the client "CORP\\alice" is not admitted: it is unknown whether its computer is in CORP\laptops (S-1-5-21-11-12-13-2004): its ticket does not name its computer`},
		{`device(CORP\laptops)`, stranger, `the client "CORP\\alice" is not admitted: its computer is in CORP\laptops (S-1-5-21-11-12-13-2004) for deny-only, or by the word of a domain controller that has no authority over it`},
		{`deviceclaim(CORP.EXAMPLE, location, rome)`, compound, `the client "CORP\\alice" is admitted: its computer has the claim location = "rome"`},
		{`deviceclaim(CORP.EXAMPLE, location, Berlin)`, compound, `the client "CORP\\alice" is not admitted: its computer has not the claim location = "Berlin"`},
		{`deviceclaim(CORP.EXAMPLE, location, Rome)`, alice, `the client "CORP\\alice" is not admitted: it is unknown whether its computer has the claim location = "Rome": its ticket does not name its computer`},
		{`deviceclaim(CORP.EXAMPLE, location, Rome)`, stranger, `the client "CORP\\alice" is not admitted: it is unknown whether its computer has the claim location = "Rome": the claims of a computer that the PAC does not name, of another forest, or of another domain than the client's, do not count: that domain chose them`},
		{`CORP\staff`, odd, `the client "CORP\\a\u202e is admitted" is not admitted: it is not in CORP\staff (S-1-5-21-11-12-13-2001)`},
	} {
		if _, why := parse(t, c.rule).Explain(c.peer); why != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.rule, why, c.want)
		}
	}
	anonymous := &sspi.Peer{Client: clientOf(t), Anonymous: true}
	if _, why := parse(t, `realm(CORP.EXAMPLE)`).Explain(anonymous); strings.HasPrefix(why, "kerberos: ") || !strings.Contains(why, "it is anonymous") {
		t.Error(why)
	}
	if err := parse(t, `realm(CORP.EXAMPLE)`).Check(anonymous); err == nil || !strings.Contains(err.Error(), "it is anonymous") {
		t.Error(err)
	}
}

// BenchmarkRule reports the time for a decision about a client with 300 groups, by 20 rules of
// which the last one or none applies.
func BenchmarkRule(b *testing.B) {
	var groups []int
	for i := range 300 {
		groups = append(groups, 3000+7*i)
	}
	p := client(b, "alice", member(corp(1104), in(groups...)))
	var rules []sspiallow.Rule
	for i := range 19 {
		rules = append(rules, sspiallow.SID(corp(20_000+13*i)))
	}
	run := func(name string, rule sspiallow.Rule, admits bool) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if (rule.Check(p) == nil) != admits {
					b.Fatal("the wrong decision")
				}
			}
		})
	}
	run("the last applies", sspiallow.Any(append(rules, sspiallow.SID(corp(groups[299])))...), true)
	run("none of 19 forbidden groups", sspiallow.All(sspiallow.SID(corp(groups[299])), sspiallow.Not(sspiallow.Any(rules...))), true)
	run("refused", sspiallow.Any(append(rules, sspiallow.SID(corp(1)))...), false)
}
