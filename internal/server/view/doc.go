// Package view turns what the store remembers and what drivers and routers find
// into what people are shown: the wire types of the API, which the pages use
// too. It changes nothing.
package view
