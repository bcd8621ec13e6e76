package commtest

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"deeprc/collective"
)

// barrier makes each rank in turn late: nobody may leave before it, by the clock of the host that all ranks are on.
func barrier(c collective.Comm) error {
	const late, skew = 20 * time.Millisecond, 5 * time.Millisecond
	for last := range c.Size() {
		if err := c.Barrier(); err != nil {
			return err
		}
		if c.Rank() == last {
			time.Sleep(late)
		}
		entered := []int64{time.Now().UnixNano()}
		if err := c.Barrier(); err != nil {
			return err
		}
		left := time.Now().UnixNano()
		if err := collective.Broadcast(c, entered, last); err != nil {
			return err
		}
		if d := time.Duration(entered[0] - left); d > skew {
			return fmt.Errorf("rank %d left the barrier %v before rank %d entered", c.Rank(), d, last)
		}
	}
	return nil
}

// identical checks that a float sum has the same bits on every rank and in every repetition.
func identical(c collective.Comm) error {
	const n = 100_003
	var first []float32
	for range 3 {
		s := make([]float32, n)
		for i := range s {
			s[i] = float32(math.Sin(float64(i*(c.Rank()+1)))) * float32(math.Exp(float64(i%40-20)))
		}
		if err := collective.AllReduce(c, s, collective.Sum); err != nil {
			return err
		}
		if first == nil {
			first = s
		}
		if err := expect("repeated sum", s, func(i int) float32 { return first[i] }); err != nil {
			return err
		}
		root := append([]float32(nil), s...)
		if err := collective.Broadcast(c, root, c.Size()-1); err != nil {
			return err
		}
		if err := expect("sum on another rank", s, func(i int) float32 { return root[i] }); err != nil {
			return err
		}
	}
	return nil
}

// subs checks groups of one, of all in reverse order, of a half, a group of a
// group, and overlapping pairs while the other ranks are busy elsewhere.
func subs(c collective.Comm) error {
	n, me := c.Size(), c.Rank()
	reverse := make([]int, n)
	var half []int
	for r := range n {
		reverse[r] = n - 1 - r
		if r%2 == me%2 {
			half = append(half, r)
		}
	}
	if err := sub(c, []int{me}, func(s collective.Comm) error { return nil }); err != nil {
		return err
	}
	if err := sub(c, reverse, func(s collective.Comm) error {
		if s.Rank() != n-1-me {
			return fmt.Errorf("rank %d of %d has rank %d in the reversed group", me, n, s.Rank())
		}
		return nil
	}); err != nil {
		return err
	}
	if err := sub(c, half, func(s collective.Comm) error {
		if s.Rank() == 0 {
			return sub(s, []int{0}, func(collective.Comm) error { return nil })
		}
		rest := make([]int, s.Size()-1)
		for i := range rest {
			rest[i] = i + 1
		}
		return sub(s, rest, func(collective.Comm) error { return nil })
	}); err != nil {
		return err
	}
	for range 2 { // a chain of pairs: each rank is in two groups that overlap in it
		for r := 0; r+1 < n; r++ {
			if me == r || me == r+1 {
				if err := sub(c, []int{r, r + 1}, func(collective.Comm) error { return nil }); err != nil {
					return err
				}
			}
		}
	}
	return c.Barrier()
}

// sub makes the group of the listed ranks, checks it, makes it again, runs f on it and closes it.
func sub(c collective.Comm, list []int, f func(s collective.Comm) error) error {
	s, err := c.Sub(list)
	if err != nil {
		return err
	}
	for i := range 3 {
		if i > 0 {
			if s, err = collective.Again(s); err != nil {
				return err
			}
		}
		if err := members(c, list, s); err != nil {
			return err
		}
		if err := letter(s, i); err != nil {
			return err
		}
	}
	if err := f(s); err != nil {
		return err
	}
	return s.Close()
}

