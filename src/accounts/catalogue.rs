//! The catalogue: the database of accounts, images, snapshots, seeds and key hashes, and the files that it references.
//!
//! Its transactions make changes to several files atomic: a file is valid once a row references it, and a row
//! drops its reference before the file is deleted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, query, query_scalar};

use super::api_key::{ApiKeyInfo, SecretHash};
use super::data::close_or_warn;
use super::data_dir::DataDir;
use super::image::Image;
use super::permissions::PermissionSet;
use super::settings::AccountSettings;
use crate::storage::{
    BoxFuture, CATALOGUE_SCHEMA, ChangeCounter, Connection, Database, Storage, StorageError, files,
    is_wal_empty,
};

/// The open catalogue of a data directory.
#[derive(Debug)]
pub(super) struct Catalogue {
    database: Database,
    data_dir: DataDir,
    storage: Storage,
}

impl Catalogue {
    /// Locks the data directory and opens its catalogue, which it creates if the directory is new.
    ///
    /// # Errors
    /// If the directory is locked, not writable, or has data that this version cannot read.
    pub(super) async fn open(storage: &Storage, data_dir: &Path) -> Result<Self, StorageError> {
        let data_dir = DataDir::lock(storage, data_dir)?;
        let path = data_dir.resolve("catalogue.db");
        let mode = data_dir.catalogue_open_mode(&path)?;
        let change_counter = ChangeCounter::default();
        let database = Database::open(storage, mode, &CATALOGUE_SCHEMA, change_counter).await?;
        Ok(Self { database, data_dir, storage: storage.clone() })
    }

    /// Returns the path of its file.
    pub(super) fn path(&self) -> &Path {
        self.database.path()
    }

    /// Closes it. The data directory stays locked until the catalogue is dropped.
    pub(super) async fn close(&self) {
        close_or_warn(&self.database).await;
    }

    /// Reads from it.
    pub(super) async fn read<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        self.database.read(query).await
    }

    /// Commits a change.
    pub(super) async fn write<T, F>(&self, change: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        self.check_data_dir()?;
        self.database.write(change).await.map_err(|error| error.with_path(self.path()))
    }

    /// Resolves a commit in doubt.
    ///
    /// # Errors
    /// If its outcome stays unknown.
    pub(super) async fn resolve_in_doubt(&self) -> Result<(), StorageError> {
        self.database.resolve_in_doubt().await
    }

    /// Checks that the data directory is still the one that this server has locked.
    ///
    /// # Errors
    /// If it was moved, removed or replaced.
    pub(super) fn check_data_dir(&self) -> Result<(), StorageError> {
        self.data_dir.check_not_replaced()
    }

    /// Resolves a path in the data directory.
    pub(super) fn resolve_path(&self, file: &str) -> PathBuf {
        self.data_dir.resolve(file)
    }

    /// Reserves a name for a new file, and records it so that the next start cleans up after a crash. The name is
    /// unused: by any file, any row of the catalogue, and any file that is being deleted.
    pub(super) async fn reserve_file(&self, stem: &str) -> Result<String, StorageError> {
        if let Some(parent) = self.resolve_path(stem).parent() {
            files::ensure_dir(parent, self.storage.durability)?;
        }
        let numbered = (2..).map(|number| format!("{stem}.{number}.db"));
        for file in std::iter::once(format!("{stem}.db")).chain(numbered) {
            if files::is_path_taken(&self.resolve_path(&file)) {
                continue;
            }
            let name = file.clone();
            let reserved = self.write(move |connection| {
                Box::pin(async move { reserve_file(connection, &name).await })
            });
            if reserved.await? {
                return Ok(file);
            }
        }
        unreachable!("there is always another number")
    }

    /// Deletes files that no row references. Logs a failure, and the next start retries: the change that orphaned
    /// the files is committed, so it must not fail here.
    pub(super) async fn delete_orphaned_files(&self, files: Vec<String>) {
        if files.is_empty() {
            return;
        }
        let removal = async {
            self.check_data_dir()?;
            let files = files
                .into_iter()
                .map(|name| files::DatabaseFile { path: self.resolve_path(&name), name });
            let removed = files::remove_databases(files.collect()).await?;
            self.write(move |connection| {
                Box::pin(async move {
                    for file in &removed {
                        unmark_orphaned(connection, file).await?;
                    }
                    Ok(())
                })
            })
            .await
        };
        if let Err(error) = removal.await {
            tracing::warn!(%error, "cannot delete orphaned files; the next start tries again");
        }
    }

    /// Fails if the close left data in the write-ahead log (no checkpoint).
    pub(super) fn check_wal_empty(&self, file: &str) -> Result<(), StorageError> {
        let path = self.resolve_path(file);
        if is_wal_empty(&path) { Ok(()) } else { Err(StorageError::CheckpointIncomplete { path }) }
    }

    /// Stores an image as a file, unless it is one.
    pub(super) async fn persist_image(
        &self,
        stem: &str,
        image: &Arc<Image>,
    ) -> Result<Arc<Image>, StorageError> {
        if image.id().is_some() {
            return Ok(Arc::clone(image));
        }
        let file = self.reserve_file(stem).await?;
        image.copy_to(&self.storage, self.resolve_path(&file)).await?;
        self.register_image(file).await
    }

    /// Fsyncs a complete file and inserts it as an image.
    pub(super) async fn register_image(&self, file: String) -> Result<Arc<Image>, StorageError> {
        let size_bytes = files::file_size(&self.resolve_path(&file))?;
        files::fsync_if_durable(self.resolve_path(&file), self.storage.durability).await?;
        let name = file.clone();
        let id = self.write(move |connection| {
            Box::pin(async move { insert_image(connection, &name, size_bytes).await })
        });
        Ok(self.image(&ImageRow { id: id.await?, file, size_bytes }))
    }

    /// Returns the image of a row.
    pub(super) fn image(&self, row: &ImageRow) -> Arc<Image> {
        let path = self.resolve_path(&row.file);
        Arc::new(Image::File { id: row.id, path, size_bytes: row.size_bytes })
    }
}

