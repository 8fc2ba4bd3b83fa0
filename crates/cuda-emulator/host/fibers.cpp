#include "fibers.h"

#include <setjmp.h>
#include <ucontext.h>

#include <memory>
#include <new>
#include <numeric>
#include <random>
#include <vector>

thread_local Index threadIdx, blockIdx, blockDim, gridDim;

namespace {

constexpr std::size_t STACK = 64 * 1024;
constexpr unsigned WARP = 32;

enum class State { Ready, AtBlock, AtWarp, Ended };

struct Fiber {
    std::unique_ptr<char[]> stack{new char[STACK]};
    // Where it goes on, once it has begun.
    jmp_buf place;
    bool begun = false;
    State state = State::Ended;
};

struct Block {
    std::vector<Fiber> fibers;
    std::vector<unsigned long long> slots;
    std::vector<unsigned> turns;
    jmp_buf scheduler;
    void (*body)(void*);
    void* argument;

    explicit Block(unsigned threads)
        : fibers(threads)
        , slots((threads + WARP - 1) / WARP * WARP)
        , turns(threads)
    {
    }

    void resume(unsigned thread);
    bool resume_all();
    bool release();
    Ending run();
};

// The block that runs in this thread of the host.
thread_local Block* running;

// Lets the scheduler go on, until it comes back here.
void wait(State state)
{
    Fiber& fiber = running->fibers[threadIdx.x];
    fiber.state = state;
    if (_setjmp(fiber.place) == 0)
        _longjmp(running->scheduler, 1);
}

// The life of a fiber: it goes on with the next block.
void live()
{
    for (;;) {
        running->body(running->argument);
        wait(State::Ended);
    }
}

// A context of the system begins a fiber; jumps, which need no call of the system, do the rest.
void begin(Fiber& fiber)
{
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = fiber.stack.get();
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, live, 0);
    fiber.begun = true;
    setcontext(&context);
}

void Block::resume(unsigned thread)
{
    threadIdx = {thread, 0, 0};
    if (_setjmp(scheduler) != 0)
        return;
    Fiber& fiber = fibers[threadIdx.x];
    if (fiber.begun)
        _longjmp(fiber.place, 1);
    begin(fiber);
}

// Gives every thread that can go on its turn; whether there was one.
bool Block::resume_all()
{
    bool any = false;
    for (unsigned thread : turns) {
        if (fibers[thread].state != State::Ready)
            continue;
        any = true;
        resume(thread);
    }
    return any;
}

// Opens the barriers at which all stand that have to; whether there was one.
bool Block::release()
{
    bool opened = false, all_at_block = true;
    for (std::size_t first = 0; first < fibers.size(); first += WARP) {
        std::size_t end = std::min(first + WARP, fibers.size());
        bool whole = true;
        for (std::size_t i = first; i < end; i++) {
            whole &= fibers[i].state == State::AtWarp;
            all_at_block &= fibers[i].state == State::AtBlock || fibers[i].state == State::Ended;
        }
        for (std::size_t i = first; whole && i < end; i++)
            fibers[i].state = State::Ready;
        opened |= whole;
    }
    if (all_at_block)
        for (Fiber& fiber : fibers)
            if (fiber.state == State::AtBlock) {
                fiber.state = State::Ready;
                opened = true;
            }
    return opened;
}

Ending Block::run()
{
    for (Fiber& fiber : fibers)
        fiber.state = State::Ready;
    do {
        while (resume_all()) {
        }
    } while (release());
    for (const Fiber& fiber : fibers)
        if (fiber.state != State::Ended)
            return Ending::Diverged;
    return Ending::Done;
}

void set_turns(std::vector<unsigned>& turns, Order order)
{
    std::iota(turns.begin(), turns.end(), 0u);
    if (order == Order::Backward)
        std::reverse(turns.begin(), turns.end());
    if (order == Order::Mixed)
        std::shuffle(turns.begin(), turns.end(), std::mt19937(17));
}

Ending run_blocks(Index grid, Block& block)
{
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                blockIdx = {x, y, z};
                Ending ending = block.run();
                if (ending != Ending::Done)
                    return ending;
            }
    return Ending::Done;
}

} // namespace

void __syncthreads()
{
    wait(State::AtBlock);
}

void emulator_sync_warp()
{
    wait(State::AtWarp);
}

unsigned long long* emulator_warp_slots()
{
    return &running->slots[threadIdx.x / WARP * WARP];
}

Ending run_grid(Index grid, unsigned threads, Order order, void (*body)(void*), void* argument)
try {
    Block block(threads);
    block.body = body;
    block.argument = argument;
    set_turns(block.turns, order);
    gridDim = grid;
    blockDim = {threads, 1, 1};
    running = &block;
    return run_blocks(grid, block);
} catch (const std::bad_alloc&) {
    return Ending::NoMemory;
}
