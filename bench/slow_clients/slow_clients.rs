//! The slow clients: connections that stop at some point of a request or its response.

use std::{
    io::{ErrorKind, Write},
    net::TcpStream,
};

use omnidesk_mock_bench::{BenchResult, test_server::TestServer};

use crate::measurement::create_request;

/// Of the third that is in no head and no body, one in this number sends requests and reads nothing; the others are idle.
const UNREAD_SHARE: u32 = 10;
/// Lists that such a client requests: far more bytes than the buffers of a connection hold.
const UNREAD_REQUESTS: usize = 100;

pub(crate) struct SlowClients(Vec<TcpStream>);

impl SlowClients {
    /// A third stops in a head, a third in a body, a third is idle or does not read.
    pub(crate) fn connect(server: &TestServer, count: u32) -> BenchResult<Self> {
        let requests = server.requests();
        let create = create_request(requests, 0);
        let update = requests.update_title(1, "A-title-that-never-arrives");
        let half_head = &create[..create.find("\r\n\r\n").ok_or("the request has no head")? / 2];
        let half_form = &update[..update.len() - 10];
        let half_multipart = &create[..create.len() - 100];
        let lists = requests.get("/api/v2/ticket?itemLimit=200").repeat(UNREAD_REQUESTS);
        let streams = (0..count).map(|number| {
            let mut stream = TcpStream::connect(server.process.address)?;
            let bytes = match (number % 3, number / 3 % UNREAD_SHARE) {
                (0, _) => half_head,
                (1, index) if index % 2 == 0 => half_form,
                (1, _) => half_multipart,
                (_, 0) => &lists,
                _ => "",
            };
            stream.write_all(bytes.as_bytes())?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        });
        streams.collect::<BenchResult<_>>().map(Self)
    }

    /// How many the server has not disconnected.
    pub(crate) fn connected_count(&self) -> usize {
        let is_open = |stream: &&TcpStream| match stream.peek(&mut [0]) {
            Ok(count) => count > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        self.0.iter().filter(is_open).count()
    }
}
