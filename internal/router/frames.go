package router

import "encoding/binary"

// closeFrame is the opcode of the frame that ends a WebSocket.
const closeFrame = 8

// frames follows one direction of a WebSocket, to know where a frame ends.
type frames struct {
	header [14]byte
	have   int     // bytes of the header
	left   uint64  // bytes of the payload
	closed bool    // a frame that ends it has begun
	code   [2]byte // of that frame, as far as it has come
	coded  int     // bytes of the code
}

// between reports whether a frame has ended and none begun.
func (f *frames) between() bool { return f.have == 0 && f.left == 0 }

// next is how many bytes may pass without passing the end of a frame.
func (f *frames) next() uint64 {
	if f.left > 0 {
		return f.left
	}
	return 1
}

func (f *frames) pass(p []byte) {
	for len(p) > 0 {
		if f.left > 0 {
			n := min(f.left, uint64(len(p)))
			if f.closed {
				f.coded += copy(f.code[f.coded:], p[:n])
			}
			f.left -= n
			p = p[n:]
			continue
		}
		f.header[f.have] = p[0]
		f.have++
		p = p[1:]
		if f.have >= 2 && f.have == f.size() {
			f.left, f.have = f.payload(), 0
			f.closed = f.closed || f.header[0]&0x0f == closeFrame
		}
	}
}

// size is how long the header is that has begun.
func (f *frames) size() int {
	n := 2
	switch f.header[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if f.header[1]&0x80 != 0 {
		n += 4
	}
	return n
}

func (f *frames) payload() uint64 {
	length := uint64(f.header[1] & 0x7f)
	more := 0
	switch length {
	case 126:
		more = 2
	case 127:
		more = 8
	}
	if more > 0 {
		length = 0
	}
	for _, b := range f.header[2 : 2+more] {
		length = length<<8 | uint64(b)
	}
	return length
}

// Codes with which a WebSocket is ended by a server that has failed, which mean what
// 500, 503 and 502 mean (RFC 6455, section 7.4.1, and IANA's registry of close codes).
// Who ends it for what its client did says others.
const (
	closeInternalError = 1011
	closeTryAgainLater = 1013
	closeBadGateway    = 1014
)

// failed reports whether the frame that ends it says that its sender has failed. It is
// asked of servers, who mask nothing.
func (f *frames) failed() bool {
	switch binary.BigEndian.Uint16(f.code[:]) {
	case closeInternalError, closeTryAgainLater, closeBadGateway:
		return true
	}
	return false
}

// ends reports whether p, which comes next, has the frame that ends it begin.
func (f frames) ends(p []byte) bool {
	f.pass(p)
	return f.closed
}
