package mesh

import (
	"fmt"
	"time"
)

// watch sends heartbeats and finds the peers that have fallen silent, until m closes.
func (m *Mesh) watch() {
	tick := time.NewTicker(m.c.pulse)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-m.stop:
			return
		case <-tick.C:
		}
		now := time.Now()
		stopped := wasStopped(now.Sub(last), m.c.pulse, m.c.Silence)
		last = now
		for _, p := range m.peers {
			if p == nil {
				continue
			}
			if stopped {
				p.hear()
			}
			if p.silent() > m.c.Silence {
				p.end(fmt.Errorf("nothing has been heard from %s for %v: its host is down or cannot be reached, or it is stopped", p.process(), m.c.Silence))
				continue
			}
			p.pulse()
		}
	}
}

// wasStopped reports whether a tick came so late that this process itself must have been stopped (SIGSTOP, a suspended
// job): what the peers sent meanwhile is not read yet, so their clocks start anew.
func wasStopped(since, period, silence time.Duration) bool { return since > period+silence/4 }
