//! Every law on ONNX Runtime with the real model. `cargo xtask test` fetches model and library.

mod support;

use stream_engine::BackendKind;
use stream_testkit::conformance;

use support::engine;

conformance!(onnx, engine(BackendKind::Onnx));
