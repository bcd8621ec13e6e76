package collective

import "encoding/json"

// Agree makes one rank's error everyone's; collective. It returns nil on all ranks
// if err is nil on all, else on all ranks the [*RankError] of the lowest failing
// rank; on that rank it wraps err. In a group of one it returns err itself.
// The group stays usable: no rank has left a call that others still wait in.
func Agree(c Comm, err error) error {
	if c.Size() == 1 {
		return err
	}
	first := int64(c.Size())
	if err != nil {
		first = int64(c.Rank())
	}
	first, cerr := AllReduceOne(c, first, Min)
	if cerr != nil || first == int64(c.Size()) {
		return cerr
	}
	var own *RankError
	var b []byte
	if int(first) == c.Rank() {
		own = rankError(worldRank(c), err)
		b = own.encode()
	}
	if b, cerr = BroadcastBytes(c, b, int(first)); cerr != nil {
		return cerr
	}
	if own != nil {
		return own
	}
	e, cerr := decodeRankError(b)
	if cerr != nil {
		return cerr
	}
	return e
}

// worldRank is this rank's number in the world of c.
func worldRank(c Comm) int {
	if w, ok := c.(interface{ worldRank() int }); ok {
		return w.worldRank()
	}
	return c.Rank()
}

func (e *RankError) encode() []byte { return mustJSON(e.short()) }

func decodeRankError(b []byte) (*RankError, error) {
	e := new(RankError)
	err := json.Unmarshal(b, e)
	return e, err
}
