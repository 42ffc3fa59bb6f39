//! The effect of a fault: an enum, and its JSON form.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The effect of a fault. `D` is the type of its durations: text such as `2s`, as in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultEffect<D = String> {
    /// Delays the response by this time.
    Delay(D, DelayTiming),
    /// Responds with this status; does not execute the request.
    Status {
        /// From 200 to 599.
        status: u16,
        /// The message of the error response.
        message: Option<String>,
        /// The time in the header `Retry-After`.
        retry_after: Option<D>,
        /// Further parts of the response.
        response: CustomResponse,
    },
    /// Resets the connection; does not execute the request.
    ResetConnection,
    /// Executes the request; truncates the response body to this many bytes, then closes the connection.
    Truncate(u64),
    /// Executes the request; the response body is an HTML page instead of JSON.
    Malformed,
    /// Executes the request; sends the response in small chunks at this interval.
    Dribble(D),
    /// Does not execute the request; sends no response and closes the connection after this time.
    Hang(D),
    /// Executes the request but drops its response.
    DropResponse(DroppedResponse),
}

/// Parts of a response that differ from those of an error response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomResponse {
    /// How the header `Retry-After` is written.
    pub retry_after_format: RetryAfterFormat,
    /// Headers to add or to replace.
    pub headers: BTreeMap<String, String>,
    /// The body in place of the error: a text as it is, any other value as JSON.
    pub body: Option<Value>,
}

impl CustomResponse {
    /// No difference.
    pub const NONE: Self = Self {
        retry_after_format: RetryAfterFormat::Seconds,
        headers: BTreeMap::new(),
        body: None,
    };
}

/// How the header `Retry-After` is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum RetryAfterFormat {
    /// A number of seconds.
    #[default]
    Seconds,
    /// A date, by the account's clock.
    Date,
}

/// Whether a delay precedes or follows the request's execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum DelayTiming {
    /// Before.
    #[default]
    Before,
    /// After.
    After,
}

/// The replacement of a dropped response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "drop_response must be \"reset\", \"hang\" or a status from 400 to 599"
)]
pub enum DroppedResponse {
    /// No response.
    Mode(DropMode),
    /// A response with this status.
    Status(u16),
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for DroppedResponse {
    /// Describes one schema with two types, because code generators for typed languages fail on a choice of them.
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
        let schema = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Integer]))
            .pattern(Some("^(reset|hang)$"))
            .minimum(Some(400))
            .maximum(Some(599));
        schema.description(Some("`reset`, `hang`, or a status.")).into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for DroppedResponse {}

/// How the connection ends without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DropMode {
    /// It is reset.
    Reset,
    /// It hangs.
    Hang,
}

impl<D> FaultEffect<D> {
    /// Rejects the request with this status.
    pub const fn status(status: u16) -> Self {
        Self::Status { status, message: None, retry_after: None, response: CustomResponse::NONE }
    }

    /// Executes the request, and resets the connection instead of a response.
    pub const fn drop_response() -> Self {
        Self::DropResponse(DroppedResponse::Mode(DropMode::Reset))
    }

    /// Returns its name in JSON and in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Delay(..) => "delay",
            Self::Status { .. } => "status",
            Self::ResetConnection => "reset_connection",
            Self::Truncate(_) => "truncate",
            Self::Malformed => "malformed",
            Self::Dribble(_) => "dribble",
            Self::Hang(_) => "hang",
            Self::DropResponse(_) => "drop_response",
        }
    }

    /// Converts its durations. The function gets the name of the JSON member and the duration.
    ///
    /// # Errors
    /// The error of the function.
    pub fn try_map_durations<T, E>(
        self,
        mut convert: impl FnMut(&'static str, D) -> Result<T, E>,
    ) -> Result<FaultEffect<T>, E> {
        let name = self.name();
        Ok(match self {
            Self::Delay(time, timing) => FaultEffect::Delay(convert(name, time)?, timing),
            Self::Status { status, message, retry_after, response } => {
                let retry_after =
                    retry_after.map(|time| convert("retry_after", time)).transpose()?;
                FaultEffect::Status { status, message, retry_after, response }
            }
            Self::ResetConnection => FaultEffect::ResetConnection,
            Self::Truncate(bytes) => FaultEffect::Truncate(bytes),
            Self::Malformed => FaultEffect::Malformed,
            Self::Dribble(interval) => FaultEffect::Dribble(convert(name, interval)?),
            Self::Hang(time) => FaultEffect::Hang(convert(name, time)?),
            Self::DropResponse(instead) => FaultEffect::DropResponse(instead),
        })
    }
}

