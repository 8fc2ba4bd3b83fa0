//! Without the feature `otel` nobody is.

use stream_server::ServerConfig;

use crate::failure::Failure;

pub(crate) struct Exporter;

impl Exporter {
    pub(crate) fn from_env() -> Result<Self, Failure> {
        Ok(Self)
    }

    pub(crate) fn told(&self, config: ServerConfig) -> ServerConfig {
        config
    }

    pub(crate) fn flush(self) {}
}
