//! What the program says and returns when it cannot go on.

use std::io;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use stream_checkpoint::default_model::NoCacheFolder;
use stream_checkpoint::hub::{HubError, ReferenceError};
use stream_engine::EngineError;
use stream_engine::core::{Error, InvalidRequest, Rejected, Rejection};

use stream_server::ServeError;

use crate::fetch::FetchError;

/// The exit code after Ctrl-C: 128 and the number of SIGINT, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// The exit code when no model can be used.
pub(crate) const MODEL_UNUSABLE: u8 = Kind::Model as u8;

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// The kinds of failure, by exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other = 1,
    Input = 2,
    Model = 3,
    Generation = 4,
}

/// One sentence for the person, and an exit code for the script.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
}

impl Failure {
    /// The person gave something that cannot be used.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::new(Kind::Input, message)
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The sentence.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Prints the sentence to stderr.
    pub(crate) fn report(&self) -> ExitCode {
        anstream::eprintln!("{ERROR}error{ERROR:#}: {}", self.message);
        ExitCode::from(self.kind as u8)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let kind = match &error {
            EngineError::UnknownBackend { .. }
            | EngineError::NotCompiled { .. }
            | EngineError::NoBackend { .. }
            | EngineError::Ambiguous { .. }
            | EngineError::UnsupportedSetting { .. }
            | EngineError::Device { .. }
            | EngineError::UnknownValue { .. }
            | EngineError::NoUrl
            | EngineError::Url { .. }
            | EngineError::Reference(_)
            | EngineError::Invalid(_) => Kind::Input,
            EngineError::Rejected(rejection) => kind_of(rejection),
            EngineError::DefaultModelMissing { .. }
            | EngineError::NoCacheFolder(_)
            | EngineError::Hub(_)
            | EngineError::Load(_) => Kind::Model,
            _ => Kind::Generation,
        };
        Self::new(kind, error.to_string())
    }
}

fn kind_of(rejection: &Rejection) -> Kind {
    match rejection {
        Rejection::Invalid(_)
        | Rejection::ContextLengthExceeded { .. }
        | Rejection::KvCacheTooSmall { .. }
        | Rejection::Unsupported { .. }
        | Rejection::Grammar { .. }
        | Rejection::Refused { .. }
        | Rejection::Tokenize(_) => Kind::Input,
        _ => Kind::Generation,
    }
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        EngineError::from(rejected).into()
    }
}

impl From<InvalidRequest> for Failure {
    fn from(error: InvalidRequest) -> Self {
        Self::input(error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        EngineError::from(error).into()
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::new(Kind::Model, error.to_string())
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<ReferenceError> for Failure {
    fn from(error: ReferenceError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::input(error.to_string())
    }
}

impl From<NoCacheFolder> for Failure {
    fn from(error: NoCacheFolder) -> Self {
        EngineError::from(error).into()
    }
}

/// A failure to write the output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(
            Kind::Other,
            format!("the output cannot be written: {error}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_mend_it_decides_the_exit_code() {
        let too_long = Rejection::ContextLengthExceeded {
            model: "m".into(),
            prompt_tokens: 9,
            max_tokens: 1,
            context_length: 8,
        };
        for (failure, expected) in [
            (Failure::from(EngineError::from(too_long)), Kind::Input),
            (EngineError::Load("x".into()).into(), Kind::Model),
            (FetchError::NoPip.into(), Kind::Model),
            (Error::Abandoned.into(), Kind::Generation),
            (
                EngineError::from(Rejection::ShuttingDown).into(),
                Kind::Generation,
            ),
            (io::Error::other("x").into(), Kind::Other),
        ] {
            assert_eq!(failure.kind, expected, "{}", failure.message);
        }
    }
}
