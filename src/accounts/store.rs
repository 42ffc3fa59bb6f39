//! The catalogue: which accounts exist, on what they stand, and the hashes of their keys.
//!
//! It is the point of commitment for all that files cannot do at once: a file counts from the moment that a row
//! names it, and a row stops to name a file before the file is removed.

use std::time::Duration;

use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, query, query_scalar};

use super::{Digest, KeyCard, Permissions, Profile};
use crate::storage::{Connection, StorageError};

/// An account as the catalogue has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) profile: Profile,
    /// Its own file; None as long as it stands on an image.
    pub(super) file: Option<String>,
    pub(super) image: Option<i64>,
    pub(super) origin: Option<SavedRow>,
    pub(super) ttl: Option<Duration>,
}

/// A saved state as the catalogue has it.
#[derive(Clone, Debug)]
pub(super) struct SavedRow {
    pub(super) image: i64,
    pub(super) profile: Profile,
}

/// An image as the catalogue has it: its row, its file and its size.
pub(super) type ImageRow = (i64, String, i64);

pub(super) async fn entries(connection: &mut Connection) -> Result<Vec<Entry>, StorageError> {
    let rows = query(
        "SELECT name, file, time_zone, dialect, clock, image, origin, origin_profile, ttl, strict \
         FROM account ORDER BY name",
    );
    rows.fetch_all(connection).await?.iter().map(entry).collect()
}

fn entry(row: &SqliteRow) -> Result<Entry, StorageError> {
    let name: String = row.try_get("name")?;
    let corrupt =
        |what: &str| StorageError::corrupt(format!("account {name}: its {what} cannot be read"));
    let dialect: String = row.try_get("dialect")?;
    let clock: String = row.try_get("clock")?;
    let profile = Profile {
        time_zone: row.try_get("time_zone")?,
        dialect: serde_json::from_str(&dialect).map_err(|_| corrupt("dialect"))?,
        clock: serde_json::from_str(&clock).map_err(|_| corrupt("clock"))?,
        strict: row
            .try_get::<Option<String>, _>("strict")?
            .map(|strict| serde_json::from_str(&strict))
            .transpose()
            .map_err(|_| corrupt("strict mode"))?,
    };
    let origin: Option<i64> = row.try_get("origin")?;
    let origin = match origin {
        Some(image) => Some(SavedRow {
            image,
            profile: profile_in(&row.try_get::<String, _>("origin_profile")?)?,
        }),
        None => None,
    };
    let ttl: Option<i64> = row.try_get("ttl")?;
    let ttl = ttl.map(|ttl| Duration::from_millis(ttl.unsigned_abs()));
    let (file, image) = (row.try_get("file")?, row.try_get("image")?);
    Ok(Entry { name, profile, file, image, origin, ttl })
}

fn strict_written(profile: &Profile) -> Option<String> {
    let strict = profile.strict.as_ref()?;
    Some(serde_json::to_string(strict).expect("it is JSON"))
}

fn profile_in(text: &str) -> Result<Profile, StorageError> {
    serde_json::from_str(text)
        .map_err(|_| StorageError::corrupt("a profile in the catalogue cannot be read".to_owned()))
}

fn written(profile: &Profile) -> String {
    serde_json::to_string(profile).expect("a profile is JSON")
}

pub(super) async fn images(connection: &mut Connection) -> Result<Vec<ImageRow>, StorageError> {
    Ok(sqlx::query_as("SELECT id, file, bytes FROM image").fetch_all(connection).await?)
}

/// Every snapshot: its account, its name, when it was taken, its state.
pub(super) async fn snapshots(
    connection: &mut Connection,
) -> Result<Vec<(String, String, String, SavedRow)>, StorageError> {
    let rows: Vec<(String, String, String, i64, String)> =
        sqlx::query_as("SELECT account, name, taken_at, image, profile FROM snapshot")
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(account, name, taken_at, image, profile)| {
            Ok((account, name, taken_at, SavedRow { image, profile: profile_in(&profile)? }))
        })
        .collect()
}

/// The seed with this name, if it was planted from a fixture with this digest.
pub(super) async fn seed(
    connection: &mut Connection,
    name: &str,
    digest: &[u8],
) -> Result<Option<SavedRow>, StorageError> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT image, profile FROM seed WHERE name = $1 AND digest = $2")
            .bind(name)
            .bind(digest)
            .fetch_optional(connection)
            .await?;
    row.map(|(image, profile)| Ok(SavedRow { image, profile: profile_in(&profile)? })).transpose()
}

/// Keeps a seed. Gives the image that stood under its name before.
pub(super) async fn put_seed(
    connection: &mut Connection,
    name: &str,
    digest: &[u8],
    saved: &SavedRow,
) -> Result<Option<i64>, StorageError> {
    let old = query_scalar("DELETE FROM seed WHERE name = $1 RETURNING image").bind(name);
    let old: Option<i64> = old.fetch_optional(&mut *connection).await?;
    let statement = "INSERT INTO seed (name, digest, image, profile) VALUES ($1, $2, $3, $4)";
    let statement = query(statement).bind(name).bind(digest).bind(saved.image);
    statement.bind(written(&saved.profile)).execute(connection).await?;
    Ok(old)
}

