// Attention of some tokens of a sequence over its blocks, for all query heads that share a
// key-value head: decoding has runs of one token, prefill of several.
//
// Grid: (runs, kv_heads, chunks). Threads: head_dim, or twice as many if it is 64 or less.
//
// Positions are taken 32 at a time, at multiples of 32, with the softmax of what has been seen so
// far kept up to date (FlashAttention, arXiv:2205.14135). A position that a token does not see
// adds an exact zero, whatever number stands there.
#include "attention.cuh"

constexpr int TILE = WARP;

// A block's thread owns one dimension of each query of its slice.
template <int DIM>
constexpr int SLICES = DIM <= 64 ? 2 : 1;

template <int DIM, int QUERIES>
struct Tile {
    float queries[QUERIES][DIM];
    // A column more, so that the rows begin in different banks.
    float keys[TILE][DIM + 1];
    // Scores, then weights.
    float weights[QUERIES][TILE];
    Seen seen[QUERIES];
    float largest[QUERIES];
    float sums[QUERIES];
    // What sums so far are worth beside a new largest score.
    float corrections[QUERIES];
};

// The work of a block.
struct Run {
    int first;
    int tokens;
    const int* table;
    int group;
    int kv_head;
    // Token and head of a query of this block.
    __device__ int token(int query) const { return first + query / group; }
    __device__ int head(int query) const { return kv_head * group + query % group; }
    __device__ int queries() const { return tokens * group; }
};

template <int DIM>
__device__ long long place_of(const Attention& a, const Run& run, int position)
{
    long long block = run.table[position / a.block_size];
    return ((block * a.kv_heads + run.kv_head) * a.block_size + position % a.block_size) * DIM;
}

template <int DIM, int QUERIES>
__device__ void begin(const Attention& a, const Run& run, Tile<DIM, QUERIES>& tile)
{
    for (int i = threadIdx.x; i < run.queries() * DIM; i += blockDim.x) {
        int query = i / DIM;
        long long row = static_cast<long long>(run.token(query)) * a.query_stride;
        tile.queries[query][i % DIM] = a.queries[row + run.head(query) * DIM + i % DIM];
    }
    for (int query = threadIdx.x; query < run.queries(); query += blockDim.x) {
        tile.seen[query] = seen_from(a, a.positions[run.token(query)]);
        tile.largest[query] = minus_infinity();
        tile.sums[query] = 0.0f;
    }
}

// Scores of all queries at the positions from `base` on.
template <class N, int DIM, int QUERIES>
__device__ void score(const Attention& a, const Run& run, int base, int end, Tile<DIM, QUERIES>& tile)
{
    const N* keys = static_cast<const N*>(a.keys);
    for (int i = threadIdx.x; i < TILE * DIM; i += blockDim.x) {
        int position = base + i / DIM;
        if (position < end)
            tile.keys[i / DIM][i % DIM] = widen(keys[place_of<DIM>(a, run, position) + i % DIM]);
    }
    __syncthreads();
    for (int i = threadIdx.x; i < run.queries() * TILE; i += blockDim.x) {
        int query = i / TILE, offset = i % TILE;
        Seen seen = tile.seen[query];
        if (base + offset < seen.first || base + offset > seen.last)
            continue;
        float product = 0.0f;
        for (int d = 0; d < DIM; d++)
            product += tile.queries[query][d] * tile.keys[offset][d];
        tile.weights[query][offset] = product;
    }
    __syncthreads();
}

// Scores become weights beside the largest score so far; a warp for each query.
template <int DIM, int QUERIES>
__device__ void weigh(const Run& run, int base, Tile<DIM, QUERIES>& tile)
{
    int lane = threadIdx.x % WARP;
    for (int query = threadIdx.x / WARP; query < run.queries(); query += blockDim.x / WARP) {
        Seen seen = tile.seen[query];
        bool visible = base + lane >= seen.first && base + lane <= seen.last;
        float score = visible ? tile.weights[query][lane] : minus_infinity();
        float before = tile.largest[query];
        float largest = fmaxf(before, warp_reduce(score, Largest()));
        float weight = visible ? expf(score - largest) : 0.0f;
        float sum = warp_reduce(weight, Sum());
        tile.weights[query][lane] = weight;
        if (lane == 0) {
            float correction = before == minus_infinity() ? 0.0f : expf(before - largest);
            tile.corrections[query] = correction;
            tile.sums[query] = tile.sums[query] * correction + sum;
            tile.largest[query] = largest;
        }
    }
    __syncthreads();
}

