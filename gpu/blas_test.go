package gpu

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

var products = []Product{
	{M: 1, N: 1, K: 1},
	{M: 5, N: 7, K: 3},
	{M: 65, N: 70, K: 33},
	{M: 17, N: 9, K: 20, TransA: true},
	{M: 17, N: 9, K: 20, TransB: true},
	{M: 66, N: 64, K: 16, TransA: true, TransB: true},
	{M: 4, N: 5, K: 6, Batch: 3, StrideA: 24, StrideB: 30},
	{M: 4, N: 5, K: 6, Batch: 3, StrideA: 24, TransB: true}, // one b for all
	{M: 3, N: 4, K: 0},
}

// extents are how many elements a and b have.
func (p Product) extents() (a, b int) {
	last := max(1, p.Batch) - 1
	return max(1, p.M*p.K+last*p.StrideA), max(1, p.K*p.N+last*p.StrideB)
}

// reference is the product in float64, and the largest sum of absolute terms.
func (p Product) reference(a, b []float32) (y []float64, most float64) {
	for one := range max(1, p.Batch) {
		a, b := a[one*p.StrideA:], b[one*p.StrideB:]
		for i := range p.M {
			for j := range p.N {
				sum, size := 0., 0.
				for k := range p.K {
					ia, ib := i*p.K+k, k*p.N+j
					if p.TransA {
						ia = k*p.M + i
					}
					if p.TransB {
						ib = j*p.K + k
					}
					term := float64(a[ia]) * float64(b[ib])
					sum += term
					size += math.Abs(term)
				}
				y = append(y, sum)
				most = max(most, size)
			}
		}
	}
	return y, most
}

func TestMultiply(t *testing.T) {
	for _, o := range []Options{{FullFloat32: true}, {FullFloat32: false}} {
		r := newRig(t, healthy, o)
		for _, p := range products {
			na, nb := p.extents()
			a, b := normal(seeded(15), na), normal(seeded(16), nb)
			want, most := p.reference(a, b)
			y := r.room(len(want))
			must(t, r.s.Multiply(y, r.put(a), r.put(b), p))
			bound := 1e-6
			if !o.FullFloat32 {
				bound = 1. / (1 << 10) // TF32: each factor is off by 2⁻¹¹ of it at most
			}
			near(t, fmt.Sprintf("%+v, full float32 %v", p, o.FullFloat32), r.get(y, len(want)), want, most*bound, 0)
		}
	}
}

// The software GPU rounds to TF32, and FullFloat32 keeps cuBLAS from it.
func TestFullFloat32(t *testing.T) {
	x := []float32{1 + 1./4096}
	for full, want := range map[bool]float64{true: 1 + 1./4096, false: 1} {
		r := newRig(t, healthy, Options{FullFloat32: full})
		y := r.room(1)
		must(t, r.s.Multiply(y, r.put(x), r.put([]float32{1}), Product{M: 1, N: 1, K: 1}))
		near(t, fmt.Sprint("full ", full), r.get(y, 1), []float64{want}, 0, 0)
		if said := r.Products(); !strings.Contains(said, "cuBLAS 12.0") || strings.Contains(said, "TF32") == full {
			t.Errorf("full %v: products by %q", full, said)
		}
	}
}

func TestMultiplyOwn(t *testing.T) {
	for _, p := range products {
		na, nb := p.extents()
		a, b := normal(seeded(17), na), normal(seeded(18), nb)
		want, most := p.reference(a, b)
		got := inOrders(t, func(r *rig) []float32 {
			y := r.room(len(want))
			must(t, r.s.multiplyOwn(y, r.put(a), r.put(b), p, max(1, p.Batch)))
			return r.get(y, len(want))
		})
		near(t, fmt.Sprintf("%+v", p), got, want, most*1e-6, 0)
	}
}

// What cuBLAS there is and whether it starts decide what multiplies; without it a context opens all the same, says so, and multiplies.
func TestWhichCUBLAS(t *testing.T) {
	fake := needSoftware(t)
	before := blasNames
	t.Cleanup(func() { blasNames, blasChosen = before, false })
	t.Setenv("DEEPRC_LIBCUBLAS", "")
	const none, noStart = "no-such-libcublas.so", "cublasCreate_v2: CUBLAS_STATUS_NOT_INITIALIZED"
	for _, c := range []struct {
		names []string
		fail  string
		said  []string
	}{
		{[]string{fake, none}, "cublasCreate_v2:1:1", []string{"own kernel", fake + ": ", noStart, none + ": cannot open"}},
		{[]string{none, fake}, "", []string{"cuBLAS 12.0"}},
		{[]string{fake, fake}, "cublasCreate_v2:1:1", []string{"cuBLAS 12.0"}}, // the second starts
		{[]string{none}, "", []string{"own kernel", none + ": cannot open"}},
	} {
		t.Setenv("FAKE_CUDA_FAIL", c.fail)
		blasNames, blasChosen = c.names, false
		r := newRig(t, healthy, Options{})
		for _, want := range c.said {
			if said := r.Products(); !strings.Contains(said, want) {
				t.Errorf("%v, failing %q: products by %q, want %q", c.names, c.fail, said, want)
			}
		}
	}
	r := newRig(t, healthy, Options{})
	y := r.room(1)
	must(t, r.s.Multiply(y, r.put([]float32{1, 2, 3}), r.put([]float32{4, 5, 6}), Product{M: 1, N: 1, K: 3}))
	near(t, "a product", r.get(y, 1), []float64{32}, 0, 0)
}

func TestCUBLASFails(t *testing.T) {
	r := newRig(t, healthy, Options{})
	y := r.room(1)
	t.Setenv("FAKE_CUDA_FAIL", "cublasGemmEx:1:14")
	err := r.s.Multiply(y, y, y, Product{M: 1, N: 1, K: 1})
	var e *Error
	if !errors.As(err, &e) || e.Name != "CUBLAS_STATUS_INTERNAL_ERROR" || e.Lost() {
		t.Errorf("got %v, want cuBLAS's own status", err)
	}
	other, err := r.NewStream()
	must(t, err)
	if err := other.Multiply(y, y, y, Product{M: 1, N: 1, K: 1}); err == nil || !strings.Contains(err.Error(), "own stream") {
		t.Errorf("got %v, want that products need the Context's own stream", err)
	}
	must(t, other.Close())
}