/// An account in the catalogue.
#[derive(Clone, Debug)]
pub(super) struct AccountRow {
    pub(super) name: String,
    pub(super) settings: AccountSettings,
    /// Its own file; None while it uses an image.
    pub(super) file: Option<String>,
    pub(super) image_id: Option<i64>,
    pub(super) origin: SavedStateRow,
    pub(super) ttl: Option<Duration>,
}

/// A saved state in the catalogue.
#[derive(Clone, Debug)]
pub(super) struct SavedStateRow {
    pub(super) image_id: i64,
    pub(super) settings: AccountSettings,
}

/// An image in the catalogue.
#[derive(Clone, Debug)]
pub(super) struct ImageRow {
    pub(super) id: i64,
    /// In the data directory.
    pub(super) file: String,
    pub(super) size_bytes: u64,
}

/// A snapshot in the catalogue.
#[derive(Clone, Debug)]
pub(super) struct SnapshotRow {
    pub(super) account: String,
    pub(super) name: String,
    pub(super) taken_at: String,
    pub(super) state: SavedStateRow,
}

/// A key in the catalogue.
#[derive(Clone, Debug)]
pub(super) struct KeyRow {
    pub(super) account: String,
    pub(super) key_info: ApiKeyInfo,
}

pub(super) async fn list_accounts(
    connection: &mut Connection,
) -> Result<Vec<AccountRow>, StorageError> {
    let rows = query(
        "SELECT name, file, time_zone, dialect, clock, image_id, origin_image_id, origin_settings, ttl, strict \
         FROM account ORDER BY name",
    );
    rows.fetch_all(connection).await?.iter().map(account_from_row).collect()
}

fn account_from_row(row: &SqliteRow) -> Result<AccountRow, StorageError> {
    let name: String = row.try_get("name")?;
    let corrupt = |what: &str| {
        StorageError::corrupt(format!("account {name}: the {what} in the catalogue is invalid"))
    };
    let dialect: String = row.try_get("dialect")?;
    let clock: String = row.try_get("clock")?;
    let settings = AccountSettings {
        time_zone: row.try_get("time_zone")?,
        dialect: serde_json::from_str(&dialect).map_err(|_| corrupt("dialect"))?,
        clock: serde_json::from_str(&clock).map_err(|_| corrupt("clock"))?,
        strict: row
            .try_get::<Option<String>, _>("strict")?
            .map(|strict| serde_json::from_str(&strict))
            .transpose()
            .map_err(|_| corrupt("strict mode"))?,
    };
    let origin = SavedStateRow {
        image_id: row.try_get("origin_image_id")?,
        settings: settings_from_json(&row.try_get::<String, _>("origin_settings")?)?,
    };
    let ttl: Option<i64> = row.try_get("ttl")?;
    let ttl = ttl.map(|ttl| Duration::from_millis(ttl.unsigned_abs()));
    let (file, image_id) = (row.try_get("file")?, row.try_get("image_id")?);
    Ok(AccountRow { name, settings, file, image_id, origin, ttl })
}

