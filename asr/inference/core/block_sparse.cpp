// Block-sparse products and recurrences over time behind a plain C interface.
//
// Compiled once for each instruction set (see hatch_build.py); asr/inference/kernel.py chooses
// among the libraries, makes the packings and holds their bounds.
//
// A packed matrix is a list of strips from top to bottom, each a few rows high, with the blocks
// of its rows from left to right. Two packings of the same matrix exist:
//   lanes:  for a product with one vector. A tile fills a register with `tile_rows` rows by
//           `tile_columns` columns; a strip's sums stay in registers until its last block.
//   panel:  for a product with up to 32 vectors, laid out as (columns, vectors). Weights are
//           broadcast, `tile_rows` x 32 sums stay in registers.
// A strip is stored as a whole register, or as `tile_rows` rows, even where the matrix has fewer:
// what lies beyond its rows is overwritten by the next strip, and buffers end in a margin.

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <type_traits>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
constexpr int kColumns = 32;  // vectors in a panel
constexpr int kFew = 8;       // vectors that share a register of weights
constexpr int kMargin = 64;   // floats behind every buffer that is read or written by registers

template <int N> struct VectorOf;
template <> struct VectorOf<4> {
  typedef float F __attribute__((vector_size(16)));
  typedef int32_t I __attribute__((vector_size(16)));
};
template <> struct VectorOf<8> {
  typedef float F __attribute__((vector_size(32)));
  typedef int32_t I __attribute__((vector_size(32)));
};
template <> struct VectorOf<16> {
  typedef float F __attribute__((vector_size(64)));
  typedef int32_t I __attribute__((vector_size(64)));
};
template <int N> using Vec = typename VectorOf<N>::F;
template <int N> using Int = typename VectorOf<N>::I;

template <int N> inline Vec<N> load(const float* p) {
  Vec<N> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <int N> inline void store(float* p, Vec<N> v) { std::memcpy(p, &v, sizeof v); }
template <int N> inline Vec<N> all(float value) { return Vec<N>{} + value; }

// One value from memory in all lanes; by itself GCC loads it first and broadcasts it then.
template <int N> inline Vec<N> all_of(const float* p) {
#if defined(__AVX512F__)
  if constexpr (N == 16) {
    __m512 v;
    asm("vbroadcastss %1, %0" : "=v"(v) : "m"(*p));
    return (Vec<N>)v;
  }
#endif
#if defined(__AVX2__)
  if constexpr (N == 8) return (Vec<N>)_mm256_broadcast_ss(p);
#endif
  return all<N>(*p);
}

}  // namespace

extern "C" {

enum WeightType : int32_t { kFloat = 0, kHalf = 1, kInt8 = 2 };
enum Cell : int32_t { kGru = 0, kLstm = 1, kTanh = 2, kClippedRelu = 3 };

struct Packed {
  const void* weights;
  const float* scales;       // int8: one a block, in the order of `columns`
  const int32_t* starts;     // strips + 1: where each strip's blocks begin
  const int32_t* columns;    // first column of each block
  const int32_t* first_row;  // of each strip
  int32_t strips, tile_rows, tile_columns;
  int32_t tiles;  // in a block of a strip; the panel's are single columns
  int32_t weight_type;
  int32_t rows;
  int32_t reach;  // columns of the right-most block's end
};

struct Layer {
  Packed input_panel, input_lanes, recurrent_panel, recurrent_lanes;  // no weights: not packed
  const float* input_bias;      // (gates * hidden) and a margin
  const float* recurrent_bias;  // the same, inside the reset gate's product
  int32_t cell, gates, hidden, inputs, reverse;
};

// Its matrix has a column for each channel, row and tap of the kernel. The input is padded by half
// of the kernel, whose sizes are odd.
struct Convolution {
  Packed panel;
  const float* bias;  // (rows of the matrix) and a margin
  int32_t channels, tall, wide, row_stride, time_stride;
  float clip;  // what comes out is within 0 and this
};

}  // extern "C"

namespace {

// ---- One vector -------------------------------------------------------------------------------

// CL values again and again. `W` is the type of the weights that they meet: what widens those
// competes with a broadcast between registers, so that one straight from memory is faster.
template <int L, int CL, class W> inline Vec<L> repeat(const float* x) {
  if constexpr (CL == L) return load<L>(x);
  if constexpr (CL == 1 && sizeof(W) < sizeof(float)) return all_of<L>(x);
  if constexpr (CL == 1) return all<L>(*x);
#if defined(__AVX512F__)
  if constexpr (L == 16 && CL == 2) {
    double pair;
    std::memcpy(&pair, x, 8);
    return (Vec<L>)_mm512_set1_pd(pair);
  }
  if constexpr (L == 16 && CL == 4) return (Vec<L>)_mm512_broadcast_f32x4(_mm_loadu_ps(x));
  if constexpr (L == 16 && CL == 8) return (Vec<L>)_mm512_broadcast_f32x8(_mm256_loadu_ps(x));
#elif defined(__AVX2__)
  if constexpr (L == 8 && CL == 2) {
    double pair;
    std::memcpy(&pair, x, 8);
    return (Vec<L>)_mm256_set1_pd(pair);
  }
  if constexpr (L == 8 && CL == 4) return (Vec<L>)_mm256_broadcastsi128_si256(
      _mm_castps_si128(_mm_loadu_ps(x)));
#endif
  Vec<L> v;
  for (int i = 0; i < L; ++i) v[i] = x[i % CL];
  return v;
}

inline float from_half(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000) << 16, exponent = (half >> 10) & 31;
  const uint32_t mantissa = half & 1023;
  uint32_t bits;
  if (exponent == 31) {
    bits = sign | 0x7f800000 | (mantissa << 13);
  } else if (exponent) {
    bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
  } else {
    const float magnitude = float(mantissa) * (1.0f / 16777216.0f);
    std::memcpy(&bits, &magnitude, 4);
    bits |= sign;
  }
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

template <int L> inline Vec<L> widen(const float* w) { return load<L>(w); }

template <int L> inline Vec<L> widen(const uint16_t* w) {
#if defined(__AVX512F__)
  if constexpr (L == 16)
    return (Vec<L>)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
#elif defined(__AVX2__) && defined(__F16C__)
  if constexpr (L == 8)
    return (Vec<L>)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w)));
#endif
  Vec<L> v;
  for (int i = 0; i < L; ++i) v[i] = from_half(w[i]);
  return v;
}

template <int L> inline Vec<L> widen(const int8_t* w) {
#if defined(__AVX512F__)
  if constexpr (L == 16)
    return (Vec<L>)_mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w))));
#elif defined(__AVX2__)
  if constexpr (L == 8)
    return (Vec<L>)_mm256_cvtepi32_ps(
        _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(w))));
#endif
  Vec<L> v;
  for (int i = 0; i < L; ++i) v[i] = float(w[i]);
  return v;
}

