// Numbers of sampling, each as stream-runtime computes it, bit for bit.
#pragma once
#include "common.cuh"

// Ascends with the number; -0 is 0, and a NaN is minus infinity.
__device__ inline unsigned ordered(float x)
{
    x = x != x ? minus_infinity() : __fadd_rn(x, 0.0f);
    unsigned bits = static_cast<unsigned>(__float_as_int(x));
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

// e^x for x <= 0, of nothing but sums and products that round to the nearest; 0 below -87 and for
// NaN. e^x = 2^n e^r with n = round(x / ln 2), and eight terms of the exponential series.
__device__ inline float exponential(float x)
{
    constexpr float LOG2_E = 1.44269504088896340736f;
    // Adding it rounds to a whole number, which then stands in the lowest bits.
    constexpr float ROUNDER = 12582912.0f;
    // ln 2 in two parts, of which the first has few bits.
    constexpr float LN_2_HIGH = 355.0f / 512.0f;
    constexpr float LN_2_LOW = static_cast<float>(0.69314718055994530942 - 355.0 / 512.0);
    constexpr float FACTORS[8] = {1.0f / 5040.0f, 1.0f / 720.0f, 1.0f / 120.0f, 1.0f / 24.0f,
                                  1.0f / 6.0f, 1.0f / 2.0f, 1.0f, 1.0f};
    if (!(x >= -87.0f))
        return 0.0f;
    float rounded = __fadd_rn(__fmul_rn(x, LOG2_E), ROUNDER);
    float n = __fadd_rn(rounded, -ROUNDER);
    float r = __fadd_rn(x, -__fmul_rn(n, LN_2_HIGH));
    r = __fadd_rn(r, -__fmul_rn(n, LN_2_LOW));
    float series = FACTORS[0];
    for (int i = 1; i < 8; i++)
        series = __fadd_rn(__fmul_rn(series, r), FACTORS[i]);
    unsigned power = (static_cast<unsigned>(__float_as_int(rounded)) + 127u) << 23;
    return __fmul_rn(series, __int_as_float(static_cast<int>(power)));
}

// A weight from 0 to 1 in whole numbers of 2^-43: a million of them fit into 64 bits.
__device__ inline unsigned long long whole(float weight)
{
    // The product is exact.
    return __float2ull_rn(__fmul_rn(weight, 8796093022208.0f));
}

// Philox4x32-10 (Salmon et al., SC 2011) of the counter (position, choice, 0) under the key
// `seed`: 53 random bits, above eleven zeros.
__device__ inline unsigned long long random_bits(unsigned long long seed, unsigned long long position, unsigned choice)
{
    unsigned counter[4] = {static_cast<unsigned>(position), static_cast<unsigned>(position >> 32), choice, 0};
    unsigned key[2] = {static_cast<unsigned>(seed), static_cast<unsigned>(seed >> 32)};
    for (int round = 0; round < 10; round++) {
        unsigned long long first = 0xD2511F53ull * counter[0], second = 0xCD9E8D57ull * counter[2];
        unsigned next[4] = {static_cast<unsigned>(second >> 32) ^ counter[1] ^ key[0],
                            static_cast<unsigned>(second),
                            static_cast<unsigned>(first >> 32) ^ counter[3] ^ key[1],
                            static_cast<unsigned>(first)};
        for (int i = 0; i < 4; i++)
            counter[i] = next[i];
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    unsigned long long words = static_cast<unsigned long long>(counter[0]) << 32 | counter[1];
    return words >> 11 << 11;
}
