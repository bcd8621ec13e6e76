package model

import "slices"

// TopK is the places of the k largest elements of each row of x (…, n), the largest first, of equals the first one: (…, k), i64. It has no gradient.
func (x *Tensor) TopK(k int) *Tensor {
	if k < 1 || k > x.Last() || k > maxTop {
		badBuild("top %d of x %v: want 1 to %d", k, x.Shape, min(x.Last(), maxTop))
	}
	wantF32("top", x)
	y := x.g.add(topK{}, withLast(x.Shape, k), x)
	y.Type = I64
	return y
}

// maxTop bounds k: rows are gone through once for each.
const maxTop = 64

type topK struct{ noGrad }

func (topK) CPU(_ *Pool, y Array, in []Array) {
	n, k := int(in[0].cols()), int(y.cols())
	for r := range len(y.I) / k {
		x, top := in[0].F[r*n:][:n], y.I[r*k:][:k]
		for j := range top {
			best := -1
			for i, v := range x {
				if !slices.Contains(top[:j], int64(i)) && (best < 0 || v > x[best]) {
					best = i
				}
			}
			top[j] = int64(best)
		}
	}
}

// repeatRows is a row of indices (1, k) n times, (n, k).
func (at *Tensor) repeatRows(n int) *Tensor {
	if at.Type != I64 || len(at.Shape) != 2 || at.Shape[0] != 1 {
		badBuild("repeat: indices %v %s: want (1, k) i64", at.Shape, at.Type)
	}
	y := at.g.add(repeatRows{}, []int{n, at.Last()}, at)
	y.Type = I64
	return y
}

type repeatRows struct{ noGrad }

func (repeatRows) CPU(_ *Pool, y Array, in []Array) {
	for i := 0; i < len(y.I); i += len(in[0].I) {
		copy(y.I[i:], in[0].I)
	}
}