template <int L> inline Vec<L> permute(Vec<L> v, Int<L> from) {
#if defined(__clang__)
  Vec<L> w;
  for (int i = 0; i < L; ++i) w[i] = v[from[i]];
  return w;
#else
  return __builtin_shuffle(v, from);
#endif
}

// Lane r * CL + c holds row r, column c: the sum over c of every row, rows first.
template <int L, int CL> inline Vec<L> fold(Vec<L> v) {
  if constexpr (CL > 1) {
    Int<L> first;
    for (int i = 0; i < L; ++i) first[i] = (i * CL) % L;
    for (int step = 1; step < CL; step *= 2) {
      Int<L> partner;
      for (int i = 0; i < L; ++i) partner[i] = i ^ step;
      v += permute<L>(v, partner);
    }
    v = permute<L>(v, first);
  }
  return v;
}

// Four sums at once hide the latency of multiply-add; `TC` tiles a block, 0 if any number.
template <class W, int CL, int TC>
void lanes_product(const Packed& m, const float* bias, const float* x, float* y) {
  constexpr int L = kLanes;
  constexpr int group = TC == 1 ? 4 : TC == 2 ? 2 : 1;  // blocks at a time
  const int tiles = TC ? TC : m.tiles;
  const W* w = static_cast<const W*>(m.weights);
  const int32_t* column = m.columns + m.starts[0];
  for (int s = 0; s < m.strips; ++s) {
    const int32_t* end = m.columns + m.starts[s + 1];
    Vec<L> a0{}, a1{}, a2{}, a3{};
    if constexpr (TC == 1 || TC == 2) {
      for (; column + group <= end; column += group) {
        const float* xs[4];
        for (int g = 0; g < 4; ++g) xs[g] = x + column[g / TC] + (g % TC) * CL;
        a0 += widen<L>(w) * repeat<L, CL, W>(xs[0]);
        a1 += widen<L>(w + L) * repeat<L, CL, W>(xs[1]);
        a2 += widen<L>(w + 2 * L) * repeat<L, CL, W>(xs[2]);
        a3 += widen<L>(w + 3 * L) * repeat<L, CL, W>(xs[3]);
        w += 4 * L;
      }
    }
    for (; column < end; ++column) {
      const float* xs = x + *column;
      int t = 0;
      if constexpr (TC == 0 || TC >= 4) {
        for (; t + 4 <= tiles; t += 4) {
          a0 += widen<L>(w) * repeat<L, CL, W>(xs);
          a1 += widen<L>(w + L) * repeat<L, CL, W>(xs + CL);
          a2 += widen<L>(w + 2 * L) * repeat<L, CL, W>(xs + 2 * CL);
          a3 += widen<L>(w + 3 * L) * repeat<L, CL, W>(xs + 3 * CL);
          w += 4 * L;
          xs += 4 * CL;
        }
      }
      for (; t < tiles; ++t) {
        a0 += widen<L>(w) * repeat<L, CL, W>(xs);
        w += L;
        xs += CL;
      }
    }
    Vec<L> sum = fold<L, CL>((a0 + a1) + (a2 + a3));
    const int row = m.first_row[s];
    if (bias) sum += load<L>(bias + row);
    store<L>(y + row, sum);
  }
}

template <int CL>
void lanes_product_int8(const Packed& m, const float* bias, const float* x, float* y) {
  constexpr int L = kLanes;
  const int8_t* w = static_cast<const int8_t*>(m.weights);
  for (int s = 0; s < m.strips; ++s) {
    Vec<L> sum{};
    for (int b = m.starts[s]; b < m.starts[s + 1]; ++b) {
      const float* xs = x + m.columns[b];
      Vec<L> a0{}, a1{};
      int t = 0;
      for (; t + 2 <= m.tiles; t += 2) {
        a0 += widen<L>(w) * repeat<L, CL, int8_t>(xs);
        a1 += widen<L>(w + L) * repeat<L, CL, int8_t>(xs + CL);
        w += 2 * L;
        xs += 2 * CL;
      }
      if (t < m.tiles) {
        a0 += widen<L>(w) * repeat<L, CL, int8_t>(xs);
        w += L;
      }
      sum += (a0 + a1) * all<L>(m.scales[b]);
    }
    sum = fold<L, CL>(sum);
    const int row = m.first_row[s];
    if (bias) sum += load<L>(bias + row);
    store<L>(y + row, sum);
  }
}

template <class W, int CL>
void lanes_by_tiles(const Packed& m, const float* bias, const float* x, float* y) {
  switch (m.tiles) {
    case 1: return lanes_product<W, CL, 1>(m, bias, x, y);
    case 2: return lanes_product<W, CL, 2>(m, bias, x, y);
    case 4: return lanes_product<W, CL, 4>(m, bias, x, y);
    case 8: return lanes_product<W, CL, 8>(m, bias, x, y);
    case 16: return lanes_product<W, CL, 16>(m, bias, x, y);
    default: return lanes_product<W, CL, 0>(m, bias, x, y);
  }
}

template <int CL> void lanes_by_type(const Packed& m, const float* b, const float* x, float* y) {
  switch (m.weight_type) {
    case kFloat: return lanes_by_tiles<float, CL>(m, b, x, y);
    case kHalf: return lanes_by_tiles<uint16_t, CL>(m, b, x, y);
    default: return lanes_product_int8<CL>(m, b, x, y);
  }
}

// y = W x + bias; `x` has m.reach values and a margin of zeros, `y` m.rows values and a margin.
void multiply_vector(const Packed& m, const float* bias, const float* x, float* y) {
  switch (m.tile_columns) {
    case 1: return lanes_by_type<1>(m, bias, x, y);
    case 2: return lanes_by_type<2>(m, bias, x, y);
    case 4: return lanes_by_type<4>(m, bias, x, y);
    case 8:
      if constexpr (kLanes >= 8) return lanes_by_type<8>(m, bias, x, y);
      break;
    case 16:
      if constexpr (kLanes >= 16) return lanes_by_type<16>(m, bias, x, y);
      break;
  }
}

// The same of `kFew` vectors, `x_pitch` and `y_pitch` apart. A register of weights meets a value of
// each: with 16 lanes, twice the products that a panel of 8 columns makes of as many loads.
template <class W, int CL>
void lanes_products(const Packed& m, const float* bias, const float* x, int64_t x_pitch, float* y,
                    int64_t y_pitch) {
  constexpr int L = kLanes;
  const W* w = static_cast<const W*>(m.weights);
  for (int s = 0; s < m.strips; ++s) {
    Vec<L> sums[kFew] = {};
    for (int b = m.starts[s]; b < m.starts[s + 1]; ++b) {
      const float* xs = x + m.columns[b];
      const float scale = std::is_same_v<W, int8_t> ? m.scales[b] : 1.0f;
      for (int t = 0; t < m.tiles; ++t, w += L, xs += CL) {
        Vec<L> weights = widen<L>(w);
        if constexpr (std::is_same_v<W, int8_t>) weights *= scale;
#pragma GCC unroll 8
        for (int j = 0; j < kFew; ++j) {
          const float* values = xs + j * x_pitch;
          // Broadcasts between registers would share a port with the products.
          if constexpr (CL == 1) sums[j] += weights * all_of<L>(values);
          if constexpr (CL > 1) sums[j] += weights * repeat<L, CL, W>(values);
        }
      }
    }
    const int row = m.first_row[s];
    for (int j = 0; j < kFew; ++j) {
      Vec<L> sum = fold<L, CL>(sums[j]);
      if (bias) sum += load<L>(bias + row);
      store<L>(y + j * y_pitch + row, sum);
    }
  }
}

