package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// errFailed ends a command whose deployment or build did not succeed, after
// that was shown.
var errFailed = errors.New("it did not succeed")

const exitCodes = `  0   it worked
  1   it did not succeed: the deployment, the build, or the server's state does not allow it
  2   the input is wrong: a command, a flag, an argument, a file
  3   not allowed: no token, an unknown one, or one that may not
  4   not found
  5   the server cannot be reached`

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes say",
		Long:  "The exit codes of every command:\n\n" + exitCodes,
	}
}

// exitCode is the code that slipway ends with for err.
func exitCode(err error) int {
	switch codeOf(err) {
	case "":
		return 0
	case slipway.Invalid, slipway.TooLarge:
		return 2
	case slipway.Unauthenticated, slipway.Forbidden:
		return 3
	case slipway.NotFound:
		return 4
	case slipway.Unavailable:
		return 5
	case slipway.Conflict, slipway.Exists, slipway.Stale, slipway.Internal:
	}
	return 1
}

// CodeOfExit is what a slipway that ended with an exit code told of its error,
// which it did not print as a code.
func CodeOfExit(exit int) slipway.Code {
	switch exit {
	case 2:
		return slipway.Invalid
	case 3:
		return slipway.Forbidden
	case 4:
		return slipway.NotFound
	case 5:
		return slipway.Unavailable
	}
	return slipway.Conflict
}

// codeOf knows the errors of the server as well.
func codeOf(err error) slipway.Code {
	if p, ok := errors.AsType[*api.Problem](err); ok {
		return slipway.Code(p.Code)
	}
	return slipway.CodeOf(err)
}

var position = regexp.MustCompile(`^\S+:\d+:\d+: `)

// report says what is wrong and what to do. Problems of a file begin with
// their position, as editors like it.
func report(w io.Writer, err error) {
	switch text := plain(err.Error()); {
	case errors.Is(err, errFailed):
	case errors.Is(err, context.Canceled):
		_, _ = fmt.Fprintln(w, "slipway: interrupted")
	case position.MatchString(text):
		_, _ = fmt.Fprintln(w, text)
	default:
		_, _ = fmt.Fprintln(w, "slipway: "+text)
	}
}
