//! How text is cut into words before pairs are merged.
//!
//! `tokenizer.ggml.pre` names the rule. Which name means which rule is llama.cpp's
//! (`src/llama-vocab.cpp`); the patterns are those of the models' own `tokenizer.json`, which
//! llama.cpp notes beside its adaptations.

use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::normalizer::SplitDelimiterBehavior;

use crate::error::Fault;
use crate::gguf::{Metadata, missing};

const KEY: &str = "tokenizer.ggml.pre";

/// Number characters one by one.
const DIGIT: &str = r"\p{N}";
/// `encoder.py` of openai/gpt-2.
const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
/// `tokenizer.py` of llama-models.
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// `tokenization_qwen.py` of Qwen: as Llama 3, with digits one by one.
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// As Qwen 2, with marks as parts of words.
const QWEN_3_5: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// `tekken.json` of mistral-common.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// `o200k_base` of tiktoken.
const GPT_4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The three of DeepSeek V3: numbers, Chinese and Japanese, and the rest.
const DEEPSEEK_3: [&str; 3] = [
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
];

/// How text is cut into words: by each pattern in turn, each cutting what the one before it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) name: &'static str,
    patterns: &'static [&'static str],
    /// A word that is a token stays whole whatever the merges say.
    pub(super) ignores_merges: bool,
    /// A prompt begins with BOS where the file does not say.
    pub(super) adds_bos: bool,
}

const fn cut(name: &'static str, patterns: &'static [&'static str]) -> Cut {
    Cut {
        name,
        patterns,
        ignores_merges: false,
        adds_bos: false,
    }
}

const fn whole_words(cut: Cut) -> Cut {
    Cut {
        ignores_merges: true,
        ..cut
    }
}

const fn with_bos(cut: Cut) -> Cut {
    Cut {
        adds_bos: true,
        ..cut
    }
}

/// The rules that are known. A wrong one gives wrong ids without a sign of it, so there is no
/// default.
pub(super) const CUTS: [Cut; 43] = [
    cut("gpt-2", &[GPT_2]),
    cut("phi-2", &[GPT_2]),
    cut("mpt", &[GPT_2]),
    cut("olmo", &[GPT_2]),
    cut("jais", &[GPT_2]),
    cut("gigachat", &[GPT_2]),
    cut("a.x-4.0", &[GPT_2]),
    cut("mellum", &[GPT_2]),
    cut("exaone4", &[GPT_2]),
    cut("trillion", &[GPT_2]),
    cut("granite-docling", &[GPT_2]),
    cut("smollm", &[DIGIT, GPT_2]),
    cut("starcoder", &[DIGIT, GPT_2]),
    cut("refact", &[DIGIT, GPT_2]),
    cut("command-r", &[DIGIT, GPT_2]),
    cut("codeshell", &[DIGIT, GPT_2]),
    cut("exaone", &[DIGIT, GPT_2]),
    cut("minerva-7b", &[DIGIT, GPT_2]),
    cut("mellum2", &[DIGIT, GPT_2]),
    with_bos(whole_words(cut("llama-bpe", &[LLAMA_3]))),
    with_bos(whole_words(cut("llama3", &[LLAMA_3]))),
    with_bos(whole_words(cut("llama-v3", &[LLAMA_3]))),
    with_bos(whole_words(cut("falcon3", &[LLAMA_3]))),
    with_bos(whole_words(cut("falcon-h1", &[LLAMA_3]))),
    with_bos(whole_words(cut("midm-2.0", &[LLAMA_3]))),
    with_bos(whole_words(cut("lfm2", &[LLAMA_3]))),
    cut("smaug-bpe", &[LLAMA_3]),
    cut("dbrx", &[LLAMA_3]),
    cut("qwen2", &[QWEN_2]),
    cut("deepseek-r1-qwen", &[QWEN_2]),
    cut("kormo", &[QWEN_2]),
    cut("f2llmv2", &[QWEN_2]),
    cut("megrez", &[QWEN_2]),
    cut("stablelm2", &[QWEN_2]),
    cut("hunyuan", &[QWEN_2]),
    cut("grok-2", &[QWEN_2]),
    cut("qwen35", &[QWEN_3_5]),
    with_bos(whole_words(cut("tekken", &[TEKKEN]))),
    cut("gpt-4o", &[GPT_4O]),
    cut("llama4", &[GPT_4O]),
    cut("deepseek-v3", &DEEPSEEK_3),
    cut("hunyuan-dense", &DEEPSEEK_3),
    cut("joyai-llm", &DEEPSEEK_3),
];

const KNOWN: [&str; CUTS.len()] = {
    let mut names = [""; CUTS.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = CUTS[i].name;
        i += 1;
    }
    names
};

impl Cut {
    pub(super) fn read(metadata: &Metadata<'_>) -> Result<Self, Fault> {
        let name = metadata.string(KEY)?.ok_or_else(|| missing(KEY))?;
        Self::named(name).ok_or_else(|| Fault::UnsupportedTokenizer {
            key: KEY,
            found: name.to_owned(),
            known: &KNOWN,
        })
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        CUTS.into_iter().find(|cut| cut.name == name)
    }

    pub(super) fn pre_tokenizer(self) -> Result<PreTokenizerWrapper, tokenizers::Error> {
        let bytes = ByteLevel::default()
            .add_prefix_space(false)
            .use_regex(false);
        let mut steps = self
            .patterns
            .iter()
            .map(|pattern| split_off(pattern).map(PreTokenizerWrapper::from))
            .collect::<Result<Vec<_>, _>>()?;
        steps.push(bytes.into());
        Ok(Sequence::new(steps).into())
    }
}

fn split_off(pattern: &str) -> Result<Split, tokenizers::Error> {
    let pattern = SplitPattern::Regex(pattern.to_owned());
    Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
}