template <int CL>
void lanes_products_by_type(const Packed& m, const float* bias, const float* x, int64_t x_pitch,
                            float* y, int64_t y_pitch) {
  switch (m.weight_type) {
    case kFloat: return lanes_products<float, CL>(m, bias, x, x_pitch, y, y_pitch);
    case kHalf: return lanes_products<uint16_t, CL>(m, bias, x, x_pitch, y, y_pitch);
    default: return lanes_products<int8_t, CL>(m, bias, x, x_pitch, y, y_pitch);
  }
}

// y = W x + bias of `kFew` vectors, by tiles of one or two columns.
void multiply_few(const Packed& m, const float* bias, const float* x, int64_t x_pitch, float* y,
                  int64_t y_pitch) {
  if (m.tile_columns == 1) return lanes_products_by_type<1>(m, bias, x, x_pitch, y, y_pitch);
  return lanes_products_by_type<2>(m, bias, x, x_pitch, y, y_pitch);
}

// ---- A panel of vectors -------------------------------------------------------------------------

// How the columns of the matrix, one after the other, find their rows of the panel.
struct Rows {
  int64_t pitch;
  struct Walk {
    const float* row;
    int64_t pitch;
    inline const float* next() {
      const float* now = row;
      row += pitch;
      return now;
    }
  };
  inline Walk from(const float* x, int64_t column) const { return {x + column * pitch, pitch}; }
};
struct Table {
  const int64_t* offsets;
  struct Walk {
    const float* x;
    const int64_t* offset;
    inline const float* next() { return x + *offset++; }
  };
  inline Walk from(const float* x, int64_t column) const { return {x, offsets + column}; }
};

// Strips are MR rows high, of which R at a time have their sums in registers.
template <int MR, int R, int N, int NV, class Address>
void panel_columns(const Packed& m, const float* bias, Address address, const float* x, float* y,
                   int64_t pitch) {
  const float* strip = static_cast<const float*>(m.weights);
  for (int s = 0; s < m.strips; ++s) {
    for (int part = 0; part < MR; part += R) {
      const float* w = strip + part;
      const int row = m.first_row[s] + part;
      Vec<N> sums[R][NV];
      for (int r = 0; r < R; ++r)
        for (int v = 0; v < NV; ++v) sums[r][v] = all<N>(bias ? bias[row + r] : 0.0f);
      for (int b = m.starts[s]; b < m.starts[s + 1]; ++b) {
        auto walk = address.from(x, m.columns[b]);
        for (int c = 0; c < m.tiles; ++c, w += MR) {
          const float* from = walk.next();
          Vec<N> xs[NV];
          for (int v = 0; v < NV; ++v) xs[v] = load<N>(from + v * N);
#pragma GCC unroll 8
          for (int r = 0; r < R; ++r) {
            const Vec<N> weight = all_of<N>(w + r);
            for (int v = 0; v < NV; ++v) sums[r][v] += weight * xs[v];
          }
        }
      }
      for (int r = 0; r < R; ++r)
        for (int v = 0; v < NV; ++v) store<N>(y + (row + r) * pitch + v * N, sums[r][v]);
    }
    strip += int64_t(m.starts[s + 1] - m.starts[s]) * m.tiles * MR;
  }
}

template <int MR, class Address>
void panel_by_width(const Packed& m, const float* bias, Address address, const float* x, float* y,
                    int64_t pitch, int columns) {
  constexpr int N = kLanes;
#if defined(__AVX512F__)
  if (columns == 32) return panel_columns<MR, MR, N, 2>(m, bias, address, x, y, pitch);
  if (columns == 16) return panel_columns<MR, MR, N, 1>(m, bias, address, x, y, pitch);
  return panel_columns<MR, MR, 8, 1>(m, bias, address, x, y, pitch);
#else
  // In 16 registers, 8 products need 6 loads as 4 x 2 sums and 9 as 8 x 1.
  constexpr int R = std::min(MR, 4);
  int c = 0;
  for (; c + N * 2 <= columns; c += N * 2)
    panel_columns<MR, R, N, 2>(m, bias, address, x + c, y + c, pitch);
  for (; c < columns; c += N) panel_columns<MR, MR, N, 1>(m, bias, address, x + c, y + c, pitch);
#endif
}

// Y = W X + bias; X (m.reach, columns) as `address` says, Y (m.rows and tile_rows more, pitch).
template <class Address>
void multiply_panel(const Packed& m, const float* bias, Address address, const float* x, float* y,
                    int64_t pitch, int columns) {
  switch (m.tile_rows) {
    case 8: return panel_by_width<8>(m, bias, address, x, y, pitch, columns);
    case 4: return panel_by_width<4>(m, bias, address, x, y, pitch, columns);
    case 2: return panel_by_width<2>(m, bias, address, x, y, pitch, columns);
    default: return panel_by_width<1>(m, bias, address, x, y, pitch, columns);
  }
}

// The narrowest panel that holds so many vectors.
inline int columns_for(int vectors) {
  return vectors <= 8 ? 8 : vectors <= 16 ? 16 : kColumns;
}

// ---- Transposition ------------------------------------------------------------------------------

#if defined(__AVX2__) && !defined(__AVX512F__)
// (8, 8) from rows `pitch` apart to the 8 rows of `to`; a null row is dropped.
inline void transpose8(const float* from, int64_t pitch, float* const* to, int64_t at) {
  __m256 r[8], t[8];
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(from + i * pitch);
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  // r[4 g + c], half q: rows 4 g .. 4 g + 3 of column 4 q + c.
  for (int c = 0; c < 4; ++c) {
    if (to[c]) _mm256_storeu_ps(to[c] + at, _mm256_permute2f128_ps(r[c], r[4 + c], 0x20));
    if (to[4 + c])
      _mm256_storeu_ps(to[4 + c] + at, _mm256_permute2f128_ps(r[c], r[4 + c], 0x31));
  }
}
#endif