// Adds the values of the tile to what each thread has of its queries.
template <class N, int DIM, int QUERIES, int OWN>
__device__ void add_values(const Attention& a, const Run& run, int base, int end, Tile<DIM, QUERIES>& tile, float (&found)[OWN])
{
    const N* values = static_cast<const N*>(a.values);
    int dimension = threadIdx.x % DIM, slice = threadIdx.x / DIM;
#pragma unroll
    for (int own = 0; own < OWN; own++)
        if (slice + own * SLICES<DIM> < run.queries())
            found[own] *= tile.corrections[slice + own * SLICES<DIM>];
    for (int position = base; position < end && position < base + TILE; position++) {
        float value = widen(values[place_of<DIM>(a, run, position) + dimension]);
#pragma unroll
        for (int own = 0; own < OWN; own++) {
            int query = slice + own * SLICES<DIM>;
            if (query >= run.queries())
                break;
            // Not by a weight of zero: what is not seen may be a NaN.
            Seen seen = tile.seen[query];
            if (position >= seen.first && position <= seen.last)
                found[own] += tile.weights[query][position - base] * value;
        }
    }
    __syncthreads();
}

// Writes a query's result, or its part of it where there are others.
template <class N, int DIM, int QUERIES>
__device__ void finish(const Attention& a, const Run& run, int query, float found, const Tile<DIM, QUERIES>& tile)
{
    int dimension = threadIdx.x % DIM, chunk = blockIdx.z;
    int token = run.token(query), head = run.head(query);
    Seen seen = tile.seen[query];
    int first = seen.first / a.chunk, last = seen.last / a.chunk;
    if (chunk < first || chunk > last)
        return;
    if (first == last) {
        long long row = static_cast<long long>(token) * a.heads + head;
        narrow(found / tile.sums[query], static_cast<N*>(a.out)[row * DIM + dimension]);
        return;
    }
    float* partial = partials_of(a, DIM, token, head) + chunk * (DIM + 2);
    partial[dimension] = found;
    if (dimension == 0) {
        partial[DIM] = tile.largest[query];
        partial[DIM + 1] = tile.sums[query];
    }
}

template <class N, int DIM, int QUERIES>
__device__ void attention(const Attention& a)
{
    constexpr int OWN = (QUERIES + SLICES<DIM> - 1) / SLICES<DIM>;
    __shared__ Tile<DIM, QUERIES> tile;
    const int* entry = a.runs + 3 * blockIdx.x;
    const int* table = a.tables + static_cast<long long>(entry[2]) * a.table_width;
    Run run = {entry[0], entry[1], table, a.heads / a.kv_heads, static_cast<int>(blockIdx.y)};
    if (run.tokens <= 0)
        return;
    // The positions of this chunk that any of the tokens sees.
    int from = max(seen_from(a, a.positions[run.first]).first, static_cast<int>(blockIdx.z) * a.chunk);
    int last = a.positions[run.first + run.tokens - 1];
    int end = min(last + 1, (static_cast<int>(blockIdx.z) + 1) * a.chunk);
    if (from >= end)
        return;

    begin(a, run, tile);
    float found[OWN] = {};
    __syncthreads();
    for (int base = from / TILE * TILE; base < end; base += TILE) {
        score<N>(a, run, base, end, tile);
        weigh(run, base, tile);
        add_values<N>(a, run, base, end, tile, found);
    }
    int slice = threadIdx.x / DIM;
#pragma unroll
    for (int own = 0; own < OWN; own++)
        if (slice + own * SLICES<DIM> < run.queries())
            finish<N>(a, run, slice + own * SLICES<DIM>, found[own], tile);
}

// For few queries in a run, as in decoding, and for many; a head of 256 leaves no room for more.
#define ATTENTION(NUMBER, NAME, DIM, MANY)                                                      \
    extern "C" __global__ void attention_few_##DIM##_##NAME(Attention a)                       \
    {                                                                                           \
        attention<NUMBER, DIM, 8>(a);                                                           \
    }                                                                                           \
    extern "C" __global__ void attention_many_##DIM##_##NAME(Attention a)                      \
    {                                                                                           \
        attention<NUMBER, DIM, MANY>(a);                                                        \
    }
#define ATTENTION_OF_EACH_WIDTH(NUMBER, NAME)                                                   \
    ATTENTION(NUMBER, NAME, 32, 32)                                                             \
    ATTENTION(NUMBER, NAME, 64, 32)                                                             \
    ATTENTION(NUMBER, NAME, 96, 32)                                                             \
    ATTENTION(NUMBER, NAME, 128, 32)                                                            \
    ATTENTION(NUMBER, NAME, 256, 12)

ATTENTION_OF_EACH_WIDTH(float, f32)
ATTENTION_OF_EACH_WIDTH(Half, f16)
ATTENTION_OF_EACH_WIDTH(Bfloat, bf16)
