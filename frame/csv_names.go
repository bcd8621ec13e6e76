package frame

import "deeprc/collective"

// CSVColumns returns the names in a CSV file's header, in order; collective.
// Only rank 0 reads, and of o only Comma counts.
func CSVColumns(c collective.Comm, path string, o CSVOptions) ([]string, error) {
	var f *csvFile
	var err error
	if c.Rank() == 0 {
		if f, err = openCSV(path); err == nil {
			defer f.close()
		}
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
