// Blocks of threads, run by fibers.
#pragma once
#include "emulator.h"

// In which order the threads of a block take their turns: a kernel whose result depends on it
// lacks a barrier.
enum class Order : int { Forward, Backward, Mixed };

// How a launch ended.
enum class Ending : int {
    Done = 0,
    // Some threads of a warp wait for all of it, and others wait for the block or have ended.
    Diverged = 1,
    NoMemory = 2,
};

// Runs `body` in every thread of every block of the grid, block by block.
Ending run_grid(Index grid, unsigned threads, Order order, void (*body)(void*), void* argument);
