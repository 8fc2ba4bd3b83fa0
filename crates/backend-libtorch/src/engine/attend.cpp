// Attention of single tokens over the paged cache: each key and each value is read once, where it
// stays, for all query heads that share it. A row's result does not depend on the rows beside it.

#include "guarded.h"
#include "numbers.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

// Positions whose keys or values are widened at once; with heads of 64 they stay in the L1 cache.
constexpr int64_t TILE = 64;

// Multiplications that a thread should have at least.
constexpr int64_t GRAIN = 65536;

// Numbers that a sum is divided into.
constexpr int64_t LANES = 16;
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

// scores[query, position] of `count` keys; the rows of scores lie `stride` apart.
FOR_EACH_CPU void score(
    const float* queries, const float* keys, float* scores, int64_t shared, int64_t count, int64_t dim,
    int64_t stride) {
    for (int64_t position = 0; position < count; position++) {
        const float* key = keys + position * dim;
        for (int64_t head = 0; head < shared; head++) {
            const float* query = queries + head * dim;
            Lanes parts{};
            int64_t i = 0;
            for (; i + LANES <= dim; i += LANES) {
                parts += *reinterpret_cast<const Lanes*>(query + i) * *reinterpret_cast<const Lanes*>(key + i);
            }
            float sum = 0;
            for (; i < dim; i++) sum += query[i] * key[i];
            float part[LANES];
            for (int64_t lane = 0; lane < LANES; lane++) part[lane] = parts[lane];
            for (int64_t half = LANES / 2; half > 0; half /= 2) {
                for (int64_t lane = 0; lane < half; lane++) part[lane] += part[lane + half];
            }
            scores[head * stride + position] = part[0] + sum;
        }
    }
}

// Adds the values of `count` positions, each times its weight, to the sums of each query.
FOR_EACH_CPU void mix(
    const float* weights, const float* values, float* sums, int64_t shared, int64_t count, int64_t dim,
    int64_t stride) {
    for (int64_t head = 0; head < shared; head++) {
        const float* weight = weights + head * stride;
        float* sum = sums + head * dim;
        int64_t i = 0;
        for (; i + 4 * LANES <= dim; i += 4 * LANES) {
            Lanes* to = reinterpret_cast<Lanes*>(sum + i);
            Lanes a = to[0], b = to[1], c = to[2], d = to[3];
            for (int64_t position = 0; position < count; position++) {
                const Lanes* value = reinterpret_cast<const Lanes*>(values + position * dim + i);
                const float factor = weight[position];
                a += factor * value[0];
                b += factor * value[1];
                c += factor * value[2];
                d += factor * value[3];
            }
            to[0] = a, to[1] = b, to[2] = c, to[3] = d;
        }
        for (int64_t position = 0; position < count; position++) {
            const float* value = values + position * dim;
            for (int64_t rest = i; rest < dim; rest++) sum[rest] += weight[position] * value[rest];
        }
    }
}

// The exponentials of scaled scores, the largest of which becomes 1; gives their sum.
FOR_EACH_CPU float soften(float* scores, int64_t count, float scale) {
    float most = scores[0];
    for (int64_t i = 1; i < count; i++) most = scores[i] > most ? scores[i] : most;
    float parts[LANES] = {};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int64_t lane = 0; lane < LANES; lane++) {
            const float power = exponential((scores[i + lane] - most) * scale);
            scores[i + lane] = power;
            parts[lane] += power;
        }
    }
    float sum = 0;
    for (; i < count; i++) {
        scores[i] = exponential((scores[i] - most) * scale);
        sum += scores[i];
    }
    for (const float part : parts) sum += part;
    return sum;
}

FOR_EACH_CPU void divide(float* numbers, int64_t count, float by) {
    for (int64_t i = 0; i < count; i++) numbers[i] /= by;
}

// Rows that lie `stride` apart, to rows without gaps.
FOR_EACH_CPU void widen_rows(const uint16_t* from, int64_t stride, float* to, int64_t rows, int64_t width) {
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < width; i++) to[row * width + i] = widen(from[row * stride + i]);
    }
}

void copy_rows(const float* from, int64_t stride, float* to, int64_t rows, int64_t width) {
    for (int64_t row = 0; row < rows; row++) std::copy_n(from + row * stride, width, to + row * width);
}

// What a row sees: the positions from `from` to before `end`, in the blocks that stand from
// `blocks` on.
struct Span {
    int64_t blocks, from, end;
};

// Keys or values of one head of the cache, [slots, kv_heads, dim].
struct Head {
    const Matrix& all;
    int64_t head, dim;

