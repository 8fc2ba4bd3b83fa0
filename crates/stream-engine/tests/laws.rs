//! Every law on candle with the real model. `cargo xtask test` fetches it.

mod support;

use stream_engine::BackendKind;
use stream_testkit::conformance;

use support::engine;

conformance!(candle, engine(BackendKind::Candle));
