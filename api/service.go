package api

// Places are a service with all that there is to see of it in each environment.
type Places struct {
	BoardService
	Environments []Place `json:"environments"` // in their order
}

// Place is a service in an environment: what serves and what is set for it.
type Place struct {
	Target
	Strategy   []Fact       `json:"strategy"`              // how what serves was rolled out
	Settings   Settings     `json:"settings"`              // the newest version
	LiveConfig int          `json:"live_config,omitempty"` // version of the configuration that serves; 0: none
	Secrets    []Secret     `json:"secrets"`               // the newest version of each, and what serves
	Locks      []Lock       `json:"locks"`                 // that hold there
	Recent     []Deployment `json:"recent"`                // the newest deployments, newest first
	Placebo    Placebo      `json:"placebo"`
}

// Placebo is how often a part of the requests that was drawn at random was judged
// beside the rest of them, as a candidate is beside what serves, and how often it was
// taken for worse: each time a false alarm.
type Placebo struct {
	Trials int `json:"trials"`
	Alarms int `json:"alarms"`
}
