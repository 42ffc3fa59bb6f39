//! One request and its answer over a connection of its own, for the questions outside the load.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(30);

/// Short beside a start-up, long enough to leave the core to the server.
const BETWEEN_TRIES: Duration = Duration::from_micros(50);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Sends the bytes and reads the answer.
pub(crate) fn ask(address: SocketAddr, request: &str) -> Outcome<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    read_answer(&mut BufReader::new(stream))
}

/// Asks until the answer is a `200`, and returns it.
pub(crate) fn ask_until_ready(address: SocketAddr, request: &str) -> Outcome<Answer> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = match ask(address, request) {
            Ok(answer) if answer.status == 200 => return Ok(answer),
            Ok(answer) => format!("status {}", answer.status),
            Err(error) => error.to_string(),
        };
        if Instant::now() > deadline {
            return Err(format!("no 200 from {address} within {PATIENCE:?}: {last}").into());
        }
        thread::sleep(BETWEEN_TRIES);
    }
}

fn read_answer(reader: &mut impl BufRead) -> Outcome<Answer> {
    let status_line = read_line(reader)?;
    let status = status_line.split(' ').nth(1).ok_or("no status in the answer")?.parse()?;
    let mut length = None;
    loop {
        let line = read_line(reader)?;
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = Some(value.trim().parse()?);
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length.ok_or("no Content-Length in the answer")?];
    reader.read_exact(&mut body)?;
    Ok(Answer { status, body })
}

/// A line of the head without its end; the empty line ends the head.
fn read_line(reader: &mut impl BufRead) -> Outcome<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err("the connection was closed before the answer".into());
    }
    Ok(line.trim_end().to_owned())
}
