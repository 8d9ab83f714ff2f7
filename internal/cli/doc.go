// Package cli holds the commands that people and jobs type. It talks to a
// server through package api only.
//
// Results go to standard output, errors to standard error. On a terminal
// results have colour and progress redraws itself; elsewhere they are plain
// lines, and with --json the types of package api. What others wrote (commit
// messages, logs) is shown without its escape sequences, colours excepted.
package cli
