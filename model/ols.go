package model

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"deeprc/collective"
)

// closedForm says how least squares' ŷ = W·x + b is written into a net's parameters.
type closedForm struct {
	fromLast bool     // regress y − x_L on x − x_L
	weights  []string // parameters that each become W (H, L)
	bias     string   // parameter that becomes b (H)
	zero     []string // parameters that become 0
}

// affine nets are affine in the lookback and can be fitted in closed form.
type affine interface{ closedForm() closedForm }

// HasClosedForm tells whether solver "ols" can fit the net.
func HasClosedForm(n Net) bool { _, ok := n.(affine); return ok }

// An OLSError tells that the data have no least-squares solution.
type OLSError struct{ Text string }

func (e *OLSError) Error() string { return "least squares: " + e.Text }

// Ridge is the regularisation of the least-squares fit: Ridge·N is added to the
// diagonal of the Gram matrix of N windows, so that constant lags do no harm.
const Ridge = 1e-6

// OLS sets the fit's parameters to the least-squares solution over all train
// windows of all channels: the minimum of the MSE loss. Each rank sums its share
// of the Gram matrix, which is then reduced. It returns the number of
// (window, channel) rows used: those without a missing target.
func (f *Fit) OLS(c collective.Comm, n Net, train Windows) (rows int64, err error) {
	form := n.(affine).closedForm()
	g := newGram(f.data.Past, f.data.Target, f.Lookback, f.Horizon)
	lo, hi := share(train.Len(), c.Rank(), c.Size())
	g.addWindows(train, lo, hi, f.Channels)
	if err := collective.AllReduce(c, g.sums, collective.Sum); err != nil {
		return 0, err
	}
	rows = int64(g.count())
	if rows == 0 {
		return 0, &OLSError{"every train window has a missing target"}
	}
	w, b, err := g.solve(form.fromLast)
	if err != nil {
		return 0, err
	}
	slab := make([]float32, f.Params.Region.N)
	for _, name := range form.weights {
		copy(f.Params.find(name).Of(slab), w)
	}
	copy(f.Params.find(form.bias).Of(slab), b)
	return rows, f.SetParams(slab)
}

// gram holds Σ_s z_s z_sᵀ and Σ_s z_s over windows z_s = (x, y) of L+H values,
// for the rows that regression needs: those of x.
type gram struct {
	past, target []float32
	l, h         int
	sums         []float64 // G (L, L+H), then S (L+H), then N: one slab, one AllReduce
}

func newGram(past, target []float32, l, h int) *gram {
	return &gram{past, target, l, h, make([]float64, (l+1)*(l+h)+1)}
}

func (g *gram) row(i int) []float64 { return g.sums[i*(g.l+g.h):][:g.l+g.h] }
func (g *gram) count() float64      { return g.sums[len(g.sums)-1] }

// addWindows adds windows lo ≤ i < hi of every channel, joined into runs of
// windows that start one step apart and miss no target.
func (g *gram) addWindows(ws Windows, lo, hi, channels int) {
	at := make([]int64, channels)
	for ch := range channels {
		start, n, hole := 0, 0, -1 // the run, and the last missing target seen
		for i := lo; i < hi; i++ {
			ws.Offsets(at, i)
			s := int(at[ch])
			if n == 0 || s != start+n {
				g.addRun(start, n)
				start, n, hole = s, 0, g.lastHole(s+g.l, s+g.l+g.h)
			} else if h := g.lastHole(s+g.l+g.h-1, s+g.l+g.h); h >= 0 {
				hole = h
			}
			if hole >= s+g.l {
				g.addRun(start, n)
				start, n = s+1, 0
				continue
			}
			n++
		}
		g.addRun(start, n)
	}
}

// lastHole is the last missing target in lo ≤ t < hi, or −1.
func (g *gram) lastHole(lo, hi int) int {
	for t := hi - 1; t >= lo; t-- {
		if v := g.target[t]; v != v {
			return t
		}
	}
	return -1
}

// addRun adds the m windows that start at a, a+1, …, a+m−1. The first row costs
// m products an entry; every further one follows from its upper left neighbour:
// G_{i+1,j+1} = G_{ij} − z_{a+i}z_{a+j} + z_{a+m+i}z_{a+m+j}.
func (g *gram) addRun(a, m int) {
	if m == 0 {
		return
	}
	d := g.l + g.h
	z := make([]float64, m+d-1)
	for i := range z {
		z[i] = float64(g.past[a+i])
	}
	prev, cur := make([]float64, d), make([]float64, d)
	for j := range d {
		var s float64
		for k := range m {
			s += z[k] * z[k+j]
		}
		prev[j] = s
	}
	for i := range g.l {
		row := g.row(i)
		for j := i; j < d; j++ {
			row[j] += prev[j]
		}
		if i+1 == g.l {
			break
		}
		for j := i; j < d-1; j++ {
			cur[j+1] = prev[j] - z[i]*z[j] + z[m+i]*z[m+j]
		}
		prev, cur = cur, prev
	}
	sum := g.sums[g.l*d:][:d]
	var s float64
	for k := range m {
		s += z[k]
	}
	sum[0] += s
	for j := 1; j < d; j++ {
		s += z[m+j-1] - z[j-1]
		sum[j] += s
	}
	g.sums[len(g.sums)-1] += float64(m)
}

// solve returns W (H, L) and b (H) of the ridge regression.
func (g *gram) solve(fromLast bool) (w, b []float32, err error) {
	l, h, q, n := g.l, g.h, g.l-1, g.count()
	s := g.sums[l*(l+h):]
	at := func(i, j int) float64 { return g.row(min(i, j))[max(i, j)] } // i or j < L
	if fromLast {                                                       // the Gram matrix of z − z_q
		raw := at
		at = func(i, j int) float64 { return raw(i, j) - raw(i, q) - raw(q, j) + raw(q, q) }
	}
	mean := func(j int) float64 {
		if fromLast {
			return s[j] - s[q]
		}
		return s[j]
	}
	a := mat.NewSymDense(l+1, nil)
	rhs := mat.NewDense(l+1, h, nil)
	for i := range l {
		for j := i; j < l; j++ {
			a.SetSym(i, j, at(i, j))
		}
		a.SetSym(i, i, at(i, i)+Ridge*n)
		a.SetSym(i, l, mean(i))
		for j := range h {
			rhs.Set(i, j, at(i, l+j))
		}
	}
	a.SetSym(l, l, n)
	for j := range h {
		rhs.Set(l, j, mean(l+j))
	}
	var chol mat.Cholesky
	var x mat.Dense
	if !chol.Factorize(a) {
		return nil, nil, &OLSError{fmt.Sprintf("the Gram matrix of %g windows is not positive definite: too few windows, or constant data", n)}
	}
	if err := chol.SolveTo(&x, rhs); err != nil && !math.IsInf(chol.Cond(), 0) {
		if _, illConditioned := err.(mat.Condition); !illConditioned {
			return nil, nil, fmt.Errorf("model: ols: %w", err)
		}
	}
	w, b = make([]float32, h*l), make([]float32, h)
	for j := range h {
		for i := range l {
			w[j*l+i] = float32(x.At(i, j))
		}
		b[j] = float32(x.At(l, j))
	}
	return w, b, nil
}
