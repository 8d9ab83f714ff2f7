package daemon

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/agent"
)

func agentCommand(version string) *cobra.Command {
	var queue, name string
	c := &cobra.Command{
		Use:   "agent",
		Short: "Run an agent alone: it runs the jobs of one queue",
		Long: "Run an agent alone. SIGTERM lets the job that runs finish; a second one kills it.\n\n" +
			"Of several servers, separated by commas, it speaks to one until that does not answer, and goes on with the next.",
		Example: "  slipway agent --queue test\n  slipway agent --queue test --server http://ci.example.com:7070 --token-file agent.token\n" +
			"  slipway agent --queue test --server http://ci-1:7070,http://ci-2:7070 --token-file agent.token",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runAgent(c, slipway.Queue(queue), name, version)
		},
	}
	c.Flags().StringVar(&queue, "queue", "test", "queue whose jobs it runs")
	c.Flags().StringVar(&name, "name", "", "name that people see (default HOST-QUEUE)")
	return c
}

func runAgent(c *cobra.Command, queue slipway.Queue, name, version string) error {
	if err := queue.Validate(); err != nil {
		return err
	}
	data, err := OpenData(dataFlag(c))
	if err != nil {
		return err
	}
	servers, find, token, err := serversAndToken(c, data, data.agentToken(queue))
	if missing, ok := errors.AsType[*slipway.Error](err); ok && missing.Code == slipway.NotFound {
		return missing.Do("make one: slipway agent-token --queue %s · and name it: --token-file FILE", queue)
	}
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if name == "" {
		host, _ := os.Hostname()
		name = host + "-" + string(queue)
	}
	config := agent.Config{
		Servers: servers, Find: find, Token: token, Queue: queue, Name: name, Version: version, Dir: data.agent(queue), Exe: exe,
		Env: os.Environ(), Logger: roleLogger("agent " + string(queue)),
	}
	a, err := agent.New(config)
	if err != nil {
		return err
	}
	config.Tests, config.Name, config.Dir = true, name+"-tests", data.tester(queue)
	tester, err := agent.New(config)
	if err != nil {
		return err
	}
	return runGently(c.Context(), a, tester)
}

// runGently lets the running jobs finish at the first signal and kills them at
// the second. When one of the agents ends, the others are told to.
func runGently(ctx context.Context, agents ...*agent.Agent) error {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	stop := func() {
		for _, a := range agents {
			a.Stop()
		}
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		for _, then := range []func(){stop, kill} {
			select {
			case <-signals:
				then()
			case <-ctx.Done():
				return
			}
		}
	}()
	ended := make(chan error, len(agents))
	for _, a := range agents {
		go func() { ended <- a.Run(ctx) }()
	}
	var first error // the others are wrong in the same way, or were told to end
	for range agents {
		if err := <-ended; first == nil {
			first = err
		}
		stop()
	}
	return first
}
