//! Turns the `send` of a step into a request, and the response into an answer.

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::names::plain;
use crate::target::Target;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Send {
    method: String,
    path: String,
    #[serde(default)]
    encoding: Encoding,
    /// `[name, value]` in the order in which they are sent; `[name, value, file]` is a file part.
    #[serde(default)]
    fields: Vec<Vec<Value>>,
    /// The body of `raw`, and of `json` where fields cannot say it.
    body: Option<Value>,
    /// The body of `raw` in hexadecimal digits.
    hex: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// Another key than the story's; `none` sends no key.
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

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Send {
    pub(crate) async fn send(&self, target: &Target) -> Result<Answer, String> {
        let response = self.request(target).send().await.map_err(|error| format!("{error:?}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.map_err(|error| format!("{error:?}"))?;
        Ok(Answer { status, headers, text })
    }

    fn request(&self, target: &Target) -> RequestBuilder {
        let method = self.method.parse().expect("a method");
        let mut request = target.client.request(method, format!("{}{}", target.base, self.path));
        let key = self.key.as_deref().unwrap_or(&target.key);
        if key != "none" {
            request = request.header("apiKey", key);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        self.with_fields(request)
    }

    fn with_fields(&self, request: RequestBuilder) -> RequestBuilder {
        let pairs = self.fields.iter().map(|field| (plain(&field[0]), plain(&field[1])));
        match self.encoding {
            Encoding::Query => request.query(&pairs.collect::<Vec<_>>()),
            Encoding::Urlencoded => request.form(&pairs.collect::<Vec<_>>()),
            Encoding::Multipart => {
                request.multipart(self.fields.iter().map(Vec::as_slice).fold(Form::new(), part))
            }
            Encoding::Json => request.json(&self.json_body()),
            Encoding::Raw => match &self.content_type {
                Some(kind) => request.header("content-type", kind).body(self.raw_body()),
                None => request.body(self.raw_body()),
            },
        }
    }

    fn json_body(&self) -> Value {
        let members = self.fields.iter().map(|field| (plain(&field[0]), field[1].clone()));
        self.body.clone().unwrap_or_else(|| members.collect::<Map<_, _>>().into())
    }

    fn raw_body(&self) -> Vec<u8> {
        let text = || self.body.as_ref().map(plain).unwrap_or_default().into_bytes();
        self.hex.as_deref().map_or_else(text, bytes_of_hex)
    }
}

fn part(form: Form, field: &[Value]) -> Form {
    let part = Part::text(plain(&field[1]));
    let file = field.get(2).map(plain);
    form.part(plain(&field[0]), file.into_iter().fold(part, Part::file_name))
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(pair, 16).expect("two hexadecimal digits");
    hex.split_whitespace().map(byte).collect()
}
