package frame

// Offload is a copy of this rank's rows in a file of the scratch folder, mapped: it takes none of t's Memory. The
// file has no name and is gone with the last reference to the rows. The error names the folder.
func (t *Table) Offload() (*Table, error) {
	s, err := newSpill(t.mem, t.schema)
	if err != nil {
		return nil, err
	}
	defer s.Abort()
	for _, r := range t.chunks {
		if err := s.Write(r); err != nil {
			return nil, err
		}
	}
	return s.Finish()
}
