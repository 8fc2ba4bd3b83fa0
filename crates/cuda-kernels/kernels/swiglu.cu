// The gate of the feed-forward (SwiGLU, arXiv:2002.05202).
//
//   out[t, i] = g / (1 + e^-g) * up,   g = gate_up[t, i],   up = gate_up[t, width + i]
//
// Grid: as many blocks as it takes for one thread a number.
#include "common.cuh"

struct SwiGlu {
    // [tokens, 2 * width]: the gate's product, then the other.
    const float* gate_up;
    // [tokens, width], of the kernel's number
    void* out;
    int tokens;
    int width;
};

template <class N>
__device__ void swiglu(const SwiGlu& a)
{
    long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= static_cast<long long>(a.tokens) * a.width)
        return;
    const float* gate = a.gate_up + i / a.width * 2 * a.width + i % a.width;
    float g = gate[0];
    narrow(g / (1.0f + expf(-g)) * gate[a.width], static_cast<N*>(a.out)[i]);
}

KERNEL_OF_EACH_NUMBER(swiglu, SwiGlu)
