//! An HTTP client with one connection that is kept alive, and the latency of each response.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use omnidesk_mock_bench::BenchResult;
use reqwest::{Method, Request, RequestBuilder};
use tokio::runtime::{self, Runtime};

const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct HttpClient {
    runtime: Runtime,
    client: reqwest::Client,
    base_url: String,
}

pub(crate) struct TimedResponse {
    /// From before the request is sent until the body is read.
    pub(crate) latency: Duration,
    pub(crate) body: Bytes,
}

impl HttpClient {
    pub(crate) fn new(server: SocketAddr) -> BenchResult<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(1);
        let client = client.timeout(TIMEOUT).build()?;
        Ok(Self { runtime, client, base_url: format!("http://{server}") })
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base_url))
    }

    /// Sends the request, and fails unless the response is a success.
    pub(crate) fn send(&self, request: Request) -> BenchResult<TimedResponse> {
        let name = format!("{} {}", request.method(), request.url().path());
        let start = Instant::now();
        let (status, body) = self.runtime.block_on(async {
            let response = self.client.execute(request).await?;
            Ok::<_, reqwest::Error>((response.status(), response.bytes().await?))
        })?;
        let latency = start.elapsed();
        if !status.is_success() {
            let body = String::from_utf8_lossy(&body);
            return Err(format!("{name}: status {status}: {body}").into());
        }
        Ok(TimedResponse { latency, body })
    }

    /// Sends nothing for this time, and notices if the server closes the connection.
    pub(crate) fn pause(&self, time: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }
}
