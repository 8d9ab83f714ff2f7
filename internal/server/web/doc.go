// Package web is the pages: the board, builds and deployments, rendered on the
// server and kept live by server-sent events. There is no build step and no
// script but the small one in assets.
//
// A page is a layout around parts. A part is a piece of HTML with an ID, made by
// a template from the same wire types that the API answers with. The live
// stream of a page renders its parts again when something changed and sends
// those that differ; the script puts them in place. Without script every page
// still shows and does everything, as of when it was loaded.
package web
