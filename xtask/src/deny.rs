//! cargo-deny, where it is installed.

use std::path::Path;

use anyhow::Result;

use crate::shell::{self, cargo};

/// Checks licences, banned crates and sources: what needs no network.
pub(crate) fn run(root: &Path) -> Result<()> {
    if !shell::works(cargo().args(["deny", "--version"])) {
        eprintln!("skipped: cargo-deny is not installed, so licences and bans were not checked");
        return Ok(());
    }
    let quiet = ["--offline", "--log-level", "error"];
    let checks = ["check", "bans", "licenses", "sources"];
    shell::run(
        cargo()
            .current_dir(root)
            .arg("deny")
            .args(quiet)
            .args(checks),
    )
}
