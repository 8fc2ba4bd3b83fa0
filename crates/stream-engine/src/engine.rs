//! The engine as its user sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stream_core::{
    Backend, BackendExt, Blocking, Choices, Chunk, Drained, End, Flow, Request, Stats, StreamToken,
    TokenStream,
};

use crate::backends::{self, model_is_there};
use crate::{Ask, EngineError, StreamingConfig};

/// A model that answers in streams of tokens. The model is loaded with the first question.
/// Clones share one model.
///
/// ```no_run
/// use stream_engine::{StreamingConfig, StreamingEngine};
///
/// let engine = StreamingEngine::new(StreamingConfig::default());
/// for token in engine.generate_iter("Tell me a story")? {
///     print!("{}", token?.text);
/// }
/// # Ok::<(), stream_engine::EngineError>(())
/// ```
#[derive(Clone)]
pub struct StreamingEngine {
    inner: Arc<Inner>,
}

struct Inner {
    config: StreamingConfig,
    /// Held only for a moment, so that nobody waits for a model that loads.
    state: Mutex<State>,
    /// Held while the model loads, so that it is loaded once.
    loading: Mutex<()>,
}

enum State {
    NotLoaded,
    Loaded(Arc<dyn Backend>),
    ShutDown,
}

static SHARED: Mutex<Option<StreamingEngine>> = Mutex::new(None);

impl StreamingEngine {
    /// An engine that loads its model when it is first asked. This itself does nothing yet.
    pub fn new(config: StreamingConfig) -> Self {
        Self {
            inner: Arc::new(Inner {
                config,
                state: Mutex::new(State::NotLoaded),
                loading: Mutex::new(()),
            }),
        }
    }

    /// The engine that the whole process shares: made by the first call, and again by the first
    /// call after a [`shutdown`](Self::shutdown).
    ///
    /// # Errors
    /// [`EngineError::OtherConfig`] if it runs with a different configuration.
    pub fn get_instance(config: &StreamingConfig) -> Result<Self, EngineError> {
        let mut shared = lock(&SHARED);
        if let Some(engine) = shared.as_ref().filter(|engine| !engine.is_shut_down()) {
            return match engine.inner.config == *config {
                true => Ok(engine.clone()),
                false => Err(EngineError::OtherConfig),
            };
        }
        Ok(shared.insert(Self::new(config.clone())).clone())
    }

    /// Whether a question would find a backend and a model file. Loads nothing.
    pub fn is_available(&self) -> bool {
        match &*lock(&self.inner.state) {
            State::Loaded(_) => true,
            State::ShutDown => false,
            State::NotLoaded => {
                backends::choose(&self.inner.config).is_ok() && model_is_there(&self.inner.config)
            }
        }
    }

    /// The backend behind the engine, loaded now if it is not yet; takes as long as loading
    /// takes.
    ///
    /// # Errors
    /// If the model cannot be loaded, or the engine was shut down.
    pub fn backend(&self) -> Result<Arc<dyn Backend>, EngineError> {
        if let Some(backend) = self.loaded()? {
            return Ok(backend);
        }
        let _turn = lock(&self.inner.loading);
        match self.loaded()? {
            Some(backend) => Ok(backend),
            None => self.keep(backends::open(&self.inner.config)?),
        }
    }

    fn loaded(&self) -> Result<Option<Arc<dyn Backend>>, EngineError> {
        match &*lock(&self.inner.state) {
            State::Loaded(backend) => Ok(Some(backend.clone())),
            State::NotLoaded => Ok(None),
            State::ShutDown => Err(EngineError::ShutDown),
        }
    }

    /// Keeps a backend that was just loaded, unless the engine was shut down meanwhile.
    fn keep(&self, backend: Arc<dyn Backend>) -> Result<Arc<dyn Backend>, EngineError> {
        let mut state = lock(&self.inner.state);
        if matches!(*state, State::ShutDown) {
            return Err(EngineError::ShutDown);
        }
        *state = State::Loaded(backend.clone());
        Ok(backend)
    }

    /// Submits a request that was built by hand.
    ///
    /// # Errors
    /// If the model cannot be loaded or the request is not accepted.
    pub fn generate(&self, request: Request) -> Result<TokenStream, EngineError> {
        Ok(self.backend()?.generate(request)?)
    }

