package collective

import (
	"fmt"
	"slices"
)

// checkSub panics unless ranks are distinct ranks of c with this one among them; it returns this rank's place.
func checkSub(c Comm, ranks []int) int {
	seen := make([]bool, c.Size())
	for _, r := range ranks {
		if r < 0 || r >= c.Size() || seen[r] {
			panic(fmt.Sprintf("collective: Sub(%v): want distinct ranks of a group of %d", ranks, c.Size()))
		}
		seen[r] = true
	}
	me := slices.Index(ranks, c.Rank())
	if me < 0 {
		panic(fmt.Sprintf("collective: Sub(%v): called by rank %d, which is not among them", ranks, c.Rank()))
	}
	return me
}

func checkRoot(n, root int) {
	if root < 0 || root >= n {
		panic(fmt.Sprintf("collective: rank %d of a group of %d", root, n))
	}
}

// checkAllToAll panics unless the counts fit the buffers and the group.
func checkAllToAll(c Comm, dst Buf, dstN []int, src Buf, srcN []int) {
	sum := func(what string, b Buf, ns []int) {
		total := 0
		for _, n := range ns {
			if n < 0 {
				panic(fmt.Sprintf("collective: AllToAll: a %s count is %d", what, n))
			}
			total += n
		}
		if len(ns) != c.Size() || total != b.N {
			panic(fmt.Sprintf("collective: AllToAll: %d %s counts that sum to %d, want %d that sum to %d", len(ns), what, total, c.Size(), b.N))
		}
	}
	if dst.Type != src.Type {
		panic(fmt.Sprintf("collective: AllToAll: from %v into %v", src, dst))
	}
	sum("dst", dst, dstN)
	sum("src", src, srcN)
}
