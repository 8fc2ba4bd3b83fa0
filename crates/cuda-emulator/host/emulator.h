// What a CUDA compiler brings, for a host compiler: enough for the kernels of cuda-kernels.
//
// The threads of a block are fibers that run one after the other, each up to the next barrier.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>

#define __global__
#define __device__
// One block runs at a time in each thread of the host.
#define __shared__ static thread_local

struct Index {
    unsigned x, y, z;
};
extern thread_local Index threadIdx, blockIdx, blockDim, gridDim;

// All threads of the block that have not ended.
void __syncthreads();
// All threads of the warp, which all have to come here.
void emulator_sync_warp();
// Room for what the lanes of the warp show each other.
unsigned long long* emulator_warp_slots();

using std::max;
using std::min;

template <class T>
T __shfl_xor_sync(unsigned, T value, int distance)
{
    static_assert(sizeof(T) <= sizeof(unsigned long long));
    unsigned long long* slots = emulator_warp_slots();
    unsigned lane = threadIdx.x % 32;
    std::memcpy(&slots[lane], &value, sizeof(T));
    emulator_sync_warp();
    T other;
    std::memcpy(&other, &slots[lane ^ static_cast<unsigned>(distance)], sizeof(T));
    emulator_sync_warp();
    return other;
}

template <class T>
T atomicAdd(T* to, T amount)
{
    T before = *to;
    *to += amount;
    return before;
}

inline float __int_as_float(int bits)
{
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

inline int __float_as_int(float x)
{
    int bits;
    std::memcpy(&bits, &x, sizeof x);
    return bits;
}

// Compiled without contraction, so that these round like the device's.
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline unsigned long long __float2ull_rn(float x)
{
    return static_cast<unsigned long long>(std::llrint(x));
}

inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b)
{
    return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}

// IEEE 754 binary16; to the nearest, ties to even.
float half_to_float(unsigned short half);
unsigned short float_to_half(float x);
