//! Tokenizers of GGUF files (`docs/gguf.md` of ggml).

use stream_core::TokenId;
use tokenizers::Tokenizer as Encoder;

use super::bytes::TokenBytes;
use super::pre::Cut;
use super::special::SpecialTokens;
use super::vocabulary::{Vocabulary, read_scores};
use super::{Frame, ModelTokenizer, Templates, bpe, spm};
use crate::chat_template::{ChatTemplate, SpecialTexts};
use crate::error::Fault;
use crate::gguf::{Metadata, missing};

const KIND: &str = "tokenizer.ggml.model";
const KNOWN_KINDS: [&str; 2] = ["gpt2", "llama"];
const TEMPLATE: &str = "tokenizer.chat_template";
const TOOL_TEMPLATE: &str = "tokenizer.chat_template.tool_use";
const ADD_EOS: &str = "tokenizer.ggml.add_eos_token";

/// What the kinds of tokenizers differ in.
struct Parts {
    encoder: Encoder,
    bytes: TokenBytes,
    /// Whether a prompt begins with BOS where the file does not say.
    adds_bos: bool,
}

impl ModelTokenizer {
    /// The tokenizer of a GGUF file.
    pub(crate) fn read(metadata: &Metadata<'_>) -> Result<Self, Fault> {
        let kind = metadata.string(KIND)?.ok_or_else(|| missing(KIND))?;
        let read_parts = match kind {
            "gpt2" => byte_level,
            "llama" => sentence_piece,
            other => {
                return Err(Fault::UnsupportedTokenizer {
                    key: KIND,
                    found: other.to_owned(),
                    known: &KNOWN_KINDS,
                });
            }
        };
        let vocabulary = Vocabulary::read(metadata)?;
        let parts = read_parts(metadata, &vocabulary)?;
        let special = SpecialTokens::read(metadata, &vocabulary, parts.adds_bos)?;
        Ok(Self {
            encoder: parts.encoder,
            bytes: parts.bytes,
            texts: texts(&special, &vocabulary),
            frame: frame(metadata, &special)?,
            special,
            templates: Templates {
                chat: metadata.string(TEMPLATE)?.map(ChatTemplate::new),
                tools: metadata.string(TOOL_TEMPLATE)?.map(ChatTemplate::new),
            },
        })
    }
}

fn byte_level(metadata: &Metadata<'_>, vocabulary: &Vocabulary<'_>) -> Result<Parts, Fault> {
    let cut = Cut::read(metadata)?;
    Ok(Parts {
        encoder: bpe::build(metadata, vocabulary, cut)?,
        bytes: bpe::token_bytes(vocabulary),
        adds_bos: cut.adds_bos,
    })
}

fn sentence_piece(metadata: &Metadata<'_>, vocabulary: &Vocabulary<'_>) -> Result<Parts, Fault> {
    let scores = read_scores(metadata, vocabulary.tokens.len())?;
    let space_prefix = spm::adds_space_prefix(metadata)?;
    Ok(Parts {
        encoder: spm::build(vocabulary, &scores, space_prefix)?,
        bytes: spm::token_bytes(vocabulary, space_prefix),
        adds_bos: true,
    })
}

/// As llama.cpp frames a prompt; a chat goes on after its end, so nothing stands there.
fn frame(metadata: &Metadata<'_>, special: &SpecialTokens) -> Result<Frame, Fault> {
    let bos = special.bos.filter(|_| special.add_bos);
    let add_eos = metadata.boolean(ADD_EOS)?.unwrap_or(false);
    Ok(Frame {
        before: bos.into_iter().collect(),
        after: special.eos.filter(|_| add_eos).into_iter().collect(),
        chat_bos_once: bos,
    })
}

fn texts(special: &SpecialTokens, vocabulary: &Vocabulary<'_>) -> SpecialTexts {
    let text = |id: Option<TokenId>| id.map(|id| vocabulary.tokens[id as usize].to_owned());
    SpecialTexts {
        bos: text(special.bos),
        eos: text(special.eos),
        unknown: text(special.unknown),
        padding: text(special.padding),
    }
}
