//! A vocabulary that any text can be written with: the byte-level alphabet of GPT-2, a few merges,
//! the marks of ChatML, and placeholders up to the number of tokens.

/// Pairs that make common words of English shorter.
const MERGES: [(&str, &str); 12] = [
    ("h", "e"),
    ("i", "n"),
    ("Ġ", "t"),
    ("Ġt", "he"),
    ("a", "n"),
    ("an", "d"),
    ("Ġ", "and"),
    ("in", "g"),
    ("e", "r"),
    ("o", "r"),
    ("Ġ", "a"),
    ("o", "u"),
];

/// Ends a document.
pub(super) const END_OF_TEXT: u32 = 0;
/// Ends a turn.
pub(super) const END_OF_TURN: u32 = 2;
/// Tokens that stand for no text, from id 0 on.
pub(super) const CONTROL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

pub(super) const CHAT_TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// Tokens by id, and how many of them are more than placeholders.
pub(super) fn tokens(count: usize) -> (Vec<String>, usize) {
    let named = CONTROL.into_iter().map(str::to_owned);
    let bytes = alphabet().into_iter().map(String::from);
    let merged = MERGES.iter().map(|(left, right)| format!("{left}{right}"));
    let mut tokens: Vec<_> = named.chain(bytes).chain(merged).collect();
    let used = tokens.len();
    tokens.extend((used..count).map(|id| format!("<unused {id}>").replace(' ', "_")));
    (tokens, used)
}

/// Merges as both file kinds write them.
pub(super) fn merges() -> Vec<String> {
    let written = |(left, right): &(&str, &str)| format!("{left} {right}");
    MERGES.iter().map(written).collect()
}

/// The character of each byte (`bytes_to_unicode` of GPT-2's `encoder.py`): itself where it
/// prints, else the next free one from U+0100 on.
fn alphabet() -> Vec<char> {
    let prints = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut free = 256..;
    (0..256)
        .filter_map(|byte| match prints(byte) {
            true => char::from_u32(byte),
            false => free.next().and_then(char::from_u32),
        })
        .collect()
}
