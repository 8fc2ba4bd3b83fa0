//! Streams that are read over HTTP.

use backend_vllm::{Vllm, VllmConfig};
use futures::StreamExt;
use futures::future::try_join_all;
use stream_core::{Backend, BackendExt, Request, Stop, Support};

use crate::Result;

const PROMPT: &str = "Once upon a time";

/// Readers of one server's streams.
pub(crate) struct Readers {
    server: Vllm,
}

impl Readers {
    pub(crate) fn connect(url: &str, streams: usize) -> Result<Self> {
        let config = VllmConfig::new(url.parse()?).concurrent(streams);
        let server = Vllm::connect(config)?;
        Ok(Self { server })
    }

    /// Reads so many streams at once to their ends; each must have all its tokens.
    pub(crate) async fn read(&self, streams: usize, tokens: usize) -> Result<()> {
        let answers = (0..streams).map(|_| self.one(tokens));
        try_join_all(answers).await.map(drop)
    }

    async fn one(&self, tokens: usize) -> Result<()> {
        let mut request = Request::raw(PROMPT).max_tokens(tokens).greedy();
        if self.server.info().capabilities.stop_ids != Support::Unsupported {
            request = request.stop(Stop::builder().ignore_eos().build()?);
        }
        let mut stream = self.server.generate(request.build()?)?;
        while let Some(token) = stream.next().await {
            token?;
        }
        let made = stream.usage().completion_tokens;
        match made == tokens {
            true => Ok(()),
            false => Err(format!("a stream has {made} tokens, not {tokens}").into()),
        }
    }
}
