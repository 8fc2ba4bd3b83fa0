// Adds to the residual stream and norms it (RMSNorm, arXiv:1910.07467).
//
//   residual[t] += added[t]
//   out[i] = residual[t] / sqrt(mean(residual[t]^2) + epsilon) * weight,   t = tokens[i]
//
// Grid: one block for each row of `out`.
#include "common.cuh"

struct RmsNorm {
    // [tokens, width]
    float* residual;
    // [tokens, width]; null if there is nothing to add.
    const float* added;
    // [width]
    const float* weight;
    // [rows, width], of the kernel's number
    void* out;
    // [rows]: which tokens, each at most once; a negative one is none. Null for all in their order.
    const int* tokens;
    int width;
    float epsilon;
};

template <class N>
__device__ void rms_norm(const RmsNorm& a)
{
    int token = a.tokens ? a.tokens[blockIdx.x] : static_cast<int>(blockIdx.x);
    if (token < 0)
        return;
    long long first = static_cast<long long>(token) * a.width;
    float* residual = a.residual + first;
    N* out = static_cast<N*>(a.out) + static_cast<long long>(blockIdx.x) * a.width;

    float squares = 0.0f;
    for (int i = threadIdx.x; i < a.width; i += blockDim.x) {
        float x = residual[i];
        if (a.added) {
            x += a.added[first + i];
            residual[i] = x;
        }
        squares += x * x;
    }
    float mean = block_reduce(squares, Sum()) / static_cast<float>(a.width);
    float factor = 1.0f / sqrtf(mean + a.epsilon);
    // Each thread reads what it has written itself.
    for (int i = threadIdx.x; i < a.width; i += blockDim.x)
        narrow(residual[i] * factor * a.weight[i], out[i]);
}

KERNEL_OF_EACH_NUMBER(rms_norm, RmsNorm)
