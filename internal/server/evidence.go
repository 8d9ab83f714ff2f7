package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/picture"
)

// evidence registers what a candidate is judged by, in three forms.
func (s *Server) evidence(on huma.API) {
	get(s, on, "get-evidence", "/deployments/{id}/evidence", "What a candidate was judged by, batch by batch", s.getEvidence)
	stream(s, on, "get-evidence-csv", "/deployments/{id}/evidence.csv", "The same as lines nC,xC,nB,xB, which slipway canary replay reads", s.evidenceCSV)
	stream(s, on, "get-evidence-picture", "/deployments/{id}/evidence.svg", "A picture of it, as SVG", s.evidencePicture)
}

func (s *Server) getEvidence(ctx context.Context, in *deploymentInput) (api.EvidenceBatches, error) {
	d, err := s.judged(ctx, in.ID)
	if err != nil {
		return api.EvidenceBatches{}, err
	}
	return s.View.Batches(ctx, d)
}

// judged is a deployment of which the caller may see what was counted: classes of
// errors are what instances print.
func (s *Server) judged(ctx context.Context, id int64) (slipway.Deployment, error) {
	d, err := s.Store.Deployment(ctx, slipway.DeploymentID(id))
	if err != nil {
		return d, err
	}
	return d, s.mayReadOutput(ctx, from(ctx).Principal, d.Target)
}

func (s *Server) evidenceCSV(ctx context.Context, in *struct {
	ID    int64 `path:"id" minimum:"1"`
	Cells bool  `query:"cells" doc:"Count cells of 8 requests, as the verdict does, not requests"`
}) (answer, error) {
	d, err := s.judged(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rows, err := s.View.Rows(ctx, d, in.Cells)
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, w *flushed) error {
		var b strings.Builder
		b.WriteString("nC,xC,nB,xB\n")
		for _, r := range rows {
			_, _ = fmt.Fprintf(&b, "%d,%d,%d,%d\n", r.CanaryAll, r.CanaryFailed, r.BaselineAll, r.BaselineFailed)
		}
		return w.all("text/csv; charset=utf-8", b.String())
	}, nil
}

func (s *Server) evidencePicture(ctx context.Context, in *deploymentInput) (answer, error) {
	d, err := s.judged(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	shown, err := s.View.Deployment(ctx, d)
	if err != nil {
		return nil, err
	}
	if shown.Evidence == nil {
		_, err := s.View.Batches(ctx, d) // says why there is nothing
		return nil, err
	}
	return func(_ context.Context, w *flushed) error { return w.all("image/svg+xml", string(picture.Whole(shown))) }, nil
}

// all is an answer that is known already.
func (f *flushed) all(contentType, text string) error {
	f.Header().Set("Content-Type", contentType)
	_, err := f.Write([]byte(text))
	return err
}
