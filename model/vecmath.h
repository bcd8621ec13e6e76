// vecmath.h: functions of float32 without branches, tables or calls, so that a loop over them vectorises. The CUDA kernels
// (gpu/kernels) compute with the same ones.
// Each states the most that it is off in units in the last place (ulp) of the exact value rounded to float32
// (TestVecMath), in every version. Reduction and polynomials are those of Cephes' single precision functions
// (Moshier, Methods and Programs for Mathematical Functions, 1989; netlib.org/cephes). NaN gives NaN.
#ifndef DEEPRC_VECMATH_H
#define DEEPRC_VECMATH_H
#ifdef __CUDACC__  // kernel.h, before this file, has what the headers below would bring
#define VEC static __device__ __forceinline__
#else
#include <math.h>
#include <stdint.h>
#ifdef __SSE__
#include <immintrin.h>
#define VEC_SSE
#endif
#define VEC static inline __attribute__((always_inline))
#endif

VEC int32_t v_bits(float x) {
  union { float f; int32_t i; } u = {x};
  return u.i;
}
VEC float v_float(int32_t i) {
  union { int32_t i; float f; } u = {i};
  return u.f;
}

// √x, exact; sqrtf would be a call, since it may set errno
VEC float v_sqrt(float x) {
#ifdef VEC_SSE
  return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
#else
  return sqrtf(x);
#endif
}

// e^(x+y) for |y| far below |x|, which takes up what rounding x lost. e^r − 1 for |r| ≤ ln 2 / 2 is expf's polynomial.
VEC float v_exp2arg(float x, float y) {
  x = x > 89.0f ? 89.0f : x;      // beyond: +Inf
  x = x < -105.0f ? -105.0f : x;  // beyond: 0
  const float round = 12582912.0f;  // 1.5 · 2²³: adding it rounds to a whole number
  float t = x * 1.44269504f + round, n = t - round;
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f + y;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1;
  // 2^n in two factors: n reaches from −151 to 128
  int32_t k = (int32_t)((uint32_t)v_bits(t) - (uint32_t)v_bits(round)), h = k >> 1;
  return p * v_float((int32_t)(((uint32_t)h + 127) << 23)) * v_float((int32_t)(((uint32_t)k - (uint32_t)h + 127) << 23));
}

// e^x, 2 ulp
VEC float v_exp(float x) { return v_exp2arg(x, 0); }

// ln x, 2 ulp; −Inf at 0, NaN below
VEC float v_log(float x) {
  float tiny = x < 1.17549435e-38f ? 8388608.0f : 1;  // subnormal numbers, times 2²³
  int32_t b = v_bits(x * tiny), e = (int32_t)((uint32_t)b - 0x3f3504f3u) >> 23;  // mantissa in [√½, √2)
  float n = (float)(e - (tiny > 1 ? 23 : 0)), m = v_float((int32_t)((uint32_t)b - ((uint32_t)e << 23))) - 1, z = m * m;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  float y = p * m * z - 2.12194440e-4f * n - 0.5f * z;
  y = m + y + 0.693359375f * n;
  y = x <= 3.40282347e38f ? y : x;  // +Inf and NaN
  y = x == 0 ? -INFINITY : y;
  return x < 0 ? NAN : y;
}

// ln(1 + e) for 0 ≤ e ≤ 1: the logarithm of u = 1 + e rounded, and to first order what the rounding lost
VEC float v_log1p01(float e) {
  float u = 1 + e;
  return v_log(u) + (e - (u - 1)) / u;
}

// 1 / (1 + e^−x), 3 ulp
VEC float v_sigmoid(float x) {
  float e = v_exp(-fabsf(x));
  return (x < 0 ? e : 1) / (1 + e);
}

// tanh x, 2 ulp
VEC float v_tanh(float x) {
  float a = fabsf(x), z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  float t = 1 - 2 / (v_exp(2 * a) + 1);
  return a < 0.625f ? p * z * x + x : x < 0 ? -t : t;
}

// e^x − 1 = tanh(x/2) · (e^x + 1), 4 ulp
VEC float v_expm1(float x) { return v_tanh(0.5f * x) * (v_exp(x) + 1); }

// ln(1 + e^x), 3 ulp
VEC float v_softplus(float x) { return (x > 0 ? x : 0) + v_log1p01(v_exp(-fabsf(x))); }

