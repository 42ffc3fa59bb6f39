//! Requests as they come, read from server-sent events.

use super::ControlError;
use crate::control::wire::JournalEntry;

/// Requests of an account as they come.
#[derive(Debug)]
pub struct Requests {
    response: reqwest::Response,
    /// What has arrived and is no whole event yet.
    rest: Vec<u8>,
    truncated: bool,
}

impl Requests {
    pub(super) fn of(response: reqwest::Response) -> Self {
        Self { response, rest: Vec::new(), truncated: false }
    }

    /// The next request; None when the server ends the stream.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn next(&mut self) -> Result<Option<JournalEntry>, ControlError> {
        loop {
            while let Some(event) = self.event() {
                if event.starts_with("event: truncated") {
                    self.truncated = true;
                }
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let is_request = event.lines().any(|line| line == "event: request");
                if let Some(entry) = data.filter(|_| is_request)
                    && let Ok(entry) = serde_json::from_str(entry)
                {
                    return Ok(Some(entry));
                }
            }
            match self.response.chunk().await? {
                Some(bytes) => self.rest.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }

    /// Whether requests were dropped before they could be sent.
    pub const fn truncated(&self) -> bool {
        self.truncated
    }

    fn event(&mut self) -> Option<String> {
        let end = self.rest.windows(2).position(|pair| pair == b"\n\n")?;
        let event: Vec<u8> = self.rest.drain(..end + 2).collect();
        Some(String::from_utf8_lossy(&event).into_owned())
    }
}
