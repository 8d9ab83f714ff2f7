package agent

import (
	"context"
	"sync"
	"time"
)

// watch ends the job when the server asks for it, and gives the attempt up when
// it is lost, until ctx is over.
func (j *job) watch(ctx context.Context, lose, end context.CancelCauseFunc) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for ctx.Err() == nil {
			if j.pulse.silent(time.Now()) > j.silence {
				j.Logger.WarnContext(ctx, "the server was not heard; the job ends before its lease does", "job", j.spec.ID)
				lose(errLost)
			}
			pause(ctx, j.silence/100)
		}
	})
	for ctx.Err() == nil {
		pause(ctx, j.lookEvery)
		within, cancel := context.WithTimeout(ctx, callTimeout)
		now, _, err := j.as.GetJobState(within, j.spec.ID)
		cancel()
		switch {
		case final(err):
			lose(errLost)
		case err != nil || now.State != "canceling" && now.State != "canceled":
		case j.limit > 0 && time.Since(j.began) >= j.limit:
			end(errTimeout)
		default:
			end(errCanceled)
		}
	}
}
