//! Properties of the OpenAPI documents that code generators, Postman and validating proxies need. Each test looks at the
//! whole document.

use regex::Regex;
use serde_json::{Map, Value, json};

use crate::support::client::JsonResponse;
use crate::support::process::run_to_exit;
use crate::support::raw::RawRequest;
use crate::support::seed::{self, acme_seed, ticket_fixture};
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;

const TICKET_DOCUMENTS: [&str; 2] = ["/openapi.json", "/openapi-all.json"];
const DOCUMENTS: [&str; 3] = ["/openapi.json", "/openapi-all.json", "/_control/openapi.json"];

/// Returns a document with its path.
async fn fetch(server: &Server, path: &'static str) -> (&'static str, Value) {
    (path, JsonResponse::fetch(server.request("GET", path)).await.body)
}

async fn fetch_all(paths: &[&'static str]) -> Vec<(&'static str, Value)> {
    let server = Server::start();
    let mut documents = Vec::new();
    for path in paths {
        documents.push(fetch(&server, path).await);
    }
    documents
}

/// Visits each value with its path, such as `/components/schemas/Ticket`.
fn visit(path: &str, value: &Value, found: &mut impl FnMut(&str, &Value)) {
    found(path, value);
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                // An example is no part of the document's structure.
                if name != "example" {
                    visit(&format!("{path}/{name}"), member, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(&format!("{path}/{index}"), item, found);
            }
        }
        _ => {}
    }
}

/// Returns the paths of the values for which the check fails.
fn find_violations(
    document: &Value,
    mut is_valid: impl FnMut(&str, &Value) -> bool,
) -> Vec<String> {
    let mut violations = Vec::new();
    visit("", document, &mut |path, value| {
        if !is_valid(path, value) {
            violations.push(path.to_owned());
        }
    });
    violations
}

fn type_names(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    operations.collect()
}

fn schemas(document: &Value) -> &Map<String, Value> {
    document["components"]["schemas"].as_object().expect("schemas")
}

/// Returns the schema as one that can be used without the document.
fn standalone(document: &Value, schema: &Value) -> Value {
    json!({ "components": document["components"], "allOf": [schema] })
}

fn assert_valid(document: &Value, schema: &Value, value: &Value, place: &str) {
    let validator = jsonschema::draft202012::new(&standalone(document, schema));
    let validator = validator.unwrap_or_else(|error| panic!("{place}: {error}"));
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{place}: {value}: {errors:?}");
}

/// Returns each field with its place and its schema: parameters, and the properties of all schemas.
fn fields(document: &Value) -> Vec<(String, Value)> {
    let mut fields = Vec::new();
    visit("", document, &mut |path, value| {
        if value["in"].is_string() && value["schema"].is_object() {
            fields.push((format!("{path} {}", value["name"]), value["schema"].clone()));
        }
        if let Some(properties) = value["properties"].as_object() {
            let properties = properties.iter();
            fields.extend(
                properties.map(|(name, schema)| (format!("{path} {name}"), schema.clone())),
            );
        }
    });
    assert!(fields.len() > 80, "{} fields", fields.len());
    fields
}

/// Returns the example of a schema, or that of the schemas that it consists of.
fn find_example(document: &Value, schema: &Value) -> Option<Value> {
    if let Some(example) = schema.get("example") {
        return Some(example.clone());
    }
    if let Some(reference) = schema["$ref"].as_str() {
        return find_example(document, document.pointer(reference.strip_prefix('#')?)?);
    }
    if let Some(alternatives) = schema["oneOf"].as_array() {
        return alternatives.iter().find_map(|schema| find_example(document, schema));
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.first().cloned();
    }
    if let Some(items) = schema.get("items") {
        return find_example(document, items).map(|item| json!([item]));
    }
    let properties = schema["properties"].as_object()?.iter();
    let members =
        properties.map(|(name, schema)| Some((name.clone(), find_example(document, schema)?)));
    members.collect::<Option<Map<String, Value>>>().map(Value::Object)
}

