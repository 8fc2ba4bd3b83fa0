//! How text is cut into words before pairs are merged.

use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::normalizer::SplitDelimiterBehavior;

use crate::error::Fault;
use crate::gguf::{Metadata, missing};

const KEY: &str = "tokenizer.ggml.pre";

/// Its values whose cuts are known and tested. A wrong cut gives wrong ids without a sign of it,
/// so there is no default.
const KNOWN: [&str; 3] = ["gpt-2", "llama-bpe", "smollm"];

/// Llama 3's pattern, as Meta published it with the model (`tokenizer.py` of llama-models).
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How text is cut into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// GPT-2's pattern.
    Gpt2,
    /// Llama 3's pattern; a word that is a token stays whole whatever the merges say.
    Llama3,
    /// Every digit alone, then GPT-2's pattern.
    SmolLm,
}

impl Cut {
    pub(super) fn read(metadata: &Metadata<'_>) -> Result<Self, Fault> {
        let name = metadata.string(KEY)?;
        match name.ok_or_else(|| missing(KEY))? {
            "gpt-2" => Ok(Self::Gpt2),
            "llama-bpe" => Ok(Self::Llama3),
            "smollm" => Ok(Self::SmolLm),
            other => Err(Fault::UnsupportedTokenizer {
                key: KEY,
                found: other.to_owned(),
                known: &KNOWN,
            }),
        }
    }

    pub(super) fn pre_tokenizer(self) -> Result<PreTokenizerWrapper, tokenizers::Error> {
        let gpt2 = ByteLevel::default().add_prefix_space(false).use_regex(true);
        let first: PreTokenizerWrapper = match self {
            Self::Gpt2 => return Ok(gpt2.into()),
            Self::SmolLm => Digits::new(true).into(),
            Self::Llama3 => split_off(LLAMA_3)?.into(),
        };
        let bytes = gpt2.use_regex(self == Self::SmolLm);
        Ok(Sequence::new(vec![first, bytes.into()]).into())
    }

    /// Whether a word that is a token is never merged from its parts.
    pub(super) fn ignores_merges(self) -> bool {
        self == Self::Llama3
    }

    /// Whether a prompt begins with BOS where the file does not say (llama.cpp's rule).
    pub(super) fn adds_bos(self) -> bool {
        self == Self::Llama3
    }
}

fn split_off(pattern: &str) -> Result<Split, tokenizers::Error> {
    let pattern = SplitPattern::Regex(pattern.to_owned());
    Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
}
