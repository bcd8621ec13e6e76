package model

// #include "attention.h"
import "C"

import "fmt"

// maxHead is the largest head of [Tensor.Attention].
const maxHead = C.HEAD

func checkHead(d int) error {
	if d > maxHead {
		return fmt.Errorf("hidden/heads = %d: must be at most %d", d, maxHead)
	}
	return nil
}

// splitHeads is x (N, T, heads·d) as (N, heads, T, d).
func splitHeads(x *Tensor, heads int) *Tensor {
	return x.Reshape(x.Shape[0], x.Shape[1], heads, x.Last()/heads).Transpose(1, 2)
}

// joinHeads is x (N, heads, T, d) as (N, T, heads·d).
func joinHeads(x *Tensor) *Tensor {
	return x.Transpose(1, 2).Reshape(x.Shape[0], x.Shape[2], x.Shape[1]*x.Last())
}

// coderActivations are those of the nets with an encoder of attention.
var coderActivations = map[string]Activation{"gelu": GELU, "relu": ReLU}
