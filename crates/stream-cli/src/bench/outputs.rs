//! Where the figures go.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use stream_bench::Report;

use crate::args::BenchArgs;
use crate::failure::Failure;
use crate::output;

#[derive(Debug)]
pub(super) struct Outputs {
    markdown: bool,
    json: Option<PathBuf>,
    html: Option<PathBuf>,
}

impl Outputs {
    /// Makes sure that the files can be written, before anything takes its time. A file that is
    /// there stays as it is until then.
    pub(super) fn new(args: &BenchArgs) -> Result<Self, Failure> {
        for path in [&args.json, &args.html].into_iter().flatten() {
            let opened = OpenOptions::new().create(true).append(true).open(path);
            opened.map_err(|error| unwritable(path, &error))?;
        }
        Ok(Self {
            markdown: args.markdown,
            json: args.json.clone(),
            html: args.html.clone(),
        })
    }

    pub(super) fn write(&self, report: &Report) -> Result<ExitCode, Failure> {
        if let Some(path) = &self.json {
            write(path, &report.to_json())?;
        }
        if let Some(path) = &self.html {
            write(path, &report.to_html())?;
        }
        let shown = match self.markdown {
            true => report.to_markdown(),
            false => report.to_text(),
        };
        output::write_whole(shown.as_bytes())
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::input(format!("{} cannot be written: {error}", path.display()))
}
