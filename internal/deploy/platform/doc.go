// Package platform keeps what people say before a deployment starts: which
// environments there are, what is locked, what they agree to. Who may say it is
// decided here; what follows from it is the controller's, which is woken.
//
// The environments are declared in one file, environments.yaml, that is kept in
// git: a push to the default branch of the repository "platform" applies it.
// Applied by hand, or when what was pushed was wrong, the two drift apart, which
// is shown.
package platform
