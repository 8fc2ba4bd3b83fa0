//! Text: the same for every split of the same bytes.

mod assembler;
mod detokenizer;
mod oracle;
mod stop;
