//! Server-sent events, read by the rules of the WHATWG's HTML standard, section 9.2.6.
//!
//! Bytes come in pieces that end anywhere: in the middle of a character, between the two bytes of
//! a line's end, in a field's name. What is read does not depend on where. A line and an event
//! have a greatest length, because a server that sends no line's end would fill the memory.

use std::collections::VecDeque;

/// An event: its type, which is empty for `message`, and its data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// The field `event`.
    pub kind: String,
    /// The fields `data`, with line feeds between them.
    pub data: String,
}

/// Something is longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLong {
    /// A line.
    #[error("a line of the event stream is longer than {0} bytes")]
    Line(usize),
    /// The data of one event.
    #[error("an event is longer than {0} bytes")]
    Event(usize),
}

/// Takes bytes and gives events. An event that has no blank line behind it is not given: the
/// stream broke off in it.
#[derive(Debug)]
pub struct EventParser {
    most: usize,
    /// The line that is being read.
    line: Vec<u8>,
    /// The last byte was a carriage return, so that a line feed ends no line of its own.
    after_return: bool,
    /// No line has ended yet, so that a byte order mark may come.
    first: bool,
    event: Event,
    /// Whether the event has a field `data`, which may be empty.
    has_data: bool,
    ready: VecDeque<Event>,
}

impl EventParser {
    /// A parser of lines and events of at most so many bytes.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            line: Vec::new(),
            after_return: false,
            first: true,
            event: Event::default(),
            has_data: false,
            ready: VecDeque::new(),
        }
    }

    /// The next event that is complete.
    pub fn next_event(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// If a line or an event is too long; nothing can be read after that.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), TooLong> {
        while let Some(&byte) = bytes.first() {
            if std::mem::take(&mut self.after_return) && byte == b'\n' {
                bytes = bytes.get(1..).unwrap_or_default();
                continue;
            }
            let end = bytes.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let (text, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if self.line.len() + text.len() > self.most {
                return Err(TooLong::Line(self.most));
            }
            self.line.extend_from_slice(text);
            bytes = rest;
            if let Some((&ending, rest)) = rest.split_first() {
                self.after_return = ending == b'\r';
                bytes = rest;
                self.end_line()?;
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), TooLong> {
        let mut line = std::mem::take(&mut self.line);
        let text = match std::mem::take(&mut self.first) {
            true => line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line),
            false => &line,
        };
        if text.is_empty() {
            self.dispatch();
        } else {
            self.field(&String::from_utf8_lossy(text))?;
        }
        // Its memory serves the next line.
        line.clear();
        self.line = line;
        Ok(())
    }

    fn field(&mut self, line: &str) -> Result<(), TooLong> {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => {
                if self.event.data.len() + value.len() >= self.most {
                    return Err(TooLong::Event(self.most));
                }
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.kind),
            // Comments have an empty name; `id` and `retry` are about reconnecting, which is no
            // use here: an answer cannot be gone on with.
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self) {
        let event = std::mem::take(&mut self.event);
        if std::mem::take(&mut self.has_data) {
            self.ready.push_back(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, String)> {
        let mut parser = EventParser::new(1 << 16);
        let mut events = Vec::new();
        for piece in pieces {
            parser.push(piece).unwrap();
            while let Some(event) = parser.next_event() {
                events.push((event.kind, event.data));
            }
        }
        events
    }

    /// What the standard says of whole lines, read the slow way.
    fn naive(bytes: &[u8]) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let (mut events, mut kind, mut data) = (Vec::new(), String::new(), Vec::new());
        let Some((whole, _)) = text.rsplit_once('\n') else {
            return events;
        };
        for line in whole.split('\n') {
            if line.is_empty() {
                if !data.is_empty() {
                    events.push((std::mem::take(&mut kind), data.join("\n")));
                }
                (kind, data) = (String::new(), Vec::new());
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match name {
                "data" => data.push(value),
                "event" => kind = value,
                _ => {}
            }
        }
        events
    }

    #[test]
    fn every_rule_of_the_standard() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("data: a\n\n", &[("", "a")]),
            (
                "\u{FEFF}data: a\n\ndata:b\r\rdata:  c\r\n\r\n",
                &[("", "a"), ("", "b"), ("", " c")],
            ),
            ("data: a\ndata\ndata: é\n\n", &[("", "a\n\né")]),
            (": comment\n\nevent: error\ndata: x\n\n", &[("error", "x")]),
            ("event: lonely\n\ndata: y\n\n", &[("", "y")]),
            ("data\n\n", &[("", "")]),
            ("id: 1\nretry: 5\nnonsense: z\ndata: w\n\n", &[("", "w")]),
            ("data: cut off\n", &[]),
            ("data: \u{FEFF}\n\n", &[("", "\u{FEFF}")]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|(k, d)| (k.to_string(), d.to_string()))
                .collect();
            assert_eq!(read([text.as_bytes()]), expected, "{text:?}");
            assert_eq!(naive(text.as_bytes()), expected, "{text:?}");
            let bytes: Vec<_> = text.as_bytes().chunks(1).collect();
            assert_eq!(read(bytes), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_and_events_have_a_greatest_length() {
        let mut parser = EventParser::new(100);
        let endless = (0..).find_map(|_| parser.push(&[b'x'; 7]).err());
        assert_eq!(endless, Some(TooLong::Line(100)));
        let mut parser = EventParser::new(100);
        let endless = (0..).find_map(|_| parser.push(b"data: 12345678\n").err());
        assert_eq!(endless, Some(TooLong::Event(100)));
        let mut parser = EventParser::new(100);
        assert!((0..1000).all(|_| parser.push(b"data: 12345678\n\n").is_ok()));
    }

    proptest! {
        /// Row 70: whatever the bytes, and wherever they are cut.
        #[test]
        fn cuts_change_nothing(
            text in r#"(data|event|id|:|: |\r\n|\r|\n|\n\n|é|🐟|\u{FEFF}|a|\{"x":1\}){0,40}"#,
            noise in proptest::collection::vec(any::<u8>(), 0..4),
            at in 0usize..200,
        ) {
            let mut bytes = text.into_bytes();
            let place = at.min(bytes.len());
            bytes.splice(place..place, noise);
            let expected = naive(&bytes);
            prop_assert_eq!(read([&bytes[..]]), expected.clone());
            for cut in 0..=bytes.len() {
                let (head, tail) = bytes.split_at(cut);
                prop_assert_eq!(read([head, tail]), expected.clone());
            }
            prop_assert_eq!(read(bytes.chunks(1)), expected);
        }
    }
}