fn strict_to_json(settings: &AccountSettings) -> Option<String> {
    let strict = settings.strict.as_ref()?;
    Some(serde_json::to_string(strict).expect("strict mode serializes to JSON"))
}

fn settings_from_json(text: &str) -> Result<AccountSettings, StorageError> {
    serde_json::from_str(text).map_err(|_| {
        StorageError::corrupt(
            "the settings of a saved state in the catalogue are invalid".to_owned(),
        )
    })
}

fn settings_to_json(settings: &AccountSettings) -> String {
    serde_json::to_string(settings).expect("settings serialize to JSON")
}

pub(super) async fn list_images(
    connection: &mut Connection,
) -> Result<Vec<ImageRow>, StorageError> {
    let rows: Vec<(i64, String, i64)> =
        sqlx::query_as("SELECT id, file, bytes FROM image").fetch_all(connection).await?;
    let to_row = |(id, file, bytes): (i64, String, i64)| ImageRow {
        id,
        file,
        size_bytes: bytes.unsigned_abs(),
    };
    Ok(rows.into_iter().map(to_row).collect())
}

pub(super) async fn list_snapshots(
    connection: &mut Connection,
) -> Result<Vec<SnapshotRow>, StorageError> {
    let rows: Vec<(String, String, String, i64, String)> =
        sqlx::query_as("SELECT account, name, taken_at, image_id, settings FROM snapshot")
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(account, name, taken_at, image_id, json)| {
            let state = SavedStateRow { image_id, settings: settings_from_json(&json)? };
            Ok(SnapshotRow { account, name, taken_at, state })
        })
        .collect()
}

/// Finds the seed with this name and this fixture digest.
pub(super) async fn find_seed(
    connection: &mut Connection,
    name: &str,
    digest: &[u8],
) -> Result<Option<SavedStateRow>, StorageError> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT image_id, settings FROM seed WHERE name = $1 AND fixture_hash = $2")
            .bind(name)
            .bind(digest)
            .fetch_optional(connection)
            .await?;
    row.map(|(image_id, json)| Ok(SavedStateRow { image_id, settings: settings_from_json(&json)? }))
        .transpose()
}

/// Stores a seed. Returns the id of the image that it replaces.
pub(super) async fn put_seed(
    connection: &mut Connection,
    name: &str,
    digest: &[u8],
    saved: &SavedStateRow,
) -> Result<Option<i64>, StorageError> {
    let deleted = query_scalar("DELETE FROM seed WHERE name = $1 RETURNING image_id").bind(name);
    let old_image_id: Option<i64> = deleted.fetch_optional(&mut *connection).await?;
    let statement =
        "INSERT INTO seed (name, fixture_hash, image_id, settings) VALUES ($1, $2, $3, $4)";
    let statement = query(statement).bind(name).bind(digest).bind(saved.image_id);
    statement.bind(settings_to_json(&saved.settings)).execute(connection).await?;
    Ok(old_image_id)
}

/// Returns the largest id ever used.
pub(super) async fn last_key_id(connection: &mut Connection) -> Result<i64, StorageError> {
    let statement = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'api_key'), 0)";
    Ok(query_scalar(statement).fetch_one(connection).await?)
}

/// Lists keys, oldest first.
pub(super) async fn list_keys(connection: &mut Connection) -> Result<Vec<KeyRow>, StorageError> {
    let rows = query("SELECT id, hash, account, name, permissions FROM api_key ORDER BY id");
    rows.fetch_all(connection).await?.iter().map(key_from_row).collect()
}

fn key_from_row(row: &SqliteRow) -> Result<KeyRow, StorageError> {
    let account: String = row.try_get("account")?;
    let corrupt = || {
        StorageError::corrupt(format!("account {account}: an API key in the catalogue is invalid"))
    };
    let digest: Vec<u8> = row.try_get("hash")?;
    let permissions: String = row.try_get("permissions")?;
    let names: Vec<String> = serde_json::from_str(&permissions).map_err(|_| corrupt())?;
    let name: String = row.try_get("name")?;
    let key_info = ApiKeyInfo {
        id: row.try_get("id")?,
        hash: SecretHash::from_slice(&digest).ok_or_else(corrupt)?,
        name: name.into(),
        permissions: PermissionSet::from_names(names.iter().map(String::as_str)),
    };
    Ok(KeyRow { account, key_info })
}

