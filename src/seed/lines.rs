//! Finds the line numbers of paths in one pass over the text, without building a tree.

use saphyr_parser::{Event, Parser};

use super::yaml::is_merge_key;

/// Finds the line of each path in JSON, or of its longest existing prefix. The text has parsed as JSON before.
pub(super) fn locate_in_json(text: &str, paths: &[&str]) -> Vec<usize> {
    scan_json(text, paths, |_, _| {}).into_lines()
}

/// Finds the number, true, false or null at each path in JSON, as it is written; None if the path has another value.
pub(super) fn find_json_scalars(text: &str, paths: &[&str]) -> Vec<Option<String>> {
    let mut scalars = vec![None; paths.len()];
    scan_json(text, paths, |path, scalar| scalars[path] = Some(scalar.to_owned()));
    scalars
}

/// Reads JSON in one pass. Calls the function for each path to a number, true, false or null, with its index.
fn scan_json<'a>(
    text: &str,
    paths: &[&'a str],
    mut on_scalar: impl FnMut(usize, &str),
) -> LineLocator<'a> {
    let mut locator = LineLocator::new(paths);
    let bytes = text.as_bytes();
    let (mut line, mut at) = (1, 0);
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'\n' => line += 1,
            b'{' => locator.begin_container(ContainerKind::Mapping, line),
            b'[' => locator.begin_container(ContainerKind::Sequence, line),
            b'}' | b']' => locator.end_container(),
            b'"' => {
                at = find_string_end(bytes, at);
                // Decodes a key only if it can match a part of a path.
                let key = locator
                    .needs_key()
                    .then(|| serde_json::from_str::<String>(&text[start..at]).ok());
                locator.visit_scalar(&key.flatten().unwrap_or_default(), line);
            }
            b' ' | b'\t' | b'\r' | b',' | b':' => {}
            _ => {
                let ends =
                    |byte: &u8| matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace();
                at += bytes[at..].iter().position(ends).unwrap_or(bytes.len() - at);
                for path in locator.visit_scalar("", line) {
                    if locator.is_complete(path) {
                        on_scalar(path, &text[start..at]);
                    }
                }
            }
        }
    }
    locator
}

/// Splits a path in bracket notation into its parts.
pub(super) fn split_path(path: &str) -> impl Iterator<Item = &str> {
    path.split(['[', ']']).filter(|part| !part.is_empty())
}

/// Returns the position after the closing quote of a string.
fn find_string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Finds the line of each path in YAML. Paths into an alias get the line of the alias, and those of merged fields the line
/// of the merge key.
pub(super) fn locate_in_yaml(text: &str, paths: &[&str]) -> Vec<usize> {
    let mut locator = LineLocator::new(paths);
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let line = span.start.line();
        match event {
            Event::SequenceStart(..) => locator.begin_container(ContainerKind::Sequence, line),
            Event::MappingStart(..) => locator.begin_container(ContainerKind::Mapping, line),
            Event::SequenceEnd | Event::MappingEnd => locator.end_container(),
            Event::Scalar(text, style, _, tag)
                if locator.expects_key() && is_merge_key(&text, style, tag.as_deref()) =>
            {
                locator.visit_merge_key(line);
            }
            Event::Scalar(text, ..) => drop(locator.visit_scalar(&text, line)),
            Event::Alias(_) => drop(locator.visit_scalar("", line)),
            _ => {}
        }
    }
    locator.into_lines()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContainerKind {
    Sequence,
    Mapping,
}

/// Matches paths against a stream of containers, keys and scalars.
struct LineLocator<'a> {
    paths: Vec<Vec<&'a str>>,
    /// For each path, the best match so far, and its line.
    matches: Vec<(MatchRank, usize)>,
    /// The enclosing containers.
    stack: Vec<OpenContainer>,
}

/// How much of a path matches: how many of its parts, and whether the next part may be a merged field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct MatchRank {
    parts: usize,
    may_be_merged: bool,
}

struct OpenContainer {
    kind: ContainerKind,
    /// The index of the next item.
    index: usize,
    /// The paths that match so far.
    matching_paths: Vec<usize>,
    /// The key of the next value: its line, and the paths that match it.
    pending_key: Option<(usize, Vec<usize>)>,
}

