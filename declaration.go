package slipway

// Draft is an environments.yaml that somebody wants applied.
type Draft struct {
	File   string // what its problems call it
	Text   string
	Commit Commit // of the platform repository; "" by hand
	After  int    // the version that it was compared with; -1: whatever there is
	Dry    bool   // only say what would change
}

// Applied is what came of a draft.
type Applied struct {
	Declaration Declaration         // that holds now
	Changes     []EnvironmentChange // that were made, or would be
	Dry         bool                // would be
}

// Declared is how the environments are declared, and where the platform
// repository says otherwise.
type Declared struct {
	Declaration
	Drift *Drift // nil: none
}

// Drift is how the head of the platform repository differs from what is
// applied.
type Drift struct {
	Commit  Commit
	Changes []EnvironmentChange // that applying it would make
	Problem string              // why it cannot be applied
}

// EnvironmentChange is what becomes of one environment when others are declared.
type EnvironmentChange struct {
	Environment EnvironmentName
	Kind        ChangeKind
	Differences []Difference
}

// ChangeKind says what becomes of an environment.
type ChangeKind string

// Kinds of changes.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed"
)

// Changes lists what leads from one declaration to another, in the order of the
// new one, then of what is gone.
func (es Environments) Changes(to Environments) []EnvironmentChange {
	var all []EnvironmentChange
	for _, e := range to {
		was, err := es.Find(e.Name)
		if err != nil {
			all = append(all, EnvironmentChange{e.Name, Added, Compare(nil, e.Facts())})
			continue
		}
		if d := Compare(was.Facts(), e.Facts()); len(d) > 0 {
			all = append(all, EnvironmentChange{e.Name, Changed, d})
		}
	}
	for _, e := range es {
		if _, err := to.Find(e.Name); err != nil {
			all = append(all, EnvironmentChange{e.Name, Removed, Compare(e.Facts(), nil)})
		}
	}
	return all
}
