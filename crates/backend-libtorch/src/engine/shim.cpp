// What tch lacks, over libtorch's own operators.

#include "guarded.h"

#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/cpu/Utils.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>
#include <caffe2/core/common.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace at::native {
// Defined in ATen/native/mkldnn/Linear.cpp; no header that is shipped declares it.
Tensor mkldnn_linear_pointwise(
    const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias,
    std::string_view attribute, c10::List<std::optional<at::Scalar>> scalars,
    std::optional<std::string_view> algorithm);
}

namespace {

char* copy(const std::string& text) {
    return strdup(text.c_str());
}

}  // namespace

extern "C" {

void se_free(char* text) {
    free(text);
}

void* se_inference_mode_begin() {
    return new c10::InferenceMode(true);
}

void se_inference_mode_end(void* guard) {
    delete static_cast<c10::InferenceMode*>(guard);
}

// A bf16 matrix [outputs, inputs] in the order in which oneDNN multiplies it fastest.
char* se_pack(const at::Tensor* weight, at::Tensor** packed) {
    return guarded([&] {
        auto& dispatcher = c10::Dispatcher::singleton();
        auto op = dispatcher.findSchemaOrThrow("mkldnn::_reorder_linear_weight", "");
        torch::jit::Stack stack{*weight, c10::IValue()};
        op.callBoxed(&stack);
        *packed = new at::Tensor(stack.at(0).toTensor());
    });
}

// rows [n, inputs] times such a matrix.
char* se_multiply(const at::Tensor* rows, const at::Tensor* packed, at::Tensor** out) {
    return guarded([&] {
        *out = new at::Tensor(
            at::native::mkldnn_linear_pointwise(*rows, *packed, std::nullopt, "none", c10::List<std::optional<at::Scalar>>(), ""));
    });
}

// The settings with which the library that was loaded was built; it may be another than the one of
// the headers. at::show_config would ask for CUDA too, and libtorch remembers that there is none.
char* se_config() {
    std::string config;
    for (const auto& [name, value] : caffe2::GetBuildOptions()) {
        config += name + "=" + value + ", ";
    }
    return copy(config);
}

// `AVX512`, `AVX2` and so on: what its own kernels use.
char* se_capability() {
    return copy(at::get_cpu_capability());
}

bool se_has_amx() {
    const auto found = at::cpu::get_cpu_capabilities();
    const auto amx = found.find("amx_bf16");
    return amx != found.end() && amx->second.toBool();
}

}
