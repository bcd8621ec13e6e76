// Package collective moves data between ranks. It knows buffers, never tables or tensors.
//
// A program opens its world once, with [Run], and hands the Comm down. Every
// method of a Comm is collective over its group: all ranks call it, in the same
// order, with matching arguments. Typed helpers over whole slices ([AllReduce],
// [AllGatherV], [Exchange] …) are functions, so a backend stays small.
//
// A group fails as one: see [Do].
package collective

// Comm is a group of ranks. It is for one goroutine at a time; different groups
// may be used by different goroutines at once, also groups that share ranks.
//
// A method returns an error on every rank once one rank of the group has
// failed (see [Do]); the error is a [*RankError] that names that rank. After
// an error the Comm must not be used again, except in Close.
type Comm interface {
	// Rank is this rank's number in the group, 0 ≤ Rank < Size.
	Rank() int
	// Size is the number of ranks in the group.
	Size() int
	// Sub makes a group of the listed ranks of this one, in that order. It is
	// collective over THOSE ranks only; the others are busy elsewhere. Ranks that
	// make several groups at once, on several goroutines, make them in one order.
	// If one of them fails in the new group already, Sub may return that failure.
	Sub(ranks []int) (Comm, error)
	// Barrier returns once every rank has entered it.
	Barrier() error
	// Broadcast copies root's buf into everyone's.
	Broadcast(buf Buf, root int) error
	// AllReduce replaces buf on every rank by its elementwise combination, which
	// is the same bits on every rank.
	AllReduce(buf Buf, op Op) error
	// AllToAll sends srcN[r] elements of src to each rank r, taken in rank
	// order, and receives dstN[r] from each into dst. srcN on rank a for b
	// must equal dstN on b for a. The two buffers do not overlap.
	AllToAll(dst Buf, dstN []int, src Buf, srcN []int) error
	// Close frees the group's resources; collective over the group.
	Close() error
}

// Op combines two elements.
type Op uint8

const (
	Sum    Op = iota
	Min       // NaN if either is
	Max       // NaN if either is
	Prod      //
	And       // 1 if both are not zero, else 0
	Or        // 1 if either is not zero, else 0
	BitAnd    // of integers only
	BitOr     // of integers only
	numOps
)

func (o Op) String() string {
	return [...]string{"sum", "min", "max", "prod", "and", "or", "bit-and", "bit-or"}[o]
}
