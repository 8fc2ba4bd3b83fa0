//! Stands in for libtorch where it is not compiled in.

use criterion::Criterion;
use stream_checkpoint::Checkpoint;

use super::Result;

/// Says how libtorch is measured too.
#[expect(clippy::unnecessary_wraps, reason = "the one that measures can fail")]
pub(super) fn engine(_: &mut Criterion, _: &Checkpoint) -> Result<()> {
    eprintln!("libtorch is left out: it needs --features libtorch");
    Ok(())
}