// (e^x − e^−x) / 2 = (e + e/(e + 1)) / 2 with e = e^|x| − 1, 5 ulp
VEC float v_sinh(float x) {
  float e = v_expm1(fabsf(x)), s = 0.5f * (e + (e < 1e20f ? e / (e + 1) : 1));
  return x < 0 ? -s : s;
}

// ln(a + √(a² + 1)) for a = |x|, with the sign of x, 5 ulp
VEC float v_asinh(float x) {
  float a = fabsf(x), c = a < 1e9f ? a : 1e9f, root = v_sqrt(c * c + 1), small = c < 0.5f ? c : 0.5f;
  float y = a < 0.5f ? v_log1p01(small + small * small / (1 + root)) : v_log(a < 1e9f ? c + root : a) + (a < 1e9f ? 0 : 0.693147181f);
  y = x == x ? y : x;
  return x < 0 ? -y : y;
}

// Φ(x) = (1 + erf(x/√2)) / 2, the normal distribution function, 12 ulp, down to where it is subnormal
VEC float v_normal(float x) {
  float a = fabsf(x), z = a * 0.707106781f, s = z * z;
  float t = 7.853861353153693e-5f;  // erf, for z ≤ 1
  t = t * s - 8.010193625184903e-4f;
  t = t * s + 5.188327685732524e-3f;
  t = t * s - 2.685381193529856e-2f;
  t = t * s + 1.128358514861418e-1f;
  t = t * s - 3.761262582423300e-1f;
  t = t * s + 1.128379165726710e+0f;
  float q = 1 / (z > 1 ? z : 1), w = q * q;
  float u = 2.326819970068386e-2f;  // erfc · z · e^z², for 1 < z < 2
  u = u * w - 1.387039388740657e-1f;
  u = u * w + 3.687424674597105e-1f;
  u = u * w - 5.824733027278666e-1f;
  u = u * w + 6.210004621745983e-1f;
  u = u * w - 4.944515323274145e-1f;
  u = u * w + 3.404879937665872e-1f;
  u = u * w - 2.741127028184656e-1f;
  u = u * w + 5.638259427386472e-1f;
  float v = -1.047766399936249e+1f;  // from 2 on
  v = v * w + 1.297719955372516e+1f;
  v = v * w - 7.495518717768503e+0f;
  v = v * w + 2.921019019210786e+0f;
  v = v * w - 1.015265279202700e+0f;
  v = v * w + 4.218463358204948e-1f;
  v = v * w - 2.820767439740514e-1f;
  v = v * w + 5.641895067754075e-1f;
  // x² = h² + (a − h)(a + h), exact in its first term, which has half the digits
  a = a < 15 ? a : 15;
  float h = v_float(v_bits(a) & (int32_t)0xfffff000);
  float tail = 0.5f * v_exp2arg(-0.5f * h * h, -0.5f * (a - h) * (a + h)) * q * (z < 2 ? u : v);
  float far = x < 0 ? tail : 1 - tail;
  return z > 1 ? far : 0.5f + 0.5f * (x < 0 ? -z : z) * t;
}

// the normal density e^(−x²/2) / √2π
VEC float v_density(float x) { return 0.398942280f * v_exp(-0.5f * x * x); }

// x · Φ(x), the GELU of Hendrycks and Gimpel (2016), 12 ulp
VEC float v_gelu(float x) { return x < -15 ? -0.0f : x * v_normal(x); }
// its derivative: 4 ulp above −½, and 2·10⁻⁷ off at most below, where it is 0 at some place
VEC float v_gelu_slope(float x) { return v_normal(x) + x * v_density(x); }

// its approximation x · σ(2 √(2/π) (x + 0.044715 x³)); 3 ulp above −1, and some 2 |ln y| ulp of y below
VEC float v_gelu_tanh(float x) {
  float u = 1.595769122f * (x + 0.044715f * x * x * x);
  return x < -11 ? -0.0f : x * v_sigmoid(u);
}
// its derivative up to 10¹²: 6 ulp above −½, and 5·10⁻⁷ off at most. 1 − s is not of s, which rounds to 1
VEC float v_gelu_tanh_slope(float x) {
  float u = 1.595769122f * (x + 0.044715f * x * x * x), e = v_exp(-fabsf(u));
  float s = (x < 0 ? e : 1) / (1 + e), rest = (x < 0 ? 1 : e) / (1 + e);
  return x < -11 ? 0 : s + x * s * rest * 1.595769122f * (1 + 3 * 0.044715f * x * x);
}
#endif
