//! Snapshots: named copies of an account's state.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::accounts::snapshot_name;
use super::problem::Problem;
use super::request::{In, InAccount, InSnapshot, Of, done, settled};
use super::wire::{Snapshot, SnapshotList};
use crate::accounts::SnapshotCard;
use crate::state::Shared;

fn shown(card: SnapshotCard) -> Snapshot {
    Snapshot { name: card.name, taken_at: card.taken_at, bytes: card.bytes }
}

/// Lists the snapshots of an account.
#[utoipa::path(get, path = "/accounts/{account}/snapshots", tag = "snapshots", operation_id = "listSnapshots",
    params(InAccount),
    responses((status = 200, body = SnapshotList, description = "The snapshots"), Problem))]
pub(super) async fn list(
    State(state): State<Shared>,
    Of(account): Of,
) -> Result<Json<SnapshotList>, Problem> {
    let snapshots = state.accounts.snapshots(&account).await?.into_iter().map(shown).collect();
    Ok(Json(SnapshotList { snapshots }))
}

/// Keeps the present state under a name. One of the same name gives way to it.
#[utoipa::path(put, path = "/accounts/{account}/snapshots/{name}", tag = "snapshots", operation_id = "takeSnapshot",
    params(InSnapshot),
    responses(
        (status = 200, body = Snapshot, description = "Replaced"),
        (status = 201, body = Snapshot, description = "New"),
        Problem
    ))]
pub(super) async fn take(
    State(state): State<Shared>,
    In(account, name): In,
) -> Result<(StatusCode, Json<Snapshot>), Problem> {
    snapshot_name(&name)?;
    settled(async move {
        let (card, is_new) = state.accounts.take_snapshot(&account, &name).await?;
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        Ok((status, Json(shown(card))))
    })
    .await
}

/// Removes a snapshot.
#[utoipa::path(delete, path = "/accounts/{account}/snapshots/{name}", tag = "snapshots", operation_id = "removeSnapshot",
    params(InSnapshot),
    responses((status = 204, description = "Removed"), Problem))]
pub(super) async fn remove(
    State(state): State<Shared>,
    In(account, name): In,
) -> Result<StatusCode, Problem> {
    snapshot_name(&name)?;
    done(async move { state.accounts.remove_snapshot(&account, &name).await }).await
}

/// Puts an account back to a snapshot: data, ids, clock, time zone and dialect. Its keys stay.
#[utoipa::path(post, path = "/accounts/{account}/snapshots/{name}/restore", tag = "snapshots", operation_id = "restoreSnapshot",
    params(InSnapshot),
    responses((status = 204, description = "Restored"), Problem))]
pub(super) async fn restore(
    State(state): State<Shared>,
    In(account, name): In,
) -> Result<StatusCode, Problem> {
    snapshot_name(&name)?;
    done(async move { state.accounts.restore(&account, &name).await }).await
}