// (16, 16) from rows `pitch` apart to the 16 rows of `to`; a null row is dropped.
inline void transpose16(const float* from, int64_t pitch, float* const* to, int64_t at) {
#if defined(__AVX512F__)
  __m512 r[16], t[16];
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(from + i * pitch);
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_castpd_ps(
        _mm512_unpacklo_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
    r[i + 1] = _mm512_castpd_ps(
        _mm512_unpackhi_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
    r[i + 2] = _mm512_castpd_ps(
        _mm512_unpacklo_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
    r[i + 3] = _mm512_castpd_ps(
        _mm512_unpackhi_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
  }
  // r[4 g + c], 128-bit lane q: rows 4 g .. 4 g + 3 of column 4 q + c.
  for (int c = 0; c < 4; ++c) {
    const __m512 low01 = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88);   // lanes 0, 2 of each
    const __m512 high01 = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd);  // lanes 1, 3 of each
    const __m512 low23 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);
    const __m512 high23 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xdd);
    if (to[c]) _mm512_storeu_ps(to[c] + at, _mm512_shuffle_f32x4(low01, low23, 0x88));
    if (to[8 + c]) _mm512_storeu_ps(to[8 + c] + at, _mm512_shuffle_f32x4(low01, low23, 0xdd));
    if (to[4 + c]) _mm512_storeu_ps(to[4 + c] + at, _mm512_shuffle_f32x4(high01, high23, 0x88));
    if (to[12 + c])
      _mm512_storeu_ps(to[12 + c] + at, _mm512_shuffle_f32x4(high01, high23, 0xdd));
  }
#elif defined(__AVX2__)
  for (int c = 0; c < 16; c += 8)
    for (int i = 0; i < 16; i += 8) transpose8(from + i * pitch + c, pitch, to + c, at + i);
#else
  for (int c = 0; c < 16; ++c)
    if (to[c])
      for (int i = 0; i < 16; ++i) to[c][at + i] = from[i * pitch + c];
#endif
}

// Columns of `panel` (rows, pitch) to `count` rows of output, of which null ones are dropped.
void scatter(const float* panel, int64_t pitch, int rows, float* const* to, int count) {
  int first = 0;
  if (count % 16 == 0)
    for (; first + 16 <= rows; first += 16)
      for (int c = 0; c < count; c += 16)
        if (std::any_of(to + c, to + c + 16, [](const float* row) { return row; }))
          transpose16(panel + first * pitch + c, pitch, to + c, first);
  for (int c = 0; c < count; ++c)
    if (to[c])
      for (int i = first; i < rows; ++i) to[c][i] = panel[i * pitch + c];
}

// Up to 32 vectors of `size` values, null for zeros, to a panel (size, 32).
void gather(const float* const* from, int count, int size, float* panel) {
  for (int k = 0; k < size; k += 16) {
    const int some = std::min(16, size - k);
    for (int first = 0; first < kColumns; first += 16) {
      float rows[16][16];
      for (int j = 0; j < 16; ++j) {
        const float* row = first + j < count ? from[first + j] : nullptr;
        if (row && some == 16) {
          std::memcpy(rows[j], row + k, sizeof rows[j]);
        } else {
          std::memset(rows[j], 0, sizeof rows[j]);
          if (row) std::memcpy(rows[j], row + k, sizeof(float) * some);
        }
      }
      float* to[16];
      for (int i = 0; i < 16; ++i)
        to[i] = i < some ? panel + int64_t(k + i) * kColumns + first : nullptr;
      transpose16(rows[0], 16, to, 0);
    }
  }
}

// ---- Convolution --------------------------------------------------------------------------------

inline int64_t ceil_divide(int64_t size, int64_t by) { return (size + by - 1) / by; }

// The polyphase split of frames with `before` zeros before them and zeros behind them: padded
// frame t * stride + p to to[p * length + t]. No frames: zeros.
void split_phases(const float* from, int64_t frames, int64_t before, int64_t stride,
                  int64_t length, float* to) {
  if (!from) return void(std::fill_n(to, stride * length, 0.0f));
  for (int64_t phase = 0; phase < stride; ++phase, to += length) {
    const int64_t first = ceil_divide(before - phase, stride);  // that is a frame
    const int64_t end = std::max(ceil_divide(frames + before - phase, stride), first);
    std::fill_n(to, first, 0.0f);
    const float* own = from + first * stride + phase - before;
    if (stride == 1)  // the usual strides are constants to the compiler
      std::copy_n(own, end - first, to + first);
    else if (stride == 2)
      for (int64_t t = first; t < end; ++t) to[t] = own[2 * (t - first)];
    else
      for (int64_t t = first; t < end; ++t) to[t] = own[stride * (t - first)];
    std::fill_n(to + end, length - end, 0.0f);
  }
}

// ---- Gates --------------------------------------------------------------------------------------

// 1 / (1 + exp(-x)). exp2 by a polynomial on [-0.5, 0.5] (Taylor's to degree 6: 1e-7 relative).
template <int N> inline Vec<N> sigmoid(Vec<N> x) {
  Vec<N> t = x * -1.44269504f;
  t = t > 126.0f ? all<N>(126.0f) : t;
  t = t < -126.0f ? all<N>(-126.0f) : t;
  const Vec<N> rounder = all<N>(12582912.0f);
  const Vec<N> whole = (t + rounder) - rounder;
  const Vec<N> f = t - whole;
  Vec<N> p = all<N>(1.5403530e-4f);
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.0f;
  const Int<N> bits = (__builtin_convertvector(whole, Int<N>) + 127) << 23;
  const Vec<N> denominator = p * (Vec<N>)bits + 1.0f;
#if defined(__AVX512F__)
  if constexpr (N == 16) {
    const Vec<N> guess = (Vec<N>)_mm512_rcp14_ps((__m512)denominator);
    return guess * (2.0f - denominator * guess);
  }
#endif
  return 1.0f / denominator;
}

template <int N> inline Vec<N> hyperbolic(Vec<N> x) { return 2.0f * sigmoid<N>(2.0f * x) - 1.0f; }

// One register of units: `a`, `p` are drive and recurrent product of the first gate, the others
// follow `gate` floats apart. Returns h'; LSTM's cell state is updated.
template <int N, int C>
inline Vec<N> unit(const float* a, int64_t a_gate, const float* p, int64_t p_gate, Vec<N> h,
                   float* cell) {
  const auto sum = [&](int gate) { return load<N>(a + gate * a_gate) + load<N>(p + gate * p_gate); };
  if constexpr (C == kGru) {
    const Vec<N> r = sigmoid<N>(sum(0)), z = sigmoid<N>(sum(1));
    const Vec<N> n =
        hyperbolic<N>(load<N>(a + 2 * a_gate) + r * load<N>(p + 2 * p_gate));
    return n + z * (h - n);
  } else if constexpr (C == kLstm) {
    const Vec<N> i = sigmoid<N>(sum(0)), f = sigmoid<N>(sum(1)), g = hyperbolic<N>(sum(2));
    const Vec<N> o = sigmoid<N>(sum(3));
    const Vec<N> c = f * load<N>(cell) + i * g;
    store<N>(cell, c);
    return o * hyperbolic<N>(c);
  } else if constexpr (C == kTanh) {
    return hyperbolic<N>(sum(0));
  } else {
    Vec<N> v = sum(0);
    v = v < 0.0f ? Vec<N>{} : v;
    return v > 20.0f ? all<N>(20.0f) : v;
  }
}

