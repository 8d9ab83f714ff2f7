package slipway

// EventFilter chooses events; zero fields choose all.
type EventFilter struct {
	Build      string // slug
	Deployment DeploymentID
	Target     TargetID
}

// DeploymentFilter chooses deployments; zero fields choose all.
type DeploymentFilter struct {
	Target      TargetID
	Service     ServiceName
	Environment EnvironmentName
	Open        bool // not ended
}
