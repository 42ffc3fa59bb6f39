//! The tickets of the account: varied, but the same number always gives the same ticket.

const DEVICES: [&str; 12] = [
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
const PROBLEMS: [&str; 14] = [
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

/// A word in the title of every tenth ticket.
pub(crate) const COMMON_WORD: &str = "invoice";
const COMMON_WORD_INTERVAL: u32 = 10;

/// A word in one of 100,000 titles, and in the title of one of the first tickets.
pub(crate) const RARE_WORD: &str = "chrysalis";
const RARE_WORD_INTERVAL: u32 = 100_000;
const FIRST_RARE_WORD: u32 = 7;

/// A word in no title.
pub(crate) const ABSENT_WORD: &str = "zeppelin";

pub(crate) struct GeneratedTicket {
    from: String,
    from_name: String,
    title: String,
    group: String,
}

impl GeneratedTicket {
    pub(crate) fn new(number: u32) -> Self {
        let pick =
            |words: &[&'static str], factor: u32| words[(number / factor) as usize % words.len()];
        let (device, place, problem) = (pick(&DEVICES, 1), pick(&PLACES, 3), pick(&PROBLEMS, 5));
        let mut title = format!("{device} {number} {place} {problem}");
        if number.is_multiple_of(COMMON_WORD_INTERVAL) {
            title = format!("{title}, see the {COMMON_WORD}");
        }
        if number % RARE_WORD_INTERVAL == FIRST_RARE_WORD {
            title = format!("{title}, like a {RARE_WORD}");
        }
        let from = format!("customer{number}@example.test");
        // Every fourth ticket is unassigned: it has group 0.
        let group = (number % 4).to_string();
        Self { from, from_name: format!("Customer {number}"), title, group }
    }

    pub(crate) fn fields(&self) -> [(&str, &str); 8] {
        [
            ("brandID", "1"),
            ("channelID", "1"),
            ("direction", "inbound"),
            ("from", &self.from),
            ("fromName", &self.from_name),
            ("to", "desk@example.test"),
            ("title", &self.title),
            ("assignedGroupID", &self.group),
        ]
    }
}