// ---- Time ---------------------------------------------------------------------------------------

struct Sequences {
  const float* x;  // (frames, batch, inputs)
  float* y;        // (frames, batch, hidden)
  const int64_t* lengths;
  float* state;  // (batch, hidden), in and out, or null: from zero
  float* cell;
  int64_t batch, inputs, hidden;
  int reverse;

  int64_t frame(int64_t step, int b) const { return reverse ? lengths[b] - 1 - step : step; }
  const float* input(int64_t step, int b) const {
    return step < lengths[b] ? x + (frame(step, b) * batch + b) * inputs : nullptr;
  }
  float* output(int64_t step, int b) const {
    return step < lengths[b] ? y + (frame(step, b) * batch + b) * hidden : nullptr;
  }
};

// A register's load that lies across two lines of the cache is two.
constexpr std::align_val_t kLine{64};

template <class T> struct OnLines {
  using value_type = T;
  OnLines() = default;
  template <class U> OnLines(const OnLines<U>&) {}
  T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), kLine)); }
  void deallocate(T* memory, size_t) { ::operator delete(memory, kLine); }
  bool operator==(const OnLines&) const { return true; }
  bool operator!=(const OnLines&) const { return false; }
};

using Buffer = std::vector<float, OnLines<float>>;

inline int64_t padded(int64_t size) { return (size + 15) / 16 * 16; }

// Buffers that the thread keeps, up to some size: a stream's step would spend a tenth of its time
// on memory for them. Only one at a time in a thread.
class Scratch {
 public:
  ~Scratch() {
    for (Buffer& each : kept_)
      if (each.capacity() > kKept) Buffer().swap(each);
  }
  float* any(size_t floats) {
    Buffer& found = kept_.at(taken_++);
    if (found.size() < floats) Buffer(floats).swap(found);
    return found.data();
  }
  float* zeros(size_t floats) {
    Buffer& found = kept_.at(taken_++);
    found.assign(floats, 0.0f);
    return found.data();
  }

 private:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr size_t kKept = 0;  // whoever reads beyond a buffer shall be found
#else
  static constexpr size_t kKept = 1 << 18;  // floats, a megabyte
#endif
  static thread_local std::array<Buffer, 6> kept_;
  size_t taken_ = 0;
};
thread_local std::array<Buffer, 6> Scratch::kept_;

// One utterance's state after a step of these drives and recurrent products; `h` and `cell` reach a
// register beyond `hidden`.
template <int C>
inline void advance(const float* a, const float* p, int hidden, float* h, float* cell) {
  for (int i = 0; i < hidden; i += kLanes)
    store<kLanes>(h + i, unit<kLanes, C>(a + i, hidden, p + i, hidden, load<kLanes>(h + i),
                                         cell + i));
  std::fill_n(h + hidden, kLanes, 0.0f);  // the last register reached beyond
}

// One utterance: each step's recurrent product is one with a vector.
template <int C> void run_alone(const Layer& layer, const Sequences& s, int b) {
  const int hidden = layer.hidden, rows = layer.gates * hidden;
  const int64_t length = s.lengths[b], pitch = padded(rows);
  // Few steps, as in streaming, do not fill a panel.
  const bool by_panel = !layer.input_lanes.weights || length > 4;
  const int block = by_panel ? kColumns : 1;
  const size_t width = std::max(hidden, layer.recurrent_lanes.reach) + kMargin;
  const size_t product_size = rows + kMargin, drives_size = block * pitch + kMargin;
  const size_t x_size =
      by_panel ? size_t(std::max(layer.input_panel.reach, layer.inputs)) * kColumns
               : std::max(layer.input_lanes.reach, layer.inputs) + kMargin;
  const size_t panel_size = by_panel ? (pitch + 16) * kColumns : 0;
  Scratch scratch;
  float *h = scratch.zeros(width), *cell = scratch.zeros(width), *x = scratch.zeros(x_size);
  float *product = scratch.any(product_size), *drives = scratch.any(drives_size);
  float* panel = scratch.any(panel_size);
  if (s.state) std::copy_n(s.state + int64_t(b) * hidden, hidden, h);
  if (s.cell) std::copy_n(s.cell + int64_t(b) * hidden, hidden, cell);
  for (int64_t first = 0; first < length; first += block) {
    const int steps = int(std::min<int64_t>(block, length - first));
    if (by_panel) {
      const float* from[kColumns];
      float* to[kColumns];
      for (int j = 0; j < kColumns; ++j) {
        from[j] = s.input(first + j, b);
        to[j] = j < steps ? drives + j * pitch : nullptr;
      }
      gather(from, kColumns, layer.inputs, x);
      multiply_panel(layer.input_panel, layer.input_bias, Rows{kColumns}, x, panel,
                     kColumns, columns_for(steps));
      scatter(panel, kColumns, rows, to, kColumns);
    } else {
      std::copy_n(s.input(first, b), layer.inputs, x);
      multiply_vector(layer.input_lanes, layer.input_bias, x, drives);
    }
    for (int j = 0; j < steps; ++j) {
      multiply_vector(layer.recurrent_lanes, layer.recurrent_bias, h, product);
      advance<C>(drives + j * pitch, product, hidden, h, cell);
      std::copy_n(h, hidden, s.output(first + j, b));
    }
  }
  if (s.state) std::copy_n(h, hidden, s.state + int64_t(b) * hidden);
  if (s.cell) std::copy_n(cell, hidden, s.cell + int64_t(b) * hidden);
}