// letter sends one to the last rank of s, and another that nobody fetches: whoever shares a mailbox with s later would find that.
func letter(s collective.Comm, i int) error {
	last := s.Size() - 1
	mail := collective.OpenMailbox(s)
	if s.Rank() == 0 {
		for _, text := range []string{"fetched", "left"} {
			if err := mail.Send(last, fmt.Append(nil, text, i)); err != nil {
				return err
			}
		}
	}
	if s.Rank() < last {
		return nil
	}
	from, text, err := mail.Recv()
	if want := fmt.Sprint("fetched", i); err == nil && (from != 0 || string(text) != want) {
		err = fmt.Errorf("a letter %q of rank %d, want %q of rank 0", text, from, want)
	}
	return err
}

// members checks that s is the listed ranks of c, and that it moves data.
func members(c collective.Comm, list []int, s collective.Comm) error {
	if s.Size() != len(list) || list[s.Rank()] != c.Rank() {
		return fmt.Errorf("Sub(%v) gives rank %d of %d to rank %d", list, s.Rank(), s.Size(), c.Rank())
	}
	all, err := collective.AllGatherOne(s, int64(c.Rank()))
	if err != nil {
		return err
	}
	if err := expect("member", all, func(i int) int64 { return int64(list[i]) }); err != nil {
		return err
	}
	for _, n := range []int{1, 5000} {
		if err := allReduce[float64](s, n); err != nil {
			return err
		}
	}
	return nil
}

func helpers(c collective.Comm) error {
	n, me := c.Size(), c.Rank()
	sum, err := collective.AllReduceOne(c, float64(me), collective.Sum)
	if err != nil || sum != float64(n*(n-1)/2) {
		return fmt.Errorf("AllReduceOne: %v, %w", sum, err)
	}
	below, err := collective.ExclusiveScan(c, int64(me+10))
	if want := int64(me*(me-1)/2 + 10*me); err != nil || below != want {
		return fmt.Errorf("ExclusiveScan: %d, want %d; %w", below, want, err)
	}
	for root := range n {
		for _, text := range []string{"", "from root " + strings.Repeat("x", root*1000)} {
			var b []byte
			if me == root {
				b = []byte(text)
			}
			if b, err = collective.BroadcastBytes(c, b, root); err != nil || string(b) != text {
				return fmt.Errorf("BroadcastBytes: %.40q, want %.40q; %w", b, text, err)
			}
		}
	}
	for _, unit := range []int{0, 3, 20_000} { // rank r has r·unit elements
		s := fill[int32](me, me*unit)
		all, counts, err := collective.AllGatherV(c, s)
		if err == nil {
			err = gathered(n, unit, all, counts)
		}
		if err != nil {
			return fmt.Errorf("AllGatherV: %w", err)
		}
		for root := range n {
			all, counts, err := collective.GatherV(c, s, root)
			switch {
			case err != nil:
			case me == root:
				err = gathered(n, unit, all, counts)
			case all != nil || counts != nil:
				err = errors.New("not nil off the root")
			}
			if err != nil {
				return fmt.Errorf("GatherV: %w", err)
			}
		}
	}
	return nil
}

func gathered(n, unit int, all []int32, counts []int) error {
	if len(counts) != n {
		return fmt.Errorf("%d counts of %d ranks", len(counts), n)
	}
	for r, k := range counts {
		if k != r*unit {
			return fmt.Errorf("rank %d has %d elements, want %d", r, k, r*unit)
		}
		if err := expect("gathered", all[:k], func(i int) int32 { return value[int32](r, i) }); err != nil {
			return err
		}
		all = all[k:]
	}
	if len(all) > 0 {
		return fmt.Errorf("%d elements too many", len(all))
	}
	return nil
}

