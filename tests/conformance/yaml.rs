//! Reads a YAML file as the JSON value that it describes.

use std::path::Path;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::Value;

pub(crate) fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let documents =
        Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    documents.first().map(value).unwrap_or_default()
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(scalar) => scalar_value(scalar),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => {
            let name = |key: &Yaml| key.as_str().expect("a name is text").to_owned();
            entries.iter().map(|(key, entry)| (name(key), value(entry))).collect()
        }
        other => panic!("a case holds scalars, lists and mappings, not {other:?}"),
    }
}

fn scalar_value(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::from(*flag),
        Scalar::Integer(number) => Value::from(*number),
        Scalar::FloatingPoint(number) => Value::from(number.into_inner()),
        Scalar::String(text) => Value::from(text.as_ref()),
    }
}
