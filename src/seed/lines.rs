//! The lines that parts of a text stand on, found in one walk that makes no tree.

use saphyr_parser::{Event, Parser};

/// The line of what each path leads to, or of the last part of the way that exists. The text could be read as JSON.
pub(super) fn in_json(text: &str, paths: &[&str]) -> Vec<usize> {
    let mut walk = Walk::new(paths);
    let bytes = text.as_bytes();
    let (mut line, mut at) = (1, 0);
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'\n' => line += 1,
            b'{' => walk.begin(Kind::Mapping, line),
            b'[' => walk.begin(Kind::List, line),
            b'}' | b']' => walk.end(),
            b'"' => {
                at = end_of_text(bytes, at);
                // A name is needed only where it could be a part of a path.
                let sent =
                    walk.wants_key().then(|| serde_json::from_str::<String>(&text[start..at]).ok());
                walk.scalar(&sent.flatten().unwrap_or_default(), line);
            }
            b' ' | b'\t' | b'\r' | b',' | b':' => {}
            _ => {
                let ends =
                    |byte: &u8| matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace();
                at += bytes[at..].iter().position(ends).unwrap_or(bytes.len() - at);
                walk.scalar("", line);
            }
        }
    }
    walk.lines()
}

/// The place behind the quote that ends a text.
fn end_of_text(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The same in YAML. What is behind an alias stands where the alias does.
pub(super) fn in_yaml(text: &str, paths: &[&str]) -> Vec<usize> {
    let mut walk = Walk::new(paths);
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let line = span.start.line();
        match event {
            Event::SequenceStart(..) => walk.begin(Kind::List, line),
            Event::MappingStart(..) => walk.begin(Kind::Mapping, line),
            Event::SequenceEnd | Event::MappingEnd => walk.end(),
            Event::Scalar(text, ..) => walk.scalar(&text, line),
            Event::Alias(_) => walk.scalar("", line),
            _ => {}
        }
    }
    walk.lines()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    List,
    Mapping,
}

/// A walk through a text.
struct Walk<'a> {
    paths: Vec<Vec<&'a str>>,
    /// How many parts of each path were found, and the line of the last one.
    found: Vec<(usize, usize)>,
    /// What the walk is in.
    open: Vec<Open>,
}

struct Open {
    kind: Kind,
    /// Of the next entry.
    index: usize,
    /// The paths that lead here.
    here: Vec<usize>,
    /// The key whose value comes next: its line, and the paths that lead there.
    key: Option<(usize, Vec<usize>)>,
}

impl<'a> Walk<'a> {
    fn new(paths: &[&'a str]) -> Self {
        let parts = |path: &&'a str| {
            path.split(['[', ']']).filter(|part| !part.is_empty()).collect::<Vec<_>>()
        };
        let paths: Vec<Vec<&str>> = paths.iter().map(parts).collect();
        let found = vec![(0, 0); paths.len()];
        Self { paths, found, open: Vec::new() }
    }

    /// Whether what comes next is a key that a path could name.
    fn wants_key(&self) -> bool {
        self.open.last().is_some_and(|open| {
            open.kind == Kind::Mapping && open.key.is_none() && !open.here.is_empty()
        })
    }

    /// A list or a mapping begins.
    fn begin(&mut self, kind: Kind, line: usize) {
        let here = self.value(line);
        self.open.push(Open { kind, index: 0, here, key: None });
    }

    fn end(&mut self) {
        self.open.pop();
    }

    /// A plain value, or a key.
    fn scalar(&mut self, text: &str, line: usize) {
        let depth = self.open.len();
        let Some(open) = self.open.last_mut() else {
            self.value(line);
            return;
        };
        if open.kind == Kind::List || open.key.is_some() {
            self.value(line);
            return;
        }
        let leads = |path: &&usize| self.paths[**path].get(depth - 1) == Some(&text);
        let there: Vec<usize> = open.here.iter().filter(leads).copied().collect();
        for path in &there {
            note(&mut self.found[*path], depth, line);
        }
        open.key = Some((line, there));
    }

    /// A value begins. Gives the paths that lead to it.
    fn value(&mut self, line: usize) -> Vec<usize> {
        let depth = self.open.len();
        let Some(open) = self.open.last_mut() else {
            self.found.iter_mut().for_each(|found| note(found, 0, line));
            return (0..self.paths.len()).collect();
        };
        if let Some((_, there)) = open.key.take() {
            return there;
        }
        let index = open.index;
        open.index += 1;
        let leads = |path: &&usize| {
            self.paths[**path].get(depth - 1).and_then(|part| part.parse().ok()) == Some(index)
        };
        let there: Vec<usize> = open.here.iter().filter(leads).copied().collect();
        for path in &there {
            note(&mut self.found[*path], depth, line);
        }
        there
    }

    fn lines(self) -> Vec<usize> {
        self.found.into_iter().map(|(_, line)| line.max(1)).collect()
    }
}

/// Notes that so many parts of a path lead to a line.
fn note(found: &mut (usize, usize), parts: usize, line: usize) {
    if parts >= found.0 {
        *found = (parts, line);
    }
}

#[cfg(test)]
mod tests {
    use super::{in_json, in_yaml};

    const PATHS: [&str; 7] = [
        "accounts",
        "accounts[acme][tickets][1][title]",
        "accounts[acme][tickets][0][missing]",
        "accounts[acme][tickets][7]",
        "accounts[acme][a \"b\"]",
        "nothing",
        "accounts[acme][tickets][1][timeline][0]",
    ];

    #[test]
    fn json_lines_are_those_of_the_keys() {
        let text = "{\n\"accounts\": { \"acme\": {\n\"tickets\": [\n{ \"id\": 1, \"x\": \"]}\\\"[\" },\n{ \"id\": -2e3,\n\
                    \"title\": null,\n\"timeline\": [\n{}]}],\n\"a \\\"b\\\"\": true}}}";
        assert_eq!(in_json(text, &PATHS), [2, 6, 4, 3, 9, 1, 8]);
    }

    #[test]
    fn yaml_lines_are_those_of_the_keys() {
        let text = "accounts:\n  acme:\n    tickets:\n    - id: 1\n    - id: 2\n      title: x\n      timeline:\n      - &a {}\n      - *a\n    'a \"b\"': true\n";
        assert_eq!(in_yaml(text, &PATHS), [1, 6, 4, 3, 10, 1, 8]);
    }

    #[test]
    fn no_text_is_too_odd() {
        for text in ["", "\"", "[", "]", "{\"a\\", "}}", "1", "{\"a\":[1,2", "\\"] {
            assert_eq!(in_json(text, &PATHS[..1]).len(), 1, "{text}");
            assert_eq!(in_yaml(text, &PATHS[..1]).len(), 1, "{text}");
        }
    }
}
