package load

import "fmt"

// streamer reads answers that take their time.
type streamer struct {
	asker
	bytes int64
}

// Stream is [Door.Stream] through the zero Door.
func Stream(address string, bytes int64) Visitor { return Door{}.Stream(address, bytes) }

func (v streamer) Visit(r Request) error {
	a, err := v.ask("GET", nil, r)
	if err != nil {
		return err
	}
	if err := a.own(); err != nil {
		return err
	}
	if a.bytes != v.bytes {
		return fmt.Errorf("truncated answer: %d of %d bytes", a.bytes, v.bytes)
	}
	return nil
}
