//! `cargo xtask clients`: programs that were written for OpenAI's API, unchanged, against our server.
//!
//! Clients come by pip and npm, pinned by hash, into the user's cache folder. Each suite in
//! `xtask/clients` writes a line of JSON for each of its checks; what is known not to pass stands in
//! `xtask/clients/exceptions.json` with its reason.

mod install;
mod options;
mod report;
mod server;
mod suites;

use anyhow::{Result, bail};

pub(crate) use options::{HELP, Options};
use report::{Exceptions, Report};
use server::Served;

/// Runs suites against a server of their own, prints what became of each check, and fails where
/// one failed that is no known exception.
pub(crate) fn run(options: &Options) -> Result<()> {
    for language in suites::languages(&options.suites) {
        install::install(language)?;
    }
    let exceptions = Exceptions::read()?;
    let server = Served::start(options.program.as_deref())?;
    let mut reports = Vec::new();
    for suite in &options.suites {
        reports.push(Report::new(suite, &suite.run(&server)?, &exceptions)?);
    }
    drop(server);
    println!("\n{}", report::table(&reports));
    match reports.iter().map(Report::failed).sum::<usize>() {
        0 => Ok(()),
        failed => bail!("{failed} checks are not as expected"),
    }
}