// Up to `kFew` utterances: each step's recurrent products are with a vector of each.
template <int C>
void run_few(const Layer& layer, const Sequences& s, const int* chosen, int count) {
  constexpr int block = kColumns / kFew;  // steps whose drives are one panel
  const int hidden = layer.hidden, rows = layer.gates * hidden;
  int64_t longest = 0;
  for (int j = 0; j < count; ++j) longest = std::max(longest, s.lengths[chosen[j]]);
  const int64_t width = padded(std::max(hidden, layer.recurrent_lanes.reach) + kMargin);
  const int64_t pitch = padded(rows + kMargin);
  Buffer h(kFew * width), cell(kFew * width), product(kFew * pitch), drives(kColumns * pitch);
  Buffer x(size_t(std::max(layer.input_panel.reach, layer.inputs)) * kColumns);
  Buffer panel(size_t(pitch + 16) * kColumns);
  for (int j = 0; j < count; ++j) {
    const int64_t at = int64_t(chosen[j]) * hidden;
    if (s.state) std::copy_n(s.state + at, hidden, h.data() + j * width);
    if (s.cell) std::copy_n(s.cell + at, hidden, cell.data() + j * width);
  }
  for (int64_t first = 0; first < longest; first += block) {
    const int steps = int(std::min<int64_t>(block, longest - first));
    const float* from[kColumns] = {};
    float* to[kColumns] = {};
    for (int step = 0; step < steps; ++step)
      for (int j = 0; j < count; ++j) {
        const int column = step * kFew + j;
        from[column] = s.input(first + step, chosen[j]);
        if (from[column]) to[column] = drives.data() + column * pitch;
      }
    gather(from, kColumns, layer.inputs, x.data());
    multiply_panel(layer.input_panel, layer.input_bias, Rows{kColumns}, x.data(), panel.data(),
                   kColumns, columns_for(kFew * steps));
    scatter(panel.data(), kColumns, rows, to, kColumns);
    for (int step = 0; step < steps; ++step) {
      multiply_few(layer.recurrent_lanes, layer.recurrent_bias, h.data(), width, product.data(),
                   pitch);
      for (int j = 0; j < count; ++j) {
        float* out = s.output(first + step, chosen[j]);
        if (!out) continue;  // it has ended, and keeps its last state
        float* state = h.data() + j * width;
        advance<C>(drives.data() + (step * kFew + j) * pitch, product.data() + j * pitch, hidden,
                   state, cell.data() + j * width);
        std::copy_n(state, hidden, out);
      }
    }
  }
  for (int j = 0; j < count; ++j) {
    const int64_t at = int64_t(chosen[j]) * hidden;
    if (s.state) std::copy_n(h.data() + j * width, hidden, s.state + at);
    if (s.cell) std::copy_n(cell.data() + j * width, hidden, s.cell + at);
  }
}

// Up to `Lanes` utterances side by side, each in a lane of the registers.
template <int C, int Lanes>
void run_together(const Layer& layer, const Sequences& s, const int* chosen, int count) {
  constexpr int N = std::min(Lanes, kLanes);
  constexpr int block = kColumns / Lanes;  // steps whose drives are one panel
  const int hidden = layer.hidden, rows = layer.gates * hidden;
  int64_t longest = 0;
  for (int j = 0; j < count; ++j) longest = std::max(longest, s.lengths[chosen[j]]);
  Buffer h(size_t(std::max(hidden, layer.recurrent_panel.reach)) * Lanes);
  Buffer cell(size_t(hidden) * Lanes), product(size_t(rows + 16) * Lanes);
  Buffer drives(size_t(rows + 16) * kColumns);
  Buffer x(size_t(std::max(layer.input_panel.reach, layer.inputs)) * kColumns);
  for (int j = 0; j < count; ++j)
    for (int i = 0; i < hidden; ++i) {
      if (s.state) h[size_t(i) * Lanes + j] = s.state[int64_t(chosen[j]) * hidden + i];
      if (s.cell) cell[size_t(i) * Lanes + j] = s.cell[int64_t(chosen[j]) * hidden + i];
    }
  for (int64_t first = 0; first < longest; first += block) {
    const float* from[kColumns] = {};
    for (int step = 0; step < block; ++step)
      for (int j = 0; j < count; ++j)
        from[step * Lanes + j] = s.input(first + step, chosen[j]);
    gather(from, kColumns, layer.inputs, x.data());
    multiply_panel(layer.input_panel, layer.input_bias, Rows{kColumns}, x.data(), drives.data(),
                   kColumns, kColumns);
    for (int step = 0; step < block && first + step < longest; ++step) {
      multiply_panel(layer.recurrent_panel, layer.recurrent_bias, Rows{Lanes}, h.data(),
                     product.data(), Lanes, Lanes);
      for (int i = 0; i < hidden; ++i)
        for (int v = 0; v < Lanes; v += N) {
          const int64_t at = int64_t(i) * Lanes + v;
          const float* a = drives.data() + int64_t(i) * kColumns + step * Lanes + v;
          store<N>(h.data() + at,
                   unit<N, C>(a, int64_t(hidden) * kColumns, product.data() + at,
                              int64_t(hidden) * Lanes, load<N>(h.data() + at), cell.data() + at));
        }
      float* to[Lanes] = {};
      for (int j = 0; j < count; ++j) to[j] = s.output(first + step, chosen[j]);
      scatter(h.data(), Lanes, hidden, to, Lanes);
      for (int j = 0; j < count; ++j)
        if (first + step + 1 == s.lengths[chosen[j]])
          for (int i = 0; i < hidden; ++i) {
            if (s.state) s.state[int64_t(chosen[j]) * hidden + i] = h[size_t(i) * Lanes + j];
            if (s.cell) s.cell[int64_t(chosen[j]) * hidden + i] = cell[size_t(i) * Lanes + j];
          }
    }
  }
}

// ---- Two threads and more -----------------------------------------------------------------------

// All threads meet here. A short wait spins; a longer one, as when the cores are taken, sleeps.
class Barrier {
 public:
  explicit Barrier(int threads) : threads_(threads) {}

  void wait() {
    const unsigned now = phase_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
      arrived_.store(0, std::memory_order_relaxed);
      {
        std::lock_guard<std::mutex> lock(mutex_);
        phase_.store(now + 1, std::memory_order_release);
      }
      changed_.notify_all();
      return;
    }
    for (int spin = 0; spin < kSpins; ++spin) {
      if (phase_.load(std::memory_order_acquire) != now) return;
#if defined(__x86_64__)
      _mm_pause();
#endif
    }
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return phase_.load(std::memory_order_acquire) != now; });
  }

 private:
  static constexpr int kSpins = 1000;  // some tens of microseconds, a few steps of a large layer
  const int threads_;
  std::atomic<int> arrived_{0};
  std::atomic<unsigned> phase_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

// Some neighbouring strips of a matrix, as a matrix.
Packed slice(const Packed& m, int first, int last) {
  const int bytes = m.weight_type == kFloat ? 4 : m.weight_type == kHalf ? 2 : 1;
  const int64_t block = int64_t(m.tiles) * m.tile_rows * m.tile_columns * bytes;
  Packed part = m;
  part.weights = static_cast<const char*>(m.weights) + m.starts[first] * block;
  part.starts += first;
  part.first_row += first;
  part.strips = last - first;
  return part;
}

int strip_from(const Packed& m, int row) {
  return int(std::lower_bound(m.first_row, m.first_row + m.strips, row) - m.first_row);
}

// The strips that hold the rows of units `first` to `last` in every gate.
std::vector<Packed> of_units(const Packed& m, const Layer& layer, int first, int last) {
  std::vector<Packed> parts;
  for (int gate = 0; gate < layer.gates; ++gate) {
    const int begin = gate * layer.hidden + first, end = gate * layer.hidden + last;
    int from = strip_from(m, begin);
    if (from == m.strips || m.first_row[from] > begin) --from;  // it begins above
    parts.push_back(slice(m, from, strip_from(m, end)));
  }
  return parts;
}

