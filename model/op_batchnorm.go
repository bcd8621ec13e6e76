package model

/*
#cgo noescape k_channel_sums
#cgo nocallback k_channel_sums
#cgo noescape k_channel_squares
#cgo nocallback k_channel_squares
#cgo noescape k_channel_dots
#cgo nocallback k_channel_dots
#cgo noescape k_batch_norm
#cgo nocallback k_batch_norm
#cgo noescape k_batch_norm_grad
#cgo nocallback k_batch_norm_grad
#include "batchnorm.h"
*/
import "C"

// BatchNorm is x̂·w + b with x̂ = (x − mean)/√(variance + eps) along axis channel of C, for w, b, mean and variance (C):
// statistics that are given, as where a net forecasts.
func (x *Tensor) BatchNorm(channel int, mean, variance, w, b *Tensor, eps float32) *Tensor {
	return x.g.add(&batchNorm{channelled: x.channelled(channel, 1, w, b, mean, variance)}, x.Shape, x, mean, inverse(variance, eps), w, b)
}

// batchNormTrain is BatchNorm with the statistics of the batch of all ranks, over all axes but channel (Ioffe and Szegedy
// 2015, algorithm 1). The windows run along axis 0, which may hold several rows of each, side by side; weight (B) is what
// each counts. sample is the variance of a sample, as running statistics take it: 0 where a channel has one value.
func (x *Tensor) batchNormTrain(channel int, weight, w, b *Tensor, eps float32, of *ranks) (y, mean, sample *Tensor) {
	wantF32("batch norm", weight)
	if len(weight.Shape) != 1 || x.Shape[0]%weight.Len() != 0 {
		badBuild("batch norm: x %v, weight %v: want weight (B), B windows along the first axis", x.Shape, weight.Shape)
	}
	o := x.channelled(channel, weight.Len(), w, b)
	n := w.Len()
	sums := of.sum(x.g.add(&channelSums{channelled: o}, []int{n + 1}, x, weight))
	count := sums.Slice(0, n, n+1)
	mean = sums.Slice(0, 0, n).Div(count)
	squares := of.sum(x.g.add(&channelSquares{channelled: o}, []int{n}, x, mean, weight))
	y = x.g.add(&batchNorm{o, of}, x.Shape, x, mean, inverse(squares.Div(count), eps), w, b, weight, count)
	return y, mean, squares.Div(count.Shift(-1).Maximum(x.g.Const(1, 1)))
}

// inverse is 1/√(variance + eps).
func inverse(variance *Tensor, eps float32) *Tensor { return variance.Shift(eps).Sqrt().Pow(-1) }

// channelled is how x is laid out for windows along its first axis; each of vectors must have a number a channel.
func (x *Tensor) channelled(channel, windows int, vectors ...*Tensor) channelled {
	channel = x.axis(channel)
	wantF32("batch norm", x)
	wantF32("batch norm", vectors...)
	for _, v := range vectors {
		if channel == 0 || len(v.Shape) != 1 || v.Len() != x.Shape[channel] {
			badBuild("batch norm: x %v along axis %d, a vector of %v: want an axis after the first and vectors of its size", x.Shape, channel, v.Shape)
		}
	}
	outer := length(x.Shape[:channel])
	return channelled{C.channelled{C.int64_t(outer), C.int64_t(x.Shape[channel]), C.int64_t(length(x.Shape[channel+1:])), C.int64_t(outer / windows)}}
}

type channelled struct{ c C.channelled }

type channelSums struct {
	noGrad
	channelled
}

func (o *channelSums) CPU(p *Pool, y Array, in []Array) {
	C.k_channel_sums(p.c, &o.c, y.ptr(), in[0].ptr(), in[1].ptr())
}

type channelSquares struct {
	noGrad
	channelled
}

func (o *channelSquares) CPU(p *Pool, y Array, in []Array) {
	C.k_channel_squares(p.c, &o.c, y.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr())
}

// batchNorm is of [x, mean, 1/√(variance + eps), w, b]; behind them [weight, count] where mean and variance are x's own,
// whose share of the gradient is then in that of x.
type batchNorm struct {
	channelled
	of *ranks
}

func (o *batchNorm) Grad(y, dy *Tensor) []*Tensor {
	x, mean, inv, w := y.in[0], y.in[1], y.in[2], y.in[3]
	dots := y.g.add(&channelDots{channelled: o.channelled}, []int{2, w.Len()}, x, mean, inv, dy) // Σ dy, Σ dy·x̂
	in := []*Tensor{x, mean, inv, w, dy}
	if len(y.in) == 7 {
		in = append(in, o.of.sum(dots), y.in[5], y.in[6])
	}
	grads := make([]*Tensor, len(y.in))
	grads[0] = y.g.add(&batchNormGrad{channelled: o.channelled}, x.Shape, in...)
	grads[3], grads[4] = dots.Slice(0, 1, 2).Squeeze(0), dots.Slice(0, 0, 1).Squeeze(0)
	return grads
}

func (o *batchNorm) CPU(p *Pool, y Array, in []Array) {
	C.k_batch_norm(p.c, &o.c, y.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), in[3].ptr(), in[4].ptr())
}

type channelDots struct {
	noGrad
	channelled
}

func (o *channelDots) CPU(p *Pool, y Array, in []Array) {
	C.k_channel_dots(p.c, &o.c, y.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), in[3].ptr())
}

type batchNormGrad struct {
	noGrad
	channelled
}

func (o *batchNormGrad) CPU(p *Pool, dx Array, in []Array) {
	var dots, weight, n *C.float
	if len(in) == 8 {
		dots, weight, n = in[5].ptr(), in[6].ptr(), in[7].ptr()
	}
	C.k_batch_norm_grad(p.c, &o.c, dx.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), in[3].ptr(), in[4].ptr(), dots, weight, n)
}
