//! Builds a request from the `send` of a step, and reads the response.

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::target::Target;
use crate::variables::to_form_value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestSpec {
    method: String,
    path: String,
    #[serde(default)]
    encoding: Encoding,
    /// `[name, value]` in the order in which they are sent; `[name, value, file]` is a file part.
    #[serde(default)]
    fields: Vec<Vec<Value>>,
    /// The body of `raw`, and of `json` if fields cannot express it.
    body: Option<Value>,
    /// The body of `raw` in hexadecimal digits.
    hex: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// Replaces the case's API key; `none` sends no key.
    key: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Query,
    Urlencoded,
    Multipart,
    Json,
    Raw,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl RequestSpec {
    pub(crate) async fn send(&self, target: &Target) -> Result<Response, String> {
        let response =
            self.build_request(target).send().await.map_err(|error| format!("{error:?}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.map_err(|error| format!("{error:?}"))?;
        Ok(Response { status, headers, text })
    }

    fn build_request(&self, target: &Target) -> RequestBuilder {
        let method = self.method.parse().expect("a method");
        let mut request =
            target.client.request(method, format!("{}{}", target.base_url, self.path));
        let key = self.key.as_deref().unwrap_or(&target.api_key);
        if key != "none" {
            request = request.header("apiKey", key);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        self.add_fields(request)
    }

    fn add_fields(&self, request: RequestBuilder) -> RequestBuilder {
        let pairs =
            self.fields.iter().map(|field| (to_form_value(&field[0]), to_form_value(&field[1])));
        match self.encoding {
            Encoding::Query => request.query(&pairs.collect::<Vec<_>>()),
            Encoding::Urlencoded => request.form(&pairs.collect::<Vec<_>>()),
            Encoding::Multipart => {
                request.multipart(self.fields.iter().map(Vec::as_slice).fold(Form::new(), add_part))
            }
            Encoding::Json => request.json(&self.json_body()),
            Encoding::Raw => match &self.content_type {
                Some(content_type) => {
                    request.header("content-type", content_type).body(self.raw_body())
                }
                None => request.body(self.raw_body()),
            },
        }
    }

    fn json_body(&self) -> Value {
        let members = self.fields.iter().map(|field| (to_form_value(&field[0]), field[1].clone()));
        self.body.clone().unwrap_or_else(|| members.collect::<Map<_, _>>().into())
    }

    fn raw_body(&self) -> Vec<u8> {
        let text = || self.body.as_ref().map(to_form_value).unwrap_or_default().into_bytes();
        self.hex.as_deref().map_or_else(text, decode_hex)
    }
}

fn add_part(form: Form, field: &[Value]) -> Form {
    let part = Part::text(to_form_value(&field[1]));
    let file = field.get(2).map(to_form_value);
    form.part(to_form_value(&field[0]), file.into_iter().fold(part, Part::file_name))
}

fn decode_hex(hex: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(pair, 16).expect("two hexadecimal digits");
    hex.split_whitespace().map(byte).collect()
}
