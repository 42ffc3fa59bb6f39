//! HTTP/1.1: requests as bytes, which go unchanged to every server and to wrk, and a connection that is kept alive.

use crate::prelude::*;

pub const TICKETS: &str = "/api/v2/ticket";
pub const ACCOUNTS: &str = "/_control/accounts";

const TIMEOUT: Duration = Duration::from_secs(30);

/// Encodes requests with this API key.
#[derive(Clone, Copy)]
pub struct Requests<'a>(pub &'a str);

pub const KEY: Requests = Requests(seed::API_KEY);

impl Requests<'_> {
    /// Encodes a line such as `POST /path form a=1&b=2`. A body is `form`, `multipart`, `json` or of a content type.
    pub fn line(self, line: &str) -> String {
        let (method, rest) = line.split_once(' ').unwrap_or(("GET", line));
        let (path, content) = rest.split_once(' ').unwrap_or((rest, ""));
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\napiKey: {}\r\n", self.0);
        let Some((kind, body)) = content.split_once(' ') else { return head + "\r\n" };
        let field = |(name, value)| {
            format!("--bench\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let fields = body.split('&').filter_map(|field| field.split_once('=')).map(field);
        let (content_type, body) = match kind {
            "form" => ("application/x-www-form-urlencoded", body.to_owned()),
            "json" => ("application/json", body.to_owned()),
            "multipart" => (
                "multipart/form-data; boundary=bench",
                fields.collect::<String>() + "--bench--\r\n",
            ),
            other => (other, body.to_owned()),
        };
        let length = body.len();
        format!("{head}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}")
    }

    pub fn get(self, path: &str) -> String {
        self.line(&format!("GET {path}"))
    }

    pub fn get_ticket(self, id: impl Display) -> String {
        self.get(&format!("{TICKETS}/{id}"))
    }

    /// Changes the title, which must be form-encoded. Setting the current title again changes nothing and costs less,
    /// so each title must be a new one.
    pub fn update_title(self, id: impl Display, title: &str) -> String {
        self.line(&format!("PUT {TICKETS}/{id} form title={title}"))
    }

    /// Sets a field of several tickets: `status=open` or `priority=high`.
    pub fn set(self, field: &str, ids: &[impl Display]) -> String {
        let operation = if field.starts_with("status") { "setStatus" } else { "setPriority" };
        let ids: Vec<_> = ids.iter().map(|id| format!("&ticketIDs[]={id}")).collect();
        self.line(&format!("POST {TICKETS}/{operation} multipart {field}{}", ids.concat()))
    }
}

pub struct Connection(BufReader<TcpStream>);

impl Connection {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self(BufReader::new(stream)))
    }

    pub fn send(&mut self, request: &str) -> io::Result<()> {
        self.0.get_mut().write_all(request.as_bytes())
    }

    pub fn receive(&mut self) -> io::Result<Response> {
        let mut response = self.receive_head()?;
        let default = if response.status == 204 { "0" } else { "none" };
        let length = response.header("content-length").unwrap_or(default).parse();
        response.body.resize(length.map_err(|_| ErrorKind::InvalidData)?, 0);
        self.0.read_exact(&mut response.body)?;
        Ok(response)
    }

    /// Reads the head of a response, whose body may never end.
    pub fn receive_head(&mut self) -> io::Result<Response> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.ok_or(ErrorKind::InvalidData)?;
        Ok(Response { status, head, body: Vec::new() })
    }

    pub fn exchange(&mut self, request: &str) -> io::Result<Response> {
        self.send(request)?;
        self.receive()
    }

    /// Returns the time until the response is read, in milliseconds, too. Fails unless the response is a success.
    pub fn time(&mut self, request: &str) -> Result<(f64, Response)> {
        let start = Instant::now();
        let response = self.exchange(request)?;
        let latency = milliseconds(start.elapsed());
        response.check_success()?;
        Ok((latency, response))
    }

    /// Waits until the server closes the connection. Returns false if it sends more instead.
    pub fn wait_for_close(&mut self) -> io::Result<bool> {
        match self.0.read(&mut [0; 64]) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(true),
            result => Ok(result? == 0),
        }
    }
}

/// Sends the requests over all connections, one on each at a time. Every response must pass the check.
pub fn send_all(
    all: &mut [Connection],
    mut requests: impl Iterator<Item = String>,
    mut check: impl FnMut(&Response) -> Result<()>,
) -> Result<()> {
    loop {
        let mut sent = 0;
        for (connection, request) in all.iter_mut().zip(&mut requests) {
            connection.send(&request)?;
            sent += 1;
        }
        if sent == 0 {
            return Ok(());
        }
        all[..sent].iter_mut().try_for_each(|connection| check(&connection.receive()?))?;
    }
}

pub struct Response {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|header| header.0.eq_ignore_ascii_case(name)).map(|header| header.1.trim())
    }

    pub fn check_success(&self) -> Result<()> {
        ensure!(self.status / 100 == 2, "status {}: {}", self.status, excerpt(&self.body));
        Ok(())
    }

    pub fn json(&self) -> Result<Value> {
        self.check_success()?;
        self.expect(self.status)
    }

    /// Fails unless the response has this status. Returns its JSON body, or null if the body is empty.
    pub fn expect(&self, status: u16) -> Result<Value> {
        let (actual, text) = (self.status, excerpt(&self.body));
        ensure!(actual == status, "status {actual}, expected {status}: {text}");
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        let content_type = self.header("content-type").unwrap_or_default();
        let expected = if status < 400 { "application/json" } else { "json" };
        ensure!(content_type.ends_with(expected), "Content-Type {content_type:?}: {text}");
        serde_json::from_slice(&self.body).context(text)
    }
}

pub fn excerpt(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(600)].escape_ascii().to_string()
}