pub(super) async fn insert_account(
    connection: &mut Connection,
    row: &AccountRow,
) -> Result<(), StorageError> {
    let statement = "INSERT INTO account (name, file, time_zone, dialect, clock, image_id, origin_image_id, origin_settings, ttl, strict) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    query(statement)
        .bind(&row.name)
        .bind(&row.file)
        .bind(&row.settings.time_zone)
        .bind(Value::Object(row.settings.dialect.clone()).to_string())
        .bind(serde_json::to_string(&row.settings.clock).expect("a clock serializes to JSON"))
        .bind(row.image_id)
        .bind(row.origin.image_id)
        .bind(settings_to_json(&row.origin.settings))
        .bind(row.ttl.map(|ttl| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)))
        .bind(strict_to_json(&row.settings))
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes an account with its keys and snapshots. Returns its file, now orphaned.
pub(super) async fn delete_account(
    connection: &mut Connection,
    name: &str,
) -> Result<Option<String>, StorageError> {
    let file = orphan_account_file(connection, name).await?;
    query("DELETE FROM account WHERE name = $1").bind(name).execute(connection).await?;
    Ok(file)
}

/// Marks the account's own file orphaned, unless it is an image now.
async fn orphan_account_file(
    connection: &mut Connection,
    account: &str,
) -> Result<Option<String>, StorageError> {
    let statement = "INSERT INTO orphaned_file (file) SELECT file FROM account \
         WHERE name = $1 AND file IS NOT NULL AND file NOT IN (SELECT file FROM image) RETURNING file";
    Ok(query_scalar(statement).bind(account).fetch_optional(connection).await?)
}

/// Sets an account's image. Returns its own file, if it is orphaned now.
pub(super) async fn set_account_image(
    connection: &mut Connection,
    account: &str,
    image_id: i64,
) -> Result<Option<String>, StorageError> {
    let file = orphan_account_file(connection, account).await?;
    let statement = "UPDATE account SET file = NULL, image_id = $2 WHERE name = $1";
    query(statement).bind(account).bind(image_id).execute(connection).await?;
    Ok(file)
}

/// Sets an account's own file, which must be complete.
pub(super) async fn set_account_file(
    connection: &mut Connection,
    account: &str,
    file: &str,
) -> Result<(), StorageError> {
    let statement = "UPDATE account SET file = $2, image_id = NULL WHERE name = $1";
    query(statement).bind(account).bind(file).execute(&mut *connection).await?;
    unmark_orphaned(connection, file).await
}

