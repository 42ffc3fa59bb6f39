//! How deep a YAML text is, told before a tree is made of it: the library that makes trees follows them by recursion,
//! and a few kilobytes of brackets would end the program.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser};

/// The deepest nesting of a seed (chosen; a view's conditions need 8).
pub(super) const MOST: usize = 64;

/// The anchors that an alias names. What is no YAML is nobody's business here.
///
/// # Errors
/// The line on which the text is nested deeper than it may be.
pub(super) fn look(text: &str) -> Result<HashSet<usize>, usize> {
    let mut used = HashSet::new();
    let mut open: Vec<Node> = Vec::new();
    // How deep what an alias stands for is.
    let mut anchors: HashMap<usize, usize> = HashMap::new();
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let below = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push(Node { anchor, height: 0 });
                0
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Node { anchor, height }) = open.pop() else { break };
                anchors.insert(anchor, height + 1);
                height + 1
            }
            Event::Alias(anchor) => {
                used.insert(anchor);
                anchors.get(&anchor).copied().unwrap_or_default()
            }
            _ => 0,
        };
        if open.len() + below > MOST {
            return Err(span.start.line());
        }
        if let Some(parent) = open.last_mut() {
            parent.height = parent.height.max(below);
        }
    }
    Ok(used)
}

/// A list or mapping that has begun.
struct Node {
    /// 0 where it has no anchor.
    anchor: usize,
    /// How deep what has come of it is.
    height: usize,
}

#[cfg(test)]
mod tests {
    use super::{MOST, look};

    fn too_deep(text: &str) -> Option<usize> {
        look(text).err()
    }

    #[test]
    fn what_is_as_deep_as_it_may_be_is_taken_and_one_more_is_not() {
        let lists = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(too_deep(&lists(MOST)), None);
        assert_eq!(too_deep(&lists(MOST + 1)), Some(1));
        assert_eq!(too_deep(&"- ".repeat(100_000)), Some(1));
    }

    #[test]
    fn aliases_are_as_deep_as_what_they_stand_for() {
        let chain = |length: usize| {
            let first = "a0: &a0 [1]\n".to_owned();
            (1..length).fold(first, |text, at| text + &format!("a{at}: &a{at} [*a{}]\n", at - 1))
        };
        assert_eq!(too_deep(&chain(MOST - 1)), None);
        assert_eq!(too_deep(&chain(MOST)), Some(MOST));
    }

    #[test]
    fn many_that_are_flat_are_no_depth() {
        assert_eq!(too_deep(&"- [1, { a: b }]\n".repeat(1_000)), None);
        assert_eq!(too_deep("a: [broken"), None);
    }
}
