// Numbers of f32 and bf16, one by one and row by row.

#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#if defined(__x86_64__) && defined(__gnu_linux__)
// Compiled for several CPUs; the loader chooses.
#define FOR_EACH_CPU __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define FOR_EACH_CPU
#endif

// A matrix of f32 or bf16, one row after the other.
struct Matrix {
    char* data;
    int64_t width;
    bool half;

    Matrix(const at::Tensor& tensor, int64_t width)
        : data(static_cast<char*>(tensor.data_ptr())),
          width(width),
          half(tensor.scalar_type() == at::kBFloat16) {
        TORCH_CHECK(half || tensor.scalar_type() == at::kFloat, "f32 or bf16 is needed");
        TORCH_CHECK(tensor.is_contiguous(), "rows have to stand one after the other");
    }

    char* row(int64_t number) const {
        return data + number * width * size();
    }

    // Bytes of a number.
    int64_t size() const {
        return half ? 2 : 4;
    }
};

inline float widen(uint16_t bits) {
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

// To the nearest, of two to the even one.
inline uint16_t narrow(float number) {
    const uint32_t bits = std::bit_cast<uint32_t>(number);
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return number != number ? 0x7fc0 : static_cast<uint16_t>(rounded);
}

FOR_EACH_CPU static void widen_all(const uint16_t* from, float* to, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] = widen(from[i]);
}

FOR_EACH_CPU static void narrow_all(const float* from, uint16_t* to, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] = narrow(from[i]);
}

inline void read(const char* from, bool half, float* to, int64_t count) {
    if (half) {
        widen_all(reinterpret_cast<const uint16_t*>(from), to, count);
    } else {
        std::copy_n(reinterpret_cast<const float*>(from), count, to);
    }
}

inline void write(const float* from, char* to, bool half, int64_t count) {
    if (half) {
        narrow_all(from, reinterpret_cast<uint16_t*>(to), count);
    } else {
        std::copy_n(from, count, reinterpret_cast<float*>(to));
    }
}

// Cody and Waite's reduction and a polynomial of degree 6, wrong by 2 units in the last place. It is
// inlined before its caller is compiled for several CPUs, or it would be compiled for the least.
[[gnu::always_inline]] inline float exponential(float number) {
    const float x = number < -87 ? -87 : number > 88 ? 88 : number;
    // Adding this rounds to a whole number.
    constexpr float ROUND = 12582912;
    const float whole = (x * 1.44269504F + ROUND) - ROUND;
    const float rest = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
    float sum = 1.0F / 720;
    sum = sum * rest + 1.0F / 120;
    sum = sum * rest + 1.0F / 24;
    sum = sum * rest + 1.0F / 6;
    sum = sum * rest + 0.5F;
    sum = sum * rest + 1;
    sum = sum * rest + 1;
    return sum * std::bit_cast<float>((static_cast<int32_t>(whole) + 127) << 23);
}
