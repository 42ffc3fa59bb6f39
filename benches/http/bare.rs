//! The yardstick: an axum server that reads a request and sends constant bytes, and does nothing else.

use std::future::ready;

use axum::{
    Router,
    body::Bytes,
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::{MethodRouter, get, post},
};
use tokio::{net::TcpListener, runtime};

use crate::{Outcome, operation::Operation};

/// Serves on a free loopback port until it is killed. The address is its first line of output.
pub(crate) fn serve(sizes: &[usize]) -> Outcome<()> {
    let sizes: [usize; Operation::ALL.len()] =
        sizes.try_into().map_err(|_| "--bare needs one of --sizes for each operation")?;
    runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", listener.local_addr()?);
        axum::serve(listener, router(sizes)).await?;
        Ok(())
    })
}

fn router([item, list, created, updated, status]: [usize; 5]) -> Router {
    Router::new()
        .route("/api/v2/ticket", reading(list).post(writing(created)))
        .route("/api/v2/ticket/{id}", reading(item).put(writing(updated)))
        .route("/api/v2/ticket/setStatus", post(writing(status)))
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
