package testkdc

import (
	"crypto/sha256"
	"net/netip"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
)

// Limits on the memory of the KDC.
const (
	maxReplays   = 1 << 16 // authenticators
	maxLookaside = 64      // answers
)

// replays holds the authenticators of the last minutes, so that each is accepted once.
type replays struct {
	expiry map[[sha256.Size]byte]int64 // the time from which the authenticator is refused by its own time
	sweep  int                         // the number of records at which expired records are removed
}

// claim stores an authenticator by its ciphertext, or refuses it if it is stored already.
func (s *replays) claim(cipher []byte, ctime int64, now time.Time) *refusal {
	if s.expiry == nil {
		s.expiry = make(map[[sha256.Size]byte]int64)
	}
	const few = 1024
	if len(s.expiry) >= min(max(s.sweep, few), maxReplays) {
		for id, at := range s.expiry {
			if at < now.Unix() {
				delete(s.expiry, id)
			}
		}
		s.sweep = 2 * len(s.expiry)
	}
	id := sha256.Sum256(cipher)
	switch _, known := s.expiry[id]; {
	case known:
		return refuse(errorcode.KRB_AP_ERR_REPEAT, "the authenticator is a replay")
	case len(s.expiry) >= maxReplays:
		return refuse(errorcode.KDC_ERR_SVC_UNAVAILABLE, "too many requests in the last minutes")
	}
	s.expiry[id] = ctime + int64(skew.Seconds()) + 1
	return nil
}

// lookaside holds the last answers, for clients that repeat a request because its answer was
// lost or too long for UDP. The answer may be a refusal. MIT's KDC has such a cache.
type lookaside struct {
	ring [maxLookaside]answered
	next int
}

type answered struct {
	request [sha256.Size]byte
	reply   []byte
	at      time.Time
}

// requestID identifies a request by its bytes and the address of its client, because a ticket
// may have addresses.
func requestID(request []byte, from netip.Addr) [sha256.Size]byte {
	address := from.As16()
	return sha256.Sum256(append(address[:], request...))
}

// find returns the answer to a request that was answered in the last two minutes, or nil.
func (l *lookaside) find(id [sha256.Size]byte, now time.Time) []byte {
	for _, a := range l.ring {
		if age := now.Sub(a.at); a.reply != nil && a.request == id && age >= 0 && age < 2*time.Minute {
			return a.reply
		}
	}
	return nil
}

func (l *lookaside) store(id [sha256.Size]byte, reply []byte, now time.Time) {
	l.ring[l.next] = answered{id, reply, now}
	l.next = (l.next + 1) % maxLookaside
}