// moved checks Scatter, Gather, AllGather and Exchange.
func moved(c collective.Comm) error {
	n, me := c.Size(), c.Rank()
	for root := range n {
		for _, unit := range []int{0, 1, 5000} {
			var all []int64
			if me == root {
				all = fill[int64](0, n*unit)
			}
			part, err := collective.Scatter(c, all, root)
			if err != nil || len(part) != unit {
				return fmt.Errorf("collective.Scatter gives %d elements, want %d; %w", len(part), unit, err)
			}
			if err := expect("Scatter", part, func(i int) int64 { return value[int64](0, me*unit+i) }); err != nil {
				return err
			}
			all, err = collective.Gather(c, part, root)
			if err == nil && me == root {
				err = expect("Gather", all, func(i int) int64 { return value[int64](0, i) })
			}
			if err != nil {
				return fmt.Errorf("collective.Gather: %w", err)
			}
			if all, err = collective.AllGather(c, part); err == nil && len(all) != n*unit {
				err = fmt.Errorf("%d elements", len(all))
			}
			if err == nil {
				err = expect("AllGather", all, func(i int) int64 { return value[int64](0, i) })
			}
			if err != nil {
				return fmt.Errorf("collective.AllGather: %w", err)
			}
		}
	}
	out := map[int][]float32{me: {1}}
	for _, d := range []int{1, 2, 4} { // to ranks at these distances
		out[(me+d)%n] = fill[float32](me, 100*(me+1))
	}
	in, err := collective.Exchange(c, out)
	if err != nil {
		return err
	}
	for r := range n {
		var want []float32
		for _, d := range []int{1, 2, 4} {
			if (r+d)%n == me {
				want = fill[float32](r, 100*(r+1))
			}
		}
		if r == me && want == nil {
			want = []float32{1}
		}
		if len(in[r]) != len(want) {
			return fmt.Errorf("collective.Exchange: %d elements of rank %d, want %d", len(in[r]), r, len(want))
		}
		if err := expect("Exchange", in[r], func(i int) float32 { return want[i] }); err != nil {
			return err
		}
	}
	return nil
}

var errMine = errors.New("csv: no such column")

func agree(c collective.Comm) error {
	n, me := c.Size(), c.Rank()
	if err := collective.Agree(c, nil); err != nil {
		return err
	}
	for low := range n { // ranks low and above fail
		var mine error
		if me >= low {
			mine = fmt.Errorf("rank's own %d: %w", me, errMine)
		}
		err := collective.Agree(c, mine)
		var e *collective.RankError
		switch {
		case err == nil:
			return fmt.Errorf("rank %d failed and Agree returned nil", low)
		case n == 1:
			if err != mine {
				return fmt.Errorf("a group of one got %w", err)
			}
			continue
		case !errors.As(err, &e) || e.Rank != low || e.Text != fmt.Sprintf("rank's own %d: %v", low, errMine):
			return fmt.Errorf("after Agree: %w, want the error of rank %d", err, low)
		case errors.Is(err, errMine) != (me == low):
			return fmt.Errorf("errors.Is is %v on rank %d, rank %d failed", errors.Is(err, errMine), me, low)
		}
		// An error that has gone round once keeps its origin the second time.
		again := collective.Agree(c, fmt.Errorf("train: %w", err))
		if !errors.As(again, &e) || e.Rank != low || !strings.HasPrefix(e.Text, "train: rank's own") {
			return fmt.Errorf("a second Agree returned %w", again)
		}
	}
	return c.Barrier()
}

func hosts(c collective.Comm) error {
	p, err := collective.Hosts(c)
	if err != nil {
		return err
	}
	own, err := os.Hostname()
	if err != nil {
		return err
	}
	var here []int // ranks on this host
	names := map[string]bool{}
	for r, h := range p.Hosts {
		names[h] = true
		if h == own {
			here = append(here, r)
		}
	}
	if len(p.Hosts) != c.Size() || p.LocalSize != len(here) || here[p.LocalRank] != c.Rank() || p.Nodes() != len(names) {
		return fmt.Errorf("placement of rank %d of %d, on host %s: %+v", c.Rank(), c.Size(), own, p)
	}
	return nil
}
