//! A connection that tells how it ends, and gives up a server that says nothing.

use std::{
    fmt,
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(15);

/// How much of what was said an error repeats.
const SHOWN: usize = 600;

pub(crate) struct Line(BufReader<TcpStream>);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// Whether the server closes the connection after it.
    pub(crate) closes: bool,
    pub(crate) body: Vec<u8>,
}

/// The head of an answer, of which the body has yet to come.
struct Head {
    status: u16,
    content_type: String,
    closes: bool,
    length: Option<usize>,
}

impl Line {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(crate) fn send(&mut self, bytes: &str) -> io::Result<()> {
        self.0.get_mut().write_all(bytes.as_bytes())
    }

    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        let Head { status, content_type, closes, length } = self.head()?;
        let length = length.or((status == 204).then_some(0));
        let mut body = vec![0; length.ok_or_else(|| broken("no Content-Length"))?];
        self.0.read_exact(&mut body)?;
        Ok(Answer { status, content_type, closes, body })
    }

    /// The status of an answer whose body never ends.
    pub(crate) fn status(&mut self) -> io::Result<u16> {
        Ok(self.head()?.status)
    }

    /// Reads to the end of the connection, and no more than a little.
    pub(crate) fn ends(&mut self) -> io::Result<bool> {
        let mut rest = [0; 64];
        match self.0.read(&mut rest) {
            Ok(read) => Ok(read == 0),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn head(&mut self) -> io::Result<Head> {
        let first = self.text()?;
        let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| broken(&first))?;
        let mut head = Head { status, content_type: String::new(), closes: false, length: None };
        loop {
            let line = self.text()?;
            let Some((name, value)) = line.split_once(':') else { return Ok(head) };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = value.parse().ok(),
                "content-type" => value.clone_into(&mut head.content_type),
                "connection" => head.closes = value.eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
    }

    /// A line of the head without its end; the empty line ends the head.
    fn text(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "closed before the answer"));
        }
        Ok(line.trim_end().to_owned())
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("no HTTP: {what}"))
}

/// Whether the server has ended the connection, rather than said nothing or nonsense.
pub(crate) fn is_end(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof].contains(&error.kind())
}

impl Answer {
    /// The body, where the status is this one; nothing for an empty body.
    pub(crate) fn expect(&self, status: u16) -> Outcome<Value> {
        if self.status != status {
            return Err(format!("{} in place of {status}: {}", self.status, self.text()).into());
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        let wanted = if status < 400 { "application/json" } else { "json" };
        if !self.content_type.ends_with(wanted) {
            return Err(format!("{status} with {:?}: {}", self.content_type, self.text()).into());
        }
        let value = serde_json::from_slice(&self.body);
        value.map_err(|error| format!("{error}: {}", self.text()).into())
    }

    fn text(&self) -> String {
        shown(&self.body)
    }
}

/// The beginning of what was said.
pub(crate) fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(SHOWN)].escape_ascii().to_string()
}

/// Compares what an answer says.
pub(crate) fn must_be<T: Copy + PartialEq + fmt::Debug>(
    what: &str,
    is: T,
    wanted: T,
) -> Outcome<()> {
    if is == wanted {
        return Ok(());
    }
    Err(format!("{what} is {is:?} in place of {wanted:?}").into())
}
