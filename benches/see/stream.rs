//! Whether those who follow the journal slow down those whom they follow.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    thread::{self, JoinHandle},
    time::Instant,
};

use crate::{
    Outcome, desk::Desk, load, machine::Machine, options::Options, seed::KEY, storage::Storage,
    times::Times,
};

const TICKETS: u32 = 100;

/// Each kind of reader has so many turns.
const TURNS: u32 = 5;

/// Requests before those that are timed: far more than fits into the buffers of a connection.
const FILL: u32 = 4_000;

const CONNECTIONS: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum Reader {
    None,
    Reads,
    Stalls,
}

const READERS: [(&str, Reader); 3] = [
    ("nobody follows", Reader::None),
    ("one follows and reads", Reader::Reads),
    ("one follows and reads nothing", Reader::Stalls),
];

pub(crate) struct Stream {
    pub(crate) name: &'static str,
    pub(crate) reads: Times,
    pub(crate) writes: Times,
    /// The most resident memory after a turn, in MB.
    pub(crate) memory: f64,
}

impl Stream {
    pub(crate) fn measure_all(options: &Options, machine: &Machine) -> Outcome<Vec<Self>> {
        let desk = Desk::open(machine, Storage::Memory, TICKETS)?;
        let mut all = READERS.map(|(name, _)| {
            let (reads, writes) = (Times::default(), Times::default());
            Self { name, reads, writes, memory: 0.0 }
        });
        for turn in 0..TURNS {
            for (stream, (_, reader)) in all.iter_mut().zip(READERS) {
                stream.turn(&desk, reader, turn, options.followed / TURNS)?;
            }
        }
        desk.server.stop()?;
        Ok(all.into())
    }

    fn turn(&mut self, desk: &Desk, reader: Reader, turn: u32, count: u32) -> Outcome<()> {
        let follower = Follower::start(desk, reader)?;
        let fill = (0..FILL).map(|number| desk.show(KEY, 2 + number % (TICKETS - 1)));
        load::send_all(&mut desk.connect_often(CONNECTIONS)?, fill)?;
        let shows = (0..count).map(|_| desk.show(KEY, 2));
        time(desk, &mut self.reads, shows)?;
        let name = self.name.replace(' ', "-");
        let renames = (0..count).map(|number| desk.rename(1, &format!("{name}-{turn}-{number}")));
        time(desk, &mut self.writes, renames)?;
        self.memory = self.memory.max(desk.server.memory()?);
        follower.map_or(Ok(()), Follower::leave)
    }
}

fn time(desk: &Desk, times: &mut Times, requests: impl Iterator<Item = String>) -> Outcome<()> {
    let mut connection = desk.connect()?;
    let (mut elapsed, before) = (Vec::new(), desk.server.cpu_seconds()?);
    for request in requests {
        let began = Instant::now();
        let answer = connection.ask(&request)?;
        elapsed.push(began.elapsed());
        answer.succeeded()?;
    }
    times.add(elapsed, desk.server.cpu_seconds()? - before);
    Ok(())
}

/// Whoever follows the journal.
struct Follower {
    stream: TcpStream,
    reader: Option<JoinHandle<()>>,
}

impl Follower {
    fn start(desk: &Desk, reader: Reader) -> Outcome<Option<Self>> {
        if reader == Reader::None {
            return Ok(None);
        }
        let mut stream = TcpStream::connect(desk.server.address)?;
        stream.write_all(desk.look("requests/stream").as_bytes())?;
        let mut first = [0; 12];
        stream.read_exact(&mut first)?;
        if first != *b"HTTP/1.1 200" {
            return Err(format!("the stream begins with {}", first.escape_ascii()).into());
        }
        let mut copy = stream.try_clone()?;
        let read = move || drop(io::copy(&mut copy, &mut io::sink()));
        let reader = (reader == Reader::Reads).then(|| thread::spawn(read));
        Ok(Some(Self { stream, reader }))
    }

    fn leave(self) -> Outcome<()> {
        self.stream.shutdown(Shutdown::Both)?;
        match self.reader.map(JoinHandle::join) {
            Some(Err(_)) => Err("the reader panicked".into()),
            _ => Ok(()),
        }
    }
}