// What one thread computes of a layer: all gates of some units, in buffers of its own.
struct Share {
  int first, last;
  std::vector<Packed> inputs, recurrent;
  Buffer x, panel, drives, product;
};

// Where units are cut, so that threads have about equal numbers of recurrent blocks.
std::vector<int> cuts(const Layer& layer, int threads) {
  const Packed& m = layer.recurrent_lanes;
  const auto blocks_before = [&](int unit) {
    int64_t blocks = 0;
    for (int gate = 0; gate < layer.gates; ++gate) {
      const int row = gate * layer.hidden;
      blocks += m.starts[strip_from(m, row + unit)] - m.starts[strip_from(m, row)];
    }
    return blocks;
  };
  std::vector<int> found{0};
  const int64_t all = blocks_before(layer.hidden);
  for (int unit = 16; unit < layer.hidden && int(found.size()) < threads; unit += 16)
    if (blocks_before(unit) * threads >= all * int64_t(found.size())) found.push_back(unit);
  found.push_back(layer.hidden);
  return found;
}

template <int C>
void run_share(const Layer& layer, const Sequences& s, int b, Share& share, Buffer* h,
               Buffer& cell, Barrier& barrier) {
  const int hidden = layer.hidden, units = share.last - share.first;
  const int64_t length = s.lengths[b], pitch = padded(layer.gates * hidden);
  for (int64_t first = 0; first < length; first += kColumns) {
    const int steps = int(std::min<int64_t>(kColumns, length - first));
    const float* from[kColumns];
    for (int j = 0; j < kColumns; ++j) from[j] = s.input(first + j, b);
    gather(from, kColumns, layer.inputs, share.x.data());
    for (const Packed& part : share.inputs)
      multiply_panel(part, layer.input_bias, Rows{kColumns}, share.x.data(), share.panel.data(),
                     kColumns, columns_for(steps));
    for (int gate = 0; gate < layer.gates; ++gate) {
      const int row = gate * hidden + share.first;
      float* to[kColumns];
      for (int j = 0; j < kColumns; ++j)
        to[j] = j < steps ? share.drives.data() + j * pitch + row : nullptr;
      scatter(share.panel.data() + int64_t(row) * kColumns, kColumns, units, to, kColumns);
    }
    for (int j = 0; j < steps; ++j) {
      const Buffer& now = h[(first + j) % 2];
      Buffer& next = h[(first + j + 1) % 2];
      for (const Packed& part : share.recurrent)
        multiply_vector(part, layer.recurrent_bias, now.data(), share.product.data());
      const float* a = share.drives.data() + j * pitch;
      for (int i = share.first; i < share.last; i += kLanes) {
        float values[kLanes];
        store<kLanes>(values, unit<kLanes, C>(a + i, hidden, share.product.data() + i, hidden,
                                              load<kLanes>(now.data() + i), cell.data() + i));
        std::copy_n(values, std::min(kLanes, share.last - i), next.data() + i);
      }
      std::copy_n(next.data() + share.first, units, s.output(first + j, b) + share.first);
      barrier.wait();
    }
  }
}

// One utterance by several threads, the units of the layer divided among them.
template <int C> void run_divided(const Layer& layer, const Sequences& s, int b, int threads) {
  const int hidden = layer.hidden, rows = layer.gates * hidden;
  Buffer h[2], cell(hidden + kMargin);
  for (Buffer& each : h) each.resize(std::max(hidden, layer.recurrent_lanes.reach) + kMargin);
  if (s.state) std::copy_n(s.state + int64_t(b) * hidden, hidden, h[0].data());
  if (s.cell) std::copy_n(s.cell + int64_t(b) * hidden, hidden, cell.data());
  const std::vector<int> units = cuts(layer, threads);
  std::vector<Share> shares(units.size() - 1);
  for (size_t k = 0; k < shares.size(); ++k) {
    Share& share = shares[k];
    share.first = units[k];
    share.last = units[k + 1];
    share.inputs = of_units(layer.input_panel, layer, share.first, share.last);
    share.recurrent = of_units(layer.recurrent_lanes, layer, share.first, share.last);
    share.x.resize(size_t(std::max(layer.input_panel.reach, layer.inputs)) * kColumns);
    share.panel.resize((padded(rows) + 16) * kColumns);
    share.drives.resize(kColumns * padded(rows) + kMargin);
    share.product.resize(rows + kMargin);
  }
  // Whoever could not be started must not be waited for: the shares begin when all threads are.
  std::mutex mutex;
  std::condition_variable changed;
  int go = 0;  // 1: run, -1: give up
  Barrier barrier(int(shares.size()));
  std::vector<std::thread> others;
  const auto say = [&](int word) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      go = word;
    }
    changed.notify_all();
  };
  try {
    others.reserve(shares.size());
    for (size_t k = 1; k < shares.size(); ++k)
      others.emplace_back([&, k] {
        {
          std::unique_lock<std::mutex> lock(mutex);
          changed.wait(lock, [&] { return go != 0; });
        }
        if (go > 0) run_share<C>(layer, s, b, shares[k], h, cell, barrier);
      });
  } catch (...) {  // no thread, or no memory for one
    say(-1);
    for (std::thread& other : others) other.join();
    return run_alone<C>(layer, s, b);
  }
  say(1);
  run_share<C>(layer, s, b, shares[0], h, cell, barrier);
  for (std::thread& other : others) other.join();
  if (s.state) std::copy_n(h[s.lengths[b] % 2].data(), hidden, s.state + int64_t(b) * hidden);
  if (s.cell) std::copy_n(cell.data(), hidden, s.cell + int64_t(b) * hidden);
}

// Threads that pay: each step they meet, so a thread must have enough to read in between.
int useful_threads(const Layer& layer, int64_t length, int threads) {
  constexpr int64_t kBytesPerThread = 256 << 10, kShortest = 16;
  const Packed& m = layer.recurrent_lanes;
  const int bytes = m.weight_type == kFloat ? 4 : m.weight_type == kHalf ? 2 : 1;
  const int64_t all = int64_t(m.starts[m.strips]) * m.tiles * m.tile_rows * m.tile_columns * bytes;
  return length < kShortest ? 1 : int(std::min<int64_t>(threads, all / kBytesPerThread));
}

template <int C> void run_one(const Layer& layer, const Sequences& s, int b, int threads) {
  const int useful = useful_threads(layer, s.lengths[b], threads);
  useful > 1 ? run_divided<C>(layer, s, b, useful) : run_alone<C>(layer, s, b);
}

// Vectors share registers of weights where those hold 8 or 16 rows of blocks that have as many:
// lower strips would spend the time on sums over columns or on rows of zeros, and with 8 lanes a
// panel loads no more.
template <int C>
void run_up_to_eight(const Layer& layer, const Sequences& s, const int* chosen, int count) {
  if constexpr (kLanes == 16)
    if (layer.recurrent_lanes.tile_columns <= 2 && layer.recurrent_panel.tile_rows == 8)
      return run_few<C>(layer, s, chosen, count);
  run_together<C, 8>(layer, s, chosen, count);
}