impl<'a> LineLocator<'a> {
    fn new(paths: &[&'a str]) -> Self {
        let paths: Vec<Vec<&str>> = paths.iter().map(|path| split_path(path).collect()).collect();
        let matches = vec![Default::default(); paths.len()];
        Self { paths, matches, stack: Vec::new() }
    }

    /// Returns whether the next scalar is a key.
    fn expects_key(&self) -> bool {
        self.stack
            .last()
            .is_some_and(|open| open.kind == ContainerKind::Mapping && open.pending_key.is_none())
    }

    /// Returns whether the next scalar is a key that can match a path.
    fn needs_key(&self) -> bool {
        self.expects_key() && self.stack.last().is_some_and(|open| !open.matching_paths.is_empty())
    }

    /// Handles a merge key. Any part of a path may be below it, but the field itself takes precedence.
    fn visit_merge_key(&mut self, line: usize) {
        let rank = MatchRank { parts: self.stack.len() - 1, may_be_merged: true };
        let Some(open) = self.stack.last_mut() else { return };
        for path in &open.matching_paths {
            record_match(&mut self.matches[*path], rank, line);
        }
        open.pending_key = Some((line, Vec::new()));
    }

    /// Enters a list or a mapping.
    fn begin_container(&mut self, kind: ContainerKind, line: usize) {
        let matching_paths = self.begin_value(line);
        self.stack.push(OpenContainer { kind, index: 0, matching_paths, pending_key: None });
    }

    fn end_container(&mut self) {
        self.stack.pop();
    }

    /// Returns whether the value that was visited last is the end of a path that matches it.
    fn is_complete(&self, path: usize) -> bool {
        self.paths[path].len() == self.stack.len()
    }

    /// Handles a scalar value or a key. Returns the paths that match a value.
    fn visit_scalar(&mut self, text: &str, line: usize) -> Vec<usize> {
        let depth = self.stack.len();
        let Some(open) = self.stack.last_mut() else {
            return self.begin_value(line);
        };
        if open.kind == ContainerKind::Sequence || open.pending_key.is_some() {
            return self.begin_value(line);
        }
        let matches_part = |path: &&usize| self.paths[**path].get(depth - 1) == Some(&text);
        let matching_paths: Vec<usize> =
            open.matching_paths.iter().filter(matches_part).copied().collect();
        for path in &matching_paths {
            record_match(&mut self.matches[*path], MatchRank::of_parts(depth), line);
        }
        open.pending_key = Some((line, matching_paths));
        Vec::new()
    }

    /// Starts a value and returns the paths that match it.
    fn begin_value(&mut self, line: usize) -> Vec<usize> {
        let depth = self.stack.len();
        let Some(open) = self.stack.last_mut() else {
            self.matches.iter_mut().for_each(|best| record_match(best, MatchRank::default(), line));
            return (0..self.paths.len()).collect();
        };
        if let Some((_, matching_paths)) = open.pending_key.take() {
            return matching_paths;
        }
        let index = open.index;
        open.index += 1;
        let matches_part = |path: &&usize| {
            self.paths[**path].get(depth - 1).and_then(|part| part.parse().ok()) == Some(index)
        };
        let matching_paths: Vec<usize> =
            open.matching_paths.iter().filter(matches_part).copied().collect();
        for path in &matching_paths {
            record_match(&mut self.matches[*path], MatchRank::of_parts(depth), line);
        }
        matching_paths
    }

    fn into_lines(self) -> Vec<usize> {
        self.matches.into_iter().map(|(_, line)| line.max(1)).collect()
    }
}

impl MatchRank {
    const fn of_parts(parts: usize) -> Self {
        Self { parts, may_be_merged: false }
    }
}

/// Records a line if at least as much of the path matches as before.
fn record_match(best: &mut (MatchRank, usize), rank: MatchRank, line: usize) {
    if rank >= best.0 {
        *best = (rank, line);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{find_json_scalars, locate_in_json, locate_in_yaml};

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
    fn json_violations_are_located_at_their_keys() {
        let text = "{\n\"accounts\": { \"acme\": {\n\"tickets\": [\n{ \"id\": 1, \"x\": \"]}\\\"[\" },\n{ \"id\": -2e3,\n\
                    \"title\": null,\n\"timeline\": [\n{}]}],\n\"a \\\"b\\\"\": true}}}";
        assert_eq!(locate_in_json(text, &PATHS), [2, 6, 4, 3, 9, 1, 8]);
    }

    #[test]
    fn yaml_violations_are_located_at_their_keys() {
        let text = "accounts:\n  acme:\n    tickets:\n    - id: 1\n    - id: 2\n      title: x\n      timeline:\n      - &a {}\n      - *a\n    'a \"b\"': true\n";
        assert_eq!(locate_in_yaml(text, &PATHS), [1, 6, 4, 3, 10, 1, 8]);
    }

    #[test]
    fn json_scalars_are_found_as_they_are_written() {
        let text = "{\"a\": [1.10, {\"b\": 1e3 }], \"c\": \"7\", \"d\": true}";
        let paths = ["a[0]", "a[1][b]", "a[1]", "a[1][b][c]", "c", "d", "e", "a", ""];
        let expected =
            [Some("1.10"), Some("1e3"), None, None, None, Some("true"), None, None, None];
        assert_eq!(find_json_scalars(text, &paths), expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn merged_field_is_located_at_the_merge_key() {
        let text = "a:\n  - &x { b: 1 }\n  - c: 2\n    <<: *x\n    d: 3\n  - <<:\n      b: 4\n    b: 5\n  - \"<<\": 6\n";
        for (path, line) in [
            ("a[0][b]", 2),
            ("a[1][b]", 4),
            ("a[1][c]", 3),
            ("a[1][d]", 5),
            ("a[1][missing]", 4),
            ("a[2][b]", 8),
            ("a[2][c]", 6),
            ("a[3][<<]", 9),
            ("a[3][b]", 9),
        ] {
            assert_eq!(locate_in_yaml(text, &[path]), [line], "{path}");
        }
    }

    #[test]
    fn malformed_text_yields_a_line() {
        for text in ["", "\"", "[", "]", "{\"a\\", "}}", "1", "{\"a\":[1,2", "\\"] {
            assert_eq!(locate_in_json(text, &PATHS[..1]).len(), 1, "{text}");
            assert_eq!(locate_in_yaml(text, &PATHS[..1]).len(), 1, "{text}");
        }
    }

    #[test]
    fn longest_existing_prefix_of_a_path_is_located() {
        let text = "{\n\"a\": [\n{ \"b\":\n1 },\n2],\n\"c\": 3\n}";
        for (path, line) in [
            ("a", 2),
            ("a[0]", 3),
            ("a[0][b]", 3),
            ("a[0][b][c]", 3),
            ("a[0][x]", 3),
            ("a[1]", 5),
            ("a[1][b]", 5),
            ("a[2]", 2),
            ("a[x]", 2),
            ("c", 6),
            ("b", 1),
            ("", 1),
        ] {
            assert_eq!(locate_in_json(text, &[path]), [line], "{path} in JSON");
            assert_eq!(locate_in_yaml(text, &[path]), [line], "{path} in YAML");
        }
    }

    #[test]
    fn last_of_several_equal_keys_is_located() {
        let text = "{\"a\": 1,\n\"a\": {\n\"b\": 2 },\n\"c\": 3 }";
        assert_eq!(locate_in_json(text, &["a", "a[b]", "a[x]"]), [2, 3, 2]);
    }

    /// Adds the line of each value below `path` in pretty-printed JSON; `line` is that of the value.
    fn add_lines(value: &Value, path: &str, line: &mut usize, lines: &mut Vec<(String, usize)>) {
        let child_path =
            |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}[{name}]") };
        let children: Vec<(String, &Value)> = match value {
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.map(|(index, item)| (child_path(&index.to_string()), item)).collect()
            }
            Value::Object(fields) => {
                fields.iter().map(|(name, field)| (child_path(name), field)).collect()
            }
            _ => Vec::new(),
        };
        if children.is_empty() {
            return;
        }
        for (path, child) in children {
            *line += 1;
            lines.push((path.clone(), *line));
            add_lines(child, &path, line, lines);
        }
        *line += 1;
    }

    fn any_tree() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            (-9..9_i32).prop_map(Value::from),
            "[a-c\"\\\\\\]}, :]{0,4}".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c\" ]{1,3}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_is_located_at_its_line(value in any_tree()) {
            let text = serde_json::to_string_pretty(&value).expect("JSON");
            let mut expected = Vec::new();
            add_lines(&value, "", &mut 1, &mut expected);
            let paths: Vec<&str> = expected.iter().map(|(path, _)| path.as_str()).collect();
            let lines: Vec<usize> = expected.iter().map(|(_, line)| *line).collect();
            prop_assert_eq!(&locate_in_json(&text, &paths), &lines, "{} in JSON", text);
            prop_assert_eq!(&locate_in_yaml(&text, &paths), &lines, "{} in YAML", text);
        }
    }
}
