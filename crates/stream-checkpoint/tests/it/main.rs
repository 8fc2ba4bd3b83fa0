//! What the crate promises of files, weights, tokenizers and templates.

mod architecture;
mod chat_faults;
mod chat_styles;
mod chat_template;
mod corpus;
mod damaged;
mod dequant;
mod families;
mod family_texts;
mod folder;
mod folder_faults;
mod folder_writer;
mod fuzz;
mod gguf_writer;
mod hugging_face;
mod hugging_face_faults;
mod open;
mod place;
mod real_model;
mod tensors;
mod tiny_model;
mod tokenizer;
mod tokenizer_faults;
