package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/cgroup"
	"github.com/slipway-cd/slipway/internal/doctor"
	"github.com/slipway-cd/slipway/internal/server/auth"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func doctorCommand(version string) *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with this installation, and how to mend it",
		Long: `Looks at the data directory, the disk, the programs that Slipway starts, the database, the server, the
agents and what runs, and says what is wrong and how it is mended. It changes nothing.

It ends with 1 when something is wrong; warnings alone end with 0.`,
		Example: "  slipway doctor\n  slipway doctor --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			data, err := dataOf(dataFlag(c))
			if err != nil {
				return err
			}
			all := doctor.Examine(c.Context(), patientOf(c, data, version))
			if asJSON, _ := c.Flags().GetBool("json"); asJSON {
				err = json.NewEncoder(c.OutOrStdout()).Encode(all)
			} else {
				err = printFindings(c, all)
			}
			if err == nil && doctor.Worst(all) == doctor.Wrong {
				return slipway.Errorf(slipway.Conflict, "something is wrong; the marks ✗ say what")
			}
			return err
		},
	}
	return c
}

// dataOf names the data directory without making it.
func dataOf(dir string) (Data, error) {
	if dir != "" {
		return Data{Dir: dir}, nil
	}
	dir, err := DefaultDataDir()
	return Data{Dir: dir}, err
}

func patientOf(c *cobra.Command, data Data, version string) doctor.Patient {
	address := os.Getenv(databaseEnv)
	if address == "" {
		address = data.database()
	}
	return doctor.Patient{
		Dir: data.Dir, Version: version,
		Server: func() (*api.Client, error) {
			url, err := data.ServerURL()
			if err != nil {
				return nil, err
			}
			token, err := auth.ReadToken(data.adminToken())
			return api.New(url, token), err
		},
		Executor: data.executorAnswers,
		Database: func(ctx context.Context) error { return store.Check(ctx, address) },
		Caged: func() error {
			_, err := cgroup.Own()
			return err
		},
		Free: free, Files: files,
	}
}

func printFindings(c *cobra.Command, all []doctor.Finding) error {
	marks := map[doctor.State]string{doctor.Well: "●", doctor.Worry: "◐", doctor.Wrong: "✗"}
	for _, f := range all {
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%s %-16s %s\n", marks[f.State], f.Subject, f.Text); err != nil {
			return err
		}
		if f.Remedy != "" {
			if _, err := fmt.Fprintf(c.OutOrStdout(), "  %-16s → %s\n", "", f.Remedy); err != nil {
				return err
			}
		}
	}
	return nil
}
