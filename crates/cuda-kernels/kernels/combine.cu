// Puts together what attention found in several chunks.
//
// Grid: (tokens, heads). Threads: head_dim.
#include "attention.cuh"

template <class N>
__device__ void combine(const Attention& a)
{
    int token = blockIdx.x, head = blockIdx.y, dimension = threadIdx.x, head_dim = blockDim.x;
    // A token that is there only to fill up a batch has none.
    if (a.positions[token] < 0)
        return;
    Seen seen = seen_from(a, a.positions[token]);
    int first = seen.first / a.chunk, last = seen.last / a.chunk;
    // Attention has written the result itself.
    if (first == last)
        return;
    const float* partials = partials_of(a, head_dim, token, head);
    float largest = minus_infinity();
    for (int chunk = first; chunk <= last; chunk++)
        largest = fmaxf(largest, partials[chunk * (head_dim + 2) + head_dim]);
    float found = 0.0f, sum = 0.0f;
    for (int chunk = first; chunk <= last; chunk++) {
        const float* partial = partials + chunk * (head_dim + 2);
        float worth = expf(partial[head_dim] - largest);
        found += worth * partial[dimension];
        sum += worth * partial[head_dim + 1];
    }
    long long row = static_cast<long long>(token) * a.heads + head;
    narrow(found / sum, static_cast<N*>(a.out)[row * head_dim + dimension]);
}

KERNEL_OF_EACH_NUMBER(combine, Attention)
