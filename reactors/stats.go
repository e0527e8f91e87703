package reactors

// Stats are counts since the reactor was made, but for the first five, which are of now.
type Stats struct {
	Windows     int    `json:"windows"`     // of throttles
	Holding     int    `json:"holding"`     // of these, that hold or collect something
	Waiting     int    `json:"waiting"`     // windows of conditions
	Kept        int    `json:"kept"`        // events that windows keep
	Bytes       int    `json:"bytes"`       // that all of it takes, about
	HeldBack    uint64 `json:"held_back"`   // events that a throttle held back
	Unthrottled uint64 `json:"unthrottled"` // what a throttle had no room for, most of which fired at once
	Uncounted   uint64 `json:"uncounted"`   // what a condition had no room for
	Late        uint64 `json:"late"`        // events that came too late to count
}

// Stats counts.
func (r *Reactor) Stats() Stats {
	s := Stats{Windows: len(r.throttles.byID), Holding: len(r.throttles.timed), Waiting: len(r.conditions.byID), Bytes: r.throttles.all.bytes,
		HeldBack: r.throttles.heldBack, Unthrottled: r.throttles.unbound, Uncounted: r.conditions.unbound, Late: r.late}
	for _, all := range []*windows{r.throttles, r.conditions} {
		for _, w := range all.byID {
			s.Kept += len(w.kept)
		}
	}
	return s
}
