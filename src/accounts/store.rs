//! The catalogue: which accounts exist, and the hashes of their keys.

use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Digest, NewKey, Permissions, Profile};
use crate::storage::{Connection, StorageError};

/// An account as the catalogue has it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// None for an account in memory.
    pub(super) file: Option<String>,
    pub(super) profile: Profile,
}

/// A key as the catalogue has it.
#[derive(Debug)]
pub(super) struct StoredKey {
    pub(super) account: String,
    pub(super) key: NewKey,
}

pub(super) async fn entries(connection: &mut Connection) -> Result<Vec<Entry>, StorageError> {
    let rows =
        sqlx::query("SELECT name, file, time_zone, dialect, clock FROM account ORDER BY name")
            .fetch_all(connection)
            .await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &SqliteRow) -> Result<Entry, StorageError> {
    let name: String = row.try_get("name")?;
    let corrupt =
        |what: &str| StorageError::Corrupt(format!("account {name}: its {what} cannot be read"));
    let dialect: String = row.try_get("dialect")?;
    let clock: String = row.try_get("clock")?;
    let profile = Profile {
        time_zone: row.try_get("time_zone")?,
        dialect: serde_json::from_str(&dialect).map_err(|_| corrupt("dialect"))?,
        clock: serde_json::from_str(&clock).map_err(|_| corrupt("clock"))?,
    };
    Ok(Entry { file: row.try_get("file")?, profile, name })
}

pub(super) async fn keys(connection: &mut Connection) -> Result<Vec<StoredKey>, StorageError> {
    let rows = sqlx::query("SELECT digest, account, name, permissions FROM api_key")
        .fetch_all(connection)
        .await?;
    rows.iter().map(stored_key).collect()
}

fn stored_key(row: &SqliteRow) -> Result<StoredKey, StorageError> {
    let account: String = row.try_get("account")?;
    let corrupt = || StorageError::Corrupt(format!("account {account}: a key cannot be read"));
    let digest: Vec<u8> = row.try_get("digest")?;
    let permissions: String = row.try_get("permissions")?;
    let names: Vec<String> = serde_json::from_str(&permissions).map_err(|_| corrupt())?;
    let key = NewKey {
        digest: Digest::stored(&digest).ok_or_else(corrupt)?,
        name: row.try_get("name")?,
        permissions: Permissions::named(names.iter().map(String::as_str)),
    };
    Ok(StoredKey { account, key })
}

pub(super) async fn add(connection: &mut Connection, entry: &Entry) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO account (name, file, time_zone, dialect, clock) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&entry.name)
    .bind(&entry.file)
    .bind(&entry.profile.time_zone)
    .bind(Value::Object(entry.profile.dialect.clone()).to_string())
    .bind(serde_json::to_string(&entry.profile.clock).expect("a clock is JSON"))
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds a key; one of the same name in the same account gives way to it.
pub(super) async fn put_key(
    connection: &mut Connection,
    account: &str,
    key: &NewKey,
) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM api_key WHERE account = $1 AND (name = $2 OR digest = $3)")
        .bind(account)
        .bind(&key.name)
        .bind(key.digest.bytes().as_slice())
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO api_key (digest, account, name, permissions) VALUES ($1, $2, $3, $4)")
        .bind(key.digest.bytes().as_slice())
        .bind(account)
        .bind(&key.name)
        .bind(key.permissions.names().to_string())
        .execute(connection)
        .await?;
    Ok(())
}