#[tokio::test]
async fn each_integer_has_a_format() {
    for (path, document) in fetch_all(&DOCUMENTS).await {
        let mut integers = 0;
        let violations = find_violations(&document, |_, schema| {
            let is_integer = type_names(schema).contains(&"integer");
            integers += usize::from(is_integer);
            !is_integer || schema["format"] == "int64"
        });
        assert_eq!(violations, [""; 0], "{path}");
        assert!(integers > 20, "{path}: {integers}");
    }
}

/// Schemas become classes, so their names must not be types of the languages.
#[tokio::test]
async fn names_of_schemas_are_no_types_of_languages() {
    const RESERVED: [&str; 18] = [
        "Array",
        "Boolean",
        "Date",
        "Dict",
        "Error",
        "Exception",
        "File",
        "Integer",
        "Item",
        "List",
        "Map",
        "Number",
        "Object",
        "Record",
        "Response",
        "Result",
        "Set",
        "String",
    ];
    let pattern = Regex::new("^([A-Z][a-z]+)+$").expect("a valid regex");
    for (path, document) in fetch_all(&DOCUMENTS).await {
        for name in schemas(&document).keys() {
            assert!(!RESERVED.contains(&name.as_str()), "{path}: {name}");
            assert!(pattern.is_match(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn each_field_has_a_valid_example() {
    for (path, document) in fetch_all(&DOCUMENTS).await {
        for (place, schema) in fields(&document) {
            let example = find_example(&document, &schema);
            let example = example.unwrap_or_else(|| panic!("{path}: {place} has no example"));
            assert_valid(&document, &schema, &example, &format!("{path}: {place}"));
        }
    }
}

#[tokio::test]
async fn each_body_has_a_valid_example() {
    for (path, document) in fetch_all(&DOCUMENTS).await {
        let mut bodies = 0;
        for (place, operation) in operations(&document) {
            let responses = operation["responses"].as_object().expect("responses");
            let request = operation.get("requestBody").into_iter();
            for body in responses.values().chain(request) {
                let content = body["content"].as_object().into_iter().flatten();
                for (content_type, media) in content {
                    let place = format!("{path}: {place} {content_type}");
                    let example =
                        find_example(&document, &json!({ "example": media.get("example") }))
                            .filter(|example| !example.is_null())
                            .or_else(|| find_example(&document, &media["schema"]));
                    let example = example.unwrap_or_else(|| panic!("{place} has no example"));
                    assert_valid(&document, &media["schema"], &example, &place);
                    bodies += 1;
                }
            }
            let has_own = |response: &Value| {
                let content = response["content"].as_object().into_iter().flatten();
                content.into_iter().all(|(_, media)| media.get("example").is_some())
            };
            assert!(responses.values().all(has_own), "{path}: {place} has a response without one");
        }
        assert!(bodies > 50, "{path}: {bodies}");
    }
}

#[tokio::test]
async fn request_bodies_are_named_schemas() {
    for (path, document) in fetch_all(&DOCUMENTS).await {
        for (place, operation) in operations(&document) {
            let content = operation["requestBody"]["content"].as_object().into_iter().flatten();
            for (content_type, media) in content {
                let reference = media["schema"]["$ref"].as_str();
                let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
                let schema = pointer.and_then(|pointer| document.pointer(pointer));
                assert!(schema.is_some(), "{path}: {place} {content_type}: {}", media["schema"]);
            }
        }
    }
    let (_, document) = fetch(&Server::start(), "/openapi.json").await;
    assert!(schemas(&document).contains_key("NewTicket"));
}

#[tokio::test]
async fn documented_content_type_is_alone_or_first() {
    let server = Server::start();
    let (_, documented) = fetch(&server, "/openapi.json").await;
    let (_, all) = fetch(&server, "/openapi-all.json").await;
    let mut bodies = 0;
    for (place, operation) in operations(&all) {
        let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
        let fidelity: Vec<&Value> = content.values().map(|media| &media["x-fidelity"]).collect();
        assert_eq!(fidelity, ["documented", "undocumented", "undocumented"], "{place}");
        let (method, path) = place.split_once(' ').expect("a method and a path");
        let preferred = &documented["paths"][path][method];
        let Some(only) = preferred["requestBody"]["content"].as_object() else {
            assert_eq!(
                operation["requestBody"]["required"], false,
                "{place}: the query replaces it"
            );
            assert_eq!(preferred["parameters"][0]["required"], true, "{place}");
            continue;
        };
        let first: Vec<&String> = content.keys().take(1).collect();
        assert_eq!(only.keys().collect::<Vec<_>>(), first, "{place}");
        bodies += 1;
    }
    assert_eq!(bodies, 6);
}

#[tokio::test]
async fn arrays_of_forms_are_encoded_as_repeated_names() {
    for (path, document) in fetch_all(&TICKET_DOCUMENTS).await {
        let mut arrays = 0;
        for (place, operation) in operations(&document) {
            let content = operation["requestBody"]["content"].as_object().into_iter().flatten();
            for (content_type, media) in content.filter(|(name, _)| !name.ends_with("/json")) {
                let reference = media["schema"]["$ref"].as_str().expect("a reference");
                let schema = document.pointer(&reference[1..]).expect("a schema");
                for (name, property) in schema["properties"].as_object().expect("properties") {
                    if property["type"] == "array" {
                        let encoding = &media["encoding"][name];
                        let expected = json!({ "style": "form", "explode": true });
                        assert_eq!(*encoding, expected, "{path}: {place} {content_type} {name}");
                        assert_eq!(property.get("uniqueItems"), None, "{path}: {place} {name}");
                        arrays += 1;
                    }
                }
            }
            for parameter in operation["parameters"].as_array().expect("parameters") {
                assert_eq!(parameter["schema"].get("uniqueItems"), None, "{path}: {place}");
            }
        }
        assert!(arrays >= 2, "{path}: {arrays}");
    }
}

#[tokio::test]
async fn no_choice_has_a_text_and_an_array() {
    for (path, document) in fetch_all(&DOCUMENTS).await {
        let violations = find_violations(&document, |_, schema| {
            let alternatives = ["oneOf", "anyOf"].map(|keyword| schema[keyword].as_array());
            alternatives.into_iter().flatten().all(|alternatives| {
                let types: Vec<&str> = alternatives.iter().flat_map(type_names).collect();
                let has_text = types.contains(&"string");
                !(has_text && (types.contains(&"array") || types.contains(&"integer")))
            })
        });
        assert_eq!(violations, [""; 0], "{path}");
    }
}

/// ECMAScript rejects an escape of a character without a meaning if a tool compiles the pattern with the flag `u`.
#[tokio::test]
async fn patterns_have_no_needless_escapes() {
    for (path, document) in fetch_all(&DOCUMENTS).await {
        let violations = find_violations(&document, |place, value| {
            let pattern = if place.ends_with("/pattern") { value.as_str() } else { None };
            pattern.is_none_or(|text| !text.contains(r"\_") && Regex::new(text).is_ok())
        });
        assert_eq!(violations, [""; 0], "{path}");
    }
}

#[tokio::test]
async fn tags_and_operations_are_described() {
    for (path, document) in fetch_all(&DOCUMENTS).await {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let declared = document["tags"].as_array().expect("tags").iter();
        let declared: Vec<String> = declared
            .map(|tag| {
                assert_ne!(text(&tag["description"]), "", "{path}: {tag}");
                text(&tag["name"])
            })
            .collect();
        for (place, operation) in operations(&document) {
            for member in ["summary", "description"] {
                assert_ne!(text(&operation[member]), "", "{path}: {place} has no {member}");
            }
            assert!(!text(&operation["summary"]).contains(". "), "{path}: {place}: one sentence");
            let tags = operation["tags"].as_array().expect("tags");
            assert_eq!(tags.len(), 1, "{path}: {place}");
            assert!(declared.contains(&text(&tags[0])), "{path}: {place}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert_ne!(text(&parameter["description"]), "", "{path}: {place} {parameter}");
            }
        }
        for (name, schema) in schemas(&document) {
            assert_ne!(text(&schema["description"]), "", "{path}: {name}");
        }
    }
}

/// The examples decide: a text with a duration or a cursor as its example has the pattern.
#[tokio::test]
async fn durations_and_cursors_have_patterns() {
    let duration = Regex::new("^(PT?[0-9]+[A-Z]|[0-9]+(ms|s|m|h|d))$").expect("a valid regex");
    let cursor = Regex::new(r"^[0-9a-f]{8}\.[0-9]+$").expect("a valid regex");
    let (_, document) = fetch(&Server::start(), "/_control/openapi.json").await;
    let mut found = 0;
    for (place, schema) in fields(&document) {
        let Some(example) = schema["example"].as_str() else { continue };
        if !duration.is_match(example) && !cursor.is_match(example) {
            continue;
        }
        let pattern = schema["pattern"].as_str();
        let pattern = pattern.unwrap_or_else(|| panic!("{place} has no pattern: {schema}"));
        let pattern = Regex::new(pattern).expect("a valid regex");
        assert!(pattern.is_match(example), "{place}");
        assert!(!pattern.is_match("soon") && !pattern.is_match(""), "{place}");
        found += 1;
    }
    assert!(found > 20, "{found}");
}

#[tokio::test]
async fn server_is_the_address_that_the_client_used() {
    let server = Server::start();
    let port = server.base_url.rsplit(':').next().expect("a port").to_owned();
    for path in DOCUMENTS {
        let (_, document) = fetch(&server, path).await;
        assert_eq!(document["servers"][0]["url"], server.base_url, "{path}");
        assert_eq!(document["servers"].as_array().map(Vec::len), Some(1), "{path}");
        let host = format!("localhost:{port}");
        let request = RawRequest::new("GET", path).set_header("Host", &host);
        let response = request.send(&server.base_url).await;
        let document = response.json();
        assert_eq!(document["servers"][0]["url"], format!("http://{host}"), "{path}");
    }
}

#[tokio::test]
async fn server_is_the_public_url_if_one_is_set() {
    let server = Server::start_with_args(&["--public-url", "https://desk.test/base"]);
    for path in DOCUMENTS {
        let (_, document) = fetch(&server, path).await;
        assert_eq!(document["servers"][0]["url"], "https://desk.test/base", "{path}");
    }
}

#[test]
fn printed_documents_have_the_given_server() {
    for (arguments, expected) in [
        (&["openapi"][..], "http://127.0.0.1:8080"),
        (&["openapi", "--control"], "http://127.0.0.1:8080"),
        (&["openapi", "--all", "--url", "http://mock:1"], "http://mock:1"),
        (&["openapi", "--control", "--url", "http://mock:1"], "http://mock:1"),
    ] {
        let printed = run_to_exit(arguments).expect_success();
        let document: Value = serde_json::from_str(&printed).expect("the output is JSON");
        assert_eq!(document["servers"][0]["url"], expected, "{arguments:?}");
    }
    let output = run_to_exit(&["openapi", "--control", "--all"]);
    assert_eq!(output.exit_code, Some(2), "{output:?}");
}

/// Sends each operation with its examples, in the order of the document, against tickets with the ids of the examples.
#[tokio::test]
async fn examples_of_requests_get_the_examples_of_responses() {
    for path in TICKET_DOCUMENTS {
        let server = seed::serve_seed(&acme_seed((1..=5).map(ticket_fixture)));
        let (_, document) = fetch(&server, path).await;
        for (place, operation) in operations(&document) {
            let (method, route) = place.split_once(' ').expect("a method and a path");
            let (mut route, mut query) = (route.to_owned(), Vec::new());
            let has_body = operation.get("requestBody").is_some();
            for parameter in operation["parameters"].as_array().expect("parameters") {
                let name = parameter["name"].as_str().expect("a name");
                let example = &parameter["schema"]["example"];
                match parameter["in"].as_str() {
                    Some("path") => {
                        route = route.replace(&format!("{{{name}}}"), &to_text(example));
                    }
                    _ if !has_body => query.extend(form_pairs(&json!({ name: example }))),
                    _ => {}
                }
            }
            let mut request = server.request(&method.to_uppercase(), &route).query(&query);
            let content = operation["requestBody"]["content"].as_object();
            if let Some((content_type, media)) = content.and_then(|content| content.iter().next()) {
                let example = find_example(&document, &media["schema"]).expect("an example");
                let form = form_pairs(&example);
                request = match content_type.as_str() {
                    "multipart/form-data" => {
                        let form = form.into_iter();
                        request.multipart(
                            form.fold(reqwest::multipart::Form::new(), |form, pair| {
                                form.text(pair.0, pair.1)
                            }),
                        )
                    }
                    "application/x-www-form-urlencoded" => request.form(&form),
                    other => panic!("{other} is not documented"),
                };
            }
            let reply = JsonResponse::fetch(request).await;
            assert_eq!(reply.status, 200, "{path}: {place}: {}", reply.body);
            let media = &operation["responses"]["200"]["content"]["application/json"];
            assert_valid(&document, &media["schema"], &reply.body, &place);
            if let Some(message) = media["example"].get("message") {
                assert_eq!(reply.body["message"], *message, "{path}: {place}");
            }
        }
    }
}

/// Sends the example of each body, then reads each route, and compares each response with its schema.
#[tokio::test]
async fn control_api_accepts_the_examples_and_responds_as_described() {
    let server = Server::start();
    assert_eq!(server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);
    let snapshot = server.request("PUT", "/_control/accounts/dev/snapshots/first");
    assert_eq!(JsonResponse::fetch(snapshot).await.status, 201);
    let (_, document) = fetch(&server, "/_control/openapi.json").await;
    let (writes, reads): (Vec<_>, Vec<_>) = operations(&document)
        .into_iter()
        .partition(|(_, operation)| operation.get("requestBody").is_some());
    let skipped = ["health", "metrics", "ready", "streamRequests", "wait"];
    let reads = reads.into_iter().filter(|(place, operation)| {
        let id = operation["operationId"].as_str().expect("an id");
        place.starts_with("get ") && !skipped.contains(&id)
    });
    let mut responses = 0;
    for (place, operation) in writes.into_iter().chain(reads) {
        let (method, path) = place.split_once(' ').expect("a method and a path");
        let path = path.replace("{account}", "dev").replace("{seq}", "1");
        let mut request = server.request(&method.to_uppercase(), &path);
        let body = &operation["requestBody"]["content"]["application/json"]["example"];
        if !body.is_null() {
            request = request.json(body);
        }
        let reply = JsonResponse::fetch(request).await;
        assert!([200, 201].contains(&reply.status), "{place}: {}", reply.body);
        let response = &operation["responses"][reply.status.to_string()];
        let schema = &response["content"]["application/json"]["schema"];
        assert_valid(&document, schema, &reply.body, &place);
        responses += 1;
    }
    assert!(responses > 20, "{responses}");
}

fn to_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Encodes an object as a form: a list as one pair for each item.
fn form_pairs(object: &Value) -> Vec<(String, String)> {
    let members = object.as_object().expect("an object").iter();
    let pairs = members.flat_map(|(name, value)| match value.as_array() {
        Some(items) => items.iter().map(|item| (name.clone(), to_text(item))).collect(),
        None => vec![(name.clone(), to_text(value))],
    });
    pairs.collect()
}
