// Chooses a token from a row of logits: the most probable one, or one draw after temperature,
// top-k, top-p and min-p, in this order. The rules and the draw are those of stream-runtime's
// `Sampler`: a NaN counts as minus infinity, of equal tokens cuts keep the lowest ids, and the
// draw is a function of seed, choice and position alone.
//
// Weights, e^((logit - largest) / temperature), are added as whole numbers of 2^-43, so that a sum
// does not depend on the order of its terms. A token that is less than 2^-44 times as probable as
// the first is never drawn.
//
// Grid: one block for each task. Threads: a power of two, at least 256.
#include "common.cuh"
#include "outcome.cuh"
#include "weight.cuh"

typedef unsigned long long u64;

// As `SampleTask` of the crate.
struct Task {
    u64 seed;
    u64 position;
    unsigned choice;
    // Which row of the logits; negative if there is nothing to do.
    int row;
    // Only ids under this exist.
    int usable;
    // 0 for all.
    unsigned top_k;
    // 1 / temperature; 0 for the most probable token.
    float scale;
    float top_p;
    float min_p;
    unsigned unused;
};

struct Sample {
    // [rows, width]
    const float* logits;
    const Task* tasks;
    Outcome* outcomes;
    int width;
};

// Entries stand in the order of their keys, the largest first, and of their ids.
struct Cut {
    unsigned key;
    int id;
    __device__ bool keeps(unsigned other, int other_id) const
    {
        return other > key || (other == key && other_id <= id);
    }
};

constexpr int DIGITS = 256;

// The sum of all amounts; every thread gets it.
template <class Amount>
__device__ u64 sum_of(int count, Amount amount)
{
    u64 own = 0;
    for (int id = threadIdx.x; id < count; id += blockDim.x)
        own += amount(id);
    return block_reduce(own, Sum());
}

// The first id at which the running sum of `amount(id)` is over `target`, which is less than the
// whole; every thread gets it. Each thread sums over neighbours.
template <class Amount>
__device__ int locate(int count, u64 target, Amount amount)
{
    __shared__ u64 sums[MOST_THREADS];
    __shared__ int found;
    int each = (count + blockDim.x - 1) / blockDim.x;
    int first = min(count, static_cast<int>(threadIdx.x) * each), end = min(count, first + each);
    u64 sum = 0;
    for (int id = first; id < end; id++)
        sum += amount(id);
    sums[threadIdx.x] = sum;
    __syncthreads();
    for (unsigned distance = 1; distance < blockDim.x; distance *= 2) {
        u64 before = threadIdx.x >= distance ? sums[threadIdx.x - distance] : 0;
        __syncthreads();
        sums[threadIdx.x] += before;
        __syncthreads();
    }
    u64 running = sums[threadIdx.x] - sum;
    if (running <= target && sums[threadIdx.x] > target) {
        int id = first;
        while ((running += amount(id)) <= target)
            id++;
        found = id;
    }
    __syncthreads();
    int result = found;
    __syncthreads();
    return result;
}

// The cut after the shortest run of first entries whose amounts reach `target`, which is at least
// 1 and at most the sum of all. Entries without an amount are passed over; equal keys have equal
// amounts.
template <class Key, class Amount>
__device__ Cut cut_at(int count, u64 target, Key key, Amount amount)
{
    __shared__ u64 sums[DIGITS + 1];
    __shared__ unsigned digit_at;
    unsigned prefix = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        for (int digit = threadIdx.x; digit <= DIGITS; digit += blockDim.x)
            sums[digit] = 0;
        __syncthreads();
        for (int id = threadIdx.x; id < count; id += blockDim.x) {
            u64 k = key(id);
            if (k >> (shift + 8) == static_cast<u64>(prefix) >> (shift + 8))
                atomicAdd(&sums[(k >> shift) % DIGITS], amount(id));
        }
        __syncthreads();
        // From here on: the amounts of this digit and of all larger ones.
        for (int distance = 1; distance < DIGITS; distance *= 2) {
            bool has = threadIdx.x + distance < DIGITS;
            u64 larger = has ? sums[threadIdx.x + distance] : 0;
            __syncthreads();
            if (has)
                sums[threadIdx.x] += larger;
            __syncthreads();
        }
        if (threadIdx.x < DIGITS && sums[threadIdx.x] >= target && sums[threadIdx.x + 1] < target)
            digit_at = threadIdx.x;
        __syncthreads();
        target -= sums[digit_at + 1];
        prefix |= digit_at << shift;
        __syncthreads();
    }
    auto equal = [&](int id) -> u64 { return key(id) == prefix ? amount(id) : 0; };
    return {prefix, locate(count, target - 1, equal)};
}

__device__ inline Outcome draw(const float* logits, const Task& task, int count, float largest, int nans)
{
    auto order = [&](int id) { return ordered(logits[id]); };
    // All but minus infinity.
    Cut top_k = {ordered(minus_infinity()), -1};
    auto possible = [&](int id) -> u64 { return top_k.keeps(order(id), id); };
    if (task.top_k > 0 && task.top_k < sum_of(count, possible))
        top_k = cut_at(count, task.top_k, order, possible);
    auto weight = [&](int id) { return possible(id) ? exponential((logits[id] - largest) * task.scale) : 0.0f; };
    auto amount = [&](int id) { return whole(weight(id)); };
    u64 all = sum_of(count, amount);
    // What has no amount is kept by no cut.
    Cut nucleus = {0, 0};
    if (task.top_p < 1.0f) {
        u64 target = static_cast<u64>(ceil(static_cast<double>(task.top_p) * static_cast<double>(all)));
        auto bits = [&](int id) { return static_cast<unsigned>(__float_as_int(weight(id))); };
        nucleus = cut_at(count, target > 0 ? target : 1, bits, amount);
    }
    auto kept = [&](int id) -> u64 {
        float w = weight(id);
        bool keeps = nucleus.keeps(static_cast<unsigned>(__float_as_int(w)), id) && w >= task.min_p;
        return keeps ? whole(w) : 0;
    };
    u64 target = __umul64hi(random_bits(task.seed, task.position, task.choice), sum_of(count, kept));
    return {locate(count, target, kept), nans};
}

extern "C" __global__ void sample(Sample a)
{
    Task task = a.tasks[blockIdx.x];
    if (task.row < 0)
        return;
    const float* logits = a.logits + static_cast<long long>(task.row) * a.width;
    int count = min(task.usable, a.width);
    // The largest logit above, the complement of its id below: of equal ones the first.
    u64 best = 0;
    int nans = 0;
    for (int id = threadIdx.x; id < count; id += blockDim.x) {
        float logit = logits[id];
        nans += logit != logit;
        u64 key = static_cast<u64>(ordered(logit)) << 32 | ~static_cast<unsigned>(id);
        best = key > best ? key : best;
    }
    best = block_reduce(best, Largest());
    nans = block_reduce(nans, Sum());
    float largest = count > 0 ? logits[~static_cast<unsigned>(best)] : minus_infinity();
    Outcome outcome = {-1, nans};
    if (largest > minus_infinity() && largest < -minus_infinity()) {
        if (task.scale == 0.0f)
            outcome.id = static_cast<int>(~static_cast<unsigned>(best));
        else
            outcome = draw(logits, task, count, largest, nans);
    }
    if (threadIdx.x == 0)
        a.outcomes[blockIdx.x] = outcome;
}
