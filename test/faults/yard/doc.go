// Package yard brings up real Slipways to be hurt: the program itself, started
// apart as separate processes on ports and directories of their own, with
// services that behave as their versions say.
//
// What it starts it remembers by process, and ends it. Nothing in it is a fake.
package yard