pub(super) async fn update_settings(
    connection: &mut Connection,
    account: &str,
    settings: &AccountSettings,
) -> Result<(), StorageError> {
    query(
        "UPDATE account SET time_zone = $2, dialect = $3, clock = $4, strict = $5 WHERE name = $1",
    )
    .bind(account)
    .bind(&settings.time_zone)
    .bind(Value::Object(settings.dialect.clone()).to_string())
    .bind(serde_json::to_string(&settings.clock).expect("a clock serializes to JSON"))
    .bind(strict_to_json(settings))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn put_snapshot(
    connection: &mut Connection,
    row: &SnapshotRow,
) -> Result<(), StorageError> {
    let statement = "INSERT OR REPLACE INTO snapshot (account, name, taken_at, image_id, settings) VALUES ($1, $2, $3, $4, $5)";
    let statement = query(statement).bind(&row.account).bind(&row.name).bind(&row.taken_at);
    let statement = statement.bind(row.state.image_id).bind(settings_to_json(&row.state.settings));
    statement.execute(connection).await?;
    Ok(())
}

pub(super) async fn delete_snapshot(
    connection: &mut Connection,
    account: &str,
    name: &str,
) -> Result<(), StorageError> {
    let statement = query("DELETE FROM snapshot WHERE account = $1 AND name = $2");
    statement.bind(account).bind(name).execute(connection).await?;
    Ok(())
}

/// Adds an image, whose file is complete. Returns its id.
pub(super) async fn insert_image(
    connection: &mut Connection,
    file: &str,
    size_bytes: u64,
) -> Result<i64, StorageError> {
    unmark_orphaned(connection, file).await?;
    let statement = query_scalar("INSERT INTO image (file, bytes) VALUES ($1, $2) RETURNING id");
    let size_bytes = i64::try_from(size_bytes).unwrap_or(i64::MAX);
    Ok(statement.bind(file).bind(size_bytes).fetch_one(connection).await?)
}

/// Deletes the images among these that no row references. Returns their files, now orphaned.
pub(super) async fn delete_unused_images(
    connection: &mut Connection,
    image_ids: &[i64],
) -> Result<Vec<String>, StorageError> {
    let statement = "DELETE FROM image WHERE id = $1 \
         AND NOT EXISTS (SELECT 1 FROM account WHERE image_id = $1) \
         AND NOT EXISTS (SELECT 1 FROM account WHERE origin_image_id = $1) \
         AND NOT EXISTS (SELECT 1 FROM snapshot WHERE image_id = $1) \
         AND NOT EXISTS (SELECT 1 FROM seed WHERE image_id = $1) RETURNING file";
    let mut files = Vec::new();
    for image_id in image_ids {
        let file: Option<String> =
            query_scalar(statement).bind(image_id).fetch_optional(&mut *connection).await?;
        if let Some(file) = file {
            mark_orphaned(connection, &file).await?;
            files.push(file);
        }
    }
    Ok(files)
}

/// Deletes every unreferenced image, which a crash may leave. Returns their files.
pub(super) async fn delete_all_unused_images(
    connection: &mut Connection,
) -> Result<Vec<String>, StorageError> {
    let images: Vec<i64> = list_images(connection).await?.iter().map(|image| image.id).collect();
    delete_unused_images(connection, &images).await
}

/// Deletes every seed but these (a JSON list) and the empty one. Returns the images of the deleted.
pub(super) async fn retain_seeds(
    connection: &mut Connection,
    names_json: &str,
) -> Result<Vec<i64>, StorageError> {
    let statement = "DELETE FROM seed WHERE name <> '' \
         AND name NOT IN (SELECT value FROM json_each($1)) RETURNING image_id";
    Ok(query_scalar(statement).bind(names_json).fetch_all(connection).await?)
}

/// Reserves the name of a file to create. Returns false if the catalogue already has it.
pub(super) async fn reserve_file(
    connection: &mut Connection,
    file: &str,
) -> Result<bool, StorageError> {
    let statement = query(
        "INSERT INTO orphaned_file (file) SELECT $1 \
         WHERE NOT EXISTS (SELECT 1 FROM account WHERE file = $1) \
         AND NOT EXISTS (SELECT 1 FROM image WHERE file = $1) ON CONFLICT DO NOTHING",
    );
    Ok(statement.bind(file).execute(connection).await?.rows_affected() == 1)
}

/// Marks a file for deletion.
pub(super) async fn mark_orphaned(
    connection: &mut Connection,
    file: &str,
) -> Result<(), StorageError> {
    let statement = query("INSERT OR IGNORE INTO orphaned_file (file) VALUES ($1)");
    statement.bind(file).execute(connection).await?;
    Ok(())
}

/// Unmarks a used or deleted file.
pub(super) async fn unmark_orphaned(
    connection: &mut Connection,
    file: &str,
) -> Result<(), StorageError> {
    query("DELETE FROM orphaned_file WHERE file = $1").bind(file).execute(connection).await?;
    Ok(())
}

pub(super) async fn orphaned_files(
    connection: &mut Connection,
) -> Result<Vec<String>, StorageError> {
    Ok(query_scalar("SELECT file FROM orphaned_file").fetch_all(connection).await?)
}

/// Adds a key; replaces the account's key with its name or hash.
pub(super) async fn put_key(
    connection: &mut Connection,
    account: &str,
    key: &ApiKeyInfo,
) -> Result<(), StorageError> {
    query("DELETE FROM api_key WHERE account = $1 AND (name = $2 OR hash = $3)")
        .bind(account)
        .bind(&*key.name)
        .bind(key.hash.as_bytes().as_slice())
        .execute(&mut *connection)
        .await?;
    let statement =
        "INSERT INTO api_key (id, hash, account, name, permissions) VALUES ($1, $2, $3, $4, $5)";
    query(statement)
        .bind(key.id)
        .bind(key.hash.as_bytes().as_slice())
        .bind(account)
        .bind(&*key.name)
        .bind(key.permissions.names().collect::<Value>().to_string())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn delete_key(connection: &mut Connection, id: i64) -> Result<(), StorageError> {
    query("DELETE FROM api_key WHERE id = $1").bind(id).execute(connection).await?;
    Ok(())
}
