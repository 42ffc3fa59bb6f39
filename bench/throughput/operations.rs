//! The operations under load, and their requests. wrk sends the same bytes to all servers.
//!
//! `operations.json` contains a line for each request. Reads come first, because writes make the timelines longer.
//! Creation comes last, because it makes the account larger. `factor` makes the rounds of a slow operation longer,
//! because requests that are not finished at the end of a round do not count.

use omnidesk_mock_bench::prelude::*;

pub(crate) const COUNT: usize = 11;
pub(crate) const GET_ITEM: usize = 0;
pub(crate) const LIST: usize = 1;
pub(crate) const UPDATE: usize = 5;
pub(crate) const CREATE: usize = 10;

pub(crate) static OPERATIONS: LazyLock<[Operation; COUNT]> = LazyLock::new(|| {
    serde_json::from_str(include_str!("operations.json")).expect("operations.json is valid")
});

#[derive(Deserialize)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) each: String,
    nine: Option<String>,
    group: Option<usize>,
    pub(crate) factor: Option<u32>,
}

impl Operation {
    /// The requests of the round with this number. Setting the current value again changes nothing and costs less, so
    /// each write sets another value than the previous write to the same ticket, in this round or the one before.
    pub(crate) fn requests(&self, tickets: u32, round: u32) -> Vec<String> {
        match (self.group, &self.nine) {
            (Some(size), _) => self.groups(size, tickets, round),
            (_, Some(nine)) => {
                let updated = tickets / 10;
                let ten = |index: u32| {
                    let (pass, index) = (index / updated, index % updated);
                    let reads = (1..=9).map(move |n| fill(nine, index * 9 + n, round, pass));
                    let write = fill(&self.each, tickets - updated + index + 1, round, pass);
                    reads.chain([write])
                };
                (0..2 * updated).flat_map(ten).collect()
            }
            _ => for_each(&self.each, tickets, round),
        }
    }

    /// Two passes over the tickets. The tickets of a request have the same initial value, because the seed assigns the
    /// values in a cycle. Each pass sets the next value and another group, so every request changes all of its tickets.
    fn groups(&self, size: usize, tickets: u32, round: u32) -> Vec<String> {
        let has_status = self.each.contains("{status}");
        let values = if has_status { &STATUSES[..] } else { &PRIORITIES };
        let mut requests = Vec::new();
        for pass in 1..=2 {
            for first in (1..=tickets).take(values.len()) {
                let ids: Vec<_> = (first..=tickets).step_by(values.len()).collect();
                let step = first + 2 * round + pass;
                let value = values[step as usize % values.len()];
                let line = self.each.replace("{status}", value).replace("{priority}", value);
                let line = line.replace("{new_group}", &(20_000 + step).to_string());
                requests.extend(ids.chunks_exact(size).map(|ids| {
                    let ids: Vec<_> = ids.iter().map(u32::to_string).collect();
                    let fields = format!("ticketIDs[]={}", ids.join("&ticketIDs[]="));
                    let line = line.replace("{ticketIDs}", &fields);
                    KEY.line(&line.replace("{ids}", &ids.join(",")))
                }));
            }
        }
        requests
    }
}

/// Two passes over the tickets with a request for each, or one request if it is the same for all.
pub(crate) fn for_each(line: &str, tickets: u32, round: u32) -> Vec<String> {
    let count = if line.contains('{') { 2 * tickets } else { 1 };
    (0..count).map(|index| fill(line, index % tickets + 1, round, index / tickets)).collect()
}

fn fill(line: &str, id: u32, round: u32, pass: u32) -> String {
    let new = format!("Order {id} arrived with a broken screen and without its charger");
    let updated = format!("Ticket+{id}+was+renamed+in+round+{round},+pass+{pass}");
    let line = line.replace("{id}", &id.to_string()).replace("{new_title}", &new);
    KEY.line(&line.replace("{title}", &updated))
}