    /// Submits a request that was built by hand for several answers, [`Request::n`] of them, and
    /// gives a stream for each.
    ///
    /// # Errors
    /// If the model cannot be loaded or not all of the answers are accepted; then none is made.
    pub fn generate_choices(&self, request: Request) -> Result<Choices, EngineError> {
        Ok(self.backend()?.generate_choices(request)?)
    }

    /// Asks for several answers, and gives a stream for each: see [`Ask::n`].
    ///
    /// # Errors
    /// If not all of the answers are accepted; then none is made.
    pub fn ask_choices(&self, ask: impl Into<Ask>) -> Result<Choices, EngineError> {
        self.generate_choices(ask.into().request(&self.inner.config)?)
    }

    /// Asks, and calls `callback` with each token on this thread. The callback may return
    /// [`ControlFlow::Break`](std::ops::ControlFlow::Break) to stop the stream.
    ///
    /// # Errors
    /// If the question is not accepted, or its stream ends with an error.
    ///
    /// # Panics
    /// On a thread that drives async tasks, see [`TokenStream::blocking`].
    pub fn generate_with_callback<F: Flow>(
        &self,
        ask: impl Into<Ask>,
        callback: impl FnMut(&StreamToken) -> F,
    ) -> Result<End, EngineError> {
        Ok(self.generate_iter(ask)?.for_each_token(callback)?)
    }

    /// Asks, and gives a [`futures::Stream`] of tokens. If the model is not loaded yet, a thread
    /// of its own loads it, so that the async runtime is never blocked.
    ///
    /// # Errors
    /// If the question is not accepted.
    pub async fn generate_stream(&self, ask: impl Into<Ask>) -> Result<TokenStream, EngineError> {
        let request = ask.into().request(&self.inner.config)?;
        let backend = match self.loaded()? {
            Some(backend) => backend,
            None => self.load_aside().await?,
        };
        Ok(backend.generate(request)?)
    }

    async fn load_aside(&self) -> Result<Arc<dyn Backend>, EngineError> {
        let (done, loaded) = tokio::sync::oneshot::channel();
        let engine = self.clone();
        std::thread::spawn(move || done.send(engine.backend()));
        let lost = || EngineError::Load("the thread that loads the model panicked".into());
        loaded.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Asks, and gives an iterator of tokens that blocks this thread; no async runtime is needed.
    ///
    /// # Errors
    /// If the question is not accepted.
    ///
    /// # Panics
    /// On a thread that drives async tasks, see [`TokenStream::blocking`].
    pub fn generate_iter(&self, ask: impl Into<Ask>) -> Result<Blocking<TokenStream>, EngineError> {
        let request = ask.into().request(&self.inner.config)?;
        Ok(self.generate(request)?.blocking())
    }

    /// Asks, and gives an iterator of chunks of `buffer_tokens` tokens; the last may be shorter.
    ///
    /// # Errors
    /// If the question is not accepted.
    ///
    /// # Panics
    /// On a thread that drives async tasks, see [`TokenStream::blocking`].
    pub fn generate_buffered(
        &self,
        ask: impl Into<Ask>,
        buffer_tokens: usize,
    ) -> Result<impl Iterator<Item = Result<Chunk, stream_core::Error>>, EngineError> {
        Ok(self.generate_iter(ask)?.chunks(buffer_tokens))
    }

    /// The backend's counters; `None` before the model is loaded and after the end.
    pub fn stats(&self) -> Option<Stats> {
        match &*lock(&self.inner.state) {
            State::Loaded(backend) => backend.stats(),
            State::NotLoaded | State::ShutDown => None,
        }
    }

    /// Takes no more questions, gives running streams until `grace` has passed, ends the rest,
    /// and frees the model.
    pub async fn shutdown(&self, grace: Duration) -> Drained {
        let state = std::mem::replace(&mut *lock(&self.inner.state), State::ShutDown);
        match state {
            State::Loaded(backend) => backend.drain(Instant::now() + grace).await,
            State::NotLoaded | State::ShutDown => Drained::default(),
        }
    }

    /// As [`shutdown`](Self::shutdown), blocking this thread.
    pub fn shutdown_blocking(&self, grace: Duration) -> Drained {
        futures::executor::block_on(self.shutdown(grace))
    }

    fn is_shut_down(&self) -> bool {
        matches!(&*lock(&self.inner.state), State::ShutDown)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
