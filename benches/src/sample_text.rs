//! Texts to tokenise, long enough to measure.

/// Times that a paragraph stands in a text.
const TIMES: usize = 24;

const ENGLISH: &str = "\
The keeper climbed the stairs before dawn, as he had done every day for eleven years, and put out \
the lamp. Below him the sea was flat and grey; a single boat, no larger than a nutshell, was \
making for the harbour. \"You'll be wet by noon,\" he told it, and went down to make his tea.\n\n";

const SCRIPTS: &str = "\
Zoë naïvely ate a crème brûlée; it cost 12 € – or “so”. 東京都は日本の首都です。你好，世界！ 안녕하세요. \
Привет, мир! שלום עולם مرحبا بالعالم नमस्ते 👩\u{200d}👩\u{200d}👧\u{200d}👦 🏳\u{fe0f}\u{200d}🌈 🇩🇪\n";

/// Each with its name: one whose tokens are words, and one whose characters are divided among
/// tokens.
pub fn texts() -> [(&'static str, String); 2] {
    [
        ("English", ENGLISH.repeat(TIMES)),
        ("many scripts", SCRIPTS.repeat(TIMES)),
    ]
}
