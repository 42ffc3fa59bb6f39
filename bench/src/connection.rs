//! An HTTP/1.1 connection that is kept alive: one request and its response after the other.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::BenchResult;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a response that an error message quotes.
const EXCERPT_LENGTH: usize = 600;

pub struct Connection(BufReader<TcpStream>);

pub struct Response {
    pub status: u16,
    pub content_type: String,
    /// Whether the server closes the connection after it.
    pub closes_connection: bool,
    pub body: Vec<u8>,
}

struct ResponseHead {
    status: u16,
    content_type: String,
    closes_connection: bool,
    content_length: Option<usize>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Self::open_with_timeout(address, TIMEOUT)
    }

    /// Connecting, and every read and write, fails after this time.
    pub fn open_with_timeout(address: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and reads its response.
    pub fn exchange(&mut self, request: &str) -> io::Result<Response> {
        self.send(request)?;
        self.receive()
    }

    /// Sends the bytes without waiting for the response.
    pub fn send(&mut self, request: &str) -> io::Result<()> {
        self.0.get_mut().write_all(request.as_bytes())
    }

    /// Reads the response to a request that was sent.
    pub fn receive(&mut self) -> io::Result<Response> {
        let head = self.read_head()?;
        let ResponseHead { status, content_type, closes_connection, content_length } = head;
        let length = content_length.or((status == 204).then_some(0));
        let length = length.ok_or_else(|| invalid_response("no Content-Length"))?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(Response { status, content_type, closes_connection, body })
    }

    /// Reads the head of a response whose body never ends, and returns its status.
    pub fn receive_status(&mut self) -> io::Result<u16> {
        Ok(self.read_head()?.status)
    }

    /// Waits until the server closes the connection. Returns false if it sends more instead.
    pub fn wait_for_close(&mut self) -> io::Result<bool> {
        match self.0.read(&mut [0; 64]) {
            Ok(count) => Ok(count == 0),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn read_head(&mut self) -> io::Result<ResponseHead> {
        let status_line = self.read_line()?;
        let status = status_line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| invalid_response(&status_line))?;
        let mut head = ResponseHead {
            status,
            content_type: String::new(),
            closes_connection: false,
            content_length: None,
        };
        loop {
            let line = self.read_line()?;
            let Some((name, value)) = line.split_once(':') else { return Ok(head) };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.content_length = value.parse().ok();
            } else if name.eq_ignore_ascii_case("content-type") {
                value.clone_into(&mut head.content_type);
            } else if name.eq_ignore_ascii_case("connection") {
                head.closes_connection = value.eq_ignore_ascii_case("close");
            }
        }
    }

    /// A line of the head without its end. The empty line ends the head.
    fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            let message = "the server closed the connection before the response";
            return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Response {
    /// Fails unless the status is 2xx.
    pub fn check_success(&self) -> BenchResult<()> {
        match self.status {
            200..=299 => Ok(()),
            status => Err(format!("status {status}: {}", excerpt(&self.body)).into()),
        }
    }

    /// Parses the body of a successful response.
    pub fn json<T: DeserializeOwned>(&self) -> BenchResult<T> {
        self.check_success()?;
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// Fails unless the response has this status. Returns its JSON body, or null if the body is empty.
    pub fn expect_status(&self, status: u16) -> BenchResult<Value> {
        let text = || excerpt(&self.body);
        if self.status != status {
            return Err(format!("status {}, expected {status}: {}", self.status, text()).into());
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        let content_type = &self.content_type;
        let expected = if status < 400 { "application/json" } else { "json" };
        if !content_type.ends_with(expected) {
            let message = format!("status {status} with Content-Type {content_type:?}: {}", text());
            return Err(message.into());
        }
        let value = serde_json::from_slice(&self.body);
        value.map_err(|error| format!("{error}: {}", text()).into())
    }
}

/// Whether the server has closed the connection. A timeout or an invalid response is another error.
pub fn is_disconnect(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof].contains(&error.kind())
}

/// The beginning of a request or a body, for an error message.
pub fn excerpt(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(EXCERPT_LENGTH)].escape_ascii().to_string()
}

fn invalid_response(reason: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("invalid HTTP response: {reason}"))
}
