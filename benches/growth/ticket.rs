//! The tickets of the account: varied, and each number always the same.

const THINGS: [&str; 12] = [
    "Printer",
    "Scanner",
    "Monitor",
    "Laptop",
    "Router",
    "Keyboard",
    "Headset",
    "Docking station",
    "Projector",
    "Telephone",
    "Tablet",
    "Label maker",
];
const PLACES: [&str; 10] = [
    "in the main building",
    "at the front desk",
    "on the second floor",
    "in the warehouse",
    "at home",
    "in the meeting room",
    "at the branch in Utrecht",
    "in the workshop",
    "on the night shift",
    "in the canteen",
];
const TROUBLES: [&str; 14] = [
    "stops half-way through every document",
    "does not start any more",
    "shows a blank page",
    "asks for a password again and again",
    "makes a strange noise",
    "was delivered to somebody else",
    "has lost its settings",
    "is slower than it was last week",
    "cannot be reached from outside",
    "blinks red",
    "needs a new cable",
    "forgets the date",
    "is too warm to touch",
    "arrived with a broken case",
];

/// In the title of every tenth ticket.
pub(crate) const COMMON: &str = "invoice";
const COMMON_EVERY: u32 = 10;

/// In one of 100,000 titles, and in one of the first few.
pub(crate) const RARE: &str = "chrysalis";
const RARE_EVERY: u32 = 100_000;
const FIRST_RARE: u32 = 7;

/// In no title.
pub(crate) const ABSENT: &str = "zeppelin";

pub(crate) struct Ticket {
    from: String,
    name: String,
    title: String,
    group: String,
}

impl Ticket {
    pub(crate) fn new(number: u32) -> Self {
        let pick =
            |words: &[&'static str], factor: u32| words[(number / factor) as usize % words.len()];
        let (thing, place, trouble) = (pick(&THINGS, 1), pick(&PLACES, 3), pick(&TROUBLES, 5));
        let mut title = format!("{thing} {number} {place} {trouble}");
        if number.is_multiple_of(COMMON_EVERY) {
            title = format!("{title}, see the {COMMON}");
        }
        if number % RARE_EVERY == FIRST_RARE {
            title = format!("{title}, like a {RARE}");
        }
        let from = format!("customer{number}@example.test");
        // Every fourth is assigned to nobody.
        Self { from, name: format!("Customer {number}"), title, group: (number % 4).to_string() }
    }

    pub(crate) fn fields(&self) -> [(&str, &str); 8] {
        [
            ("brandID", "1"),
            ("channelID", "1"),
            ("direction", "inbound"),
            ("from", &self.from),
            ("fromName", &self.name),
            ("to", "desk@example.test"),
            ("title", &self.title),
            ("assignedGroupID", &self.group),
        ]
    }
}
