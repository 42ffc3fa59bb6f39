//! Waits: for requests, or for a ticket to be as it should. Nothing polls, and nothing is missed.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::pattern::{Query, pattern};
use super::problem::{Kind, Problem};
use super::request::{InAccount, Of};
use super::requests::{MOST, must_be_on, shown, since};
use super::verify::{LONGEST_WORK, explained};
use super::wire::Waited;
use crate::accounts::{Account, AccountError};
use crate::clock;
use crate::http::key;
use crate::journal::{Count, Cursor, Deadline, Entry, Pattern};
use crate::rules::quoted;
use crate::state::Shared;
use crate::tickets;

/// How long a wait lasts when it does not say.
const USUAL: Duration = Duration::from_secs(5);
/// The longest wait (chosen).
const LONGEST: Duration = Duration::from_mins(5);

/// A place among those who wait; it is free again when it is dropped.
pub(super) fn seat(account: &Account) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&account.seats).try_acquire_owned().map_err(|_| {
        let detail = format!(
            "{} waits and streams of this account are open, as many as there may be (--max-waits).",
            account.allowed.waits
        );
        Problem::new(Kind::TooManyWaits, detail)
    })
}

/// Waits for requests, or with `ticket` for a ticket. `field.NAME=VALUE` asks for the value of a field; with `ticket`,
/// each column of a ticket may be asked for by its name, and `deleted=true`.
#[utoipa::path(get, path = "/accounts/{account}/wait", tag = "journal", operation_id = "wait",
    params(InAccount, super::request::Filters, super::request::Waiting),
    responses((status = 200, body = Waited, description = "It has happened"), Problem))]
pub(super) async fn wait(
    State(state): State<Shared>,
    Of(account): Of,
    uri: Uri,
) -> Result<Json<Waited>, Problem> {
    let (wait, time) = match Wanted::read(&uri)? {
        Some((ticket, time)) => (Wait::Ticket(ticket), time),
        None => requests(&uri, &account, &state)?,
    };
    let _seat = seat(&account)?;
    let over = tokio::time::sleep(time);
    tokio::select! {
        found = wait.found(&state, &account) => found,
        () = state.ended() => Err(Problem::new(Kind::Ending, "It was told to end, so nothing more will come.")),
        () = over => wait.over(&state, &account, time).await,
    }
    .map(Json)
}

fn requests(uri: &Uri, account: &Account, state: &Shared) -> Result<(Wait, Duration), Problem> {
    let query = Query::read(uri, &["since", "count", "timeout"])?;
    let count = query.number("count", 1, MOST)?;
    let place = since(&account.journal, query.other("since"))?;
    let time = timeout(query.other("timeout"))?;
    must_be_on(&account.journal)?;
    let most = account.journal.bounds().entries;
    if count > most {
        return Err(Problem::invalid(format!(
            "count must be at most {most}, since the journal keeps no more requests (--journal-entries); {count} was sent."
        )));
    }
    Ok((Wait::Requests(Box::new(pattern(query.pattern, state)?), count, place), time))
}

/// What is waited for.
enum Wait {
    Requests(Box<Pattern>, usize, Option<Cursor>),
    Ticket(Wanted),
}

impl Wait {
    async fn found(&self, state: &Shared, account: &Arc<Account>) -> Result<Waited, Problem> {
        let (pattern, count, place) = match self {
            Self::Requests(pattern, count, place) => (pattern, *count, *place),
            Self::Ticket(wanted) => return wanted.found(state, account).await,
        };
        // Their numbers alone, so that a wait keeps no entry alive that the journal has dropped.
        let (mut place, mut found) = (place, Vec::new());
        let enough = account.journal.watch(|journal| {
            let view = journal.view(place);
            place = Some(view.end);
            let cleared = journal.cleared();
            found.retain(|number| *number > cleared);
            let matching = view.entries.iter().filter(|(_, entry)| pattern.matches(entry));
            found.extend(matching.map(|(number, _)| *number).take(count - found.len()));
            (found.len() == count).then(|| journal.kept(&found))
        });
        let kept = enough.await.ok_or_else(|| gone(account))?;
        if kept.len() == count { Ok(requested(account, &kept)) } else { Err(dropped(count)) }
    }

    /// The time is over: what was waited for has happened in the last moment, or it has not, and why.
    async fn over(
        &self,
        state: &Shared,
        account: &Arc<Account>,
        time: Duration,
    ) -> Result<Waited, Problem> {
        let (text, misses) = match self {
            Self::Requests(pattern, count, place) => {
                let view = account.journal.since(*place).await;
                let matching = view.entries.iter().filter(|(_, entry)| pattern.matches(entry));
                let matching: Vec<_> = matching.take(*count).cloned().collect();
                if matching.len() == *count {
                    return Ok(requested(account, &matching));
                }
                let count = Count { at_least: *count as u64, at_most: None };
                explained(count.judge(pattern, &view, &Deadline::after(LONGEST_WORK))?)
            }
            Self::Ticket(wanted) => {
                let ticket = wanted.look(state, account).await?;
                if wanted.is_met(ticket.as_ref()) {
                    return Ok(wanted.waited(account, ticket).await);
                }
                (wanted.differs(ticket.as_ref()), Vec::new())
            }
        };
        let detail = format!("Waited {}. {text}", clock::words(time));
        Err(Problem::new(Kind::WaitOver, detail).with(misses))
    }
}

