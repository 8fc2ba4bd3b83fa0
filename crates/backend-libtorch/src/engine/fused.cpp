// What stands between the products of a layer, each as one pass over its numbers. By libtorch's
// operators each of these is several, and at one row a step spends more time in calling them than
// in computing. A row's result does not depend on the rows beside it.

#include "guarded.h"
#include "numbers.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

// Numbers that a thread should have at least.
constexpr int64_t GRAIN = 16384;

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

// silu(gate) * up (arXiv:2002.05202), in the place of the gate.
FOR_EACH_CPU void gate(float* gates, const float* up, int64_t count) {
    for (int64_t i = 0; i < count; i++) gates[i] = gates[i] / (1 + exponential(-gates[i])) * up[i];
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
