package stages

// utilisationFile is beside trace.json and report.html in the folder of a run with tasks.
const utilisationFile = "utilisation.json"

// Durations are a rank's seconds in a run, each second in one of them; the names are RADICAL-Analytics' (Merzky et al. 2021). They are
// measured on rank 0's clock and add up to Wall.
type Durations struct {
	Boot       float64 `json:"boot"`       // from the begin of the run on rank 0, after the world is open, to that of the pilot
	Scheduling float64 `json:"scheduling"` // from the order to start an attempt until its group is there on this rank, and from the end of the attempt here until the pilot knows
	Exec       float64 `json:"exec"`       // inside tasks: from the group's being there to the task's end on this rank
	Idle       float64 `json:"idle"`       // between boot and term without an attempt
	Term       float64 `json:"term"`       // from when the last rank has left the last attempt to the end of the session; 0 where it has not told its end
	Wall       float64 `json:"wall"`       // from the begin of the run to its end, or to what is known last, summed over sessions
}

func (d *Durations) add(o Durations) {
	d.Boot, d.Scheduling, d.Exec = d.Boot+o.Boot, d.Scheduling+o.Scheduling, d.Exec+o.Exec
	d.Idle, d.Term, d.Wall = d.Idle+o.Idle, d.Term+o.Term, d.Wall+o.Wall
}

// utilisation is utilisation.json.
type utilisation struct {
	Wall     float64         `json:"wall_seconds"` // of the run
	Sessions int             `json:"sessions"`
	Busy     float64         `json:"busy"`     // exec / wall over all ranks
	Attempts int             `json:"attempts"` // started, counted once whatever their ranks
	All      Durations       `json:"all"`      // rank-seconds
	Ranks    []rankDurations `json:"ranks"`
}

type rankDurations struct {
	Rank int     `json:"rank"`
	Busy float64 `json:"busy"`
	Durations
}

func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return part / whole
}

// utilisation adds up the sessions. A rank that only some of them have was not there in the others.
func (t *timeline) utilisation() utilisation {
	u := utilisation{Wall: t.seconds, Sessions: len(t.sessions), Ranks: []rankDurations{}}
	for r := range t.world() {
		u.Ranks = append(u.Ranks, rankDurations{Rank: r})
	}
	for _, s := range t.sessions {
		begun := map[attemptKey]bool{}
		for r := range s.world {
			d := Durations{Boot: s.boot, Term: s.last - s.left, Wall: s.wall()}
			free := 0.0 // since when the rank is
			for _, p := range s.of(r) {
				begun[p.attemptKey] = true
				d.Idle += p.ordered - free
				d.Scheduling += p.begin - p.ordered + p.heard - p.end
				d.Exec += p.end - p.begin
				free = p.heard
			}
			d.Idle += s.left - free
			u.Ranks[r].add(d)
			u.All.add(d)
		}
		u.Attempts += len(begun)
	}
	for i := range u.Ranks {
		u.Ranks[i].Busy = share(u.Ranks[i].Exec, u.Ranks[i].Wall)
	}
	u.Busy = share(u.All.Exec, u.All.Wall)
	return u
}
