//! Pages of the journal: reads them, and converts entries to their public form.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;

use omnidesk_mock_client::types::{
    AppliedFault, ChangeKind, ColumnChange, JournalEntry, RowChange, Warning,
};
use serde_json::Value;

use super::pattern::parse_pattern;
use super::problem::{Problem, ProblemKind};
use super::query::{FilterQuery, PageParams};
use crate::accounts::SecretHash;
use crate::api::state::SharedState;
use crate::contract::quote_value;
use crate::journal;
use crate::journal::{
    Cursor, Entry, Journal, JournalSlice, RecordedHeaders, SequencedEntry, redact_json,
};

/// Converts an entry to its public form; redacts the key.
pub(crate) fn to_journal_entry(journal: &Journal, seq: u64, entry: &Entry) -> JournalEntry {
    let mut response_body = match entry.status {
        Some(_) if !entry.has_omitted_body => serde_json::from_slice(&entry.response_body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&entry.response_body).into_owned().into()),
        _ => Value::Null,
    };
    if let Some(fingerprint) = entry.key_fingerprint {
        // The account's data in the response may contain the key as well.
        let key = SecretHash::from_slice(&fingerprint.hash);
        let is_key = |text: &str| {
            text.len() == fingerprint.length && Some(SecretHash::from_secret(text)) == key
        };
        redact_json(&mut response_body, &is_key);
    }
    JournalEntry {
        seq,
        cursor: journal.cursor_after(seq).to_string(),
        at: entry.account_time.to_string(),
        real_at: entry.system_time.to_string(),
        operation: entry.operation.map(str::to_owned),
        method: entry.method.to_string(),
        path: entry.path.to_string(),
        headers: joined_headers(&entry.headers),
        headers_omitted: entry.headers.has_omitted,
        fields: entry.input.fields.merge(),
        query: entry.input.fields.query.clone(),
        undecoded_body: entry.input.undecoded_body.clone(),
        fields_omitted: entry.input.has_omitted_fields,
        console: entry.is_from_console,
        key: entry.key_name.as_deref().map(str::to_owned),
        status: entry.status,
        response_headers: joined_headers(&entry.response_headers),
        response_body,
        response_body_omitted: entry.has_omitted_body,
        duration_ms: (entry.duration.as_secs_f64() * 1_000_000.0).round() / 1000.0,
        fault: entry
            .fault
            .map(|fault| AppliedFault { id: fault.rule_id, effect: fault.effect.to_owned() }),
        changes: to_row_changes(entry),
        rows_omitted: entry.changes.omitted,
        warnings: entry.all_warnings().map(to_warning).collect(),
    }
}

/// Returns the headers by name; those of the same name are joined.
fn joined_headers(recorded: &RecordedHeaders) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in recorded.iter() {
        match headers.entry(name.to_owned()) {
            MapEntry::Vacant(vacant) => {
                vacant.insert(value.to_owned());
            }
            MapEntry::Occupied(mut occupied) => {
                occupied.get_mut().extend([", ", value]);
            }
        }
    }
    headers
}

/// Converts the row changes of an entry.
pub(super) fn to_row_changes(entry: &Entry) -> Vec<RowChange> {
    let rows = entry.changes.rows.iter().map(|row| {
        let column_change = |column: &str, from: Value, to: Value| ColumnChange {
            column: column.to_owned(),
            from,
            to,
        };
        let (change, columns) = match &row.change {
            journal::ChangeKind::Created { columns, values } => {
                let columns = journal::ChangeKind::non_null_columns(columns, values).into_iter();
                let columns = columns.map(|(name, to)| column_change(name, Value::Null, to));
                (ChangeKind::Created, columns.collect())
            }
            journal::ChangeKind::Updated(diffs) => {
                let columns = diffs.iter().map(|diff| {
                    column_change(diff.column, diff.before.clone(), diff.after.clone())
                });
                (ChangeKind::Updated, columns.collect())
            }
            journal::ChangeKind::Deleted => (ChangeKind::Deleted, Vec::new()),
        };
        RowChange { resource: row.resource.to_owned(), id: row.id, change, columns }
    });
    rows.collect()
}

fn to_warning(warning: &journal::Warning) -> Warning {
    Warning {
        kind: warning.kind.name().to_owned(),
        field: warning.field.clone(),
        suggestion: warning.suggestion.map(str::to_owned),
        message: warning.message.clone(),
    }
}

/// Parses and validates a cursor.
pub(crate) fn parse_cursor(
    journal: &Journal,
    text: Option<&str>,
) -> Result<Option<Cursor>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let cursor = journal.parse_cursor(text).ok_or_else(|| {
        let sent = quote_value(&text.into());
        Problem::invalid(format!(
            "since must be a cursor from an earlier response about this account, received since the server started; {sent} was sent."
        ))
    });
    cursor.map(Some)
}

/// Fails if the journal is disabled: an empty journal would look like an account without requests.
pub(crate) fn check_journal_enabled(journal: &Journal) -> Result<(), Problem> {
    if journal.is_enabled() {
        return Ok(());
    }
    let detail = "The server was started with --journal-entries 0. Start it with a larger number.";
    Err(Problem::new(ProblemKind::JournalDisabled, detail))
}

/// A page of journal entries.
pub(super) struct JournalPage {
    pub(super) entries: Vec<SequencedEntry>,
    /// The position after the last entry examined.
    pub(super) cursor: String,
    pub(super) truncated: bool,
    /// Whether more entries follow after this page.
    pub(super) has_more: bool,
}

impl JournalPage {
    /// Reads the entries that match the query and satisfy `include`.
    pub(super) async fn read(
        journal: &Journal,
        query: FilterQuery<PageParams>,
        state: &SharedState,
        include: impl Fn(&Entry) -> bool,
    ) -> Result<Self, Problem> {
        check_journal_enabled(journal)?;
        let FilterQuery { pattern, params } = query;
        let limit = params.limit();
        let since = parse_cursor(journal, params.since.as_deref())?;
        let pattern = parse_pattern(pattern, state)?;
        let JournalSlice { mut entries, is_truncated: truncated, end } =
            journal.read_since(since).await;
        entries.retain(|SequencedEntry { entry, .. }| include(entry) && pattern.matches(entry));
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| has_more);
        let cursor = last.map_or(end, |last| journal.cursor_after(last.seq)).to_string();
        Ok(Self { entries, cursor, truncated, has_more })
    }
}
