//! An account that was made from a filled one, written to and reset again and again.

use std::time::{Duration, Instant};

use crate::{
    Outcome,
    desk::Desk,
    line::Line,
    operation::Operation::{AfterReset, Reset, ResetAndRead},
    session::{FEW, Medians},
    times::{Times, repetitions},
};

/// The account `dev` is the filled one.
pub(crate) fn measure(desk: &Desk, ticket: u64, most: u32, medians: &mut Medians) -> Outcome<()> {
    let mut line = desk.line()?;
    ask(&mut line, &desk.control("PUT", "/dev/snapshots/filled", None), 201)?;
    let from = r#"{"name":"again","from":"snapshot:dev/filled"}"#;
    line.send(&desk.control("POST", "", Some(from)))?;
    let made = line.answer()?.expect(201)?;
    let key = made["api_key"].as_str().ok_or("the account has no key")?;
    let (reset, show) = (desk.control("POST", "/again/reset", None), desk.show(key, ticket));
    let [mut resets, mut reads, mut both] = [(); 3].map(|()| Times::default());
    for turn in repetitions(most.min(FEW)) {
        ask(&mut line, &desk.rename(key, ticket, &format!("Renamed+{turn}")), 200)?;
        let (reset, read) = (ask(&mut line, &reset, 204)?, ask(&mut line, &show, 200)?);
        resets.add(reset);
        reads.add(read);
        both.add(reset + read);
    }
    let times = [(Reset, resets), (AfterReset, reads), (ResetAndRead, both)];
    medians.extend(times.map(|(operation, times)| (operation, times.median())));
    Ok(())
}

fn ask(line: &mut Line, request: &str, status: u16) -> Outcome<Duration> {
    let began = Instant::now();
    line.send(request)?;
    let answer = line.answer()?;
    let time = began.elapsed();
    answer.expect(status)?;
    Ok(time)
}
