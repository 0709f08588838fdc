package message

import "github.com/gosspi/kerberos/internal/etype"

// MICLen is the length of a signature.
func (p *Protector) MICLen() int {
	if p.rc4 {
		return rc4FrameLen + rc4MICLen
	}
	return headerLen + p.checksumLen()
}

// MICLen is the length of a signature under a key of type e; 0 if there is no such
// type.
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

// TrailerLen is the length of the token of [Protector.SealSegments].
func (p *Protector) TrailerLen(segs []etype.Segment, conf bool) int {
	if p.rc4 {
		return rc4FrameSize(rc4WrapLen+p.countedRC4(segs)) + rc4WrapLen
	}
	if !conf {
		return headerLen + p.checksumLen()
	}
	return headerLen + p.extraCount() + headerLen + p.checksumLen() + confounderLen
}

// MaxTrailerLen is at least TrailerLen: it is what Windows reports, 16 bytes of
// filler included, and in RC4 the longest frame that can be needed.
func (p *Protector) MaxTrailerLen() int {
	if p.rc4 {
		if p.dce {
			return rc4FrameLen + rc4WrapLen
		}
		return rc4MaxFrameLen + rc4WrapLen
	}
	return headerLen + dceFiller + headerLen + p.checksumLen() + confounderLen
}

// Padding is what has to stand behind a message in segments, for these and their
// token to be together what [Protector.Wrap] makes.
func (p *Protector) Padding() []byte {
	if p.rc4 && !p.dce {
		return []byte{rc4Pad}
	}
	return nil
}

// WrapSizeLimit is the length of the longest message whose wrap token has at most
// max bytes; 0 if there is none.
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

// rc4SizeLimit: a longer message may have a longer frame.
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

// checksumLen is 0 without a key. Sizes may be asked for while another goroutine
// wipes, so it takes a lock.
func (p *Protector) checksumLen() int {
	p.send.mu.Lock()
	defer p.send.mu.Unlock()
	if p.profile == nil {
		return 0
	}
	return p.profile.ChecksumLen
}

// dceFiller is the extra count of sealed segments in DCE style, where MS-KILE
// demands that there is one.
const dceFiller = 16

func (p *Protector) extraCount() int {
	if p.dce {
		return dceFiller
	}
	return 0
}
