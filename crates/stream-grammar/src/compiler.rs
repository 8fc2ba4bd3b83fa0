//! Grammars, compiled aside and kept.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Builder;
use std::time::Instant;

use llguidance::ParserFactory;
use stream_core::{Grammar, Tokenizer};
use stream_runtime::grammar::{CompileError, GrammarCompiler, Matcher};

use crate::cache::Cache;
use crate::matcher::Prototype;
use crate::slots::{Slot, Slots};
use crate::{GrammarLimits, message, source, tables};

/// Enough for the deepest chain of rules that the longest grammar can hold, several times over;
/// a page of it is taken only when it is used.
const STACK: usize = 256 << 20;

/// Bytes of a compiled grammar for each byte of its text, besides its lexer.
const BYTES_PER_BYTE: usize = 32;

/// Compiles grammars for one tokenizer.
///
/// The tables of its vocabulary are made when the first grammar comes, which takes about 0.2 s
/// for 49,000 tokens and is not counted as that grammar's time.
pub struct Grammars {
    workshop: Arc<Workshop>,
    limits: GrammarLimits,
    slots: Arc<Slots>,
}

/// What the threads that compile share.
struct Workshop {
    tokenizer: Arc<dyn Tokenizer>,
    factory: OnceLock<Result<ParserFactory, String>>,
    cache: Mutex<Cache<Grammar, Arc<Prototype>>>,
}

type Compiled = Result<Arc<Prototype>, String>;

impl Grammars {
    /// With the default limits.
    pub fn new(tokenizer: Arc<dyn Tokenizer>) -> Self {
        Self::with_limits(tokenizer, GrammarLimits::default())
    }

    /// With these limits.
    pub fn with_limits(tokenizer: Arc<dyn Tokenizer>, limits: GrammarLimits) -> Self {
        Self {
            workshop: Arc::new(Workshop {
                tokenizer,
                factory: OnceLock::new(),
                cache: Mutex::new(Cache::new(limits.cache_bytes)),
            }),
            slots: Slots::new(limits.concurrent),
            limits,
        }
    }

    fn prototype(&self, grammar: &Grammar) -> Result<Arc<Prototype>, CompileError> {
        if let Some(known) = self.workshop.cache().get(grammar) {
            return Ok(known);
        }
        self.workshop.factory().as_ref().map_err(unusable)?;
        let until = Instant::now() + self.limits.compile_time;
        let busy = || CompileError::Busy {
            capacity: self.limits.concurrent,
        };
        let slot = self.slots.take(until).ok_or_else(busy)?;
        // It may have been compiled while this one waited.
        if let Some(known) = self.workshop.cache().get(grammar) {
            return Ok(known);
        }
        self.wait(self.workshop.start(grammar, slot)?, until)
    }

    fn wait(
        &self,
        compiled: Receiver<Compiled>,
        until: Instant,
    ) -> Result<Arc<Prototype>, CompileError> {
        let left = until.saturating_duration_since(Instant::now());
        let received = match left.is_zero() {
            true => Err(RecvTimeoutError::Timeout),
            false => compiled.recv_timeout(left),
        };
        let compiled = received.unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => {
                let limit = self.limits.compile_time;
                Err(format!("it takes longer than {limit:?} to compile"))
            }
            RecvTimeoutError::Disconnected => Err("its compiler panicked".to_owned()),
        });
        compiled.map_err(CompileError::Unusable)
    }
}

impl GrammarCompiler for Grammars {
    fn compile(&self, grammar: &Grammar) -> Result<Box<dyn Matcher>, CompileError> {
        Ok(self.prototype(grammar)?.matcher())
    }
}

impl Workshop {
    fn factory(&self) -> &Result<ParserFactory, String> {
        self.factory
            .get_or_init(|| tables::factory(&*self.tokenizer))
    }

    fn cache(&self) -> MutexGuard<'_, Cache<Grammar, Arc<Prototype>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a thread compile the grammar. It goes on after nobody waits any more, and keeps what
    /// it made for the next request.
    fn start(
        self: &Arc<Self>,
        grammar: &Grammar,
        slot: Slot,
    ) -> Result<Receiver<Compiled>, CompileError> {
        let (this, grammar, (done, compiled)) = (self.clone(), grammar.clone(), channel());
        let work = move || this.work(&grammar, &done, slot);
        let thread = Builder::new()
            .name("stream-grammar".into())
            .stack_size(STACK);
        thread.spawn(work).map_err(unusable)?;
        Ok(compiled)
    }

    fn work(&self, grammar: &Grammar, done: &Sender<Compiled>, slot: Slot) {
        let compiled = self.compile(grammar);
        drop(slot);
        // The one who asked may have gone.
        let _ = done.send(compiled);
    }

    fn compile(&self, grammar: &Grammar) -> Compiled {
        let factory = self.factory().as_ref().map_err(Clone::clone)?;
        let source = source::read(grammar)?;
        let parser = factory.create_parser(source).map_err(message::of)?;
        let lexer = parser.parser.lexer_stats().num_bytes;
        let prototype = Arc::new(Prototype::new(llguidance::Matcher::new(Ok(parser)))?);
        let weight = lexer + BYTES_PER_BYTE * length(grammar);
        self.cache()
            .insert(grammar.clone(), prototype.clone(), weight);
        Ok(prototype)
    }
}

fn unusable(error: impl ToString) -> CompileError {
    CompileError::Unusable(error.to_string())
}

/// Bytes of the grammar's text.
fn length(grammar: &Grammar) -> usize {
    match grammar {
        Grammar::JsonSchema(text) | Grammar::Regex(text) | Grammar::Lark(text) => text.len(),
        Grammar::Choice(texts) => texts.iter().map(String::len).sum(),
        _ => 0,
    }
}

impl fmt::Debug for Grammars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammars")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
