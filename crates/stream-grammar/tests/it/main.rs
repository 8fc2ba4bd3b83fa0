//! Answers that match their grammars, whatever the model would rather say.

mod evil;
mod lab;
mod stream;
mod walks;
