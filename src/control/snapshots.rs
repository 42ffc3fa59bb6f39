//! Handlers for snapshots: named copies of an account's state.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use omnidesk_mock_client::types::{Snapshot, SnapshotList};

use super::extract::{AccountPath, SnapshotPath, respond_no_content, run_to_completion};
use super::problem::Problem;
use crate::accounts::{SnapshotInfo, SnapshotResult};
use crate::api::state::SharedState;

fn to_snapshot(info: SnapshotInfo) -> Snapshot {
    Snapshot { name: info.name, taken_at: info.taken_at, bytes: info.size_bytes }
}

/// Lists the snapshots of an account.
#[utoipa::path(get, path = "/accounts/{account}/snapshots", tag = "snapshots", operation_id = "listSnapshots",
    params(AccountPath),
    responses((status = 200, body = SnapshotList, description = "The snapshots"), Problem))]
pub(crate) async fn list(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
) -> Result<Json<SnapshotList>, Problem> {
    let snapshots =
        state.accounts.snapshots(&account).await?.into_iter().map(to_snapshot).collect();
    Ok(Json(SnapshotList { snapshots }))
}

/// Saves the current state as a snapshot. Replaces a snapshot of the same name.
#[utoipa::path(put, path = "/accounts/{account}/snapshots/{name}", tag = "snapshots", operation_id = "takeSnapshot",
    params(SnapshotPath),
    responses(
        (status = 200, body = Snapshot, description = "Replaced"),
        (status = 201, body = Snapshot, description = "Created"),
        Problem
    ))]
pub(crate) async fn take(
    State(state): State<SharedState>,
    SnapshotPath { account, name }: SnapshotPath,
) -> Result<(StatusCode, Json<Snapshot>), Problem> {
    run_to_completion(async move {
        let SnapshotResult { info, is_new } = state.accounts.take_snapshot(&account, &name).await?;
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        Ok((status, Json(to_snapshot(info))))
    })
    .await
}

/// Removes a snapshot.
#[utoipa::path(delete, path = "/accounts/{account}/snapshots/{name}", tag = "snapshots", operation_id = "removeSnapshot",
    params(SnapshotPath),
    responses((status = 204, description = "Removed"), Problem))]
pub(crate) async fn remove(
    State(state): State<SharedState>,
    SnapshotPath { account, name }: SnapshotPath,
) -> Result<StatusCode, Problem> {
    respond_no_content(async move { state.accounts.remove_snapshot(&account, &name).await }).await
}

/// Restores an account to a snapshot: data, ids, clock, time zone and dialect. Its keys stay.
#[utoipa::path(post, path = "/accounts/{account}/snapshots/{name}/restore", tag = "snapshots", operation_id = "restoreSnapshot",
    params(SnapshotPath),
    responses((status = 204, description = "Restored"), Problem))]
pub(crate) async fn restore(
    State(state): State<SharedState>,
    SnapshotPath { account, name }: SnapshotPath,
) -> Result<StatusCode, Problem> {
    respond_no_content(async move { state.accounts.restore(&account, &name).await }).await
}
