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
	lo, hi := collective.Share(train.Len(), c.Rank(), c.Size())
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
	slab := make([]float32, f.Params.Words())
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
// windows that start evenly spaced and miss no target.
func (g *gram) addWindows(ws Windows, lo, hi, channels int) {
	at := make([]int64, channels)
	for ch := range channels {
		start, n, step, hole := 0, 0, 0, -1 // the run, and the last missing target seen
		for i := lo; i < hi; i++ {
			ws.Offsets(at, i)
			s := int(at[ch])
			if n == 1 {
				step = s - start
			}
			if n == 0 || step <= 0 || s != start+n*step {
				g.addRun(start, n, step)
				start, n, hole = s, 0, g.lastHole(s+g.l, s+g.l+g.h)
			} else if h := g.lastHole(s+g.l+max(g.h-step, 0), s+g.l+g.h); h >= 0 {
				hole = h
			}
			if hole >= s+g.l {
				g.addRun(start, n, step)
				n = 0
				continue
			}
			n++
		}
		g.addRun(start, n, step)
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

// addRun adds the m windows that start at a, a+s, …, a+(m−1)s. The first s rows
// cost m products an entry; every further one follows from an earlier one:
// G_{i+s,j+s} = G_{ij} − z_{a+i}z_{a+j} + z_{a+ms+i}z_{a+ms+j}.
func (g *gram) addRun(a, m, s int) {
	if m == 0 {
		return
	}
	if m == 1 {
		s = g.l
	}
	d, direct := g.l+g.h, min(s, g.l)
	z := make([]float64, (m-1)*s+d)
	for i := range z {
		z[i] = float64(g.past[a+i])
	}
	rows := make([]float64, direct*d) // row i of this run's G stands at i mod direct
	for i := range g.l {
		row := rows[i%direct*d:][:d]
		if i < direct {
			for j := i; j < d; j++ {
				row[j] = dot(z, m, s, i, j)
			}
		} else { // from row i−s, which it replaces, from right to left
			for j := d - 1; j >= i; j-- {
				row[j] = row[j-s] - z[i-s]*z[j-s] + z[m*s+i-s]*z[m*s+j-s]
			}
		}
		sum := g.row(i)
		for j := i; j < d; j++ {
			sum[j] += row[j]
		}
	}
	one, total := make([]float64, d), g.sums[g.l*d:][:d]
	for j := range d {
		if j >= s {
			one[j] = one[j-s] - z[j-s] + z[(m-1)*s+j]
		} else {
			for k := range m {
				one[j] += z[k*s+j]
			}
		}
		total[j] += one[j]
	}
	g.sums[len(g.sums)-1] += float64(m)
}

// dot is Σ_k z_{ks+i} z_{ks+j} over 0 ≤ k < m.
func dot(z []float64, m, s, i, j int) (sum float64) {
	for k := 0; k < m*s; k += s {
		sum += z[k+i] * z[k+j]
	}
	return sum
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