/// The largest id that a key ever had.
pub(super) async fn last_key(connection: &mut Connection) -> Result<i64, StorageError> {
    let statement = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'api_key'), 0)";
    Ok(query_scalar(statement).fetch_one(connection).await?)
}

/// Every key: the account that it belongs to, and the key.
pub(super) async fn keys(
    connection: &mut Connection,
) -> Result<Vec<(String, KeyCard)>, StorageError> {
    let rows = query("SELECT id, digest, account, name, permissions FROM api_key ORDER BY id");
    rows.fetch_all(connection).await?.iter().map(stored_key).collect()
}

fn stored_key(row: &SqliteRow) -> Result<(String, KeyCard), StorageError> {
    let account: String = row.try_get("account")?;
    let corrupt = || StorageError::corrupt(format!("account {account}: a key cannot be read"));
    let digest: Vec<u8> = row.try_get("digest")?;
    let permissions: String = row.try_get("permissions")?;
    let names: Vec<String> = serde_json::from_str(&permissions).map_err(|_| corrupt())?;
    let name: String = row.try_get("name")?;
    let card = KeyCard {
        id: row.try_get("id")?,
        digest: Digest::stored(&digest).ok_or_else(corrupt)?,
        name: name.into(),
        permissions: Permissions::named(names.iter().map(String::as_str)),
    };
    Ok((account, card))
}

pub(super) async fn add(connection: &mut Connection, entry: &Entry) -> Result<(), StorageError> {
    let statement = "INSERT INTO account (name, file, time_zone, dialect, clock, image, origin, origin_profile, ttl, strict) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    query(statement)
        .bind(&entry.name)
        .bind(&entry.file)
        .bind(&entry.profile.time_zone)
        .bind(Value::Object(entry.profile.dialect.clone()).to_string())
        .bind(serde_json::to_string(&entry.profile.clock).expect("a clock is JSON"))
        .bind(entry.image)
        .bind(entry.origin.as_ref().map(|origin| origin.image))
        .bind(entry.origin.as_ref().map(|origin| written(&origin.profile)))
        .bind(entry.ttl.map(|ttl| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)))
        .bind(strict_written(&entry.profile))
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes an account with its keys and snapshots. Gives its file, which is unneeded then.
pub(super) async fn remove(
    connection: &mut Connection,
    name: &str,
) -> Result<Option<String>, StorageError> {
    let file = leave_file(connection, name).await?;
    query("DELETE FROM account WHERE name = $1").bind(name).execute(connection).await?;
    Ok(file)
}

/// The account's own file is unneeded, unless it has become an image.
async fn leave_file(
    connection: &mut Connection,
    account: &str,
) -> Result<Option<String>, StorageError> {
    let statement = "INSERT INTO unneeded (file) SELECT file FROM account \
         WHERE name = $1 AND file IS NOT NULL AND file NOT IN (SELECT file FROM image) RETURNING file";
    Ok(query_scalar(statement).bind(account).fetch_optional(connection).await?)
}

/// Puts an account onto an image. Gives the file that it had, which is unneeded then.
pub(super) async fn stand_on(
    connection: &mut Connection,
    account: &str,
    image: i64,
) -> Result<Option<String>, StorageError> {
    let file = leave_file(connection, account).await?;
    let statement = "UPDATE account SET file = NULL, image = $2 WHERE name = $1";
    query(statement).bind(account).bind(image).execute(connection).await?;
    Ok(file)
}

/// Gives an account a file of its own, which is complete.
pub(super) async fn own_file(
    connection: &mut Connection,
    account: &str,
    file: &str,
) -> Result<(), StorageError> {
    let statement = "UPDATE account SET file = $2, image = NULL WHERE name = $1";
    query(statement).bind(account).bind(file).execute(&mut *connection).await?;
    forget(connection, file).await
}

