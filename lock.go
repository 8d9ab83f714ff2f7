package slipway

import "time"

// Lock keeps deployments of a target, or of a whole environment, from starting
// until it ends or is taken away. It has an owner and an end, so that none is
// left behind.
type Lock struct {
	ID     string
	Target TargetID // Service "" is the whole environment
	Why    string
	Actor  Actor
	At     time.Time
	Until  time.Time
}

// Covers reports whether l keeps deployments of t from starting, as long as it
// holds.
func (l Lock) Covers(t TargetID) bool {
	return l.Target.Environment == t.Environment && (l.Target.Service == "" || l.Target.Service == t.Service)
}

// Covering is the lock of all that keeps deployments of t from starting the
// longest, or nil.
func Covering(all []Lock, t TargetID) *Lock {
	var found *Lock
	for i, l := range all {
		if l.Covers(t) && (found == nil || l.Until.After(found.Until)) {
			found = &all[i]
		}
	}
	return found
}

// MaxLock bounds how long a lock holds.
const MaxLock = 30 * 24 * time.Hour

// Place is what a lock is on, in words: prod, or web in prod.
func (l Lock) Place() string {
	if l.Target.Service == "" {
		return string(l.Target.Environment)
	}
	return string(l.Target.Service) + " in " + string(l.Target.Environment)
}

// Approval is one person's agreement to a deployment. It binds what was looked
// at: the image, by its digest.
type Approval struct {
	Deployment DeploymentID
	Digest     Digest
	Actor      Actor
	Role       Role // of the actor, when the approval was given
	At         time.Time
}
