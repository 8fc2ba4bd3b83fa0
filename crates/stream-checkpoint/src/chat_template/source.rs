//! What a template says in words that minijinja does not know, said in words that it knows.
//!
//! - `{% generation %}` … `{% endgeneration %}` mark the answer for training (transformers): a
//!   block without variables, `{% with %}`.
//! - `{% set ns.name = … %}` sets an attribute of our own [`Namespace`](super::namespace), which
//!   is a call.
//!
//! Lines stay where they are, so that errors name them rightly.

use super::namespace::SET;

/// A variable that a template has no reason to know.
const BLOCK: &str = "__block";

/// The template with such tags replaced. Whatever is not recognised stays as it is; what that
/// means, minijinja says.
pub(super) fn translate(source: &str) -> String {
    Translation {
        rest: source,
        out: String::with_capacity(source.len()),
        blocks: Vec::new(),
    }
    .run()
}

struct Translation<'a> {
    rest: &'a str,
    out: String,
    /// For each open `{% set … %}` block, the attribute that it is for.
    blocks: Vec<Option<Attribute<'a>>>,
}

#[derive(Clone, Copy)]
struct Attribute<'a> {
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Translation<'a> {
    fn run(mut self) -> String {
        while let Some(place) = self.rest.find('{') {
            self.copy(place);
            match self.rest.as_bytes().get(1) {
                Some(b'#') => {
                    self.copy(self.rest[2..].find("#}").map_or(self.rest.len(), |i| i + 4));
                }
                Some(b'{') => self.copy(end_of(self.rest, "}}").unwrap_or(self.rest.len())),
                Some(b'%') => self.tag(),
                _ => self.copy(1),
            }
        }
        self.copy(self.rest.len());
        self.out
    }

    /// Moves so much to the output.
    fn copy(&mut self, length: usize) {
        let (done, rest) = self.rest.split_at(length);
        self.out.push_str(done);
        self.rest = rest;
    }

    fn tag(&mut self) {
        let Some(end) = end_of(self.rest, "%}") else {
            return self.copy(self.rest.len());
        };
        let whole = &self.rest[..end];
        let inner = whole[2..end - 2].trim_matches(['-', '+']);
        let (begin, end_mark) = marks(whole, inner);
        match first_word(inner) {
            ("raw", _) => return self.raw(),
            ("generation", rest) => self.push(&[begin, " with ", rest, end_mark]),
            ("endgeneration", rest) => self.push(&[begin, " endwith ", rest, end_mark]),
            ("set", rest) => self.set(begin, rest, end_mark, whole),
            ("endset", rest) => self.end_set(begin, rest, end_mark, whole),
            _ => self.out.push_str(whole),
        }
        self.rest = &self.rest[end..];
    }

    fn push(&mut self, pieces: &[&str]) {
        pieces.iter().for_each(|piece| self.out.push_str(piece));
    }

    /// Nothing is a tag up to the end of a raw block.
    fn raw(&mut self) {
        let end = self.rest.find("endraw").unwrap_or(self.rest.len());
        self.copy(end);
    }

    fn set(&mut self, begin: &str, rest: &'a str, end: &str, whole: &str) {
        let assignment = assignment(rest);
        let target = assignment.map_or(rest, |(target, _)| target);
        let (target, filter) = target
            .split_once('|')
            .map_or((target, None), |(t, f)| (t, Some(f)));
        let attribute = Attribute::read(target);
        match (attribute, assignment) {
            (Some(Attribute { namespace, name }), Some((target, value))) => {
                let lines = "\n".repeat(target.matches('\n').count());
                let call = format!(" do {namespace}.{SET}(\"{name}\", ({value})){lines} ");
                self.push(&[begin, &call, end]);
            }
            (Some(_), None) => {
                let bar = if filter.is_some() { "|" } else { "" };
                let filter = filter.unwrap_or(" ");
                self.push(&[begin, " set ", BLOCK, bar, filter, end]);
                self.blocks.push(attribute);
            }
            (None, assignment) => {
                self.out.push_str(whole);
                if assignment.is_none() {
                    self.blocks.push(None);
                }
            }
        }
    }

    fn end_set(&mut self, begin: &str, rest: &str, end: &str, whole: &str) {
        match self.blocks.pop().flatten() {
            None => self.out.push_str(whole),
            Some(Attribute { namespace, name }) => {
                let call = format!("{{% do {namespace}.{SET}(\"{name}\", {BLOCK}) ");
                self.push(&[begin, " endset ", rest, "%}", &call, end]);
            }
        }
    }
}

