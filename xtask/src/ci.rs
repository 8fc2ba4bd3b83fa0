//! `cargo xtask ci`.

use anyhow::Result;

use crate::shell::{self, cargo};
use crate::{deny, loom, root, test};

pub(crate) fn run() -> Result<()> {
    // The checks of licences and of what depends on what see every platform, and use no network.
    shell::run(cargo().args(["fetch", "--locked"]))?;
    shell::run(cargo().args(["fmt", "--all", "--check"]))?;
    let everything = ["clippy", "--workspace", "--all-targets"];
    shell::run(cargo().args(everything).args(["--", "-D", "warnings"]))?;
    let docs = [
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ];
    shell::run(cargo().args(docs).env("RUSTDOCFLAGS", "-D warnings"))?;
    deny::run(&root())?;
    test::run(test::Effort::Ordinary)?;
    loom::run()
}
