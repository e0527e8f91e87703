package job

import "strings"

// Drift is the data of the event brine/drift/<minion>/<state id>/<what>: what came of an enforced state.
type Drift struct {
	ID        string      `json:"id"` // the state's id in the SLS file
	SLS       string      `json:"sls"`
	Fun       string      `json:"fun"`
	Name      string      `json:"name"`
	Corrected int         `json:"corrected"`      // times, since the minion started; those that were not told one by one too
	Held      string      `json:"held,omitempty"` // drifted: why it is not put right at present, though it is to be enforced
	Result    StateResult `json:"result"`
}

// The last segment of a drift's tag.
const (
	DriftCorrected = "corrected" // it differed, and was put right
	DriftDrifted   = "drifted"   // it differs, and is only told of: enforce: warn
	DriftFailed    = "failed"    // it differs, and could not be put right; it is tried again
	DriftContested = "contested" // something else changes it again and again; it is put right at growing intervals
	DriftSettled   = "settled"   // it is right, after any of the three before, or after an undo
	DriftUndone    = "undone"    // an operator has put back what was there before; it is left so until it is applied again
	DriftReleased  = "released"  // it is not enforced any more, and was not right
)

// Differences says in words how a state was not as it was wanted: "content, mode 0600 instead of 0644".
func Differences(changes []Change) string {
	var list []string
	missing := false
	for _, c := range changes {
		switch {
		case c.What == "exists" && c.From == "absent":
			missing = true
			list = append(list, "missing")
		case c.What == "exists" && c.To == "absent":
			list = append(list, "there again")
		case c.What == "content" && missing: // what is missing has none
		case c.What == "content" || c.From == "" || c.To == "" || len(c.From)+len(c.To) > maxDifference:
			list = append(list, c.What)
		default:
			list = append(list, c.What+" "+c.From+" instead of "+c.To)
		}
	}
	return strings.Join(list, ", ")
}

// maxDifference is how many bytes both sides of a difference may have to be named: modes, owners, targets of links.
const maxDifference = 120
