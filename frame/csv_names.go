package frame

import "deeprc/collective"

// CSVColumns returns the names in a CSV file's header, in order; collective.
// Of o only Comma counts.
func CSVColumns(c collective.Comm, path string, o CSVOptions) ([]string, error) {
	f, err := openCSV(path)
	if f != nil {
		defer f.close()
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	h, err := shareHeader(c, f, o.Comma)
	if err != nil {
		return nil, err
	}
	return h.names, nil
}
