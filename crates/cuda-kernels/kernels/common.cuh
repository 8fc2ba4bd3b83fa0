// What the kernels share: the numbers they read and write, and reductions over a block.
//
// The sources are CUDA C++ without any header of a toolkit, so that NVRTC compiles them by itself.
// They are also compiled for the host, where `cuda-emulator` runs a block's threads one after the
// other: there the header "emulator.h" takes the place of what the CUDA compiler brings.
#pragma once

#ifdef STREAM_ENGINE_EMULATOR
#include "emulator.h"
#endif

constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xFFFFFFFFu;
// The most threads that a block of any of these kernels may have.
constexpr int MOST_THREADS = 1024;

// IEEE 754 binary16, and the upper half of a binary32.
struct Half {
    unsigned short bits;
};
struct Bfloat {
    unsigned short bits;
};

__device__ inline float widen(float x)
{
    return x;
}

__device__ inline float widen(Bfloat x)
{
    return __int_as_float(static_cast<int>(static_cast<unsigned>(x.bits) << 16));
}

__device__ inline float widen(Half x)
{
#ifdef STREAM_ENGINE_EMULATOR
    return half_to_float(x.bits);
#else
    float wide;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(x.bits));
    return wide;
#endif
}

__device__ inline void narrow(float x, float& to)
{
    to = x;
}

// Rounds to the nearest, ties to even; a NaN stays one.
__device__ inline void narrow(float x, Bfloat& to)
{
    unsigned bits = static_cast<unsigned>(__float_as_int(x));
    bool nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    unsigned rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
    to.bits = static_cast<unsigned short>(nan ? (bits >> 16) | 0x40u : rounded >> 16);
}

__device__ inline void narrow(float x, Half& to)
{
#ifdef STREAM_ENGINE_EMULATOR
    to.bits = float_to_half(x);
#else
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to.bits) : "f"(x));
#endif
}

__device__ inline float minus_infinity()
{
    return __int_as_float(static_cast<int>(0xFF800000u));
}

struct Sum {
    template <class T>
    __device__ T operator()(T a, T b) const
    {
        return a + b;
    }
};

struct Largest {
    template <class T>
    __device__ T operator()(T a, T b) const
    {
        return a > b ? a : b;
    }
    // A NaN is passed over.
    __device__ float operator()(float a, float b) const
    {
        return fmaxf(a, b);
    }
};

// Every lane of the warp gets the result. All lanes must take part.
template <class T, class Combine>
__device__ T warp_reduce(T value, Combine combine)
{
    for (int distance = WARP / 2; distance > 0; distance /= 2)
        value = combine(value, __shfl_xor_sync(ALL_LANES, value, distance));
    return value;
}

// Every thread of the block gets the result, combined in an order that depends on nothing but the
// block's size, which is a multiple of 32. All threads must take part.
template <class T, class Combine>
__device__ T block_reduce(T value, Combine combine)
{
    __shared__ T of_warp[MOST_THREADS / WARP];
    value = warp_reduce(value, combine);
    if (threadIdx.x % WARP == 0)
        of_warp[threadIdx.x / WARP] = value;
    __syncthreads();
    value = of_warp[0];
    for (unsigned warp = 1; warp < blockDim.x / WARP; warp++)
        value = combine(value, of_warp[warp]);
    // The next reduction writes where this one has read.
    __syncthreads();
    return value;
}

// One kernel for each kind of number: NAME_f32, NAME_f16 and NAME_bf16, each of which takes its
// arguments as one struct.
#define KERNEL_OF_EACH_NUMBER(NAME, ARGUMENTS)                                                  \
    extern "C" __global__ void NAME##_f32(ARGUMENTS a) { NAME<float>(a); }                      \
    extern "C" __global__ void NAME##_f16(ARGUMENTS a) { NAME<Half>(a); }                       \
    extern "C" __global__ void NAME##_bf16(ARGUMENTS a) { NAME<Bfloat>(a); }
