//! The bare server: an axum server that reads a request and sends constant bytes.

use std::future::{Ready, ready};

use axum::{
    Router,
    body::Bytes,
    extract::RawQuery,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use omnidesk_mock_bench::{BenchResult, request::JSON};
use tokio::{net::TcpListener, runtime};

use crate::operation::Operation;

/// Serves on loopback until it is killed. The first line of its output contains its address.
pub(crate) fn serve(listen: &str, sizes: &[usize]) -> BenchResult<()> {
    let sizes: [usize; Operation::ALL.len()] =
        sizes.try_into().map_err(|_| "--bare needs a size in --sizes for each operation")?;
    runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        println!("listening on http://{}", listener.local_addr()?);
        axum::serve(listener, router(sizes)).await?;
        Ok(())
    })
}

/// The sizes are in the order of `Operation::ALL`. All operations with the same route have one size.
fn router(sizes: [usize; Operation::ALL.len()]) -> Router {
    let [item, list, search, _, _, updated, _, status, _, batch, created] = sizes;
    Router::new()
        .route("/api/v2/ticket", get_list(list, search).post(respond_to_write(created)))
        .route("/api/v2/ticket/{id}", get_item(item).put(respond_to_write(updated)))
        .route("/api/v2/ticket/setStatus", post(respond_to_write(status)))
        .route("/api/v2/ticket/batch", post(respond_to_write(batch)))
}

fn get_list(list_size: usize, search_size: usize) -> MethodRouter {
    let (list, search) = (body(list_size), body(search_size));
    get(move |RawQuery(query): RawQuery| {
        ready(json_response(if query.is_none() { list.clone() } else { search.clone() }))
    })
}

fn get_item(size: usize) -> MethodRouter {
    let body = body(size);
    get(move || ready(json_response(body.clone())))
}

/// The extractor reads the whole body, as the real server must.
fn respond_to_write(size: usize) -> impl Fn(Bytes) -> Ready<Response> + Clone {
    let body = body(size);
    move |_request_body: Bytes| ready(json_response(body.clone()))
}

fn json_response(body: Bytes) -> Response {
    ([(CONTENT_TYPE, JSON)], body).into_response()
}

fn body(size: usize) -> Bytes {
    Bytes::from(vec![b'x'; size])
}
