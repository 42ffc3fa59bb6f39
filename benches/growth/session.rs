//! One client on one connection, and how long it waits.

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
    operation::{
        Operation::{
            self, Absent, Common, CommonAgain, Create, Delete, FarDown, Item, Newest, Rare,
            SetStatus, Status, View,
        },
        VIEWS,
    },
    ticket::{ABSENT, COMMON, COMMON_EVERY, RARE, Ticket},
    times::{Times, repetitions},
};

/// The most repetitions of what changes a thousand tickets, or all of them.
pub(crate) const FEW: u32 = 20;

/// The median time of each operation, in milliseconds.
pub(crate) type Medians = BTreeMap<Operation, f64>;

#[derive(Deserialize)]
struct List {
    #[serde(rename = "itemTotal")]
    total: u32,
}

pub(crate) struct Session<'a> {
    desk: &'a Desk,
    connection: Connection,
    /// Of all tickets, in order.
    ids: Vec<u64>,
    repetitions: u32,
    writes: u32,
    pub(crate) medians: Medians,
}

impl<'a> Session<'a> {
    pub(crate) fn new(desk: &'a Desk, ids: Vec<u64>, repetitions: u32) -> Outcome<Self> {
        let connection = desk.connect()?;
        Ok(Self { desk, connection, ids, repetitions, writes: 0, medians: Medians::new() })
    }

    /// The oldest ticket there is.
    pub(crate) fn oldest(&self) -> u64 {
        self.ids[0]
    }

    pub(crate) fn read(&mut self) -> Outcome<()> {
        let all = u32::try_from(self.ids.len())?;
        self.items()?;
        self.list(Newest, "")?;
        self.list(Status, "?status=open")?;
        for (place, view) in VIEWS.into_iter().enumerate() {
            self.list(View(place), &format!("?applyView={view}"))?;
        }
        if self.list(Rare, &format!("?query={RARE}"))? == 0 {
            return Err(format!("no ticket has the word {RARE}").into());
        }
        if self.list(Absent, &format!("?query={ABSENT}"))? > 0 {
            return Err(format!("a ticket has the word {ABSENT}").into());
        }
        if self.list(Common, &format!("?query={COMMON}"))? < all / COMMON_EVERY / 2 {
            return Err(format!("few tickets have the word {COMMON}").into());
        }
        self.again()?;
        self.list(FarDown, &format!("?itemStart={}", u64::from(all) * 9 / 10))?;
        Ok(())
    }

    pub(crate) fn write(&mut self, filler: &mut Filler) -> Outcome<()> {
        self.creations()?;
        self.deletions(filler)?;
        self.statuses()
    }

    /// A ticket that nobody has asked for yet each time, all over the account.
    fn items(&mut self) -> Outcome<()> {
        let mut times = Times::default();
        for turn in repetitions(self.repetitions) {
            let place = self.ids.len() * turn as usize / self.repetitions as usize;
            times.add(self.time(&self.desk.show(KEY, self.ids[place]))?.0);
        }
        self.keep(Item, times);
        Ok(())
    }

    /// A list right after a write each time, and how many tickets it is about.
    fn list(&mut self, operation: Operation, query: &str) -> Outcome<u32> {
        let request = self.desk.get(&format!("/api/v2/ticket{query}"));
        let (mut times, mut total) = (Times::default(), 0);
        for _ in repetitions(self.repetitions) {
            self.touch()?;
            let (time, answer) = self.time(&request)?;
            times.add(time);
            total = serde_json::from_slice::<List>(&answer.body)?.total;
        }
        self.keep(operation, times);
        Ok(total)
    }

    fn again(&mut self) -> Outcome<()> {
        let request = self.desk.get(&format!("/api/v2/ticket?query={COMMON}"));
        let mut times = Times::default();
        for _ in repetitions(self.repetitions) {
            self.touch()?;
            self.time(&request)?;
            times.add(self.time(&request)?.0);
        }
        self.keep(CommonAgain, times);
        Ok(())
    }

    fn creations(&mut self) -> Outcome<()> {
        let mut times = Times::default();
        for turn in repetitions(self.repetitions) {
            times.add(self.time(&self.desk.create(&Ticket::new(turn)))?.0);
        }
        self.keep(Create, times);
        Ok(())
    }

    /// The oldest thousand each time; as many new ones take their place.
    fn deletions(&mut self, filler: &mut Filler) -> Outcome<()> {
        let mut times = Times::default();
        for _ in repetitions(self.repetitions.min(FEW)) {
            let oldest: Vec<_> = self.ids.drain(..BATCH).collect();
            times.add(self.time(&self.desk.delete(&oldest))?.0);
            let new = filler.create(u32::try_from(BATCH)?)?;
            filler.sort_out(&new)?;
            self.ids.extend(new);
        }
        self.keep(Delete, times);
        Ok(())
    }

    /// The newest thousand each time, all of which change.
    fn statuses(&mut self) -> Outcome<()> {
        let newest = self.ids[self.ids.len() - BATCH..].to_vec();
        self.connection.ask(&self.desk.set_status("holding", &newest))?.succeeded()?;
        let mut times = Times::default();
        for turn in repetitions(self.repetitions.min(FEW)) {
            let status = if turn.is_multiple_of(2) { "open" } else { "pending" };
            times.add(self.time(&self.desk.set_status(status, &newest))?.0);
        }
        self.keep(SetStatus, times);
        Ok(())
    }

    /// A small write, after which the server has kept no answer.
    fn touch(&mut self) -> Outcome<()> {
        self.writes += 1;
        let title = format!("Renamed+for+the+{}th+time", self.writes);
        let rename = self.desk.rename(KEY, self.oldest(), &title);
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

    fn keep(&mut self, operation: Operation, times: Times) {
        self.medians.insert(operation, times.median());
    }
}