pub(super) async fn set_profile(
    connection: &mut Connection,
    account: &str,
    profile: &Profile,
) -> Result<(), StorageError> {
    query(
        "UPDATE account SET time_zone = $2, dialect = $3, clock = $4, strict = $5 WHERE name = $1",
    )
    .bind(account)
    .bind(&profile.time_zone)
    .bind(Value::Object(profile.dialect.clone()).to_string())
    .bind(serde_json::to_string(&profile.clock).expect("a clock is JSON"))
    .bind(strict_written(profile))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn set_origin(
    connection: &mut Connection,
    account: &str,
    origin: &SavedRow,
) -> Result<(), StorageError> {
    query("UPDATE account SET origin = $2, origin_profile = $3 WHERE name = $1")
        .bind(account)
        .bind(origin.image)
        .bind(written(&origin.profile))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn put_snapshot(
    connection: &mut Connection,
    account: &str,
    name: &str,
    taken_at: &str,
    saved: &SavedRow,
) -> Result<(), StorageError> {
    let statement = "INSERT OR REPLACE INTO snapshot (account, name, taken_at, image, profile) VALUES ($1, $2, $3, $4, $5)";
    let statement = query(statement).bind(account).bind(name).bind(taken_at).bind(saved.image);
    statement.bind(written(&saved.profile)).execute(connection).await?;
    Ok(())
}

pub(super) async fn remove_snapshot(
    connection: &mut Connection,
    account: &str,
    name: &str,
) -> Result<(), StorageError> {
    let statement = query("DELETE FROM snapshot WHERE account = $1 AND name = $2");
    statement.bind(account).bind(name).execute(connection).await?;
    Ok(())
}

/// Adds an image, whose file is complete, and gives its row.
pub(super) async fn add_image(
    connection: &mut Connection,
    file: &str,
    bytes: u64,
) -> Result<i64, StorageError> {
    forget(connection, file).await?;
    let statement = query_scalar("INSERT INTO image (file, bytes) VALUES ($1, $2) RETURNING id");
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok(statement.bind(file).bind(bytes).fetch_one(connection).await?)
}

/// Removes those of the images on which nothing stands any more. Gives their files, which are unneeded then.
pub(super) async fn drop_unused(
    connection: &mut Connection,
    images: &[i64],
) -> Result<Vec<String>, StorageError> {
    let statement = "DELETE FROM image WHERE id = $1 \
         AND NOT EXISTS (SELECT 1 FROM account WHERE image = $1) \
         AND NOT EXISTS (SELECT 1 FROM account WHERE origin = $1) \
         AND NOT EXISTS (SELECT 1 FROM snapshot WHERE image = $1) \
         AND NOT EXISTS (SELECT 1 FROM seed WHERE image = $1) RETURNING file";
    let mut files = Vec::new();
    for image in images {
        let file: Option<String> =
            query_scalar(statement).bind(image).fetch_optional(&mut *connection).await?;
        if let Some(file) = file {
            expect(connection, &file).await?;
            files.push(file);
        }
    }
    Ok(files)
}

/// Removes every image on which nothing stands: those that a crash has left. Gives their files.
pub(super) async fn drop_all_unused(
    connection: &mut Connection,
) -> Result<Vec<String>, StorageError> {
    let images: Vec<i64> = images(connection).await?.into_iter().map(|(id, ..)| id).collect();
    drop_unused(connection, &images).await
}

/// Forgets every seed but these and the one without anything. Gives the images that they stood on.
pub(super) async fn keep_seeds(
    connection: &mut Connection,
    names: &str,
) -> Result<Vec<i64>, StorageError> {
    let statement = "DELETE FROM seed WHERE name <> '' \
         AND name NOT IN (SELECT value FROM json_each($1)) RETURNING image";
    Ok(query_scalar(statement).bind(names).fetch_all(connection).await?)
}

/// Notes a file that is about to be made. False where the name is one that the catalogue knows.
pub(super) async fn reserve(connection: &mut Connection, file: &str) -> Result<bool, StorageError> {
    let statement = query(
        "INSERT INTO unneeded (file) SELECT $1 \
         WHERE NOT EXISTS (SELECT 1 FROM account WHERE file = $1) \
         AND NOT EXISTS (SELECT 1 FROM image WHERE file = $1) ON CONFLICT DO NOTHING",
    );
    Ok(statement.bind(file).execute(connection).await?.rows_affected() == 1)
}

/// Notes a file that is to be removed.
pub(super) async fn expect(connection: &mut Connection, file: &str) -> Result<(), StorageError> {
    let statement = query("INSERT OR IGNORE INTO unneeded (file) VALUES ($1)");
    statement.bind(file).execute(connection).await?;
    Ok(())
}

/// The file is in use, or removed.
pub(super) async fn forget(connection: &mut Connection, file: &str) -> Result<(), StorageError> {
    query("DELETE FROM unneeded WHERE file = $1").bind(file).execute(connection).await?;
    Ok(())
}

pub(super) async fn unneeded(connection: &mut Connection) -> Result<Vec<String>, StorageError> {
    Ok(query_scalar("SELECT file FROM unneeded").fetch_all(connection).await?)
}

/// Adds a key; one of the same name in the same account gives way to it.
pub(super) async fn put_key(
    connection: &mut Connection,
    account: &str,
    key: &KeyCard,
) -> Result<(), StorageError> {
    query("DELETE FROM api_key WHERE account = $1 AND (name = $2 OR digest = $3)")
        .bind(account)
        .bind(&*key.name)
        .bind(key.digest.bytes().as_slice())
        .execute(&mut *connection)
        .await?;
    let statement =
        "INSERT INTO api_key (id, digest, account, name, permissions) VALUES ($1, $2, $3, $4, $5)";
    query(statement)
        .bind(key.id)
        .bind(key.digest.bytes().as_slice())
        .bind(account)
        .bind(&*key.name)
        .bind(key.permissions.names().to_string())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn remove_key(connection: &mut Connection, id: i64) -> Result<(), StorageError> {
    query("DELETE FROM api_key WHERE id = $1").bind(id).execute(connection).await?;
    Ok(())
}
