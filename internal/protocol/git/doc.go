// Package git serves repositories over git's smart HTTP, turns pushes into
// builds, and tells the pusher how they go.
//
//	git push ─► POST /git/NAME.git/git-receive-pack ─► git http-backend ─► refs change
//	                                                                          │ post-receive
//	remote: … ◄─ git ◄─ slipway git-hook ◄── POST /git/hooks/… (a stream) ◄───┘
//
// Git itself does git's work; this package lets in who may, keeps its
// environment clean, and answers the hook that git runs once refs have changed. A
// push is known by a secret that lives as long as its request. A ref that changed
// without its hook being heard (a crash in between) is delivered when the push
// ends, or by Reconcile when the server starts: the store makes one build of one
// change however often it is told.
package git
