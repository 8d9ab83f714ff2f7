package cgroup

// StrikeEach is how older kernels end a group.
var StrikeEach = Group.strikeEach

// Least is what the strictest of some groups leaves.
var Least = least
