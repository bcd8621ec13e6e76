package frame

import "deeprc/collective"

// CSVColumns returns the columns' names of a CSV file, in order; collective.
// Of o only what says how to find them counts: Comma, NoHeader, Names, SkipRows and Comment.
func CSVColumns(c collective.Comm, path string, o CSVOptions) ([]string, error) {
	h, err := shareHeader(c, path, &o)
	if err != nil {
		return nil, err
	}
	return h.names, nil
}
