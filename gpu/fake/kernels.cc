// kernels.cc: all kernels, for this processor. Each file is in a namespace of its own, as it is in a module of its own on a GPU; what they
// include is included before.
#include "../kernels/kernel.h"

#include "adam_ops.h"
#include "elementwise_ops.h"
#include "layout_ops.h"
#include "norm_ops.h"
#include "reduce_ops.h"
#include "sums.h"
#include "vecmath.h"
#include "walk.h"

namespace adam_file {
#include "../kernels/adam.cu"
}
namespace elementwise_file {
#include "../kernels/elementwise.cu"
}
namespace gemm_file {
#include "../kernels/gemm.cu"
}
namespace layout_file {
#include "../kernels/layout.cu"
}
namespace norm_file {
#include "../kernels/norm.cu"
}
namespace reduce_file {
#include "../kernels/reduce.cu"
}
namespace faulty_file {
#include "faulty.cu"
}
