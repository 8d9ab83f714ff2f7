package slipway

import "time"

// Said is what an instance has printed so far, counted by how bad its program
// says that it is. It goes on when the instance's process starts anew, and only
// grows for as long as Counter stays the same.
type Said struct {
	Counter  string       `json:"counter"` // another one has begun at zero
	Warnings uint64       `json:"warnings"`
	Errors   uint64       `json:"errors"`            // a panic or an exception with all of its lines is one
	Classes  []ErrorClass `json:"classes,omitempty"` // of the errors, the first seen first; at most [MaxErrorClasses]
	Others   uint64       `json:"others,omitempty"`  // errors of classes that came when there were as many
	Unread   uint64       `json:"unread,omitempty"`  // bytes that came faster than they could be looked at, which count for nothing
}

// ErrorClass are errors that differ in numbers, names and moments alone: the same
// panic, the same exception, the same line.
type ErrorClass struct {
	ID    string    `json:"id"`    // the same in every instance and release
	Title string    `json:"title"` // of the first: java.lang.IllegalStateException: no route to …; without secrets
	Count uint64    `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// Bounds of what is kept of an instance's errors.
const (
	MaxErrorClasses = 200
	MaxErrorTitle   = 200 // characters
)
