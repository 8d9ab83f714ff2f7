package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/slipway-cd/slipway"
)

// confirm asks a person; where there is none the flag has to say it.
func confirm(c *cobra.Command, sure bool, question string) error {
	if sure {
		return nil
	}
	if in, ok := c.InOrStdin().(*os.File); !ok || !term.IsTerminal(int(in.Fd())) {
		return slipway.Errorf(slipway.Invalid, "%s Nobody is there to answer.", question).Do("say it beforehand: --yes")
	}
	if !agreed(c, question) {
		return slipway.Errorf(slipway.Conflict, "nothing was removed")
	}
	return nil
}

// agreed asks, and reports whether the answer is yes.
func agreed(c *cobra.Command, question string) bool {
	_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s [y/N] ", question)
	answer, _ := bufio.NewReader(io.LimitReader(c.InOrStdin(), 100)).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	case "": // the end of what there is to read, which ends no line
		_, _ = fmt.Fprintln(c.ErrOrStderr())
	}
	return false
}