/// The requests that were waited for.
fn requested(account: &Account, found: &[(u64, Arc<Entry>)]) -> Waited {
    let last = found.last().map_or(0, |(seq, _)| *seq);
    let requests = found.iter().map(|(seq, entry)| shown(&account.journal, *seq, entry)).collect();
    let cursor = account.journal.after(last).to_string();
    Waited { requests: Some(requests), ticket: None, cursor }
}

/// As many have come as were waited for, but more than the journal keeps.
fn dropped(count: usize) -> Problem {
    let detail = format!(
        "The {count} requests have come, but the journal no longer holds all of them: it keeps so many as --journal-entries and --journal-bytes say. Wait for fewer at a time, or raise these."
    );
    Problem::new(Kind::JournalTruncated, detail)
}

fn gone(account: &Account) -> Problem {
    AccountError::Unknown(account.name.to_string()).into()
}

/// How a ticket should be.
struct Wanted {
    id: i64,
    deleted: bool,
    /// Columns, with what they hold as text.
    columns: Vec<(String, String)>,
}

impl Wanted {
    /// Reads a query that names a ticket; None where it names none.
    fn read(uri: &Uri) -> Result<Option<(Self, Duration)>, Problem> {
        let pairs = crate::http::decode::pairs(uri.query().unwrap_or_default().as_bytes());
        let pairs: Vec<(String, String)> = pairs
            .collect::<Result<_, _>>()
            .map_err(|error| Problem::invalid(format!("{error}.")))?;
        let Some((_, id)) = pairs.iter().find(|(name, _)| name == "ticket") else {
            return Ok(None);
        };
        let id = id.parse().ok().filter(|id| *id > 0).ok_or_else(|| {
            let sent = quoted(&id.as_str().into());
            Problem::invalid(format!("ticket must be the id of a ticket; {sent} was sent."))
        })?;
        let mut wanted = Self { id, deleted: false, columns: Vec::new() };
        let mut time = None;
        for (name, value) in pairs {
            match name.as_str() {
                "ticket" | key::NAME => {}
                "timeout" => time = Some(value),
                "deleted" if value == "true" => wanted.deleted = true,
                "deleted" => return Err(Problem::invalid("deleted must be true.")),
                column if tickets::columns().contains(&column) => {
                    tickets::must_fit(column, &value)
                        .map_err(|broken| Problem::invalid(broken.to_string()))?;
                    wanted.columns.push((name, value));
                }
                _ => {
                    let known = tickets::columns().join(", ");
                    let sent = quoted(&name.into());
                    return Err(Problem::invalid(format!(
                        "A ticket has no column {sent}; it has {known}. There are deleted and timeout, too; other filters do not go with ticket."
                    )));
                }
            }
        }
        if wanted.deleted && !wanted.columns.is_empty() {
            return Err(Problem::invalid("A ticket that is deleted has no columns."));
        }
        Ok(Some((wanted, timeout(time.as_deref())?)))
    }

    async fn found(&self, state: &Shared, account: &Arc<Account>) -> Result<Waited, Problem> {
        loop {
            let seen = account.version.now();
            let ticket = self.look(state, account).await?;
            if self.is_met(ticket.as_ref()) {
                return Ok(self.waited(account, ticket).await);
            }
            account.version.other_than(seen).await;
        }
    }

    async fn waited(&self, account: &Account, ticket: Option<Value>) -> Waited {
        let cursor = account.journal.since(None).await.end.to_string();
        Waited { requests: None, ticket: Some(ticket.unwrap_or_default()), cursor }
    }

    async fn look(&self, state: &Shared, account: &Arc<Account>) -> Result<Option<Value>, Problem> {
        let lease = state.accounts.lease(account).await?;
        Ok(tickets::ticket(&lease, &state.public_url, &account.terms().zone, self.id).await?)
    }

    fn is_met(&self, ticket: Option<&Value>) -> bool {
        match ticket {
            None => self.deleted,
            Some(ticket) => {
                !self.deleted
                    && self.columns.iter().all(|(name, value)| text(&ticket[name]) == *value)
            }
        }
    }

    /// In what the ticket is different.
    fn differs(&self, ticket: Option<&Value>) -> String {
        let id = self.id;
        let Some(ticket) = ticket else { return format!("Ticket {id} does not exist.") };
        if self.deleted {
            return format!("Ticket {id} still exists.");
        }
        let different = self.columns.iter().filter(|(name, value)| text(&ticket[name]) != *value);
        let different = different.map(|(name, value)| {
            let (wanted, was) = (quoted(&value.as_str().into()), quoted(&ticket[name]));
            format!("{name} is {was}, not {wanted}")
        });
        format!("Ticket {id}: {}.", different.collect::<Vec<_>>().join("; "))
    }
}

/// A column as a query has it; null is an empty text.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        plain => plain.to_string(),
    }
}

fn timeout(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(USUAL) };
    span("timeout", text, LONGEST)
}

/// A time from nothing to a bound.
pub(super) fn span(name: &str, text: &str, most: Duration) -> Result<Duration, Problem> {
    let refuse = |what: &str| {
        let sent = quoted(&text.into());
        Problem::invalid(format!("{name} {what}; {sent} was sent."))
    };
    let span = clock::duration(text).map_err(|what| refuse(&what))?;
    let span = Duration::try_from(span).map_err(|_| refuse("must not be negative"))?;
    if span > most {
        return Err(refuse(&format!("must be at most {}", clock::words(most))));
    }
    Ok(span)
}