/// The JSON members of an effect.
#[derive(Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "an object with an effect, such as {\"reset_connection\": true}"
)]
struct Members {
    /// Delays the response by this time: `2s`, `50ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
    /// With `delay`: whether it precedes the request's execution (the default) or follows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<DelayTiming>,
    /// Responds with this status; does not execute the request. From 200 to 299 it requires `body`, except 204 and 205.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 200, maximum = 599))]
    status: Option<u16>,
    /// With `status`: the message of the error response.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// With `status`: the time in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<String>,
    /// With `retry_after`: `seconds` (the default), or `date` by the account's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_format: Option<RetryAfterFormat>,
    /// With `status`: headers of the response, such as `Location` of a redirect.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    /// With `status`: the body in place of the error. A text is sent as it is, any other value as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    body: Option<Value>,
    /// `true`: resets the connection; does not execute the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_connection: Option<bool>,
    /// Executes the request; truncates the response body to this many bytes, then closes the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<u64>,
    /// `true`: executes the request; the response body is an HTML page instead of JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    malformed: Option<bool>,
    /// Executes the request; sends the response in small chunks at this interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    dribble: Option<String>,
    /// Does not execute the request; sends no response and closes the connection after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    hang: Option<String>,
    /// Executes the request but drops its response: by `reset`, by `hang`, or by another status in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    drop_response: Option<DroppedResponse>,
}

impl From<FaultEffect> for Members {
    fn from(effect: FaultEffect) -> Self {
        let none = Self::default();
        match effect {
            FaultEffect::Delay(time, timing) => {
                let when = (timing != DelayTiming::default()).then_some(timing);
                Self { delay: Some(time), when, ..none }
            }
            FaultEffect::Status { status, message, retry_after, response } => {
                let CustomResponse { retry_after_format: format, headers, body } = response;
                let retry_after_format = (format != RetryAfterFormat::default()).then_some(format);
                let status = Some(status);
                Self { status, message, retry_after, retry_after_format, headers, body, ..none }
            }
            FaultEffect::ResetConnection => Self { reset_connection: Some(true), ..none },
            FaultEffect::Truncate(bytes) => Self { truncate: Some(bytes), ..none },
            FaultEffect::Malformed => Self { malformed: Some(true), ..none },
            FaultEffect::Dribble(interval) => Self { dribble: Some(interval), ..none },
            FaultEffect::Hang(time) => Self { hang: Some(time), ..none },
            FaultEffect::DropResponse(instead) => Self { drop_response: Some(instead), ..none },
        }
    }
}

impl TryFrom<Members> for FaultEffect {
    type Error = String;

    /// Requires exactly one effect, with only its own options.
    fn try_from(members: Members) -> Result<Self, String> {
        let Members {
            delay,
            when,
            status,
            message,
            retry_after,
            retry_after_format,
            headers,
            body,
            reset_connection,
            truncate,
            malformed,
            dribble,
            hang,
            drop_response,
        } = members;
        if when.is_some() && delay.is_none() {
            return Err("when requires delay".to_owned());
        }
        let has_own_response =
            message.is_some() || retry_after.is_some() || body.is_some() || !headers.is_empty();
        if has_own_response && status.is_none() {
            return Err("message, retry_after, headers and body require status".to_owned());
        }
        if retry_after_format.is_some() && retry_after.is_none() {
            return Err("retry_after_format requires retry_after".to_owned());
        }
        if message.is_some() && body.is_some() {
            return Err("message is part of the usual body; send message or body".to_owned());
        }
        let retry_after_format = retry_after_format.unwrap_or_default();
        let response = CustomResponse { retry_after_format, headers, body };
        for (name, flag) in [("reset_connection", reset_connection), ("malformed", malformed)] {
            if flag == Some(false) {
                return Err(format!("{name} must be true or omitted; false was sent"));
            }
        }
        let candidates = [
            delay.map(|time| Self::Delay(time, when.unwrap_or_default())),
            status.map(|status| Self::Status { status, message, retry_after, response }),
            reset_connection.map(|_| Self::ResetConnection),
            truncate.map(Self::Truncate),
            malformed.map(|_| Self::Malformed),
            dribble.map(Self::Dribble),
            hang.map(Self::Hang),
            drop_response.map(Self::DropResponse),
        ];
        let mut effects: Vec<Self> = candidates.into_iter().flatten().collect();
        if effects.len() == 1 {
            return Ok(effects.remove(0));
        }
        let sent: Vec<&str> = effects.iter().map(Self::name).collect();
        let sent = if sent.is_empty() { "none was".to_owned() } else { sent.join(", ") + " were" };
        Err(format!(
            "must have exactly one of delay, status, reset_connection, truncate, malformed, dribble, hang and drop_response; {sent} sent"
        ))
    }
}

