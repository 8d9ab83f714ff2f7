package executor

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/slipway-cd/slipway"
)

// What is asked, by POST, each with one JSON value and one in answer.
const (
	applyPath   = "/apply"
	stopPath    = "/stop"
	forgetPath  = "/forget"
	listPath    = "/list"
	observePath = "/observe"
	printedPath = "/printed"
	logsPath    = "/logs" // answered by the bytes
	limitsPath  = "/limits"
	prunePath   = "/prune"
	watchPath   = "/watch" // answered by a line for each target that has changed
)

// maxAsked bounds a question, in bytes: a group's manifest, or the images that
// are kept.
const maxAsked = 16 << 20

type asked struct {
	Group    *slipway.GroupSpec      `json:",omitempty"`
	Target   slipway.TargetID        `json:",omitzero"`
	Instance slipway.InstanceID      `json:",omitempty"`
	Fence    slipway.Fence           `json:",omitzero"`
	Since    time.Time               `json:",omitzero"`
	Tail     int                     `json:",omitempty"`
	Follow   bool                    `json:",omitempty"`
	Dry      bool                    `json:",omitempty"`
	Keep     map[slipway.Digest]bool `json:",omitempty"`
}

type pruned struct {
	Trees int
	Bytes int64
}

// refusal is an answer that is an error. Both sides are ours, so that it says
// all there is to say.
type refusal struct {
	Code    slipway.Code
	Message string
	Next    string
}

// refuse answers with err.
func refuse(w http.ResponseWriter, err error) {
	r := refusal{Code: slipway.CodeOf(err), Message: err.Error()}
	if e, ok := errors.AsType[*slipway.Error](err); ok {
		r.Message, r.Next = e.Message, e.Next
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.Code.HTTPStatus())
	_ = json.NewEncoder(w).Encode(r)
}

// refused is the error that an answer is.
func refused(body io.Reader) error {
	var r refusal
	if err := json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&r); err != nil || r.Code == "" {
		return slipway.Errorf(slipway.Unavailable, "the executor's answer cannot be read: %w", err)
	}
	return &slipway.Error{Code: r.Code, Message: r.Message, Next: r.Next}
}
