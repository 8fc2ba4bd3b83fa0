//! The engine around a toy model, which reads everything that it knows from its paged KV cache.

mod admission;
mod batching;
mod cancel;
mod choices;
mod constraint;
mod deadlines;
mod echo;
mod ends;
mod faults;
mod hangs;
mod lab;
mod logprobs;
mod numbers;
mod prefix;
mod readers;
mod samplers;
mod shutdown;
mod speculation;
mod toy;
mod words;
