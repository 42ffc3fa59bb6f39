//! Limits the nesting depth of YAML before a tree is built: trees are walked recursively, so that a few kilobytes of
//! brackets would overflow the stack.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser};

/// The deepest nesting of a seed (arbitrary; the conditions of a view need 8).
pub(super) const MAX_DEPTH: usize = 64;

/// Returns the anchors that aliases refer to. Stops at a syntax error, which the parser reports later.
///
/// # Errors
/// The line that exceeds [`MAX_DEPTH`].
pub(super) fn check_depth(text: &str) -> Result<HashSet<usize>, usize> {
    let mut aliased_anchors = HashSet::new();
    let mut stack: Vec<OpenContainer> = Vec::new();
    // The height of each anchored value.
    let mut anchor_heights: HashMap<usize, usize> = HashMap::new();
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let height = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                stack.push(OpenContainer { anchor, height: 0 });
                0
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(OpenContainer { anchor, height }) = stack.pop() else { break };
                anchor_heights.insert(anchor, height + 1);
                height + 1
            }
            Event::Alias(anchor) => {
                aliased_anchors.insert(anchor);
                anchor_heights.get(&anchor).copied().unwrap_or_default()
            }
            _ => 0,
        };
        if stack.len() + height > MAX_DEPTH {
            return Err(span.start.line());
        }
        if let Some(parent) = stack.last_mut() {
            parent.height = parent.height.max(height);
        }
    }
    Ok(aliased_anchors)
}

/// An unfinished list or mapping.
struct OpenContainer {
    /// 0 if it has no anchor.
    anchor: usize,
    /// The greatest height of its values so far.
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
    fn many_shallow_values_are_accepted() {
        assert_eq!(too_deep_line(&"- [1, { a: b }]\n".repeat(1_000)), None);
        assert_eq!(too_deep_line("a: [broken"), None);
    }
}
