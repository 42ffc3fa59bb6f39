//! Limits the nesting depth of YAML before a tree is built: trees are walked recursively, so that a few kilobytes of
//! brackets would overflow the stack.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser};

use super::yaml::is_merge_key;

/// The deepest nesting of a seed (arbitrary; the conditions of a view need 8).
pub(super) const MAX_DEPTH: usize = 64;

/// Returns the anchors that aliases refer to. Stops at a syntax error, which the parser reports later.
///
/// # Errors
/// The line that exceeds [`MAX_DEPTH`].
pub(super) fn check_depth(text: &str) -> Result<HashSet<usize>, usize> {
    let mut aliased_anchors = HashSet::new();
    let mut stack: Vec<OpenContainer> = Vec::new();
    // Each anchored list or mapping.
    let mut anchored: HashMap<usize, ClosedValue> = HashMap::new();
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let value = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                let is_list = matches!(event, Event::SequenceStart(..));
                stack.push(OpenContainer { anchor, is_list, next: Expected::Key, height: 0 });
                if stack.len() > MAX_DEPTH {
                    return Err(span.start.line());
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(OpenContainer { anchor, is_list, height, .. }) = stack.pop() else {
                    break;
                };
                let value = ClosedValue { is_list, height: height + 1 };
                anchored.insert(anchor, value);
                value
            }
            Event::Alias(anchor) => {
                aliased_anchors.insert(anchor);
                anchored.get(&anchor).copied().unwrap_or_default()
            }
            Event::Scalar(text, style, _, tag) => {
                if let Some(parent) = stack.last_mut()
                    && parent.expects_key()
                    && is_merge_key(&text, style, tag.as_deref())
                {
                    parent.next = Expected::MergeValue;
                    continue;
                }
                ClosedValue::default()
            }
            _ => continue,
        };
        let height = match stack.last() {
            // The merged fields are those of the parent.
            Some(parent) if parent.next == Expected::MergeValue => {
                value.height.saturating_sub(if value.is_list { 2 } else { 1 })
            }
            _ => value.height,
        };
        if stack.len() + height > MAX_DEPTH {
            return Err(span.start.line());
        }
        if let Some(parent) = stack.last_mut() {
            parent.height = parent.height.max(height);
            parent.next = if parent.expects_key() { Expected::Value } else { Expected::Key };
        }
    }
    Ok(aliased_anchors)
}

/// An unfinished list or mapping.
struct OpenContainer {
    /// 0 if it has no anchor.
    anchor: usize,
    is_list: bool,
    /// What comes next in a mapping.
    next: Expected,
    /// The greatest height of its values so far.
    height: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Key,
    Value,
    MergeValue,
}

impl OpenContainer {
    fn expects_key(&self) -> bool {
        !self.is_list && self.next == Expected::Key
    }
}

/// A finished value.
#[derive(Clone, Copy, Default)]
struct ClosedValue {
    is_list: bool,
    height: usize,
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, check_depth};

    fn too_deep_line(text: &str) -> Option<usize> {
        check_depth(text).err()
    }

    #[test]
    fn depth_limit_is_inclusive() {
        let lists = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(too_deep_line(&lists(MAX_DEPTH)), None);
        assert_eq!(too_deep_line(&lists(MAX_DEPTH + 1)), Some(1));
        assert_eq!(too_deep_line(&"- ".repeat(100_000)), Some(1));
    }

    #[test]
    fn alias_adds_the_height_of_its_anchor() {
        let chain = |length: usize| {
            let first = "a0: &a0 [1]\n".to_owned();
            (1..length).fold(first, |text, index| {
                text + &format!("a{index}: &a{index} [*a{}]\n", index - 1)
            })
        };
        assert_eq!(too_deep_line(&chain(MAX_DEPTH - 1)), None);
        assert_eq!(too_deep_line(&chain(MAX_DEPTH)), Some(MAX_DEPTH));
    }

    #[test]
    fn merged_fields_are_as_deep_as_those_of_the_mapping() {
        for value in ["*a{}", "[*a{}]", "[{ x: 1 }, *a{}]", "{ <<: *a{} }"] {
            let chain = (1..200).fold("a0: &a0 { b: [1] }\n".to_owned(), |text, index| {
                let value = value.replace("{}", &(index - 1).to_string());
                text + &format!("a{index}: &a{index} {{ <<: {value}, c: 1 }}\n")
            });
            assert_eq!(too_deep_line(&chain), None, "{value}");
        }
        // Without the merge key, the chain is deeper with each line.
        let chain = (1..200).fold("a0: &a0 { b: [1] }\n".to_owned(), |text, index| {
            text + &format!("a{index}: &a{index} {{ \"<<\": *a{} }}\n", index - 1)
        });
        assert_eq!(too_deep_line(&chain), Some(MAX_DEPTH - 1));
        let deep = format!("{}1{}", "[".repeat(MAX_DEPTH - 1), "]".repeat(MAX_DEPTH - 1));
        assert_eq!(too_deep_line(&format!("{{ a: &x {{ b: 1 }}, <<: *x, c: {deep} }}")), None);
        assert_eq!(too_deep_line(&format!("{{ a: &x {{ b: 1 }}, <<: *x, c: [{deep}] }}")), Some(1));
    }

    #[test]
    fn many_shallow_values_are_accepted() {
        assert_eq!(too_deep_line(&"- [1, { a: b }]\n".repeat(1_000)), None);
        assert_eq!(too_deep_line("a: [broken"), None);
    }
}
