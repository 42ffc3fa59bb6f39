//! Applies PHP's bracket rules: `a[]=1`, `a[0]=1`, `a[0][b]=x` make lists and objects; the last scalar wins. The crates
//! for these rules decode urlencoded text into Rust types; three encodings need one tree.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::{DecodeError, truncate_field_name};
use crate::api::limits::InputLimits;

/// Builds a tree from pairs.
#[derive(Debug)]
pub(crate) struct TreeBuilder {
    root: Branch,
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

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NodeKey {
    Index(u64),
    Name(String),
}

impl TreeBuilder {
    /// Makes an empty tree with these limits.
    pub(crate) fn new(limits: InputLimits) -> Self {
        Self { root: Branch::default(), value_count: 0, limits }
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
        self.root.insert(NodeKey::Name(first.to_owned()), &rest, text);
        Ok(())
    }

    /// Returns the tree as JSON.
    pub(crate) fn finish(self) -> Map<String, Value> {
        self.root
            .children
            .into_iter()
            .map(|(key, node)| (key.into_name(), node.into_value()))
            .collect()
    }
}

impl Branch {
    fn insert(&mut self, key: NodeKey, rest: &[&str], text: String) {
        if let NodeKey::Index(index) = key {
            self.next_index = self.next_index.max(index.saturating_add(1));
        }
        let Some((segment, rest)) = rest.split_first() else {
            self.children.insert(key, Node::Text(text));
            return;
        };
        let child = self.children.entry(key).or_insert_with(|| Node::Branch(Self::default()));
        if let Node::Text(_) = child {
            *child = Node::Branch(Self::default());
        }
        if let Node::Branch(branch) = child {
            let key = branch.key_for(segment);
            branch.insert(key, rest, text);
        }
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
