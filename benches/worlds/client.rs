//! One connection to the server that is kept alive, and how long each answer over it takes.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::{Method, Request, RequestBuilder};
use tokio::runtime::{self, Runtime};

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Client {
    runtime: Runtime,
    http: reqwest::Client,
    root: String,
}

pub(crate) struct Answer {
    /// From before the request is sent to after the body is read.
    pub(crate) time: Duration,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) fn new(server: SocketAddr) -> Outcome<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(1);
        let http = http.timeout(PATIENCE).build()?;
        Ok(Self { runtime, http, root: format!("http://{server}") })
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.root))
    }

    /// Sends the request. An answer that is no success is an error.
    pub(crate) fn send(&self, request: Request) -> Outcome<Answer> {
        let name = format!("{} {}", request.method(), request.url().path());
        let began = Instant::now();
        let (status, body) = self.runtime.block_on(async {
            let response = self.http.execute(request).await?;
            Ok::<_, reqwest::Error>((response.status(), response.bytes().await?))
        })?;
        let time = began.elapsed();
        if !status.is_success() {
            let body = String::from_utf8_lossy(&body);
            return Err(format!("{name}: answered with {status}: {body}").into());
        }
        Ok(Answer { time, body })
    }

    /// Sends nothing for a while; a connection that the server closes meanwhile is noticed.
    pub(crate) fn pause(&self, time: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }
}
