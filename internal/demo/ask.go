package demo

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway"
)

// unblock asks a person, unless nobody is to be asked.
func (p *play) unblock(ctx context.Context, name string, build int) error {
	if !p.Yes {
		if err := p.ask(ctx, fmt.Sprintf("Deploy %s to production? [Y/n] ", name)); err != nil {
			return err
		}
	}
	return p.slipway(ctx, "unblock", fmt.Sprintf("%s/%d", name, build))
}

func (p *play) ask(ctx context.Context, question string) error {
	p.print(indent + question)
	answers := make(chan string, 1)
	go func() {
		s := bufio.NewScanner(p.In)
		if s.Scan() {
			answers <- strings.ToLower(strings.TrimSpace(s.Text()))
		}
		close(answers)
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case answer, ok := <-answers:
		switch {
		case !ok:
			return slipway.Errorf(slipway.Invalid, "nobody answered").Do("without questions: slipway demo --yes")
		case answer == "" || answer == "y" || answer == "yes":
			return nil
		}
		return slipway.Errorf(slipway.Conflict, "you said no")
	}
}
