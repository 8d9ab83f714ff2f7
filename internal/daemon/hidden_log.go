package daemon

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/blob"
)

// hidingLogs keeps what jobs print without the secrets of their services, which
// are overwritten: a log that was kept is in every backup. A secret that two
// pieces of a log share is hidden when the log is read.
type hidingLogs struct {
	*blob.Store
	settings *settings
}

// Put knows the job by its key: logs/JOB/ATTEMPT/NUMBER.
func (b hidingLogs) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	rest, isLog := strings.CutPrefix(key, "logs/")
	if !isLog {
		return b.Store.Put(ctx, key, r)
	}
	job, _, _ := strings.Cut(rest, "/")
	var kept bytes.Buffer
	w := b.settings.ofJob(ctx, slipway.JobID(job)).Blanker(&kept)
	if _, err := io.Copy(w, r); err != nil {
		return 0, err
	}
	_ = w.Flush() // a buffer takes everything
	return b.Store.Put(ctx, key, &kept)
}
