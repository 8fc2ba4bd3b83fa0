// Kernels with faults that the emulator must find.
#include "common.cuh"

struct Wrong {
    int* out;
};

// Lacks a barrier: a thread reads what another may not have written yet.
extern "C" __global__ void no_barrier(Wrong a)
{
    __shared__ int shared[MOST_THREADS];
    shared[threadIdx.x] = static_cast<int>(threadIdx.x + blockIdx.x);
    a.out[blockIdx.x * blockDim.x + threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

// Not all of the warp takes part.
extern "C" __global__ void half_a_warp(Wrong a)
{
    if (threadIdx.x % 2 == 0)
        a.out[0] = warp_reduce(1, Sum());
}
