// The functions of the CUDA driver (cuda.h) that cuda-device calls, over the emulator: a library
// that stands in for the driver's, with one GPU of capability 8.6 and a gigabyte of memory.
//
// What is loaded as PTX is the name of a source; its kernels are those whose names begin so.
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

extern "C" int stream_engine_emulate(const char*, const unsigned*, unsigned, int, void*, std::size_t);
extern "C" std::size_t stream_engine_arguments(const char* name);

namespace {

// Of CUresult.
enum Result { OK = 0, INVALID = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 101, NO_CONTEXT = 201, NOT_FOUND = 500, FAILED = 719 };

constexpr std::size_t ALL_MEMORY = std::size_t{1} << 30;

struct Module {
    std::string prefix;
    std::vector<std::unique_ptr<std::string>> functions;
};

std::mutex lock;
std::map<unsigned long long, std::size_t> allocated;
std::size_t used = 0;
thread_local bool current = false;
thread_local int pending = OK;

// Whether so many bytes lie in one allocation.
bool lies_in_memory(unsigned long long address, std::size_t bytes)
{
    auto after = allocated.upper_bound(address);
    if (after == allocated.begin())
        return false;
    auto [start, size] = *std::prev(after);
    return address - start <= size && bytes <= size - (address - start);
}

} // namespace

extern "C" {

int cuInit(unsigned flags) { return flags == 0 ? OK : INVALID; }

int cuDeviceGet(int* device, int ordinal)
{
    *device = ordinal;
    return ordinal == 0 ? OK : NO_DEVICE;
}

int cuDeviceGetAttribute(int* value, int attribute, int)
{
    *value = attribute == 75 ? 8 : 6;
    return attribute == 75 || attribute == 76 ? OK : INVALID;
}

int cuDevicePrimaryCtxRetain(void** context, int)
{
    static int only;
    *context = &only;
    return OK;
}

int cuDevicePrimaryCtxRelease_v2(int)
{
    std::lock_guard guard(lock);
    current = false;
    // The real one would take the memory with it; here that is the caller's mistake.
    return allocated.empty() ? OK : INVALID;
}

int cuCtxSetCurrent(void* context)
{
    current = context != nullptr;
    return OK;
}

int cuCtxSynchronize()
{
    return current ? std::exchange(pending, OK) : NO_CONTEXT;
}

int cuModuleLoadData(void** module, const void* image)
{
    std::string name = static_cast<const char*>(image);
    *module = new Module{name.substr(0, name.find('.')), {}};
    return current ? OK : NO_CONTEXT;
}

int cuModuleUnload(void* module)
{
    delete static_cast<Module*>(module);
    return OK;
}

int cuModuleGetFunction(void** function, void* module, const char* name)
{
    auto* from = static_cast<Module*>(module);
    bool known = std::string(name).starts_with(from->prefix) && stream_engine_arguments(name) > 0;
    if (!known)
        return NOT_FOUND;
    from->functions.push_back(std::make_unique<std::string>(name));
    *function = from->functions.back().get();
    return OK;
}

int cuMemAlloc_v2(unsigned long long* address, std::size_t bytes)
{
    std::lock_guard guard(lock);
    if (!current)
        return NO_CONTEXT;
    if (bytes == 0)
        return INVALID;
    if (bytes > ALL_MEMORY - used)
        return OUT_OF_MEMORY;
    *address = reinterpret_cast<unsigned long long>(std::malloc(bytes));
    allocated[*address] = bytes;
    used += bytes;
    return OK;
}

int cuMemFree_v2(unsigned long long address)
{
    std::lock_guard guard(lock);
    auto found = allocated.find(address);
    if (found == allocated.end())
        return INVALID;
    used -= found->second;
    allocated.erase(found);
    std::free(reinterpret_cast<void*>(address));
    return OK;
}

int cuMemcpyHtoD_v2(unsigned long long to, const void* from, std::size_t bytes)
{
    std::lock_guard guard(lock);
    if (!lies_in_memory(to, bytes))
        return INVALID;
    std::memcpy(reinterpret_cast<void*>(to), from, bytes);
    return OK;
}

int cuMemcpyDtoH_v2(void* to, unsigned long long from, std::size_t bytes)
{
    std::lock_guard guard(lock);
    if (!lies_in_memory(from, bytes))
        return INVALID;
    std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
    return OK;
}

// A fault of the kernel shows when somebody waits for it, as on a GPU.
int cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned threads,
    unsigned threads_y, unsigned threads_z, unsigned shared, void*, void** arguments, void** extra)
{
    if (!current || threads_y != 1 || threads_z != 1 || shared != 0 || extra)
        return INVALID;
    const char* name = static_cast<std::string*>(function)->c_str();
    unsigned grid[3] = {x, y, z};
    std::size_t size = stream_engine_arguments(name);
    if (stream_engine_emulate(name, grid, threads, 0, arguments[0], size) != 0)
        pending = FAILED;
    return OK;
}

int cuGetErrorName(int code, const char** name)
{
    switch (code) {
    case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; return OK;
    case NO_DEVICE: *name = "CUDA_ERROR_INVALID_DEVICE"; return OK;
    case NOT_FOUND: *name = "CUDA_ERROR_NOT_FOUND"; return OK;
    default: return INVALID;
    }
}

}
