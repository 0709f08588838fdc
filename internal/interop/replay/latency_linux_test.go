package replay

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
	"github.com/gosspi/kerberos/internal/interop/replay/acceptor"
)

// BenchmarkReplayCaches measures every replay cache in one run, with the servers on the
// loopback interface and the files in the folder for temporary files. It prints the
// nanoseconds of a call of Store for a new record (ns/op), for a new record of one of 16
// callers (at-once), for a record that another process has accepted (elsewhere), and for a
// record that the same process has accepted (here):
//
//	go test -run '^$' -bench ReplayCaches ./internal/interop/replay
func BenchmarkReplayCaches(b *testing.B) {
	redis := func(product string) func(testing.TB) []string {
		return func(t testing.TB) []string { return []string{"0", "", startRedis(t, product).addr()} }
	}
	sqlite := func(journal string) func(testing.TB) []string {
		return func(t testing.TB) []string {
			return []string{"sqlite", sqliteSource(t, journal) + "&_pragma=busy_timeout(100)", "1m"}
		}
	}
	for _, row := range []struct {
		name, module, pkg string
		records           int
		needs             []string
		args              func(testing.TB) []string
	}{
		{"memory", ".", "./memory", 50_000, nil, func(testing.TB) []string { return nil }},
		{"file2", ".", "./file", 10_000, nil, func(t testing.TB) []string { return []string{filepath.Join(t.TempDir(), "replay")} }},
		{"Redis", redisModule, "./internal/acceptor", 5_000, []string{"redis-server", "redis-server", "redis-cli", "redis-tools"}, redis("redis-server")},
		{"Valkey", redisModule, "./internal/acceptor", 5_000, []string{"valkey-server", "valkey-server", "valkey-cli", "valkey-tools"}, redis("valkey-server")},
		{"PostgreSQL", sqlModule, "./internal/acceptor", 5_000, postgresPackages, func(t testing.TB) []string { return []string{"postgres", source(startPrimary(t)), "1m"} }},
		{"SQLite_WAL", sqlModule, "./internal/acceptor", 5_000, nil, sqlite("WAL")},
		{"SQLite_DELETE", sqlModule, "./internal/acceptor", 5_000, nil, sqlite("DELETE")},
	} {
		b.Run(row.name, func(b *testing.B) {
			needs(b, row.needs...)
			path := buildAcceptor(b, "acceptor", row.module, row.pkg)
			args := append([]string{"-bench", strconv.Itoa(row.records)}, row.args(b)...)
			for range b.N {
				t, err := measured(path, args)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(t.New), "ns/op")
				b.ReportMetric(float64(t.NewAtOnce), "ns/at-once")
				b.ReportMetric(float64(t.Elsewhere), "ns/elsewhere")
				b.ReportMetric(float64(t.Here), "ns/here")
			}
		})
	}
}

// measured runs an acceptor program that measures its replay cache.
func measured(path string, args []string) (t acceptor.Timing, err error) {
	p, err := program.Start(nil, nil, path, args...)
	if err != nil {
		return t, err
	}
	code, err := p.Exit()
	if err != nil {
		return t, err
	}
	_, line, found := strings.Cut("\n"+p.Out.String(), "\ntiming ")
	if code != 0 || !found {
		return t, fmt.Errorf("%s: exit %d:\n%s", path, code, p.Out)
	}
	return acceptor.ParseTiming("timing " + line)
}
