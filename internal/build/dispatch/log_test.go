package dispatch_test

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/dispatch"
)

func (w *world) readLog(job slipway.JobID) []byte {
	w.t.Helper()
	var all []byte
	for next := int64(0); ; {
		data, to, err := w.Log(w.t.Context(), job, 0, next)
		if err != nil {
			w.t.Fatal(err)
		}
		if to == next {
			return all
		}
		all, next = append(all, data...), to
	}
}

func TestALogIsWhatWasSent(t *testing.T) {
	w := newWorld(t, one)
	w.push("refs/heads/master")
	g := w.run(w.agent("test"))
	random := rand.NewChaCha8([32]byte{1})
	sent := make([]byte, 3<<20+17)
	_, _ = random.Read(sent)
	type piece struct {
		sequence int
		from, to int
	}
	var pieces []piece
	for at := 0; at < len(sent); {
		to := min(len(sent), at+1+rand.IntN(100<<10))
		pieces = append(pieces, piece{len(pieces) + 1, at, to})
		at = to
	}
	pieces = append(pieces, pieces[3], pieces[7]) // sent again: the answer was lost
	rand.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
	for i, p := range pieces {
		on := w
		if i%2 == 1 { // a server that was restarted in between
			on = w.another()
		}
		if err := on.AppendLog(t.Context(), g, p.sequence, int64(p.from), sent[p.from:p.to]); err != nil {
			t.Fatal(err)
		}
		got, _, err := w.Log(t.Context(), g.Job, 1, 0)
		if err != nil || !bytes.HasPrefix(sent, got) {
			t.Fatalf("after %d pieces the log is not a beginning of what was sent: %v", i+1, err)
		}
	}
	w.finish(g, 0)
	if got := w.readLog(g.Job); sha256.Sum256(got) != sha256.Sum256(sent) {
		t.Errorf("%d bytes, sent %d", len(got), len(sent))
	}
}

func TestALogThatIsNotWhole(t *testing.T) {
	w := newWorld(t, one)
	b := w.push("refs/heads/master")
	if data, next, err := w.Log(t.Context(), b.Jobs[0].ID, 0, 0); len(data) != 0 || next != 0 || err != nil {
		t.Errorf("before the first attempt: %q %d %v", data, next, err)
	}
	g := w.run(w.agent("test"))
	for sequence, offset := range map[int]int64{1: 0, 3: 20, 4: slipway.MaxLogBytes - 5, 5: slipway.MaxLogBytes + 5} {
		if err := w.AppendLog(t.Context(), g, sequence, offset, []byte("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(w.readLog(g.Job)); got != "0123456789" {
		t.Errorf("while it runs: %q", got)
	}
	w.finish(g, 0)
	want := "0123456789\nslipway: 10 bytes of the log are missing here\n0123456789" +
		"\nslipway: 67108829 bytes of the log are missing here\n01234\nslipway: the log is cut here, at 64 MiB\n"
	if got := string(w.readLog(g.Job)); got != want {
		t.Errorf("%q", got)
	}
	_, _, err := w.Log(t.Context(), g.Job, 2, 0)
	wantCode(t, err, slipway.NotFound, "no attempt 2")
}

func TestPiecesThatCannotBe(t *testing.T) {
	w := newWorld(t, one)
	w.push("refs/heads/master")
	g := w.run(w.agent("test"))
	wantCode(t, w.AppendLog(t.Context(), g, -1, 0, nil), slipway.Invalid, "sequence -1")
	wantCode(t, w.AppendLog(t.Context(), g, 1, -1, nil), slipway.Invalid, "offset -1")
	wantCode(t, w.AppendLog(t.Context(), g, 1, 0, make([]byte, dispatch.MaxChunk+1)), slipway.TooLarge, "")
}
