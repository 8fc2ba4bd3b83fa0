//! Stop strings, found however the text is split.

use stream_core::Stop;

/// Lets text through up to the first stop string.
///
/// **Which one is first.** The one that is complete first, as if the text were read one
/// character at a time; of several that are complete with the same character, the longest. So
/// in `abcd` the stop `bc` wins over `abcd`, and `abc` wins over `bc`. No later text can change
/// the choice: it does not depend on how the text is split, and needs no looking ahead.
///
/// **What is held back.** Exactly the longest end of the text so far that a stop string begins
/// with, and no more.
#[derive(Debug, Clone)]
pub struct StopMatcher {
    stops: Vec<Progress>,
    include_in_output: bool,
    held: String,
    stopped: bool,
}

impl StopMatcher {
    /// A matcher for the strings of `stop`.
    pub fn new(stop: &Stop) -> Self {
        Self {
            stops: stop.strings().iter().map(|s| Progress::new(s)).collect(),
            include_in_output: stop.include_in_output(),
            held: String::new(),
            stopped: false,
        }
    }

    /// Whether there is no string to stop at: all text may leave at once.
    pub fn is_empty(&self) -> bool {
        self.stops.is_empty()
    }

    /// Takes more text and appends to `out` what may leave. The stop string that is completed,
    /// if one is, is returned once; from then on nothing leaves any more.
    pub fn push(&mut self, text: &str, out: &mut String) -> Option<String> {
        if self.stopped {
            return None;
        }
        let before = self.held.len();
        self.held.push_str(text);
        for (i, byte) in text.bytes().enumerate() {
            if let Some(stop) = self.advance(byte) {
                let stop = stop.to_owned();
                self.stop_at(before + i + 1, &stop, out);
                return Some(stop);
            }
        }
        self.release(out);
        None
    }

    /// Takes text in which a stop string must not be completed: one that is counts as ordinary
    /// text. One that begins in it may still be completed by a later [`push`](Self::push).
    pub fn pass(&mut self, text: &str, out: &mut String) {
        if self.stopped {
            return;
        }
        self.held.push_str(text);
        for byte in text.bytes() {
            self.advance(byte);
        }
        self.release(out);
    }

    /// The text ends here without a stop string: appends what was held back.
    pub fn flush(&mut self, out: &mut String) {
        out.push_str(&self.held);
        self.held.clear();
        self.stops.iter_mut().for_each(Progress::restart);
    }

    /// The text that a stop string may have begun with.
    pub fn held(&self) -> &str {
        &self.held
    }

    /// Whether a stop string was completed.
    pub fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// Moves every stop on; the longest that is complete.
    fn advance(&mut self, byte: u8) -> Option<&str> {
        let mut complete: Option<&str> = None;
        for stop in &mut self.stops {
            if stop.advance(byte) && complete.is_none_or(|s| s.len() < stop.text.len()) {
                complete = Some(&stop.text);
            }
        }
        complete
    }

    /// Releases what stands before the stop string that ends at byte `end` of the held text.
    fn stop_at(&mut self, end: usize, stop: &str, out: &mut String) {
        let cut = if self.include_in_output {
            end
        } else {
            end - stop.len()
        };
        // A stop string begins and ends where characters do, so the cut is between two.
        out.extend(self.held.drain(..cut));
        self.held.clear();
        self.stopped = true;
    }

    /// Releases all that no stop string begins with.
    fn release(&mut self, out: &mut String) {
        let hold = self.stops.iter().map(|s| s.matched).max().unwrap_or(0);
        let cut = self.held.len() - hold;
        // What is held equals the start of a stop string, so it begins with a character.
        out.extend(self.held.drain(..cut));
    }
}

/// How much of one stop string the text ends with (Knuth, Morris and Pratt 1977): constant
/// time for each byte on average, whatever the strings are.
#[derive(Debug, Clone)]
struct Progress {
    text: String,
    /// For each length of match: the longest shorter match that is its end too.
    fallback: Vec<usize>,
    /// Bytes matched; between calls less than the whole.
    matched: usize,
}

impl Progress {
    fn new(text: &str) -> Self {
        let mut this = Self {
            text: text.to_owned(),
            fallback: vec![0; 2],
            matched: 0,
        };
        for &byte in text.as_bytes().iter().skip(1) {
            this.step(byte);
            this.fallback.push(this.matched);
        }
        this.restart();
        this
    }

    fn restart(&mut self) {
        self.matched = 0;
    }

    /// Whether `byte` completes the string.
    fn advance(&mut self, byte: u8) -> bool {
        self.step(byte);
        let complete = self.matched == self.text.len();
        if complete {
            self.fall_back();
        }
        complete
    }

    fn step(&mut self, byte: u8) {
        while self.matched > 0 && self.text.as_bytes()[self.matched] != byte {
            self.fall_back();
        }
        self.matched += usize::from(self.text.as_bytes()[self.matched] == byte);
    }

    fn fall_back(&mut self) {
        self.matched = self.fallback[self.matched];
    }
}
