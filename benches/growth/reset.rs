//! An account that was made from the filled one, written to and reset again and again.

use std::time::{Duration, Instant};

use crate::{
    Outcome,
    desk::Desk,
    line::Line,
    operation::Operation::{self, AfterReset, Reset, ResetAndRead},
};

pub(crate) struct Resets {
    line: Line,
    key: String,
    /// The one that is written and read.
    ticket: u64,
    writes: u32,
}

impl Resets {
    /// The account `dev` is the filled one.
    pub(crate) fn prepare(desk: &Desk, ticket: u64) -> Outcome<Self> {
        let mut line = desk.line()?;
        ask(&mut line, &desk.control("PUT", "/dev/snapshots/filled", None), 201)?;
        let from = r#"{"name":"again","from":"snapshot:dev/filled"}"#;
        line.send(&desk.control("POST", "", Some(from)))?;
        let made = line.answer()?.expect(201)?;
        let key = made["api_key"].as_str().ok_or("the account has no key")?.to_owned();
        Ok(Self { line, key, ticket, writes: 0 })
    }

    pub(crate) fn reset(&mut self, desk: &Desk) -> Outcome<[(Operation, Duration); 3]> {
        let Self { line, key, ticket, writes } = self;
        *writes += 1;
        ask(line, &desk.rename(key, *ticket, &format!("Renamed+{writes}")), 200)?;
        let reset = ask(line, &desk.control("POST", "/again/reset", None), 204)?;
        let read = ask(line, &desk.show(key, *ticket), 200)?;
        Ok([(Reset, reset), (AfterReset, read), (ResetAndRead, reset + read)])
    }
}

fn ask(line: &mut Line, request: &str, status: u16) -> Outcome<Duration> {
    let began = Instant::now();
    line.send(request)?;
    let answer = line.answer()?;
    let time = began.elapsed();
    answer.expect(status)?;
    Ok(time)
}
