//! A connection that is kept alive, one request and its answer after another.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Connection(BufReader<TcpStream>);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Ignores what the answer says; what is no success is an error.
    pub(crate) fn succeeded(&self) -> Outcome<()> {
        match self.status {
            200..=299 => Ok(()),
            status => Err(format!("answered with {status}: {}", self.body.escape_ascii()).into()),
        }
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends the bytes and reads the answer.
    pub(crate) fn ask(&mut self, request: &str) -> Outcome<Answer> {
        self.send(request)?;
        self.answer()
    }

    /// Sends the bytes. Whoever does so on several connections keeps the server busy.
    pub(crate) fn send(&mut self, request: &str) -> Outcome<()> {
        Ok(self.0.get_mut().write_all(request.as_bytes())?)
    }

    /// Reads the answer to what was sent.
    pub(crate) fn answer(&mut self) -> Outcome<Answer> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).ok_or("no status in the answer")?.parse()?;
        let mut length = None;
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = Some(value.trim().parse()?);
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length.ok_or("no Content-Length in the answer")?];
        self.0.read_exact(&mut body)?;
        Ok(Answer { status, body })
    }

    /// A line of the head without its end; the empty line ends the head.
    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err("the connection was closed before the answer".into());
        }
        Ok(line.trim_end().to_owned())
    }
}
