// Package prometheus asks Prometheus servers what they count of the releases that
// are compared. A question is one instant query, so that all of its counters are of
// one moment; the answer is every counter by itself, so that whoever adds up what is
// new sees each of them begin anew.
//
// A server that is down, slow, or answers what makes no sense is told of in the
// answer, and never passes for good news.
package prometheus
