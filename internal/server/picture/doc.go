// Package picture draws evidence as SVG, without script: the ratio of error rates
// with its confidence sequence, the evidence by metric, and latencies. A drawing is
// made for a column as wide as a phone, takes its colours from the style of the page
// that it is in, and says in words what it shows. [Whole] is a file of its own, with
// all three and the verdict.
package picture
