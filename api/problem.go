package api

// Problem is the body of every failed call (application/problem+json), and the
// error that the client returns for it.
type Problem struct {
	Code    string `json:"code"`   // invalid, unauthenticated, forbidden, not_found, conflict, exists, stale, unavailable, too_large, internal
	Message string `json:"detail"` // one sentence; the rest says what to do
	Status  int    `json:"status"` // of HTTP; 0 when no server answered
	Err     error  `json:"-"`      // the cause, when no server answered
}

func (p *Problem) Error() string { return p.Message }

func (p *Problem) Unwrap() error { return p.Err }