impl Serialize for FaultEffect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Members::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FaultEffect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Members::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for FaultEffect {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        Members::schema()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for FaultEffect {
    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
        Members::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        CustomResponse, DelayTiming, DropMode, DroppedResponse, FaultEffect, RetryAfterFormat,
    };

    fn parse(text: Value) -> Result<FaultEffect, String> {
        serde_json::from_value(text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_json_form_of_each_effect_is_read_and_written() {
        let effects = [
            (json!({ "delay": "2s" }), FaultEffect::Delay("2s".into(), DelayTiming::Before)),
            (
                json!({ "delay": "PT2S", "when": "after" }),
                FaultEffect::Delay("PT2S".into(), DelayTiming::After),
            ),
            (
                json!({ "status": 429, "message": "Slow down", "retry_after": "10s" }),
                FaultEffect::Status {
                    status: 429,
                    message: Some("Slow down".into()),
                    retry_after: Some("10s".into()),
                    response: CustomResponse::NONE,
                },
            ),
            (
                json!({
                    "status": 302, "retry_after": "1s", "retry_after_format": "date",
                    "headers": { "Location": "/a" }, "body": { "a": 1 },
                }),
                FaultEffect::Status {
                    status: 302,
                    message: None,
                    retry_after: Some("1s".into()),
                    response: CustomResponse {
                        retry_after_format: RetryAfterFormat::Date,
                        headers: [("Location".to_owned(), "/a".to_owned())].into(),
                        body: Some(json!({ "a": 1 })),
                    },
                },
            ),
            (json!({ "reset_connection": true }), FaultEffect::ResetConnection),
            (json!({ "truncate": 3 }), FaultEffect::Truncate(3)),
            (json!({ "malformed": true }), FaultEffect::Malformed),
            (json!({ "dribble": "100ms" }), FaultEffect::Dribble("100ms".into())),
            (json!({ "hang": "30s" }), FaultEffect::Hang("30s".into())),
            (json!({ "drop_response": "reset" }), FaultEffect::drop_response()),
            (
                json!({ "drop_response": "hang" }),
                FaultEffect::DropResponse(DroppedResponse::Mode(DropMode::Hang)),
            ),
            (
                json!({ "drop_response": 502 }),
                FaultEffect::DropResponse(DroppedResponse::Status(502)),
            ),
        ];
        for (text, effect) in effects {
            let members: Vec<&String> = text.as_object().unwrap().keys().collect();
            assert!(members.contains(&&effect.name().to_owned()), "{text}");
            assert_eq!(serde_json::to_value(&effect).unwrap(), text);
            assert_eq!(parse(text.clone()), Ok(effect), "{text}");
        }
    }

    #[test]
    fn an_effect_is_exactly_one_with_its_own_options() {
        let cases = [
            (json!({}), "exactly one of delay, status, "),
            (json!({ "delay": "1s", "hang": "1s" }), "delay, hang were sent"),
            (json!({ "hang": "1s", "when": "after" }), "when requires delay"),
            (json!({ "delay": "1s", "message": "x" }), "require status"),
            (json!({ "hang": "1s", "body": "x" }), "require status"),
            (json!({ "hang": "1s", "headers": { "a": "b" } }), "require status"),
            (json!({ "status": 503, "retry_after_format": "date" }), "requires retry_after"),
            (json!({ "status": 503, "message": "x", "body": "y" }), "send message or body"),
            (json!({ "malformed": false }), "malformed must be true or omitted"),
            (json!({ "explode": true }), "unknown field `explode`"),
        ];
        for (text, expected) in cases {
            let error = parse(text.clone()).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
