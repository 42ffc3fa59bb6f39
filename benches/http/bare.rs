//! The yardstick: an axum server that reads a request and sends constant bytes, and does nothing else.

use std::future::ready;

use axum::{
    Router,
    body::Bytes,
    extract::RawQuery,
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::{MethodRouter, get, post},
};
use tokio::{net::TcpListener, runtime};

use crate::{Outcome, operation::Operation};

/// Serves on loopback until it is killed. The address is its first line of output.
pub(crate) fn serve(listen: &str, sizes: &[usize]) -> Outcome<()> {
    let sizes: [usize; Operation::ALL.len()] =
        sizes.try_into().map_err(|_| "--bare needs one of --sizes for each operation")?;
    runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        println!("listening on http://{}", listener.local_addr()?);
        axum::serve(listener, router(sizes)).await?;
        Ok(())
    })
}

/// In the order of `Operation::ALL`. One size stands for all that are told apart by a number in the answer.
fn router(sizes: [usize; Operation::ALL.len()]) -> Router {
    let [item, list, search, _, _, updated, _, status, _, batch, created] = sizes;
    Router::new()
        .route("/api/v2/ticket", listing(list, search).post(writing(created)))
        .route("/api/v2/ticket/{id}", reading(item).put(writing(updated)))
        .route("/api/v2/ticket/setStatus", post(writing(status)))
        .route("/api/v2/ticket/batch", post(writing(batch)))
}

fn listing(all: usize, found: usize) -> MethodRouter {
    let (all, found) = (body(all), body(found));
    get(move |RawQuery(query): RawQuery| {
        ready(json(if query.is_none() { all.clone() } else { found.clone() }))
    })
}

fn reading(size: usize) -> MethodRouter {
    let body = body(size);
    get(move || ready(json(body.clone())))
}

/// The extractor reads the whole body, as the real server must.
fn writing(size: usize) -> impl Fn(Bytes) -> std::future::Ready<axum::response::Response> + Clone {
    let body = body(size);
    move |_sent: Bytes| ready(json(body.clone()))
}

fn json(body: Bytes) -> axum::response::Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn body(size: usize) -> Bytes {
    Bytes::from(vec![b'x'; size])
}
