// Package outbound connects to addresses that people name: servers that are asked
// for counts, and whatever else a manifest or a setting can aim the server at.
// Whoever may name an address must not get at what only this machine, its network
// or its cloud can reach: public addresses are open to all, others are when
// whoever runs the server says so, and those of a cloud's metadata never are.
//
// What is checked is the address that a connection is about to be made to, after
// names were looked up, so that no name can lead elsewhere than it was checked for.
package outbound
