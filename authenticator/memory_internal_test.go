package authenticator

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// load presents records to a cache for TestMemoryFollowsTheLoad.
type load struct {
	cache *MemoryCache
	now   time.Time
	n     uint64
}

// run stores records at a rate for a time.
func (l *load) run(t *testing.T, perSecond int, d time.Duration) {
	t.Helper()
	for range perSecond * int(d/time.Second) {
		l.n++
		l.now = l.now.Add(time.Second / time.Duration(perSecond))
		r := Record{Time: l.now, Now: l.now, Until: l.now.Add(5 * time.Minute)}
		binary.LittleEndian.PutUint64(r.Tag[:], l.n)
		if fresh, err := l.cache.Store(t.Context(), r); !fresh {
			t.Fatal(err)
		}
	}
}

// held returns the number of records, and the number for which the maps have room at least.
func (l *load) held() (records, room int) {
	for i := range l.cache.shards {
		records += len(l.cache.shards[i].seen)
		room += l.cache.shards[i].peak
	}
	return records, room
}

// TestMemoryFollowsTheLoad checks that expired records are at most about an eighth of the
// live ones, and that the cache releases memory after a burst.
func TestMemoryFollowsTheLoad(t *testing.T) {
	const life = 300
	l := &load{cache: NewMemoryCacheAt(0, RefuseOlder, time.Unix(1e9, 0)), now: time.Unix(1e9, 0)}
	before := heap()
	l.run(t, 1000, 10*time.Minute)
	if n, room := l.held(); n < 1000*life || n > 1000*life*5/4 || room < n {
		t.Errorf("%d records, of which %d are live; room for %d", n, 1000*life, room)
	}
	full := heap() - before
	if full > 100*1000*life {
		t.Errorf("%d bytes for %d records", full, 1000*life)
	}
	l.run(t, 50, time.Hour)
	if n, room := l.held(); n < 50*life || n > 50*life*5/4 || room > 1000*life/2 {
		t.Errorf("after the burst: %d records, of which %d are live; room for %d", n, 50*life, room)
	}
	if rest := heap() - before; rest > full/4 {
		t.Errorf("%d bytes left of %d", rest, full)
	}
	runtime.KeepAlive(l)
}

// TestMemoryPerRecord checks that a record needs at most the memory that NewMemoryCache
// documents, whatever the load of the maps is.
func TestMemoryPerRecord(t *testing.T) {
	now := time.Unix(1e9, 0)
	for name, row := range map[string]struct {
		clients uint64
	}{"of 1000 clients": {1000}, "each of another client": {1 << 60}} {
		c := NewMemoryCacheAt(0, AcceptOlder, now)
		before, most := heap(), int64(0)
		for i := range uint64(1 << 17) {
			r := Record{Time: now, Now: now, Until: now.Add(5 * time.Minute)}
			binary.LittleEndian.PutUint64(r.Tag[:], i)
			binary.LittleEndian.PutUint64(r.Client[:], i%row.clients)
			if fresh, err := c.Store(t.Context(), r); !fresh {
				t.Fatal(err)
			}
			if n := int64(i + 1); n >= 1<<15 && n%(1<<13) == 0 {
				most = max(most, (heap()-before)/n)
			}
		}
		t.Logf("%s: %d bytes a record at most", name, most)
		if most > 110 {
			t.Errorf("%s: %d bytes a record, want 110 at most", name, most)
		}
		runtime.KeepAlive(c)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestShrinkKeepsTheRest checks that a shard that has dropped most of its records and moved
// the others still has the others.
func TestShrinkKeepsTheRest(t *testing.T) {
	start := time.Unix(1e9, 0)
	c := NewMemoryCacheAt(2000, RefuseOlder, start)
	s := c.shards[0]
	var kept []Record
	for i := range uint64(2000) {
		r := Record{Time: start, Now: start, Until: start.Add(5 * time.Minute)}
		binary.LittleEndian.PutUint64(r.Tag[:], i)
		binary.LittleEndian.PutUint64(r.Client[:], i)
		if i%10 == 0 {
			r.Time, r.Until = start.Add(5*time.Minute), start.Add(10*time.Minute)
			kept = append(kept, r)
		}
		if fresh, err := c.Store(t.Context(), r); !fresh {
			t.Fatal(err)
		}
	}
	s.sweep(start.Add(6*time.Minute).UnixMicro(), c.life.Load(), 5000)
	if len(s.held) != len(kept) {
		t.Errorf("%d clients left, want %d", len(s.held), len(kept))
	}
	if len(s.seen) != len(kept) || s.peak != len(kept) {
		t.Fatalf("%d records left, room for %d, want %d", len(s.seen), s.peak, len(kept))
	}
	for _, r := range kept {
		if fresh, err := c.Store(t.Context(), r); fresh || err != nil {
			t.Fatalf("a record that was moved: %v, %v", fresh, err)
		}
	}
}

// TestShardsAreEven checks that the tags of one client are spread over all shards.
func TestShardsAreEven(t *testing.T) {
	c := NewMemoryCacheAt(0, AcceptOlder, time.Unix(1e9, 0))
	if len(c.shards) != maxShards {
		t.Fatalf("%d shards", len(c.shards))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for name, set := range map[string]func(tag *[tagLen]byte, i uint64){
		"counting":     func(tag *[tagLen]byte, i uint64) { binary.BigEndian.PutUint64(tag[4:], i) },
		"random start": func(tag *[tagLen]byte, _ uint64) { binary.BigEndian.PutUint64(tag[:], random.Uint64()) },
		"random end":   func(tag *[tagLen]byte, _ uint64) { binary.BigEndian.PutUint64(tag[8:], random.Uint64()) },
	} {
		count := map[*shard]int{}
		for i := range uint64(64000) {
			var tag [tagLen]byte
			set(&tag, i)
			first, again := c.shard(&tag), c.shard(&tag)
			if first != again {
				t.Fatal("one tag belongs to two shards")
			}
			count[first]++
		}
		for _, n := range count {
			if n < 800 || n > 1200 { // the mean is 1000, the standard deviation 31
				t.Errorf("%s: %d in a shard, not 1000", name, n)
			}
		}
	}
}

func TestShardCount(t *testing.T) {
	for max, want := range map[int]int{-1: 64, 0: 64, 1: 1, 1024: 1, 2047: 1, 2048: 2, 65535: 32, 65536: 64, 10 << 20: 64} {
		c := NewMemoryCacheAt(max, AcceptOlder, time.Now())
		if len(c.shards) != want {
			t.Errorf("max %d: %d shards, want %d", max, len(c.shards), want)
		}
		if max <= 0 {
			max = defaultRecords
		}
		if room := len(c.shards) * c.shards[0].max; room > max || room < max*99/100 {
			t.Errorf("max %d: room for %d", max, room)
		}
	}
}
