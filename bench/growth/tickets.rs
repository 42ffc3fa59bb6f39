//! The tickets of the account: varied, but the same number always gives the same ticket.

const DEVICES: &str = "Printer, Scanner, Monitor, Laptop, Router, Keyboard, Headset, Docking station, Projector, \
                       Telephone, Tablet, Label maker";
const PLACES: &str = "in the main building, at the front desk, on the second floor, in the warehouse, at home, in the \
                      meeting room, at the branch in Utrecht, in the workshop, on the night shift, in the canteen";
const PROBLEMS: &str = "stops half-way through every document, does not start any more, shows a blank page, asks for a \
                        password again and again, makes a strange noise, was delivered to somebody else, has lost its \
                        settings, is slower than it was last week, cannot be reached from outside, blinks red, needs a \
                        new cable, forgets the date, is too warm to touch, arrived with a broken case";

/// The fields of the ticket with this number. `invoice` is in the title of every tenth ticket, `chrysalis` in that of ticket
/// 7 and of one in 100,000 after it, `zeppelin` in none.
pub(crate) fn fields(number: u32) -> String {
    let pick = |phrases: &'static str, factor: u32| {
        let phrases: Vec<_> = phrases.split(", ").collect();
        phrases[(number / factor) as usize % phrases.len()]
    };
    let (device, place, problem) = (pick(DEVICES, 1), pick(PLACES, 3), pick(PROBLEMS, 5));
    let common = if number.is_multiple_of(10) { ", see the invoice" } else { "" };
    let rare = if number % 100_000 == 7 { ", like a chrysalis" } else { "" };
    // Every fourth ticket is unassigned: it has group 0.
    let group = number % 4;
    format!(
        "brandID=1&channelID=1&direction=inbound&from=customer{number}@example.test&fromName=Customer {number}\
         &to=desk@example.test&assignedGroupID={group}&title={device} {number} {place} {problem}{common}{rare}"
    )
}
