//! Clients that hang, each in its way.

use std::{
    io::{ErrorKind, Write},
    net::TcpStream,
};

use crate::{Outcome, desk::Desk};

/// One in so many of those that are in no head and no body asks for much and reads nothing; the others are idle.
const UNREAD: u32 = 10;
/// Far more than the buffers of a connection hold.
const ASKED: usize = 100;

pub(crate) struct Crowd(Vec<TcpStream>);

impl Crowd {
    /// A third stops in a head, a third in a body, a third is idle or does not read.
    pub(crate) fn gather(desk: &Desk, clients: u32) -> Outcome<Self> {
        let (create, rename) = (desk.create(0), desk.rename(1, "A-name-that-never-comes"));
        let half_a_head = &create[..create.find("\r\n\r\n").ok_or("it has a head")? / 2];
        let half_a_form = &rename[..rename.len() - 10];
        let half_a_multipart = &create[..create.len() - 100];
        let list = desk.get("/api/v2/ticket?itemLimit=200").repeat(ASKED);
        let streams = (0..clients).map(|number| {
            let mut stream = TcpStream::connect(desk.server.address)?;
            let sent = match (number % 3, number / 3 % UNREAD) {
                (0, _) => half_a_head,
                (1, turn) if turn % 2 == 0 => half_a_form,
                (1, _) => half_a_multipart,
                (_, 0) => &list,
                _ => "",
            };
            stream.write_all(sent.as_bytes())?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        });
        streams.collect::<Outcome<_>>().map(Self)
    }

    /// How many of them are still there.
    pub(crate) fn left(&self) -> usize {
        let is_open = |stream: &&TcpStream| match stream.peek(&mut [0]) {
            Ok(count) => count > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        self.0.iter().filter(is_open).count()
    }
}
