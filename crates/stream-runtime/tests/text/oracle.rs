//! What a stop matcher must do, told the slow way.

use stream_core::Stop;

/// The first stop string in the whole text, as `(start, end)`: the text is read character by
/// character, and the longest stop string that it ends with wins. `from` is the first end that
/// counts.
fn first_stop(text: &str, stops: &[String], from: usize) -> Option<(usize, usize)> {
    let ends = text.char_indices().map(|(i, c)| i + c.len_utf8());
    ends.filter(|&end| end > from).find_map(|end| {
        let found = stops.iter().filter(|s| text[..end].ends_with(s.as_str()));
        let length = found.map(String::len).max()?;
        Some((end - length, end))
    })
}

/// The text that may ever leave, and the stop string that ends it.
pub(crate) fn cut_at_stop(text: &str, stop: &Stop, from: usize) -> (String, Option<String>) {
    let Some((start, end)) = first_stop(text, stop.strings(), from) else {
        return (text.to_owned(), None);
    };
    let cut = if stop.include_in_output() { end } else { start };
    (text[..cut].to_owned(), Some(text[start..end].to_owned()))
}
