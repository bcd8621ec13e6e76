package model

import "math"

var fourierCases = []opCase{
	{name: "to modes", shapes: [][]int{{2, 7, 3}}, build: func(in []*Tensor) *Tensor { return toModes(in[0], []int{0, 1, 3}) },
		want: func(in [][]float32) []float64 {
			return transformed(in[0], 2, 7, 3, []int{0, 1, 3})
		}},
	{name: "to modes, in no order", shapes: [][]int{{2, 8, 3}}, build: func(in []*Tensor) *Tensor { return toModes(in[0], []int{4, 2}) },
		want: func(in [][]float32) []float64 {
			return transformed(in[0], 2, 8, 3, []int{4, 2})
		}},
	fromModesCase("from modes", 7, 0, 1, 3), // an odd number of steps has no middle frequency
	fromModesCase("from modes, the middle one", 8, 1, 4),
	{name: "mix modes", shapes: [][]int{{2, 6, 4}, {2, 2, 2, 3, 2}}, build: func(in []*Tensor) *Tensor { return mixModes(in[0], in[1]) }, want: mixed64},
	{name: "sinusoids", shapes: [][]int{{2, 7}}, build: func(in []*Tensor) *Tensor { return in[0].Linear(sinusoids(in[0].g, 7), nil, Identity) },
		want: func(in [][]float32) []float64 { // as toModes, but for the sign of the sines
			y := transformed(in[0], 2, 7, 1, []int{1, 2, 3})
			for i := range y {
				if i%6 >= 3 {
					y[i] = -y[i]
				}
			}
			return y
		}},
}

// transformed is the Fourier transform of x (N, T, n) by its definition: (N, 2M, n).
func transformed(x []float32, N, T, n int, at []int) []float64 {
	M := len(at)
	y := make([]float64, N*2*M*n)
	for i := range N * M * n {
		b, m, c := i/(M*n), i/n%M, i%n
		for t := range T {
			sin, cos := math.Sincos(2 * math.Pi * float64(at[m]*t) / float64(T))
			v := float64(x[(b*T+t)*n+c])
			y[(b*2*M+m)*n+c] += v * cos
			y[(b*2*M+M+m)*n+c] -= v * sin
		}
	}
	return y
}

// fromModesCase has a spectrum of T frequencies, each of those at with its mirror image, and sums it over all of them.
func fromModesCase(name string, T int, at ...int) opCase {
	const N, n = 2, 3
	M := len(at)
	return opCase{name: name, shapes: [][]int{{N, 2 * M, n}}, build: func(in []*Tensor) *Tensor { return fromModes(in[0], at, T) },
		want: func(in [][]float32) []float64 {
			y := make([]float64, N*n*T)
			for i := range y {
				b, c, t := i/(n*T), i/T%n, i%T
				spectrum := make([]complex128, T)
				for m, f := range at {
					re, im := float64(in[0][(b*2*M+m)*n+c]), float64(in[0][(b*2*M+M+m)*n+c])
					if f == 0 || 2*f == T { // a real series has none there
						im = 0
					}
					spectrum[f], spectrum[(T-f)%T] = complex(re, im), complex(re, -im)
				}
				for f, z := range spectrum {
					sin, cos := math.Sincos(2 * math.Pi * float64(f*t) / float64(T))
					y[i] += real(z*complex(cos, sin)) / float64(T)
				}
			}
			return y
		}}
}

// mixed64 is of x (2, 2·3, 2·2) and w (2, 2, 2, 3, 2), of input and output, by complex numbers.
func mixed64(in [][]float32) []float64 {
	const N, M, heads, E = 2, 3, 2, 2
	y := make([]float64, N*2*M*heads*E)
	for i := range N * M * heads * E * E {
		b, m, h, from, to := i/(M*heads*E*E), i/(heads*E*E)%M, i/(E*E)%heads, i/E%E, i%E
		at := func(part, e int) int { return ((b*2+part)*M+m)*heads*E + h*E + e }
		w := (((h*E+from)*E+to)*M + m) * 2
		z := complex(float64(in[0][at(0, from)]), float64(in[0][at(1, from)])) * complex(float64(in[1][w]), float64(in[1][w+1]))
		y[at(0, to)] += real(z)
		y[at(1, to)] += imag(z)
	}
	return y
}
