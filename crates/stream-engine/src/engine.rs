//! The engine as its user sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stream_checkpoint::SamplingDefaults;
use stream_core::{
    Backend, BackendExt, Blocking, Choices, Chunk, Drained, End, Flow, Request, Stats, StreamToken,
    TokenStream, Tokenizer,
};

use crate::backends::{self, Opened, model_is_there};
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
    Loaded(Opened),
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
        Ok(self.load()?.backend)
    }

    /// How the model's makers recommend to sample from it, as its file says; what a question
    /// leaves open is taken from there. Loads the model if it is not yet.
    ///
    /// # Errors
    /// If the model cannot be loaded, or the engine was shut down.
    pub fn recommended_sampling(&self) -> Result<SamplingDefaults, EngineError> {
        Ok(self.load()?.recommended)
    }

    /// The model's tokenizer; `None` where a remote engine keeps it to itself. Loads the model if
    /// it is not yet.
    ///
    /// # Errors
    /// If the model cannot be loaded, or the engine was shut down.
    pub fn tokenizer(&self) -> Result<Option<Arc<dyn Tokenizer>>, EngineError> {
        Ok(self.load()?.tokenizer)
    }

    fn load(&self) -> Result<Opened, EngineError> {
        if let Some(opened) = self.loaded()? {
            return Ok(opened);
        }
        let _turn = lock(&self.inner.loading);
        match self.loaded()? {
            Some(opened) => Ok(opened),
            None => self.keep(backends::open_model(&self.inner.config)?),
        }
    }

    fn loaded(&self) -> Result<Option<Opened>, EngineError> {
        match &*lock(&self.inner.state) {
            State::Loaded(opened) => Ok(Some(opened.clone())),
            State::NotLoaded => Ok(None),
            State::ShutDown => Err(EngineError::ShutDown),
        }
    }

    /// Keeps a model that was just loaded, unless the engine was shut down meanwhile.
    fn keep(&self, opened: Opened) -> Result<Opened, EngineError> {
        let mut state = lock(&self.inner.state);
        if matches!(*state, State::ShutDown) {
            return Err(EngineError::ShutDown);
        }
        *state = State::Loaded(opened.clone());
        Ok(opened)
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
        let ask = ask.into();
        let opened = self.ready_for(&ask)?.map_or_else(|| self.load(), Ok)?;
        let request = ask.request(&self.inner.config, &opened.recommended)?;
        Ok(opened.backend.generate_choices(request)?)
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
        let ask = ask.into();
        let opened = match self.ready_for(&ask)? {
            Some(opened) => opened,
            None => self.load_aside().await?,
        };
        self.submit(ask, &opened)
    }

    /// The model, if it is loaded. Where it is not, what is wrong with the question is said before
    /// it is loaded for it.
    fn ready_for(&self, ask: &Ask) -> Result<Option<Opened>, EngineError> {
        let loaded = self.loaded();
        if !matches!(loaded, Ok(Some(_))) {
            let nothing = SamplingDefaults::default();
            ask.clone().request(&self.inner.config, &nothing)?;
        }
        loaded
    }

    fn submit(&self, ask: Ask, opened: &Opened) -> Result<TokenStream, EngineError> {
        let request = ask.request(&self.inner.config, &opened.recommended)?;
        Ok(opened.backend.generate(request)?)
    }

    async fn load_aside(&self) -> Result<Opened, EngineError> {
        let (done, loaded) = tokio::sync::oneshot::channel();
        let engine = self.clone();
        std::thread::spawn(move || done.send(engine.load()));
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
        let ask = ask.into();
        let opened = self.ready_for(&ask)?.map_or_else(|| self.load(), Ok)?;
        Ok(self.submit(ask, &opened)?.blocking())
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
            State::Loaded(opened) => opened.backend.stats(),
            State::NotLoaded | State::ShutDown => None,
        }
    }

    /// Takes no more questions, gives running streams until `grace` has passed, ends the rest,
    /// and frees the model.
    pub async fn shutdown(&self, grace: Duration) -> Drained {
        let state = std::mem::replace(&mut *lock(&self.inner.state), State::ShutDown);
        match state {
            State::Loaded(opened) => opened.backend.drain(Instant::now() + grace).await,
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
