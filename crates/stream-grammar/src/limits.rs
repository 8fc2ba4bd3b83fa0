//! How much a grammar may cost.

use std::time::Duration;

use llguidance::api::ParserLimits;

/// How much the grammars of all requests may cost together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrammarLimits {
    /// How long a request waits for its grammar, in all. A usual schema takes a few
    /// milliseconds.
    pub compile_time: Duration,
    /// Grammars that may be compiled at once.
    pub concurrent: usize,
    /// Bytes of compiled grammars to keep for the next request, as well as they can be told.
    pub cache_bytes: usize,
}

impl Default for GrammarLimits {
    /// A second, two at once, 64 MiB.
    fn default() -> Self {
        Self {
            compile_time: Duration::from_secs(1),
            concurrent: 2,
            cache_bytes: 64 << 20,
        }
    }
}

/// The limits of one grammar. Those that are not named are llguidance's own: 2,000 items in a
/// row of the parser, and for one mask 50,000 items and the fuel for about 14 ms of the lexer.
pub(crate) fn of_parser() -> ParserLimits {
    ParserLimits {
        // Symbols; a large real schema (FHIR) has 200,000.
        max_grammar_size: 250_000,
        // FHIR needs 500,000.
        initial_lexer_fuel: 1_000_000,
        // A state takes one or two kilobytes, so an answer's lexer stays under 40 MB.
        max_lexer_states: 20_000,
        // Errors go to the caller: they hold no dump of the parser.
        verbose_errors: false,
        ..ParserLimits::default()
    }
}
