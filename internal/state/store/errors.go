package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"syscall"

	"github.com/slipway-cd/slipway"
)

const (
	diskFull     = "the disk is full: nothing new can be recorded, what runs goes on"
	diskFullNext = "Free some space on the disk that holds the database; work goes on by itself."
)

// cause is what an engine knows of an error of its driver.
type cause struct {
	code      slipway.Code
	message   string // "@" stands for the name of the database
	next      string
	again     bool // the transaction may simply be tried again
	duplicate bool // a unique key is there already
	doubted   bool // the disk may not keep what is written to the same places
}

// fail turns an error of a driver into one of ours. Doing completes "the
// database could not …". Errors that are ours already stay as they are.
func (s *Store) fail(err error, doing string) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*slipway.Error](err); ok {
		return err
	}
	e := &slipway.Error{Code: slipway.Internal, Message: "the database could not " + doing, Err: err}
	c := s.engine.classify(err)
	switch {
	case isFull(err):
		e.Code, e.Message, e.Next = slipway.Unavailable, diskFull, diskFullNext
	case c != nil && c.message != "":
		e.Code, e.Message, e.Next = c.code, strings.ReplaceAll(c.message, "@", s.engine.name), c.next
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Code, e.Message = slipway.Unavailable, "the database was not waited for: it had yet to "+doing
	case errors.Is(err, sql.ErrConnDone):
		e.Code, e.Message = slipway.Unavailable, "the database is closed"
	}
	return e
}

// missing gives err the meaning "there is no such row".
func missing(err error, format string, args ...any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return slipway.Errorf(slipway.NotFound, format, args...)
	}
	return err
}

func (s *Store) isDuplicate(err error) bool {
	c := s.engine.classify(err)
	return c != nil && c.duplicate
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
