#include "emulator.h"

float half_to_float(unsigned short half)
{
    int exponent = half >> 10 & 31;
    float fraction = static_cast<float>(half & 1023);
    float size = exponent == 31 ? (fraction > 0 ? NAN : INFINITY)
        : exponent == 0         ? std::ldexp(fraction, -24)
                                : std::ldexp(fraction + 1024, exponent - 25);
    return half >> 15 ? -size : size;
}

unsigned short float_to_half(float x)
{
    auto sign = static_cast<unsigned short>(std::signbit(x) ? 0x8000 : 0);
    float size = std::fabs(x);
    if (std::isnan(x))
        return sign | 0x7E00;
    // From halfway between the largest number and the next power on.
    if (size >= 65520.0f)
        return sign | 0x7C00;
    int exponent;
    std::frexp(size, &exponent);
    // A number's distance to the next, at least that of the subnormal ones.
    int last = std::max(exponent - 11, -24);
    float steps = std::nearbyint(std::ldexp(size, -last));
    // Rounding up to the next power carries into the exponent by itself.
    return sign | static_cast<unsigned short>(steps + static_cast<float>((last + 24) * 1024));
}
