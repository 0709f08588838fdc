package filereplay_test

import (
	"context"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
)

// BenchmarkStore measures Store beside the memory cache: one caller, callers in one process
// at once, and a file with 100,000 records.
func BenchmarkStore(b *testing.B) {
	needsLocks(b)
	memory := func(testing.TB) authenticator.ReplayCache {
		return authenticator.NewMemoryCacheAt(0, authenticator.AcceptOlder, now())
	}
	file := func(t testing.TB) authenticator.ReplayCache { return open(t, fresh(t)) }
	full := func(t testing.TB) authenticator.ReplayCache {
		c, at := file(t), now()
		for range 100_000 {
			if fresh, err := c.Store(context.Background(), use(at, 0)); !fresh || err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	for _, row := range []struct {
		name  string
		open  func(t testing.TB) authenticator.ReplayCache
		burst bool
	}{
		{"memory", memory, false},
		{"file", file, false},
		{"file of 100000", full, false},
		{"memory at once", memory, true},
		{"file at once", file, true},
	} {
		b.Run(row.name, func(b *testing.B) {
			c := row.open(b)
			store := func() bool {
				r := use(now(), 0)
				copy(r.Client[:], r.Tag[:])
				fresh, err := c.Store(context.Background(), r)
				if !fresh || err != nil {
					b.Error(fresh, err)
				}
				return fresh
			}
			b.ReportAllocs()
			b.ResetTimer()
			if row.burst {
				b.SetParallelism(16)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() && store() {
					}
				})
				return
			}
			for i := 0; i < b.N && store(); i++ {
			}
		})
	}
}
