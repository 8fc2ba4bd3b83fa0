// What becomes of queries, keys and values between their projection and attention: queries and
// keys are normed by heads where the model does so (Qwen3, arXiv:2505.09388) and rotated
// (RoFormer, arXiv:2104.09864), queries are scaled and stay where they are, keys and values go
// into the cache.
//
// Grid: (tokens, heads + 2 * kv_heads).
#include "common.cuh"

struct Rotary {
    // [tokens, heads + 2 * kv_heads, head_dim]: queries, keys, values.
    float* qkv;
    // [tokens]: the position of each in its sequence.
    const int* positions;
    // [tokens]: where its key and value go, block * block_size + offset. Negative for a token that
    // is there only to fill up a batch: nothing is done for it.
    const int* slots;
    // [pairs]: the angle of a pair from one position to the next.
    const float* frequencies;
    // [head_dim] each; null if heads are not normed.
    const float* query_norm;
    const float* key_norm;
    // One layer's cache, [blocks, kv_heads, block_size, head_dim] each, of the kernel's number.
    void* keys;
    void* values;
    int heads;
    int kv_heads;
    int head_dim;
    int block_size;
    // Rotated pairs of dimensions; 0 in a layer without positions.
    int pairs;
    // Whether 2i turns with 2i + 1, or i with i + pairs.
    int interleaved;
    // Multiplies what is rotated.
    float magnitude;
    // Multiplies the queries, after all.
    float scale;
    float epsilon;
};

// The dimensions of a pair.
struct Pair {
    int first;
    int second;
};

__device__ inline Pair pair_of(const Rotary& a, int number)
{
    if (a.interleaved)
        return {2 * number, 2 * number + 1};
    return {number, number + a.pairs};
}

// The factor of a head's norm; 1 without one. All threads must take part.
__device__ inline float norm_factor(const Rotary& a, const float* head, const float* norm)
{
    if (!norm)
        return 1.0f;
    float squares = 0.0f;
    for (int i = threadIdx.x; i < a.head_dim; i += blockDim.x)
        squares += head[i] * head[i];
    float mean = block_reduce(squares, Sum()) / static_cast<float>(a.head_dim);
    return 1.0f / sqrtf(mean + a.epsilon);
}

// Norms and rotates a head. `store(i, x)` takes each number once, from the thread that read it.
template <class Store>
__device__ void place(const Rotary& a, const float* head, const float* norm, int position, Store store)
{
    float factor = norm_factor(a, head, norm);
    auto normed = [&](int i) { return norm ? head[i] * factor * norm[i] : head[i]; };
    for (int p = threadIdx.x; p < a.pairs; p += blockDim.x) {
        float sine, cosine;
        sincosf(static_cast<float>(position) * a.frequencies[p], &sine, &cosine);
        sine *= a.magnitude;
        cosine *= a.magnitude;
        Pair at = pair_of(a, p);
        float x = normed(at.first), y = normed(at.second);
        store(at.first, x * cosine - y * sine);
        store(at.second, x * sine + y * cosine);
    }
    for (int i = 2 * a.pairs + threadIdx.x; i < a.head_dim; i += blockDim.x)
        store(i, normed(i));
}

template <class N>
__device__ void rotary(const Rotary& a)
{
    int slot = a.slots[blockIdx.x];
    if (slot < 0)
        return;
    int position = a.positions[blockIdx.x];
    int head = blockIdx.y;
    int width = (a.heads + 2 * a.kv_heads) * a.head_dim;
    float* from = a.qkv + static_cast<long long>(blockIdx.x) * width + head * a.head_dim;

    // Where a key-value head of this token lies in the cache.
    auto cached = [&](void* cache, int kv_head) {
        long long row = static_cast<long long>(slot / a.block_size) * a.kv_heads + kv_head;
        return static_cast<N*>(cache) + (row * a.block_size + slot % a.block_size) * a.head_dim;
    };
    if (head < a.heads) {
        place(a, from, a.query_norm, position, [&](int i, float x) { from[i] = x * a.scale; });
    } else if (head < a.heads + a.kv_heads) {
        N* key = cached(a.keys, head - a.heads);
        place(a, from, a.key_norm, position, [&](int i, float x) { narrow(x, key[i]); });
    } else {
        N* value = cached(a.values, head - a.heads - a.kv_heads);
        for (int i = threadIdx.x; i < a.head_dim; i += blockDim.x)
            narrow(from[i], value[i]);
    }
}

KERNEL_OF_EACH_NUMBER(rotary, Rotary)
