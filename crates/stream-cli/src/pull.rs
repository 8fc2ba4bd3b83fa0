//! `stream-engine pull`.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::fetch::Pulled;
use crate::{model, output};

pub(crate) fn run() -> Result<ExitCode, Failure> {
    let path = model::default_path()?;
    match model::pull(&path)? {
        Pulled::AlreadyThere => eprintln!("the model is already there, and whole"),
        Pulled::Fetched => eprintln!("the model was fetched and checked"),
    }
    output::write_whole(format!("{}\n", path.display()).as_bytes())
}
