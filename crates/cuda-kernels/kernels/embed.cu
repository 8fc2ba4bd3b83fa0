// Looks tokens up in the embedding: the beginning of the residual stream.
//
// A token that the step before has chosen is not known to the host yet; its number is that of the
// outcome that will hold it, so that a step can be launched before the one before is collected.
//
// Grid: one block for each token.
#include "common.cuh"
#include "outcome.cuh"

struct Embed {
    // [vocabulary, width], of the kernel's number
    const void* table;
    // [tokens]: an id, or -1 - i for the id in outcome i.
    const int* tokens;
    const Outcome* outcomes;
    // [tokens, width]
    float* residual;
    int vocabulary;
    int width;
};

template <class N>
__device__ void embed(const Embed& a)
{
    int token = a.tokens[blockIdx.x];
    int id = token >= 0 ? token : a.outcomes[-1 - token].id;
    float* residual = a.residual + static_cast<long long>(blockIdx.x) * a.width;
    // Where nothing was chosen, what follows is thrown away; it must only be harmless.
    bool known = id >= 0 && id < a.vocabulary;
    const N* row = static_cast<const N*>(a.table) + static_cast<long long>(known ? id : 0) * a.width;
    for (int i = threadIdx.x; i < a.width; i += blockDim.x)
        residual[i] = known ? widen(row[i]) : 0.0f;
}

KERNEL_OF_EACH_NUMBER(embed, Embed)
