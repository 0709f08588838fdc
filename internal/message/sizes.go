package message

import "github.com/gosspi/kerberos/internal/etype"

// MICLen returns the length of a MIC token.
func (p *Protector) MICLen() int {
	if p.rc4 {
		return rc4FrameLen + rc4MICLen
	}
	return headerLen + p.checksumLen()
}

// MICLen returns the length of a MIC token under a key of type e, and 0 if e is not
// supported.
func MICLen(e etype.ID) int {
	profile, ok := etype.Lookup(e)
	if !ok {
		return 0
	}
	if e == etype.RC4 {
		return rc4FrameLen + rc4MICLen
	}
	return headerLen + profile.ChecksumLen
}

// TrailerLen returns the length of the token that [Protector.SealSegments] writes.
func (p *Protector) TrailerLen(segs []etype.Segment, conf bool) int {
	if p.rc4 {
		return rc4FrameSize(rc4WrapLen+p.countedRC4(segs)) + rc4WrapLen
	}
	if !conf {
		return headerLen + p.checksumLen()
	}
	return headerLen + p.extraCount() + headerLen + p.checksumLen() + confounderLen
}

// MaxTrailerLen returns the value that Windows reports as cbSecurityTrailer: with 16
// bytes of filler, and for RC4 with the longest frame. TrailerLen never exceeds it.
func (p *Protector) MaxTrailerLen() int {
	if p.rc4 {
		if p.dce {
			return rc4FrameLen + rc4WrapLen
		}
		return rc4MaxFrameLen + rc4WrapLen
	}
	return headerLen + dceFiller + headerLen + p.checksumLen() + confounderLen
}

// Padding returns the bytes that the caller must append to a message in segments, so
// that token and segments together are the token that [Protector.Wrap] would make.
func (p *Protector) Padding() []byte {
	if p.rc4 && !p.dce {
		return []byte{rc4Pad}
	}
	return nil
}

// WrapSizeLimit returns the length of the longest message whose wrap token has at most
// max bytes, and 0 if even the token of an empty message is longer.
func (p *Protector) WrapSizeLimit(max int, conf bool) int {
	if p.rc4 {
		return rc4SizeLimit(max)
	}
	overhead := headerLen + p.checksumLen()
	if conf {
		overhead += confounderLen + headerLen
	}
	if max < overhead {
		return 0
	}
	return max - overhead
}

// rc4SizeLimit returns WrapSizeLimit for RC4. It searches downward, because the length of
// the frame depends on the length of the message.
func rc4SizeLimit(max int) int {
	const overhead = rc4WrapLen + rc4Pad
	n := max - overhead - rc4FrameLen
	for n > 0 && rc4FrameSize(overhead+n)+overhead+n > max {
		n--
	}
	if n < 0 {
		return 0
	}
	return n
}

// checksumLen returns the length of a checksum, and 0 without a key. It takes a lock,
// because another goroutine may call Wipe at the same time.
func (p *Protector) checksumLen() int {
	p.send.mu.Lock()
	defer p.send.mu.Unlock()
	if p.profile == nil {
		return 0
	}
	return p.profile.ChecksumLen
}

// dceFiller is the EC of sealed segments in DCE style, for which MS-KILE demands a
// filler.
const dceFiller = 16

func (p *Protector) extraCount() int {
	if p.dce {
		return dceFiller
	}
	return 0
}
