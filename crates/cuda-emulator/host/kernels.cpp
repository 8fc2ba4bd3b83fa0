// The kernels, by name, as the driver's `cuLaunchKernel` finds and runs them.
#define STREAM_ENGINE_EMULATOR
#include "fibers.h"

// Each source in a namespace of its own, as in modules of their own; what they share is included
// first.
#include "common.cuh"
#include "attention.cuh"
#include "outcome.cuh"
#include "weight.cuh"
namespace { namespace look_up {
#include "embed.cu"
} namespace norm {
#include "rms_norm.cu"
} namespace gate {
#include "swiglu.cu"
} namespace place {
#include "rotary.cu"
} namespace attend {
#include "attention.cu"
} namespace join {
#include "combine.cu"
} namespace choose {
#include "sample.cu"
} namespace wrong {
#include "wrong.cu"
} }

namespace {

struct Kernel {
    const char* name;
    std::size_t size;
    void (*body)(void*);
};

template <auto FUNCTION>
struct Call;

template <class Arguments, void (*FUNCTION)(Arguments)>
struct Call<FUNCTION> {
    static constexpr std::size_t SIZE = sizeof(Arguments);
    static void body(void* arguments) { FUNCTION(*static_cast<Arguments*>(arguments)); }
};

#define KERNEL(FUNCTION) {#FUNCTION, Call<FUNCTION>::SIZE, Call<FUNCTION>::body},
#define OF_EACH_NUMBER(NAME) KERNEL(NAME##_f32) KERNEL(NAME##_f16) KERNEL(NAME##_bf16)
#define ATTENTION_OF(DIM)                                                                       \
    OF_EACH_NUMBER(attention_few_##DIM) OF_EACH_NUMBER(attention_many_##DIM)

using namespace look_up;
using namespace norm;
using namespace gate;
using namespace place;
using namespace attend;
using namespace join;
using namespace choose;
using namespace wrong;

const Kernel KERNELS[] = {
    OF_EACH_NUMBER(embed)
    OF_EACH_NUMBER(rms_norm)
    OF_EACH_NUMBER(swiglu)
    OF_EACH_NUMBER(rotary)
    OF_EACH_NUMBER(combine)
    ATTENTION_OF(32) ATTENTION_OF(64) ATTENTION_OF(96) ATTENTION_OF(128) ATTENTION_OF(256)
    KERNEL(sample)
    KERNEL(no_barrier) KERNEL(half_a_warp)
};

const Kernel* find(const char* name)
{
    for (const Kernel& kernel : KERNELS)
        if (std::strcmp(kernel.name, name) == 0)
            return &kernel;
    return nullptr;
}

} // namespace

// The size of a kernel's arguments; 0 if there is none of this name.
extern "C" std::size_t stream_engine_arguments(const char* name)
{
    const Kernel* kernel = find(name);
    return kernel ? kernel->size : 0;
}

// Runs a kernel; an `Ending`, or -1 if there is none of this name, or -2 if its arguments have
// another size.
extern "C" int stream_engine_emulate(const char* name, const unsigned* grid, unsigned threads,
    int order, void* arguments, std::size_t size)
{
    const Kernel* kernel = find(name);
    if (!kernel)
        return -1;
    if (kernel->size != size)
        return -2;
    Index blocks = {grid[0], grid[1], grid[2]};
    Order turns = static_cast<Order>(order);
    return static_cast<int>(run_grid(blocks, threads, turns, kernel->body, arguments));
}
