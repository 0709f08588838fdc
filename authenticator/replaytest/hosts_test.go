package replaytest

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
)

// TestHostsFindsBadCaches checks that Hosts accepts two correct caches, and that the part
// that is made for a fault finds it.
func TestHostsFindsBadCaches(t *testing.T) {
	honest := func() *cache { return &cache{seen: map[[24]byte]time.Time{}} }
	for name, row := range map[string]struct {
		open func() (one, other *cache)
		by   string // the part that fails
	}{
		"honest":            {func() (*cache, *cache) { c := honest(); return c, c }, ""},
		"a backend of each": {func() (*cache, *cache) { return honest(), honest() }, "agree race clocks apart"},
		"two steps":         {func() (*cache, *cache) { c := honest(); c.racy = true; return c, c }, "race"},
		"kept by the clock of each host": {func() (*cache, *cache) {
			c := honest()
			c.now = func(r authenticator.Record) time.Time { return r.Now }
			return c, c
		}, "clocks apart"},
	} {
		for _, check := range hostChecks {
			one, other := row.open()
			r := &recorder{TB: t}
			var group sync.WaitGroup
			group.Go(func() { check.run(r, one, other) })
			group.Wait()
			if bad := strings.Contains(row.by, check.name); r.failed != bad {
				t.Errorf("%s: %s found a fault: %v, want %v", name, check.name, r.failed, bad)
			}
		}
	}
}

// stopping is a cache whose backend stops. Its switches add faults.
type stopping struct {
	cache
	stopped  chan struct{} // closed while the backend answers
	hopeful  bool          // the cache accepts if there is no answer
	forgets  bool          // the backend loses its records
	doubtful bool          // the cache accepts each authenticator that it was asked about meanwhile
	asked    map[authenticator.Tag]bool
	mu       sync.Mutex
}

func (c *stopping) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	c.mu.Lock()
	stopped := c.stopped
	doubt := c.asked[r.Tag]
	c.mu.Unlock()
	select {
	case <-stopped:
	case <-ctx.Done():
		c.mu.Lock()
		c.asked[r.Tag] = true
		c.mu.Unlock()
		if c.hopeful {
			return true, nil
		}
		return false, ctx.Err()
	}
	if doubt && c.doubtful {
		return true, nil
	}
	return c.cache.Store(ctx, r)
}

func (c *stopping) pause() func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan struct{})
	c.stopped = ch
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.forgets {
			clear(c.seen)
		}
		close(ch)
	}
}

// TestLateFindsBadCaches checks that Late accepts a correct cache, and finds a cache that
// accepts without an answer, whose backend forgets, and that accepts twice afterwards.
func TestLateFindsBadCaches(t *testing.T) {
	for name, row := range map[string]struct {
		cache *stopping
		bad   bool
	}{
		"honest":   {&stopping{}, false},
		"hopeful":  {&stopping{hopeful: true}, true},
		"forgets":  {&stopping{forgets: true}, true},
		"doubtful": {&stopping{doubtful: true}, true},
	} {
		c := row.cache
		c.seen, c.asked, c.stopped = map[[24]byte]time.Time{}, map[authenticator.Tag]bool{}, make(chan struct{})
		close(c.stopped)
		r := &recorder{TB: t}
		var group sync.WaitGroup
		group.Go(func() { late(r, c, c.pause) })
		group.Wait()
		if r.failed != row.bad {
			t.Errorf("%s: found a fault: %v, want %v", name, r.failed, row.bad)
		}
	}
}

// folder is a cache with a file for each record.
type folder string

func (f folder) Store(_ context.Context, r authenticator.Record) (bool, error) {
	file, err := os.OpenFile(filepath.Join(string(f), hex.EncodeToString(r.Tag[:])), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, file.Close()
}

// TestProcessesPasses runs Processes with a correct cache.
func TestProcessesPasses(t *testing.T) {
	if _, err := os.Executable(); err != nil {
		t.Skip("this system runs no processes")
	}
	Processes(t, func(t *testing.T) string { return t.TempDir() },
		func(_ *testing.T, backend string) authenticator.ReplayCache { return folder(backend) })
}

// TestProcessesFindsBadCaches checks the comparison of the answers.
func TestProcessesFindsBadCaches(t *testing.T) {
	half := strings.Repeat("01", childRecords/2)
	for name, row := range map[string]struct {
		answers []string
		bad     bool
	}{
		"honest":        {[]string{half, strings.Repeat("10", childRecords/2)}, false},
		"twice":         {[]string{half, half[:childRecords-2] + "11"}, true},
		"not at all":    {[]string{half, strings.Repeat("10", childRecords/2-1) + "00"}, true},
		"an error":      {[]string{half, "record 3: no answer"}, true},
		"fewer records": {[]string{half, "10"}, true},
	} {
		r := &recorder{TB: t}
		var group sync.WaitGroup
		group.Go(func() { compare(r, row.answers) })
		group.Wait()
		if r.failed != row.bad {
			t.Errorf("%s: found a fault: %v, want %v", name, r.failed, row.bad)
		}
	}
}
