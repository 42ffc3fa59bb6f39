//! The bare server: an axum server that reads a request and sends constant bytes.

use std::future::ready;

use axum::{
    Router,
    body::Bytes,
    extract::RawQuery,
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::{get, post},
};
use omnidesk_mock_bench::prelude::*;
use tokio::{net::TcpListener, runtime::Builder};

use crate::operations::COUNT;

/// Serves on loopback until it is killed. The first line of its output contains its address. The arguments are an
/// address, and the sizes of the responses of each operation; all operations with the same route have one size.
pub(crate) fn serve(arguments: &[String]) -> Result<()> {
    let (listen, sizes) = arguments.split_first().context("no address")?;
    let sizes: Vec<usize> = sizes.iter().map(|size| size.parse()).collect::<Result<_, _>>()?;
    let [item, _, list, search, _, _, _, updated, _, status, _, batch, created]: [usize; COUNT] =
        sizes[..].try_into()?;
    let respond = |size: usize| {
        let body = Bytes::from(vec![b'x'; size]);
        move || ready(([(CONTENT_TYPE, "application/json")], body.clone()).into_response())
    };
    // The extractor reads the whole body, as the real server must.
    let write = |size: usize| {
        let respond = respond(size);
        move |_body: Bytes| respond()
    };
    let (list, search) = (respond(list), respond(search));
    let get_list = move |RawQuery(query): RawQuery| if query.is_none() { list() } else { search() };
    let router = Router::new()
        .route("/api/v2/ticket", get(get_list).post(write(created)))
        .route("/api/v2/ticket/{id}", get(respond(item)).put(write(updated)))
        .route("/api/v2/ticket/setStatus", post(write(status)))
        .route("/api/v2/ticket/batch", post(write(batch)));
    Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
        Ok(axum::serve(listener, router).await?)
    })
}
