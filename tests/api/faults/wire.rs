//! What a client sees of each effect: the exact bytes, and how the connection ends.

use std::io::ErrorKind;

use serde_json::{Value, json};

use crate::support::raw::Transcript;

/// The outcome of a request as the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedOutcome {
    /// An error in the documented envelope with this status.
    Error(u16),
    /// TCP RST before any byte.
    ConnectionReset,
    /// The connection is closed before any byte.
    CloseWithoutResponse,
    /// The first bytes of the body, this many.
    TruncatedBody(usize),
    /// Status 200 with a body that is no JSON.
    MalformedBody,
    FullResponse,
}

impl ExpectedOutcome {
    /// Checks that the transcript has this outcome; `full_body` is the response without a fault.
    pub(super) fn assert_matches(self, label: &str, transcript: &Transcript, full_body: &str) {
        match self {
            Self::Error(status) => {
                assert_eq!(assert_error_envelope(transcript), status, "{label}: {transcript:?}");
            }
            Self::ConnectionReset => {
                assert_eq!(
                    transcript.read_error,
                    Some(ErrorKind::ConnectionReset),
                    "{label}: {transcript:?}"
                );
                assert_eq!(transcript.text(), "", "{label}: {transcript:?}");
            }
            Self::CloseWithoutResponse => {
                assert_eq!(transcript.text(), "", "{label}: {transcript:?}");
            }
            Self::TruncatedBody(bytes) => {
                assert_eq!(transcript.status(), 200, "{label}: {transcript:?}");
                assert_eq!(transcript.body(), &full_body[..bytes], "{label}: {transcript:?}");
                assert_eq!(transcript.content_length(), full_body.len(), "{label}: {transcript:?}");
            }
            Self::MalformedBody => {
                assert_eq!(transcript.status(), 200, "{label}: {transcript:?}");
                assert!(transcript.body().trim_start().starts_with('<'), "{label}: {transcript:?}");
                assert_eq!(
                    transcript.content_length(),
                    transcript.body().len(),
                    "{label}: {transcript:?}"
                );
            }
            Self::FullResponse => {
                assert_eq!(transcript.status(), 200, "{label}: {transcript:?}");
                assert_eq!(transcript.body(), full_body, "{label}");
                assert_eq!(transcript.read_error, None, "{label}: {transcript:?}");
            }
        }
    }

    /// Returns the status in the journal entry.
    pub(super) fn recorded_status(self) -> Option<u16> {
        match self {
            Self::Error(status) => Some(status),
            Self::ConnectionReset | Self::CloseWithoutResponse => None,
            Self::TruncatedBody(_) | Self::MalformedBody | Self::FullResponse => Some(200),
        }
    }
}

/// Checks that the error has the documented envelope; returns its status.
fn assert_error_envelope(transcript: &Transcript) -> u16 {
    let body: Value = serde_json::from_str(transcript.body())
        .unwrap_or_else(|error| panic!("the error is not JSON ({error}): {transcript:?}"));
    assert_eq!(body["status"], "error", "{transcript:?}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{transcript:?}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{transcript:?}");
    transcript.status()
}

/// Returns each effect that ends by itself, its outcome, and whether the request is executed.
pub(super) fn effect_cases() -> Vec<(Value, ExpectedOutcome, bool)> {
    vec![
        (json!({ "status": 503 }), ExpectedOutcome::Error(503), false),
        (json!({ "status": 429, "retry_after": "7s" }), ExpectedOutcome::Error(429), false),
        (json!({ "reset_connection": true }), ExpectedOutcome::ConnectionReset, false),
        (json!({ "hang": "20ms" }), ExpectedOutcome::CloseWithoutResponse, false),
        (json!({ "truncate": 20 }), ExpectedOutcome::TruncatedBody(20), true),
        (json!({ "malformed": true }), ExpectedOutcome::MalformedBody, true),
        (json!({ "dribble": "1ms" }), ExpectedOutcome::FullResponse, true),
        (json!({ "delay": "20ms" }), ExpectedOutcome::FullResponse, true),
        (json!({ "delay": "20ms", "when": "after" }), ExpectedOutcome::FullResponse, true),
        (json!({ "drop_response": "reset" }), ExpectedOutcome::ConnectionReset, true),
        (json!({ "drop_response": 503 }), ExpectedOutcome::Error(503), true),
    ]
}

/// Returns the member that names an effect.
pub(super) fn effect_name(effect: &Value) -> &str {
    let mut names = effect.as_object().expect("the effect is an object").keys();
    names.next().expect("the effect has a name")
}
