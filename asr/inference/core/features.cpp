// Resampling and log energies, as asr/inference/fallback.py computes them in numpy.
//
// Compiled with block_sparse.cpp. All in float64 up to the logarithm, as in training: in float32
// weak bins beside strong ones depend on the order of a sum. A lane is a frame, so that a frame's
// features are the same numbers among whatever others it is computed.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int kFrames = 8;
#elif defined(__AVX2__)
constexpr int kFrames = 4;
#else
constexpr int kFrames = 2;
#endif
typedef double Lanes __attribute__((vector_size(8 * kFrames)));
typedef uint64_t Bits __attribute__((vector_size(8 * kFrames)));

struct Complex {
  Lanes re, im;
};

inline Complex operator+(const Complex& a, const Complex& b) { return {a.re + b.re, a.im + b.im}; }
inline Complex operator-(const Complex& a, const Complex& b) { return {a.re - b.re, a.im - b.im}; }
// By a twiddle factor, the same in all lanes.
inline Complex twiddled(const Complex& a, const double* w) {
  return {a.re * w[0] - a.im * w[1], a.re * w[1] + a.im * w[0]};
}

// A table of exp(-2 pi i k / size) as pairs.
struct Roots {
  const double* pairs;
  int64_t size;
};

// y[k] = sum over j of x[j step] exp(-2 pi i j k / n), by decimation in time.
void transform(const Complex* x, Complex* y, int64_t n, int64_t step, const int32_t* factors,
               const Roots& roots, Complex* scratch) {
  const int64_t p = factors[0], m = n / p;
  for (int64_t q = 0; q < p; ++q) {
    if (m == 1)
      y[q] = x[q * step];
    else
      transform(x + q * step, y + q * m, m, step * p, factors + 1, roots, scratch);
  }
  const int64_t stride = 2 * (roots.size / n), own_stride = 2 * (roots.size / p);
  if (p == 4) {  // the radix-4 butterfly
    const double *first = roots.pairs, *second = first, *third = first;
    for (int64_t k = 0; k < m; ++k, first += stride, second += 2 * stride, third += 3 * stride) {
      const Complex a = y[k], b = twiddled(y[m + k], first), c = twiddled(y[2 * m + k], second),
                    d = twiddled(y[3 * m + k], third);
      const Complex even = a + c, odd = a - c, sum = b + d, difference = b - d;
      const Complex rotated = {difference.im, -difference.re};  // by -i
      y[k] = even + sum;
      y[m + k] = odd + rotated;
      y[2 * m + k] = even - sum;
      y[3 * m + k] = odd - rotated;
    }
    return;
  }
  for (int64_t k = 0; k < m; ++k) {
    for (int64_t q = 0; q < p; ++q)
      scratch[q] = twiddled(y[q * m + k], roots.pairs + q * k * stride);
    for (int64_t r = 0; r < p; ++r) {
      Complex sum = scratch[0];
      for (int64_t q = 1; q < p; ++q)
        sum = sum + twiddled(scratch[q], roots.pairs + q * r % p * own_stride);
      y[r * m + k] = sum;
    }
  }
}

inline Lanes as_numbers(Bits bits) {
  Lanes numbers;
  std::memcpy(&numbers, &bits, sizeof bits);
  return numbers;
}

// The natural logarithm of positive normal numbers, to 1e-15: x = 2^e m with m within a factor of
// sqrt(2) of 1, and log m = 2 atanh((m - 1) / (m + 1)).
inline Lanes logarithm(Lanes x) {
  Bits bits;
  std::memcpy(&bits, &x, sizeof bits);
  // Less sqrt(1/2), so that the exponent's bits are those of m's power of two.
  const Bits biased = (bits + (0x3ff0000000000000ULL - 0x3fe6a09e667f3bcdULL)) >> 52;  // e + 1023
  const Lanes m = as_numbers(bits - ((biased - 1023) << 52));
  const Lanes e = as_numbers(biased | 0x4330000000000000ULL) - (4503599627370496.0 + 1023.0);
  const Lanes s = (m - 1.0) / (m + 1.0), square = s * s;
  Lanes series = Lanes{} + 1.0 / 21;
  for (int k = 19; k > 0; k -= 2) series = series * square + 1.0 / k;
  return e * 0.69314718055994530942 + 2.0 * s * series;
}

// Neighbouring samples in float64. GCC 12 puts a converted vector together from halves.
inline Lanes widened(const float* x) {
#if defined(__AVX512F__)
  return (Lanes)_mm512_cvtps_pd(_mm256_loadu_ps(x));
#elif defined(__AVX2__)
  return (Lanes)_mm256_cvtps_pd(_mm_loadu_ps(x));
#else
  return Lanes{x[0], x[1]};
#endif
}

inline double total(Lanes x) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_pd((__m512d)x);
#elif defined(__AVX2__)
  const __m128d pair =
      _mm_add_pd(_mm256_castpd256_pd128((__m256d)x), _mm256_extractf128_pd((__m256d)x, 1));
  return pair[0] + pair[1];