    // Widens those of `count` positions from `first` on, block by block.
    void read(const int64_t* blocks, int64_t block_size, int64_t first, int64_t count, float* to) const {
        for (int64_t done = 0, run = 0; done < count; done += run) {
            const int64_t position = first + done, inside = position % block_size;
            run = std::min(block_size - inside, count - done);
            const char* from = all.row(blocks[position / block_size] * block_size + inside);
            from += head * dim * all.size();
            if (all.half) {
                widen_rows(reinterpret_cast<const uint16_t*>(from), all.width, to + done * dim, run, dim);
            } else {
                copy_rows(reinterpret_cast<const float*>(from), all.width, to + done * dim, run, dim);
            }
        }
    }
};

// Memory of one thread.
struct Scratch {
    std::vector<float> queries, tile, scores, sums;

    Scratch(int64_t shared, int64_t dim) : queries(shared * dim), tile(TILE * dim), sums(shared * dim) {}
};

// Attention of the query heads that share one head of keys and values.
void attend(
    const Span& span, const int64_t* table, int64_t block_size, const Head& keys, const Head& values,
    int64_t shared, Scratch& scratch) {
    const int64_t dim = keys.dim, length = span.end - span.from;
    const int64_t* blocks = table + span.blocks;
    scratch.scores.resize(shared * length);
    std::fill(scratch.sums.begin(), scratch.sums.end(), 0.0F);
    float *tile = scratch.tile.data(), *scores = scratch.scores.data(), *sums = scratch.sums.data();
    for (int64_t done = 0; done < length; done += TILE) {
        const int64_t count = std::min(TILE, length - done);
        keys.read(blocks, block_size, span.from + done, count, tile);
        score(scratch.queries.data(), tile, scores + done, shared, count, dim, length);
    }
    std::vector<float> totals(shared);
    const float scale = 1 / std::sqrt(static_cast<float>(dim));
    for (int64_t head = 0; head < shared; head++) totals[head] = soften(scores + head * length, length, scale);
    for (int64_t done = 0; done < length; done += TILE) {
        const int64_t count = std::min(TILE, length - done);
        values.read(blocks, block_size, span.from + done, count, tile);
        mix(scores + done, tile, sums, shared, count, dim, length);
    }
    for (int64_t head = 0; head < shared; head++) divide(sums + head * dim, dim, totals[head]);
}

}  // namespace

extern "C" {

// The first rows of queries, [n, heads, dim], over keys and values, [slots, kv_heads, dim] each: as
// many as there are spans, [rows, 3] with what `Span` says of each, of blocks in a table of their
// numbers. Gives [rows, heads * dim] in the kind of the queries.
char* se_attend(
    const at::Tensor* queries, const at::Tensor* keys, const at::Tensor* values, const at::Tensor* table,
    const at::Tensor* spans, int64_t block_size, at::Tensor** out) {
    return guarded([&] {
        const int64_t rows = spans->size(0), heads = queries->size(1), dim = queries->size(2);
        const int64_t kv_heads = keys->size(1), shared = heads / kv_heads;
        const Matrix q(*queries, heads * dim), k(*keys, kv_heads * dim), v(*values, kv_heads * dim);
        auto made = at::empty({rows, heads * dim}, queries->options());
        const Matrix to(made, heads * dim);
        const auto* span = reinterpret_cast<const Span*>(spans->data_ptr<int64_t>());
        const int64_t* blocks = table->data_ptr<int64_t>();
        int64_t seen = 0;
        for (int64_t row = 0; row < rows; row++) seen += span[row].end - span[row].from;
        const int64_t tasks = rows * kv_heads, work = 2 * heads * dim * seen / std::max<int64_t>(1, tasks);
        const int64_t grain = std::max<int64_t>(1, GRAIN / std::max<int64_t>(1, work));
        at::parallel_for(0, tasks, grain, [&](int64_t first, int64_t last) {
            Scratch scratch(shared, dim);
            for (int64_t task = first; task < last; task++) {
                // Neighbours are rows, so that long ones are shared out evenly.
                const int64_t row = task % rows, head = task / rows, column = head * shared * dim * q.size();
                read(q.row(row) + column, q.half, scratch.queries.data(), shared * dim);
                attend(span[row], blocks, block_size, {k, head, dim}, {v, head, dim}, shared, scratch);
                write(scratch.sums.data(), to.row(row) + column, to.half, shared * dim);
            }
        });
        *out = new at::Tensor(std::move(made));
    });
}

}
