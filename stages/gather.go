package stages

import (
	"encoding/json"
	"fmt"

	"deeprc/collective"
)

// gatherEach gives every rank what each rank has, of a kind that survives JSON; what names it in errors. Collective.
func gatherEach[T any](c collective.Comm, mine T, what string) ([]T, error) {
	text, err := json.Marshal(mine)
	if err != nil {
		return nil, err
	}
	parts, counts, err := collective.AllGatherV(c, text)
	if err != nil {
		return nil, err
	}
	all := make([]T, len(counts))
	for r, n := range counts {
		if err := json.Unmarshal(parts[:n], &all[r]); err != nil {
			return nil, fmt.Errorf("%s of rank %d: %w", what, r, err)
		}
		parts = parts[n:]
	}
	return all, nil
}
