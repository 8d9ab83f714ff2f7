package router

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"
)

// bring passes the answer on that c has begun, and keeps or closes c.
func (f *front) bring(c *conn) {
	c.header = -1
	if f.answer.odd {
		f.bringOdd(c)
		return
	}
	a, fl := &f.answer, &f.flight
	fl.answered(a.code)
	if a.goesOn() {
		fl.endpoint.settle(fl, time.Now())
	}
	f.appendAnswer()
	_, _ = c.br.Discard(a.size)
	var err error
	switch {
	case !bodyAllowed(f.head.method, a.code):
		err = f.flush()
	case a.chunked:
		err = f.bringChunks(c.br)
	default:
		err = f.bringLength(c, a.length)
	}
	if err != nil {
		fl.truncated = !fl.gone.Load()
		_ = c.Close()
		return
	}
	fl.completed = true
	f.keep(c, a.last)
}

// keep keeps a connection that is clean.
func (f *front) keep(c *conn, last bool) {
	if f.flight.drop(); last || c.br.Buffered() > 0 {
		_ = c.Close()
		return
	}
	f.flight.endpoint.idle.put(c, time.Now())
}

// appendAnswer makes the head that the client is sent.
func (f *front) appendAnswer() {
	a := &f.answer
	out := append(append(append(f.out[:0], "HTTP/1.1 "...), a.status...), crlf...)
	for _, d := range a.fields {
		if d.forClient() {
			out = appendField(out, d)
		}
	}
	switch {
	case a.code == http.StatusNoContent:
	case a.length >= 0:
		out = appendLength(out, a.length)
	case a.chunked:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	}
	f.out = f.appendEnd(out, a.date)
}

func (f *front) appendEnd(out []byte, dated bool) []byte {
	if !dated {
		out = f.router.dates.append(out)
	}
	if f.leaving() {
		f.head.last = true
	}
	if f.head.last {
		out = append(out, "Connection: close\r\n"...)
	}
	return append(out, crlf...)
}

// flush writes what is in out. An error is the client's.
func (f *front) flush() error {
	f.writing.Store(true)
	n, err := f.Write(f.out)
	f.writing.Store(false)
	f.flight.brought(n)
	f.out = f.out[:0]
	if err != nil {
		f.flight.gone.Store(true)
	}
	return err
}

// bringLength passes a body of known length on, the first of it with the head.
func (f *front) bringLength(c *conn, left int64) error {
	first, _ := c.br.Peek(int(min(left, int64(c.br.Buffered()))))
	f.out = append(f.out, first...)
	_, _ = c.br.Discard(len(first))
	left -= int64(len(first))
	if err := f.flush(); err != nil || left == 0 {
		return err
	}
	buf := buffers.Get()
	defer buffers.Put(buf)
	for left > 0 {
		n, err := c.Conn.Read(buf[:min(left, int64(len(buf)))])
		if n > 0 {
			left -= int64(n)
			f.out = append(f.out[:0], buf[:n]...)
			if err := f.flush(); err != nil {
				return err
			}
		}
		if err != nil && left > 0 {
			return err
		}
	}
	return nil
}

// bringChunks passes a body in chunks on, framed anew.
func (f *front) bringChunks(br *bufio.Reader) error {
	for {
		if waiting, _ := br.Peek(br.Buffered()); len(f.out) > 0 && bytes.IndexByte(waiting, '\n') < 0 {
			if err := f.flush(); err != nil { // the next may take its time
				return err
			}
		}
		size, err := readChunkSize(br)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		if err := f.bringChunk(br, size); err != nil {
			return err
		}
	}
	f.out = append(f.out, '0', '\r', '\n')
	for total := 0; ; { // fields of a trailer that was not announced
		line, err := readLine(br)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		d, why := parseField(line)
		if total += len(line); total > mostTrailer || why != "" {
			return errFraming
		}
		if d.kind = answerKind(d.name); d.forClient() {
			f.out = appendField(f.out, d)
		}
	}
	f.out = append(f.out, crlf...)
	return f.flush()
}

func (f *front) bringChunk(br *bufio.Reader, size int64) error {
	for size > 0 {
		if br.Buffered() == 0 {
			if len(f.out) > 0 {
				if err := f.flush(); err != nil {
					return err
				}
			}
			if _, err := br.Peek(1); err != nil {
				return err
			}
		}
		data, _ := br.Peek(int(min(size, int64(br.Buffered()))))
		f.out = appendChunk(f.out, data)
		size -= int64(len(data))
		_, _ = br.Discard(len(data))
		if len(f.out) > 32<<10 {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	line, err := readLine(br)
	if err == nil && len(line) > 0 {
		err = errFraming
	}
	return err
}

func appendChunk(out, data []byte) []byte {
	out = append(strconv.AppendInt(out, int64(len(data)), 16), crlf...)
	return append(append(out, data...), crlf...)
}

func readChunkSize(br *bufio.Reader) (int64, error) {
	line, err := readLine(br)
	if err != nil {
		return 0, err
	}
	size, ok := chunkSize(line)
	if !ok {
		return 0, errFraming
	}
	return size, nil
}

// readLine is the next line, without its end, good until the next read.
func readLine(br *bufio.Reader) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	if err != nil {
		if err == io.EOF { // a bare EOF is never wrapped by bufio
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if len(line) < 2 || line[len(line)-2] != '\r' {
		return nil, errFraming
	}
	return line[:len(line)-2], nil
}
