//! Reads the documents of a YAML file as JSON values.

use std::path::Path;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::Value;

pub(crate) fn read_documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let documents =
        Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    documents.iter().map(to_json).collect()
}

fn to_json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(scalar) => scalar_to_json(scalar),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(entries) => {
            let name = |key: &Yaml| key.as_str().expect("a key is a string").to_owned();
            entries.iter().map(|(key, entry)| (name(key), to_json(entry))).collect()
        }
        other => panic!("unsupported YAML node: {other:?}"),
    }
}

fn scalar_to_json(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::from(*flag),
        Scalar::Integer(number) => Value::from(*number),
        Scalar::FloatingPoint(number) => Value::from(number.into_inner()),
        Scalar::String(text) => Value::from(text.as_ref()),
    }
}
