//! A filled account with a client on one connection, and how long the client waits.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::{
    Outcome,
    connection::{Answer, Connection},
    desk::{Desk, KEY},
    fill::{BATCH, Filler},
    operation::Operation,
    reset::Resets,
    ticket::Ticket,
    times::{Times, repetitions},
};

#[derive(Deserialize)]
struct List {
    #[serde(rename = "itemTotal")]
    total: u32,
}

pub(crate) struct Session {
    pub(crate) desk: Desk,
    filler: Filler,
    connection: Connection,
    /// Of all tickets, in order.
    ids: Vec<u64>,
    resets: Option<Resets>,
    /// Tickets that were asked for one by one.
    shown: usize,
    writes: u32,
    pub(crate) times: BTreeMap<Operation, Times>,
}

impl Session {
    pub(crate) fn new(desk: Desk, filler: Filler, ids: Vec<u64>) -> Outcome<Self> {
        let connection = desk.connect()?;
        let (shown, writes, times) = (0, 0, BTreeMap::new());
        Ok(Self { desk, filler, connection, ids, resets: None, shown, writes, times })
    }

    /// Repeats the operation up to so often.
    pub(crate) fn measure(&mut self, operation: Operation, most: u32) -> Outcome<()> {
        if operation == Operation::Reset {
            return self.reset(most);
        }
        self.wake()?;
        for _ in repetitions(most) {
            let time = match operation {
                Operation::Item => self.item(),
                Operation::Create => self.create(),
                Operation::Delete => self.delete(),
                Operation::SetStatus => self.set_status(),
                read => self.list(read),
            };
            self.times.entry(operation).or_default().add(time?);
        }
        Ok(())
    }

    /// A ticket that nobody has asked for yet, all over the account.
    fn item(&mut self) -> Outcome<Duration> {
        // No prime factor of a round number, so it comes to each ticket before it comes to one again.
        self.shown += 7_919;
        let id = self.ids[self.shown % self.ids.len()];
        Ok(self.time(&self.desk.show(KEY, id))?.0)
    }

    /// A list right after a write.
    fn list(&mut self, operation: Operation) -> Outcome<Duration> {
        let path = format!("/api/v2/ticket{}", operation.query(self.ids.len()));
        let request = self.desk.get(&path);
        self.touch()?;
        if operation == Operation::CommonAgain {
            self.time(&request)?;
        }
        let (time, answer) = self.time(&request)?;
        let total = serde_json::from_slice::<List>(&answer.body)?.total;
        let is_right = match operation {
            Operation::Absent => total == 0,
            Operation::Rare | Operation::Common | Operation::CommonAgain => total > 0,
            // The view of the closed ones is empty where they are archived.
            _ => true,
        };
        if !is_right {
            return Err(format!("{path}: {total} tickets").into());
        }
        Ok(time)
    }

    fn create(&mut self) -> Outcome<Duration> {
        self.writes += 1;
        Ok(self.time(&self.desk.create(&Ticket::new(self.writes)))?.0)
    }

    /// The oldest thousand; as many new ones take their place.
    fn delete(&mut self) -> Outcome<Duration> {
        let oldest: Vec<_> = self.ids.drain(..BATCH).collect();
        let time = self.time(&self.desk.delete(&oldest))?.0;
        let new = self.filler.create(&self.desk, u32::try_from(BATCH)?)?;
        self.filler.sort_out(&self.desk, &new)?;
        self.ids.extend(new);
        Ok(time)
    }

    /// The newest thousand, all of which change.
    fn set_status(&mut self) -> Outcome<Duration> {
        let newest = &self.ids[self.ids.len() - BATCH..];
        let requests = ["open", "pending"].map(|status| self.desk.set_status(status, newest));
        self.connection.ask(&requests[0])?.succeeded()?;
        Ok(self.time(&requests[1])?.0)
    }

    fn reset(&mut self, most: u32) -> Outcome<()> {
        if self.resets.is_none() {
            self.resets = Some(Resets::prepare(&self.desk, self.ids[0])?);
        }
        for _ in repetitions(most) {
            let Some(resets) = &mut self.resets else { break };
            for (operation, time) in resets.reset(&self.desk)? {
                self.times.entry(operation).or_default().add(time);
            }
        }
        Ok(())
    }

    /// While others were asked, the server may have closed the database.
    fn wake(&mut self) -> Outcome<()> {
        self.touch()?;
        self.connection.ask(&self.desk.get("/api/v2/ticket"))?.succeeded()
    }

    /// A small write, after which the server has kept no answer.
    fn touch(&mut self) -> Outcome<()> {
        self.writes += 1;
        let title = format!("Renamed+for+the+{}th+time", self.writes);
        let rename = self.desk.rename(KEY, self.ids[0], &title);
        self.connection.ask(&rename)?.succeeded()
    }

    /// From before the request is sent to after the answer is read.
    fn time(&mut self, request: &str) -> Outcome<(Duration, Answer)> {
        let began = Instant::now();
        let answer = self.connection.ask(request)?;
        let time = began.elapsed();
        answer.succeeded()?;
        Ok((time, answer))
    }
}
