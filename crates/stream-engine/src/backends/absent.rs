//! Stands in for an engine that is not compiled in.

pub(super) const OPENER: Option<super::Opener> = None;