impl<'a> Attribute<'a> {
    /// `namespace.name`, and nothing else.
    fn read(target: &'a str) -> Option<Self> {
        let (namespace, name) = target.trim().rsplit_once('.')?;
        let word = |text: &str| text.chars().all(|c| c == '_' || c.is_alphanumeric());
        let words = namespace.split('.').all(word) && word(name);
        words.then_some(Self { namespace, name })
    }
}

/// A tag's opening and closing, with their signs for white space.
fn marks<'a>(whole: &'a str, inner: &str) -> (&'a str, &'a str) {
    let begin = whole[2..].len() - whole[2..].trim_start_matches(['-', '+']).len() + 2;
    (&whole[..begin], &whole[begin + inner.len()..])
}

fn first_word(inner: &str) -> (&str, &str) {
    let inner = inner.trim_start();
    let end = inner.find(|c: char| c != '_' && !c.is_alphanumeric());
    inner.split_at(end.unwrap_or(inner.len()))
}

/// What stands before and after a `=`.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let place = scan(text, |rest| {
        rest.starts_with('=') && !rest.starts_with("==")
    })?;
    Some((&text[..place], &text[place + 1..]))
}

/// Where a tag or an expression ends, its end mark included.
fn end_of(text: &str, mark: &str) -> Option<usize> {
    let inside = scan(&text[2..], |rest| rest.starts_with(mark))?;
    Some(2 + inside + mark.len())
}

/// The first place that is found outside of strings and brackets.
fn scan(text: &str, found: impl Fn(&str) -> bool) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut places = text.char_indices();
    while let Some((place, character)) = places.next() {
        match (quote, character) {
            (Some(_), '\\') => drop(places.next()),
            (Some(open), _) => quote = quote.filter(|_| open != character),
            (None, '\'' | '"') => quote = Some(character),
            (None, _) if depth == 0 && found(&text[place..]) => return Some(place),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn only_what_minijinja_does_not_know_is_changed() {
        let same = [
            "",
            "{% set x = 1 %}{{ x == 2 }}",
            "{% set x %}a{% endset %}",
            "{# {% set ns.x = 1 %} #}",
            "{{ '{% set ns.x = 1 %}' }}",
            "{{ {'a': {'b': 1}}['a'] }}",
            "{% raw %}{% set ns.x = 1 %}{% endraw %}",
            "{% if a.b == c %}{% endif %}",
            "{%- for x in y -%}{%- endfor -%}",
            "{% set x = 'a.b = c' %}",
            "{",
            "{%",
            "{{",
            "{#",
            "{% set",
            "a } b",
        ];
        for source in same {
            assert_eq!(translate(source), source);
        }
        let cases = [
            (
                "{%- generation -%}a{% endgeneration %}",
                "{%- with  -%}a{% endwith  %}",
            ),
            (
                "{%- set ns.x = y + '=' -%}",
                "{%- do ns.__set__(\"x\", ( y + '=' )) -%}",
            ),
            (
                "{% set a.b.c=1,\n2 %}",
                "{% do a.b.__set__(\"c\", (1,\n2 )) %}",
            ),
            (
                "{% set ns.x | trim -%} a {%- endset -%} b",
                "{% set __block| trim -%} a {%- endset  %}{% do ns.__set__(\"x\", __block) -%} b",
            ),
        ];
        for (source, expected) in cases {
            assert_eq!(translate(source), expected);
        }
    }
}
