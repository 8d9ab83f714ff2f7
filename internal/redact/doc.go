// Package redact hides secrets in text: in the forms in which programs print
// them, wherever writes begin and end.
//
// A value is looked for as it is, line by line, and as it looks escaped for a
// URL, for JSON or for Go, and in hexadecimal and base64, wherever in the encoded
// text it begins. Of base64, the characters at either end that a value shares
// with what stands beside it may stay. What is not found: a value encoded twice,
// compressed, reversed, or broken into lines after a text of another length.
package redact