#else
  return x[0] + x[1];
#endif
}

struct Filters {
  const double* weights;
  const int64_t* firsts;
  int64_t target, taps, original;
};

// R rows at once, which share a filter's way through the caches; a sample is the same in any.
template <int R> void resample(const Filters& filters, const float* x, float* y) {
  for (int64_t j = 0; j < filters.target; ++j) {
    const float* const from = x + filters.firsts[j];
    const double* const filter = filters.weights + j * filters.taps;
    Lanes sums[R];
    for (int r = 0; r < R; ++r) sums[r] = Lanes{};
    int64_t i = 0;
    for (; i + kFrames <= filters.taps; i += kFrames) {
      Lanes weights;
      std::memcpy(&weights, filter + i, sizeof weights);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) sums[r] += weights * widened(from + r * filters.original + i);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      double sum = total(sums[r]);
      for (int64_t rest = i; rest < filters.taps; ++rest)
        sum += filter[rest] * double(from[r * filters.original + rest]);
      y[r * filters.target + j] = float(sum);
    }
  }
}

}  // namespace

extern "C" {

struct Bands {
  const double* window;     // (window_size), of the samples of a frame
  const double* roots;      // (fft_size) pairs: exp(-2 pi i k / fft_size)
  const int32_t* factors;   // of the complex transform: of half of an even fft_size, or of all
  const int32_t* first;     // (bands) first bin of each
  const int32_t* starts;    // (bands + 1) where its weights begin
  const double* weights;
  const float* mean;        // (bands)
  const float* deviation;   // (bands)
  int64_t window_size, hop, fft_size, bands, largest_factor;
  double floor;  // added to every energy
};

int32_t features_bands_size() { return sizeof(Bands); }

// Normalised log energies (bands, frames) of the frames that begin at x, x + hop, ...
int32_t features_log_energies(const Bands* given, const float* x, int64_t frames, float* y) try {
  const Bands& b = *given;
  const bool even = b.fft_size % 2 == 0;
  const int64_t points = even ? b.fft_size / 2 : b.fft_size;  // of the complex transform
  const int64_t bins = b.fft_size / 2 + 1;
  const Roots roots{b.roots, b.fft_size};
  std::vector<Complex> input(points), spectrum(points), scratch(b.largest_factor);
  std::vector<Lanes> power(bins);
  double* const samples = reinterpret_cast<double*>(input.data());
  for (int64_t t = 0; t < frames; t += kFrames) {
    const int64_t used = frames - t < kFrames ? frames - t : kFrames;
    // Even: neighbouring samples are the two parts of one complex number.
    for (int64_t j = 0; j < b.window_size; ++j) {
      double* const to = samples + (even ? j : 2 * j) * kFrames;
      for (int64_t lane = 0; lane < kFrames; ++lane)
        to[lane] = double(x[(t + (lane < used ? lane : 0)) * b.hop + j]) * b.window[j];
    }
    transform(input.data(), spectrum.data(), points, 1, b.factors, roots, scratch.data());
    for (int64_t k = 0; k < bins; ++k) {
      Complex bin = spectrum[even ? k % points : k];
      if (even) {  // the spectra of the even and the odd samples, apart again
        const Complex& z = bin;
        const Complex& mirror = spectrum[(points - k) % points];
        const Complex of_even = {(z.re + mirror.re) * 0.5, (z.im - mirror.im) * 0.5};
        const Complex of_odd = {(z.im + mirror.im) * 0.5, (mirror.re - z.re) * 0.5};
        bin = of_even + twiddled(of_odd, b.roots + 2 * k);
      }
      power[k] = bin.re * bin.re + bin.im * bin.im;
    }
    for (int64_t f = 0; f < b.bands; ++f) {
      Lanes energy = Lanes{} + 0.0;
      const double* const weight = b.weights + b.starts[f];
      const Lanes* const within = power.data() + b.first[f];
      for (int64_t i = 0; i < b.starts[f + 1] - b.starts[f]; ++i) energy += weight[i] * within[i];
      energy += b.floor;
      const Lanes value = energy < HUGE_VAL ? logarithm(energy) : energy;  // NaN stays NaN
      for (int64_t lane = 0; lane < used; ++lane)
        y[f * frames + t + lane] = (float(value[lane]) - b.mean[f]) / b.deviation[f];
    }
  }
  return 0;
} catch (...) {  // nothing may leave through a C interface
  return 1;
}

// `rows` rows of `target` samples, each sample a filter (taps) on what begins at its first tap;
// summed in float64 and rounded once. A row begins `original` samples after the one before.
int32_t features_resample(const double* filters, const int64_t* firsts, int64_t target,
                          int64_t taps, int64_t original, const float* x, int64_t rows, float* y) {
  const Filters all{filters, firsts, target, taps, original};
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4) resample<4>(all, x + row * original, y + row * target);
  for (; row < rows; ++row) resample<1>(all, x + row * original, y + row * target);
  return 0;
}

}  // extern "C"
