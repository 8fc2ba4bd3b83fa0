// What both kernels of attention know: which positions a token sees, and in what parts.
//
// The positions of a sequence are cut into chunks of equal length, counted from position 0. What a
// token finds in each chunk is a partial result; where its positions lie in several chunks, these
// are put together in their order (flash-decoding). The cuts depend on nothing but the position,
// so a token's result is the same bits in every batch, and however its prompt was cut.
#pragma once
#include "common.cuh"

struct Attention {
    // [tokens, query_stride]: a token's heads, rotated and scaled, [heads, head_dim].
    const float* queries;
    // One layer's cache, [blocks, kv_heads, block_size, head_dim] each, of the kernel's number.
    const void* keys;
    const void* values;
    // [rows, table_width]: the blocks of each sequence; it is read up to the last position alone.
    const int* tables;
    // [tokens]: the position of each in its sequence.
    const int* positions;
    // [runs, 3]: first token, count, and row in `tables`. The tokens of a run are neighbours in one
    // sequence; a run of none fills up a batch.
    const int* runs;
    // [tokens, heads, head_dim], of the kernel's number
    void* out;
    // [tokens, heads, chunks, head_dim + 2]: for each chunk sums of values, the largest score, and
    // the sum of weights. Not used where there is one chunk.
    float* partials;
    int query_stride;
    int table_width;
    int block_size;
    int heads;
    int kv_heads;
    // Positions in a chunk, a multiple of 32, and chunks of the longest sequence.
    int chunk;
    int chunks;
    // Positions that a token sees, itself among them; 0 for all.
    int window;
};

// The positions that a token sees.
struct Seen {
    int first;
    int last;
};

__device__ inline Seen seen_from(const Attention& a, int position)
{
    bool all = a.window == 0 || position < a.window;
    return {all ? 0 : position + 1 - a.window, position};
}

// Where a token's partial results for one head begin.
__device__ inline float* partials_of(const Attention& a, int head_dim, int token, int head)
{
    long long row = static_cast<long long>(token) * a.heads + head;
    return a.partials + row * a.chunks * (head_dim + 2);
}
