//! PHP's bracket rules: `a[]=1`, `a[0]=1`, `a[0][b]=x` make lists and objects; the last of two scalars wins.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::DecodeError;
use crate::limits::Shape;

/// A tree that grows pair by pair.
#[derive(Debug)]
pub(crate) struct Tree {
    root: Branch,
    values: usize,
    shape: Shape,
}

#[derive(Debug)]
enum Node {
    Text(String),
    Branch(Branch),
}

/// Children by key, numbers before names.
#[derive(Debug, Default)]
struct Branch {
    children: BTreeMap<Key, Node>,
    /// The index that `[]` takes next: one more than the largest so far.
    next: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Index(u64),
    Name(String),
}

impl Tree {
    /// An empty tree that grows within these bounds.
    pub(crate) fn within(shape: Shape) -> Self {
        Self { root: Branch::default(), values: 0, shape }
    }

    /// Adds a pair under its name with brackets.
    ///
    /// # Errors
    /// When the name is nested too deep, or the pair is one too many.
    pub(crate) fn add(&mut self, name: &str, text: String) -> Result<(), DecodeError> {
        self.values += 1;
        if self.values > self.shape.values {
            return Err(DecodeError::TooMany(self.shape.values));
        }
        let (first, rest) = split(name);
        if rest.len() >= self.shape.depth {
            let (field, most) = (first.chars().take(64).collect(), self.shape.depth);
            return Err(DecodeError::TooDeep { field, most });
        }
        self.root.insert(Key::Name(first.to_owned()), &rest, text);
        Ok(())
    }

    /// The whole tree as JSON values.
    pub(crate) fn finish(self) -> Map<String, Value> {
        self.root
            .children
            .into_iter()
            .map(|(key, node)| (key.into_name(), node.into_value()))
            .collect()
    }
}

impl Branch {
    fn insert(&mut self, key: Key, rest: &[&str], text: String) {
        if let Key::Index(index) = key {
            self.next = self.next.max(index.saturating_add(1));
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
            let key = branch.key(segment);
            branch.insert(key, rest, text);
        }
    }

    fn key(&self, segment: &str) -> Key {
        match segment {
            "" => Key::Index(self.next),
            _ => index(segment).map_or_else(|| Key::Name(segment.to_owned()), Key::Index),
        }
    }

    /// A list where the keys are 0, 1, 2 …; an object where they are not.
    fn into_value(self) -> Value {
        let is_list = self.children.keys().zip(0..).all(|(key, index)| *key == Key::Index(index));
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

impl Key {
    fn into_name(self) -> String {
        match self {
            Self::Index(index) => index.to_string(),
            Self::Name(name) => name,
        }
    }
}

/// A segment that PHP takes for an index: digits without a leading zero.
fn index(segment: &str) -> Option<u64> {
    let plain = segment.bytes().all(|byte| byte.is_ascii_digit())
        && (segment == "0" || !segment.starts_with('0'));
    segment.parse().ok().filter(|_| plain)
}

/// A name and the segments in its brackets; a name whose brackets do not fit is a plain name.
fn split(name: &str) -> (&str, Vec<&str>) {
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
