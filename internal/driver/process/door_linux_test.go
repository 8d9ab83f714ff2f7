package process

import (
	"net"
	"os"
	"testing"

	"github.com/slipway-cd/slipway/internal/procid"
)

func TestDoor(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	nobody := func() []procid.ID { return nil }
	port := l.Addr().(*net.TCPAddr).Port

	mine := door{port: port}
	for range 2 * tableEvery {
		if ok, why := mine.check(os.Getpid(), nobody); !ok {
			t.Fatalf("my own socket: %s", why)
		}
	}
	theirs := door{port: port}
	if ok, _ := theirs.check(1<<22, nobody); ok {
		t.Error("a socket of mine counts as that of a process that does not exist")
	}
	kin := func() []procid.ID { return []procid.ID{{PID: os.Getpid()}} }
	if ok, why := theirs.check(1<<22, kin); !ok {
		t.Errorf("a socket of its kin: %s", why)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if ok, _ := mine.check(os.Getpid(), nobody); ok {
		t.Error("a socket that is closed counts")
	}
}
