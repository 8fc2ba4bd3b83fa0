// What stands between the products of a layer, each as one pass over its numbers. By libtorch's
// operators each of these is several, and at one row a step spends more time in calling them than
// in computing. A row's result does not depend on the rows beside it.

#include "guarded.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#if defined(__x86_64__) && defined(__gnu_linux__)
// Compiled for several CPUs; the loader chooses.
#define FOR_EACH_CPU __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define FOR_EACH_CPU
#endif

namespace {

// Numbers that a thread should have at least.
constexpr int64_t GRAIN = 16384;

// A matrix of f32 or bf16, one row after the other.
struct Matrix {
    char* data;
    int64_t width;
    bool half;

    Matrix(const at::Tensor& tensor, int64_t width)
        : data(static_cast<char*>(tensor.data_ptr())),
          width(width),
          half(tensor.scalar_type() == at::kBFloat16) {
        TORCH_CHECK(half || tensor.scalar_type() == at::kFloat, "f32 or bf16 is needed");
        TORCH_CHECK(tensor.is_contiguous(), "rows have to stand one after the other");
    }

    char* row(int64_t number) const {
        return data + number * width * (half ? 2 : 4);
    }
};

inline float widen(uint16_t bits) {
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

// To the nearest, of two to the even one.
inline uint16_t narrow(float number) {
    const uint32_t bits = std::bit_cast<uint32_t>(number);
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return number != number ? 0x7fc0 : static_cast<uint16_t>(rounded);
}

FOR_EACH_CPU void widen_all(const uint16_t* from, float* to, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] = widen(from[i]);
}

FOR_EACH_CPU void narrow_all(const float* from, uint16_t* to, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] = narrow(from[i]);
}

void read(const char* from, bool half, float* to, int64_t count) {
    if (half) {
        widen_all(reinterpret_cast<const uint16_t*>(from), to, count);
    } else {
        std::copy_n(reinterpret_cast<const float*>(from), count, to);
    }
}

void write(const float* from, char* to, bool half, int64_t count) {
    if (half) {
        narrow_all(from, reinterpret_cast<uint16_t*>(to), count);
    } else {
        std::copy_n(from, count, reinterpret_cast<float*>(to));
    }
}

// Root-mean-square norm (arXiv:1910.07467).
FOR_EACH_CPU void norm(const float* x, const float* weight, float* out, int64_t count, double epsilon) {
    constexpr int64_t LANES = 16;
    std::array<float, LANES> sums{};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int64_t lane = 0; lane < LANES; lane++) sums[lane] += x[i + lane] * x[i + lane];
    }
    float sum = 0;
    for (; i < count; i++) sum += x[i] * x[i];
    for (const float part : sums) sum += part;
    const float factor = 1 / std::sqrt(sum / static_cast<float>(count) + static_cast<float>(epsilon));
    for (i = 0; i < count; i++) out[i] = x[i] * factor * weight[i];
}

// silu(gate) * up (arXiv:2002.05202), in the place of the gate. The exponential is Cody and Waite's
// reduction and a polynomial of degree 6, wrong by 2 units in the last place. It stands here because
// a function that is not compiled for several CPUs is not inlined into one that is.
FOR_EACH_CPU void gate(float* gates, const float* up, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const float negative = -gates[i];
        const float x = negative < -87 ? -87 : negative > 88 ? 88 : negative;
        // Adding this rounds to a whole number.
        constexpr float ROUND = 12582912;
        const float whole = (x * 1.44269504F + ROUND) - ROUND;
        const float rest = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
        float sum = 1.0F / 720;
        sum = sum * rest + 1.0F / 120;
        sum = sum * rest + 1.0F / 24;
        sum = sum * rest + 1.0F / 6;
        sum = sum * rest + 0.5F;
        sum = sum * rest + 1;
        sum = sum * rest + 1;
        const float power = std::bit_cast<float>((static_cast<int32_t>(whole) + 127) << 23);
        gates[i] = gates[i] / (1 + sum * power) * up[i];
    }
}

FOR_EACH_CPU void add(float* to, const float* from, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] += from[i];
}

// Turns dimension i with i + pairs; the sines of the first half are negative.
FOR_EACH_CPU void turn(float* head, const float* cosines, const float* sines, int64_t pairs) {
    for (int64_t i = 0; i < pairs; i++) {
        const float first = head[i], second = head[i + pairs];
        head[i] = first * cosines[i] + second * sines[i];
        head[i + pairs] = second * cosines[i] + first * sines[i + pairs];
    }
}

// Calls work(first, last) for all rows, on as many threads as their numbers are worth.
template <typename Work>
void for_rows(int64_t rows, int64_t width, Work work) {
    at::parallel_for(0, rows, std::max<int64_t>(1, GRAIN / std::max<int64_t>(1, width)), work);
}

