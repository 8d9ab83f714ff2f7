package router

import "testing"

// However the bytes of a WebSocket come, it is known where it ends and how.
func TestFrames(t *testing.T) {
	const message, long = "\x81\x05hello", "\x82\x7e\x00\x80"
	payload := string(make([]byte, 128))
	for text, failed := range map[string]bool{
		message + "\x88\x02\x03\xf3":                      true, // 1011
		long + payload + "\x88\x06\x03\xf5late":           true, // 1013
		"\x89\x02\x03\xf3" + message + "\x88\x02\x03\xe8": false,
		message + "\x88\x00":                              false,
	} {
		for step := 1; step <= len(text); step++ {
			var f frames
			for at := 0; at < len(text); at += step {
				part := []byte(text[at:min(at+step, len(text))])
				was, ends := f, f.ends(part)
				if f != was {
					t.Fatalf("%q: it went on by being asked", text)
				}
				if f.pass(part); f.closed != ends {
					t.Fatalf("%q by %d: it ends: %t, and was said to: %t", text, step, f.closed, ends)
				}
			}
			if !f.closed || !f.between() || f.failed() != failed {
				t.Errorf("%q by %d: closed %t, between %t, failed %t", text, step, f.closed, f.between(), f.failed())
			}
		}
	}
}
