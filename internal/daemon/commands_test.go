package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
)

// TestWhichServersARoleSpeaksTo: a role that is started while no server lives
// waits for the one that did.
func TestWhichServersARoleSpeaksTo(t *testing.T) {
	data, err := OpenData(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(data.Dir, "token")
	if err := os.WriteFile(token, []byte("slr_secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	speaksTo := func(flag string) string {
		t.Helper()
		c := &cobra.Command{}
		c.Flags().String("server", flag, "")
		c.Flags().String("token-file", token, "")
		urls, find, _, err := serversAndToken(c, data, "")
		if err != nil {
			return string(slipway.CodeOf(err))
		}
		return fmt.Sprint(urls, find())
	}
	if got := speaksTo(""); got != "unavailable" {
		t.Errorf("where none ever ran: %s", got)
	}
	dead := seated{URL: "http://127.0.0.1:1", Process: procid.ID{Boot: procid.HostBoot(), PID: os.Getpid(), Start: 1}}
	if err := writeJSON(data.seatFile(seatName(0)), dead); err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(data.serverFile(), serverFile{URL: dead.URL}); err != nil {
		t.Fatal(err)
	}
	if got := speaksTo(""); got != "[http://127.0.0.1:1] []" {
		t.Errorf("while none lives: %s", got)
	}
	for n, url := range []string{"http://127.0.0.1:1", "http://127.0.0.1:2"} {
		if err := writeJSON(data.seatFile(seatName(n)), seated{URL: url, Process: procid.Self()}); err != nil {
			t.Fatal(err)
		}
	}
	if got := speaksTo(""); got != "[http://127.0.0.1:1 http://127.0.0.1:2] [http://127.0.0.1:1 http://127.0.0.1:2]" {
		t.Errorf("two live: %s", got)
	}
	if got := speaksTo("http://a/,http://b"); got != "[http://a http://b] [http://a http://b]" {
		t.Errorf("named by hand: %s", got)
	}
}
