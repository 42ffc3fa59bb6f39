//! Applies PHP's bracket rules: `a[]=1`, `a[0]=1`, `a[0][b]=x` make lists and objects; the last value wins, and the replaced ones are recorded. The crates
//! for these rules decode urlencoded text into Rust types; three encodings need one tree.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::Value;

use super::decoded::{Decoded, RepeatedFields};
use super::error::{DecodeError, truncate_field_name};
use crate::api::limits::InputLimits;

/// Builds a tree from pairs.
#[derive(Debug)]
pub(crate) struct TreeBuilder {
    root: Branch,
    repeated: RepeatedFields,
    value_count: usize,
    limits: InputLimits,
}

#[derive(Debug)]
enum Node {
    Text(String),
    Branch(Branch),
}

/// Children by key, indexes first.
#[derive(Debug, Default)]
struct Branch {
    children: BTreeMap<NodeKey, Node>,
    /// The index of the next `[]`: one more than the largest so far.
    next_index: u64,
}

/// What a later value has replaced.
#[derive(Debug)]
struct Replaced {
    earlier: Node,
    later: Value,
    /// The number of segments of the name below the replaced node.
    inner_segments: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NodeKey {
    Index(u64),
    Name(String),
}

impl TreeBuilder {
    /// Makes an empty tree with these limits.
    pub(crate) fn new(limits: InputLimits) -> Self {
        Self {
            root: Branch::default(),
            repeated: RepeatedFields::default(),
            value_count: 0,
            limits,
        }
    }

    /// Adds a pair under its bracket name.
    ///
    /// # Errors
    /// If the name is nested too deep, or there are too many pairs.
    pub(crate) fn add(&mut self, name: &str, text: String) -> Result<(), DecodeError> {
        self.value_count += 1;
        if self.value_count > self.limits.max_values {
            return Err(DecodeError::TooManyValues(self.limits.max_values));
        }
        let (first, rest) = split_name(name);
        if rest.len() >= self.limits.max_depth {
            let field = truncate_field_name(first);
            return Err(DecodeError::TooDeep { field, max_depth: self.limits.max_depth });
        }
        let replaced = self.root.insert(NodeKey::Name(first.to_owned()), &rest, text);
        if let Some(Replaced { earlier, later, inner_segments }) = replaced {
            let outer = &rest[..rest.len() - inner_segments];
            let path =
                outer.iter().fold(first.to_owned(), |path, segment| path + "[" + segment + "]");
            self.repeated.record(&path, &earlier.into_value(), &later);
        }
        Ok(())
    }

    /// Returns the tree as JSON.
    pub(crate) fn finish(self) -> Decoded {
        let children = self.root.children.into_iter();
        let fields = children.map(|(key, node)| (key.into_name(), node.into_value())).collect();
        Decoded { fields, repeated: self.repeated }
    }
}

impl Branch {
    fn insert(&mut self, key: NodeKey, rest: &[&str], text: String) -> Option<Replaced> {
        if let NodeKey::Index(index) = key {
            self.next_index = self.next_index.max(index.saturating_add(1));
        }
        let Some((segment, inner)) = rest.split_first() else {
            return match self.children.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(Node::Text(text));
                    None
                }
                Entry::Occupied(mut entry) => {
                    let later = text.clone().into();
                    let earlier = entry.insert(Node::Text(text));
                    Some(Replaced { earlier, later, inner_segments: 0 })
                }
            };
        };
        let child = self.children.entry(key).or_insert_with(|| Node::Branch(Self::default()));
        let replaced = match child {
            Node::Branch(_) => None,
            Node::Text(_) => {
                let earlier = std::mem::replace(child, Node::Branch(Self::default()));
                let later = rest.iter().rev().fold(text.clone().into(), nest);
                Some(Replaced { earlier, later, inner_segments: rest.len() })
            }
        };
        let Node::Branch(branch) = child else { return replaced };
        let key = branch.key_for(segment);
        branch.insert(key, inner, text).or(replaced)
    }

    fn key_for(&self, segment: &str) -> NodeKey {
        match segment {
            "" => NodeKey::Index(self.next_index),
            _ => parse_index(segment)
                .map_or_else(|| NodeKey::Name(segment.to_owned()), NodeKey::Index),
        }
    }

    /// Returns a list if the keys are 0, 1, 2 …, or else an object.
    fn into_value(self) -> Value {
        let is_list =
            self.children.keys().zip(0..).all(|(key, index)| *key == NodeKey::Index(index));
        if is_list {
            return self.children.into_values().map(Node::into_value).collect();
        }
        let children = self.children.into_iter();
        Value::Object(children.map(|(key, node)| (key.into_name(), node.into_value())).collect())
    }
}

/// Puts a value under a segment: into a list, or into an object.
fn nest(value: Value, segment: &&str) -> Value {
    if matches!(*segment, "" | "0") {
        Value::Array(vec![value])
    } else {
        Value::Object([((*segment).to_owned(), value)].into_iter().collect())
    }
}

impl Node {
    fn into_value(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text),
            Self::Branch(branch) => branch.into_value(),
        }
    }
}

impl NodeKey {
    fn into_name(self) -> String {
        match self {
            Self::Index(index) => index.to_string(),
            Self::Name(name) => name,
        }
    }
}

/// Parses an index as PHP does: digits without a leading zero.
fn parse_index(segment: &str) -> Option<u64> {
    let is_index = segment.bytes().all(|byte| byte.is_ascii_digit())
        && (segment == "0" || !segment.starts_with('0'));
    segment.parse().ok().filter(|_| is_index)
}

/// Splits off the segments in brackets; with unbalanced brackets, it is a plain name.
fn split_name(name: &str) -> (&str, Vec<&str>) {
    let Some(open) = name.find('[').filter(|open| *open > 0) else { return (name, Vec::new()) };
    let mut segments = Vec::new();
    let mut rest = &name[open..];
    while let Some(inner) = rest.strip_prefix('[') {
        let Some((segment, after)) = inner.split_once(']') else { return (name, Vec::new()) };
        segments.push(segment);
        rest = after;
    }
    if rest.is_empty() { (&name[..open], segments) } else { (name, Vec::new()) }
}
