//! `stream-engine pull`.

use std::process::ExitCode;

use stream_checkpoint::hub::HubConfig;

use crate::args::PullArgs;
use crate::failure::Failure;
use crate::fetch::Pulled;
use crate::{model, output};

pub(crate) fn run(args: &PullArgs) -> Result<ExitCode, Failure> {
    let path = match &args.model {
        Some(given) => model::named(given, &HubConfig::from_env()?)?,
        None => {
            let path = model::default_path()?;
            match model::pull(&path)? {
                Pulled::AlreadyThere => eprintln!("the model is already there, and whole"),
                Pulled::Fetched => eprintln!("the model was fetched and checked"),
            }
            path
        }
    };
    if !path.exists() {
        let path = path.display();
        return Err(Failure::input(format!(
            "{path} is not there, and cannot be fetched"
        )));
    }
    output::write_whole(format!("{}\n", path.display()).as_bytes())
}
