//! The operations under load, and their requests. wrk sends the same bytes to all servers.
//!
//! `operations.json` contains a line for each request. Reads come first, because writes make the timelines longer.
//! Creation comes last, because it makes the account larger. `factor` makes the rounds of a slow operation longer,
//! because requests that are not finished at the end of a round do not count.

use omnidesk_mock_bench::prelude::*;

pub(crate) const COUNT: usize = 13;
pub(crate) const GET_ITEM: usize = 0;
pub(crate) const LIST: usize = 2;
pub(crate) const UPDATE: usize = 7;
pub(crate) const SET_STATUS_OF_10: usize = 9;
pub(crate) const CREATE: usize = 12;

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
    /// The number of tickets, if not all: so many that their responses fit in the cache.
    tickets: Option<u32>,
    /// Whether each request gets a host of its own: responses have links, so none is cached.
    #[serde(default)]
    uncached: bool,
    /// Whether the tickets are random, so that reads meet changed ones.
    #[serde(default)]
    random: bool,
    /// The ratios to reach, with files and in memory.
    pub(crate) goals: Option<[f64; 2]>,
}

/// Passes over the tickets with requests that are not cached: more than a round takes.
const UNCACHED_PASSES: u32 = 20;

impl Operation {
    /// The requests of the round with this number. Setting the current value again changes nothing and costs less, so
    /// each write sets another value than the previous write to the same ticket, in this round or the one before.
    pub(crate) fn requests(&self, tickets: u32, round: u32) -> Vec<String> {
        match (self.group, &self.nine) {
            (Some(size), _) => self.groups(size, tickets, round),
            (_, Some(nine)) if self.random => {
                let line = |index: u32| if index % 10 == 9 { &self.each } else { nine };
                let id = |index| random_number(index, round) % tickets + 1;
                (0..2 * tickets).map(|index| fill(line(index), id(index), round, index)).collect()
            }
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
            _ if self.uncached => {
                let request = |index: u32| {
                    let host = format!("Host: r{round}-{}.localhost\r\n", index / tickets);
                    fill(&self.each, index % tickets + 1, round, 0)
                        .replace("Host: localhost\r\n", &host)
                };
                (0..UNCACHED_PASSES * tickets).map(request).collect()
            }
            _ => for_each(&self.each, self.tickets.unwrap_or(tickets), round),
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

/// Returns the same number for the same arguments; the numbers look random (the finalizer of `SplitMix64`).
fn random_number(index: u32, round: u32) -> u32 {
    let mut number =
        (u64::from(round) << 32 | u64::from(index)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (number >> 32) as u32
}

fn fill(line: &str, id: u32, round: u32, pass: u32) -> String {
    let new = format!("Order {id} arrived with a broken screen and without its charger");
    let updated = format!("Ticket+{id}+was+renamed+in+round+{round},+pass+{pass}");
    let line = line.replace("{id}", &id.to_string()).replace("{new_title}", &new);
    KEY.line(&line.replace("{title}", &updated))
}