template <int C> void run(const Layer& layer, const Sequences& s, int threads) {
  const int batch = int(s.batch);
  if (batch == 1) return run_one<C>(layer, s, 0, threads);
  std::vector<int> order(batch);
  for (int b = 0; b < batch; ++b) order[b] = b;
  // Of similar length together, so that no lane idles for long.
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return s.lengths[a] > s.lengths[b]; });
  for (int at = 0; at < batch;) {
    const int left = batch - at;
    if (left > 16) {
      run_together<C, 32>(layer, s, order.data() + at, std::min(left, 32));
      at += std::min(left, 32);
    } else if (left > 8) {
      run_together<C, 16>(layer, s, order.data() + at, left);
      at = batch;
    } else if (left > 4) {
      run_up_to_eight<C>(layer, s, order.data() + at, left);
      at = batch;
    } else {
      run_one<C>(layer, s, order[at++], threads);
    }
  }
}

}  // namespace

extern "C" {

#if defined(__x86_64__)
static bool has_f16c() {  // not every compiler's __builtin_cpu_supports knows the name
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

// 0 portable, 1 AVX2 with FMA and F16C, 2 AVX-512 (F, BW, CD, DQ, VL): what this processor has.
int32_t block_sparse_processor() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2") && has_f16c();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512cd");
  return avx2 && avx512 ? 2 : avx2 ? 1 : 0;
#else
  return 0;
#endif
}

int32_t block_sparse_lanes() { return kLanes; }

// Sizes of the structures, which the caller compares with its own.
int32_t block_sparse_packed_size() { return sizeof(Packed); }
int32_t block_sparse_layer_size() { return sizeof(Layer); }
int32_t block_sparse_convolution_size() { return sizeof(Convolution); }

// y (count, y_pitch) = x (count, x_pitch) W' + bias. 0, or 1 without memory.
int32_t block_sparse_multiply(const Packed* panel, const Packed* lanes, const float* bias,
                              int32_t inputs, const float* x, int64_t x_pitch, float* y,
                              int64_t y_pitch, int64_t count) try {
  if (count <= 4 && lanes->weights) {
    Buffer in(std::max(lanes->reach, inputs) + kMargin), out(lanes->rows + kMargin);
    for (int64_t i = 0; i < count; ++i) {
      std::copy_n(x + i * x_pitch, inputs, in.data());
      multiply_vector(*lanes, bias, in.data(), out.data());
      std::copy_n(out.data(), lanes->rows, y + i * y_pitch);
    }
    return 0;
  }
  Buffer in(size_t(std::max(panel->reach, inputs)) * kColumns);
  Buffer out(size_t(panel->rows + 16) * kColumns);
  for (int64_t first = 0; first < count; first += kColumns) {
    const int some = int(std::min<int64_t>(kColumns, count - first));
    const float* from[kColumns] = {};
    float* to[kColumns] = {};
    for (int j = 0; j < some; ++j) {
      from[j] = x + (first + j) * x_pitch;
      to[j] = y + (first + j) * y_pitch;
    }
    gather(from, kColumns, inputs, in.data());
    multiply_panel(*panel, bias, Rows{kColumns}, in.data(), out.data(), kColumns,
                   columns_for(some));
    scatter(out.data(), kColumns, panel->rows, to, kColumns);
  }
  return 0;
} catch (...) {  // nothing may leave through a C interface
  return 1;
}

// x (channels, rows, x_pitch), of which `frames` are read, to y (outputs, rows', y_pitch), of
// which whole panels of 32 frames are written.
int32_t block_sparse_convolve(const Convolution* given, const float* x, int64_t rows,
                              int64_t frames, int64_t x_pitch, float* y, int64_t y_pitch) try {
  const Convolution& conv = *given;
  const int64_t y_rows = ceil_divide(rows, conv.row_stride);
  const int64_t times = ceil_divide(frames, conv.time_stride);
  // Split into phases, so that what one tap meets at neighbouring output frames are neighbours.
  // The last panel reads beyond them.
  const int64_t length = ceil_divide(times, kColumns) * kColumns + conv.wide;
  const int64_t row_size = conv.time_stride * length;
  std::vector<int64_t> offsets(conv.panel.reach);  // columns beyond the kernel have zero weights
  for (int64_t row = 0, k = 0; row < int64_t(conv.channels) * conv.tall; ++row)
    for (int tap = 0; tap < conv.wide; ++tap)
      offsets[k++] = row * row_size + tap % conv.time_stride * length + tap / conv.time_stride;
  Buffer phases(size_t(conv.channels) * conv.tall * row_size);
  Buffer out(size_t(conv.panel.rows + 16) * kColumns);
  for (int64_t y_row = 0; y_row < y_rows; ++y_row) {
    for (int64_t i = 0; i < int64_t(conv.channels) * conv.tall; ++i) {
      const int64_t row = y_row * conv.row_stride + i % conv.tall - conv.tall / 2;
      const bool inside = row >= 0 && row < rows;
      const float* from = inside ? x + (i / conv.tall * rows + row) * x_pitch : nullptr;
      split_phases(from, frames, conv.wide / 2, conv.time_stride, length,
                   phases.data() + i * row_size);
    }
    for (int64_t t = 0; t < times; t += kColumns) {
      multiply_panel(conv.panel, conv.bias, Table{offsets.data()}, phases.data() + t, out.data(),
                     kColumns, kColumns);
      for (int c = 0; c < conv.panel.rows; ++c) {
        float* to = y + (c * y_rows + y_row) * y_pitch + t;
        for (int j = 0; j < kColumns; ++j)
          to[j] = std::min(std::max(out[size_t(c) * kColumns + j], 0.0f), conv.clip);
      }
    }
  }
  return 0;
} catch (...) {  // nothing may leave through a C interface
  return 1;
}

// One direction of a recurrent layer over a padded batch; frames beyond a length are not touched.
// Up to four utterances use as many of `threads` as pay, a larger batch the calling one. Each
// argument costs a caller in Python a part of a microsecond, of which a stream's step has ten.
int32_t block_sparse_recur(const Layer* layer, const float* x, float* y, const int64_t* lengths,
                           int32_t batch, int32_t threads, float* state, float* cell) try {
  const Sequences s{x,     y,             lengths,       state,         cell,
                    batch, layer->inputs, layer->hidden, layer->reverse};
  switch (layer->cell) {
    case kGru: run<kGru>(*layer, s, threads); break;
    case kLstm: run<kLstm>(*layer, s, threads); break;
    case kTanh: run<kTanh>(*layer, s, threads); break;
    default: run<kClippedRelu>(*layer, s, threads); break;
  }
  return 0;
} catch (...) {  // nothing may leave through a C interface
  return 1;
}

}  // extern "C"
