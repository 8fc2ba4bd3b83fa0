// How a function of the shim tells what went wrong.

#pragma once

#include <ATen/core/Tensor.h>

#include <cstring>
#include <exception>

// An exception becomes a message, which the caller frees with se_free.
template <typename Work>
char* guarded(Work work) {
    try {
        work();
        return nullptr;
    } catch (const c10::Error& error) {
        return strdup(error.what_without_backtrace());
    } catch (const std::exception& error) {
        return strdup(error.what());
    }
}
