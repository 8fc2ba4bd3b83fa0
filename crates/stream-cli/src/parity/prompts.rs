//! What engines are asked: a few texts of different kinds and lengths.

use stream_engine::core::{TokenId, TokenizeError, Tokenizer};

const TEXTS: [&str; 8] = [
    "The capital of France is",
    "Once upon a time, in a lighthouse at the edge of the sea, there lived a keeper who",
    "To make bread you need flour, water, salt and yeast. First",
    "def fibonacci(n):\n    \"\"\"Returns the n-th Fibonacci number.\"\"\"\n",
    "Water boils at 100 degrees Celsius at sea level, but on a high mountain",
    "Q: What is 12 times 12?\nA: 144.\nQ: What is 15 times 15?\nA:",
    "Il était une fois une petite fille qui vivait dans une maison au bord de la forêt. Un jour,",
    "The three states of matter are solid, liquid and gas. In a solid, the particles",
];

/// Their ids.
pub(super) fn ids(tokenizer: &dyn Tokenizer) -> Result<Vec<Vec<TokenId>>, TokenizeError> {
    TEXTS.iter().map(|text| tokenizer.encode(text)).collect()
}