at::ScalarType kind(bool half) {
    return half ? at::kBFloat16 : at::kFloat;
}

}  // namespace

extern "C" {

// Adds rows of f32 or bf16 to rows of f32.
char* se_add(const at::Tensor* to, const at::Tensor* from) {
    return guarded([&] {
        const int64_t rows = to->size(0), width = to->size(1);
        const Matrix sums(*to, width), parts(*from, width);
        TORCH_CHECK(!sums.half && from->numel() == to->numel(), "as many numbers are needed");
        for_rows(rows, width, [&](int64_t first, int64_t last) {
            std::vector<float> part(width);
            for (int64_t row = first; row < last; row++) {
                read(parts.row(row), parts.half, part.data(), width);
                add(reinterpret_cast<float*>(sums.row(row)), part.data(), width);
            }
        });
    });
}

// The norms of rows of f32, as f32 or bf16.
char* se_norm(const at::Tensor* x, const at::Tensor* weight, double epsilon, bool half, at::Tensor** out) {
    return guarded([&] {
        const int64_t rows = x->size(0), width = x->size(1);
        const Matrix from(*x, width);
        TORCH_CHECK(!from.half && weight->numel() == width, "a weight for each number is needed");
        auto made = at::empty({rows, width}, kind(half));
        const Matrix to(made, width);
        const float* weights = weight->data_ptr<float>();
        for_rows(rows, width, [&](int64_t first, int64_t last) {
            std::vector<float> normed(width);
            for (int64_t row = first; row < last; row++) {
                norm(reinterpret_cast<const float*>(from.row(row)), weights, normed.data(), width, epsilon);
                write(normed.data(), to.row(row), half, width);
            }
        });
        *out = new at::Tensor(std::move(made));
    });
}

// Rows of gates and as many numbers beside them, [n, 2 * width], to [n, width].
char* se_gate(const at::Tensor* both, bool half, at::Tensor** out) {
    return guarded([&] {
        const int64_t rows = both->size(0), width = both->size(1) / 2;
        const Matrix from(*both, 2 * width);
        auto made = at::empty({rows, width}, kind(half));
        const Matrix to(made, width);
        for_rows(rows, 2 * width, [&](int64_t first, int64_t last) {
            std::vector<float> numbers(2 * width);
            for (int64_t row = first; row < last; row++) {
                read(from.row(row), from.half, numbers.data(), 2 * width);
                gate(numbers.data(), numbers.data() + width, width);
                write(numbers.data(), to.row(row), half, width);
            }
        });
        *out = new at::Tensor(std::move(made));
    });
}

// Takes queries, keys and values side by side, [n, (heads + 2 * kv_heads) * dim]: norms of heads,
// where there are weights for them, rotation, where there are turns; keys and values to their slots
// of the cache, queries in its kind as [n, heads, dim].
char* se_place(
    const at::Tensor* qkv, const at::Tensor* weights, double epsilon, const at::Tensor* cosines,
    const at::Tensor* sines, const at::Tensor* slots, const at::Tensor* keys, const at::Tensor* values,
    at::Tensor** queries) {
    return guarded([&] {
        const int64_t rows = qkv->size(0), kv_heads = keys->size(1), dim = keys->size(2);
        const int64_t heads = qkv->size(1) / dim - 2 * kv_heads, placed = heads + kv_heads;
        const Matrix from(*qkv, qkv->size(1)), k(*keys, kv_heads * dim), v(*values, kv_heads * dim);
        auto made = at::empty({rows, heads, dim}, keys->options());
        const Matrix q(made, heads * dim);
        const int64_t* slot = slots->data_ptr<int64_t>();
        const float* weight = weights ? weights->data_ptr<float>() : nullptr;
        const int64_t turned = cosines ? cosines->size(2) : 0;
        for_rows(rows, from.width, [&](int64_t first, int64_t last) {
            std::vector<float> numbers(from.width);
            for (int64_t row = first; row < last; row++) {
                read(from.row(row), from.half, numbers.data(), from.width);
                for (int64_t head = 0; head < placed; head++) {
                    float* x = numbers.data() + head * dim;
                    if (weight) norm(x, weight + head * dim, x, dim, epsilon);
                    if (turned == 0) continue;
                    const int64_t turn_of_row = row * turned;
                    turn(x, cosines->data_ptr<float>() + turn_of_row, sines->data_ptr<float>() + turn_of_row, turned / 2);
                }
                write(numbers.data(), q.row(row), q.half, heads * dim);
                write(numbers.data() + heads * dim, k.row(slot[row]), k.half, kv_heads * dim);
                write(numbers.data() + placed * dim, v.row(slot[row]), v.half, kv_heads * dim);
            }
        });
        *queries = new at::Tensor(std::move(made));
    });
}

}
