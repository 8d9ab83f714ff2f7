package cgroup

// StrikeEach is how older kernels end a group.
var StrikeEach = Group.strikeEach
