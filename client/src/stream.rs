//! A stream of requests, parsed from server-sent events.

use crate::client::ControlError;
use crate::types::JournalEntry;

/// A stream of an account's requests.
#[derive(Debug)]
pub struct RequestStream {
    response: reqwest::Response,
    /// Bytes received that are not yet a complete event.
    buffer: Vec<u8>,
    truncated: bool,
}

impl RequestStream {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        Self { response, buffer: Vec::new(), truncated: false }
    }

    /// Waits for the next request; None when the server ends the stream.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn next(&mut self) -> Result<Option<JournalEntry>, ControlError> {
        loop {
            while let Some(event) = self.take_event() {
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
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }

    /// Returns whether requests were evicted before they were sent.
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    fn take_event(&mut self) -> Option<String> {
        let end = self.buffer.windows(2).position(|pair| pair == b"\n\n")?;
        let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
        Some(String::from_utf8_lossy(&event).into_owned())
    }
}
