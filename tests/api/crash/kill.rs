//! Starts servers on a data directory and kills them while they work.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use reqwest::RequestBuilder;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{JoinSet, block_in_place, yield_now};

use crate::support::process::{RunningProcess, build_command};
use crate::support::rng::Rng;
use crate::support::server::Server;
use crate::support::wait::{block_until, with_timeout};

/// After a response count the server is killed after fewer yields than this, which take as long as a few requests.
const MAX_YIELDS: usize = 40_000;
/// After a file write the server is killed after fewer polls of the file than this, which take some milliseconds.
const MAX_FILE_POLLS: usize = 500;
/// A starting server is killed after fewer yields than this: most of the time before it listens.
const MAX_STARTUP_YIELDS: usize = 100_000;

/// Starts a server on the data directory with a fixed public URL, so that responses of different runs are comparable.
pub(super) fn start_server(data: &Path, extra_args: &[&str]) -> Server {
    Server::start_with_args(&[&server_arguments(data), extra_args].concat())
}

fn server_arguments(data: &Path) -> [&str; 4] {
    let data = data.to_str().expect("the path is UTF-8");
    ["--data", data, "--public-url", "https://desk.example.test"]
}

/// Kills a server while it starts.
pub(super) async fn kill_during_startup(data: &Path, rng: &mut Rng) {
    let extra_args = ["--listen", "127.0.0.1:0"];
    let starting = RunningProcess::spawn(&mut build_command(
        &[&server_arguments(data)[..], &extra_args].concat(),
    ));
    for _ in 0..rng.below(MAX_STARTUP_YIELDS) {
        yield_now().await;
    }
    // Dropping the process sends SIGKILL.
    drop(starting);
}

/// Returns the modification time of each file.
fn modified_times(files: &[PathBuf]) -> Vec<SystemTime> {
    let time = |file: &PathBuf| std::fs::metadata(file).and_then(|file| file.modified());
    files.iter().map(|file| time(file).expect("the file exists")).collect()
}

/// Sends requests for the workers, counts the responses, and knows whether the server was killed.
#[derive(Clone)]
pub(super) struct CountingSender {
    response_counter: UnboundedSender<()>,
    is_killed: Arc<AtomicBool>,
}

impl CountingSender {
    /// Returns status and body of the response, or `None` if the server was killed before it responded.
    pub(super) async fn send(&self, request: RequestBuilder) -> Option<(u16, Value)> {
        let response = async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            Ok((status, response.text().await?))
        };
        let response: Result<_, reqwest::Error> = response.await;
        let (status, text) = match response {
            Ok(response) => response,
            Err(_) if self.is_killed.load(Ordering::SeqCst) => return None,
            Err(error) => panic!("no response, although the server was not killed: {error:?}"),
        };
        // The receiver is dropped once the server is killed.
        let _ = self.response_counter.send(());
        let body = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
        Some((status, body.unwrap_or_else(|error| panic!("{status}: {error}: {text}"))))
    }
}

/// When to kill the server.
pub(super) enum KillTrigger<'a> {
    /// After a random number of responses, at most this many.
    ResponseCount(usize),
    /// As soon as one of these files is written, or shortly afterwards.
    FileWrite(&'a [PathBuf]),
}

/// Runs the workers until the trigger fires, kills the server, and returns the workers.
pub(super) async fn run_until_killed<Worker, Work>(
    server: Server,
    workers: Vec<Worker>,
    trigger: KillTrigger<'_>,
    rng: &mut Rng,
    work: impl Fn(Worker, CountingSender) -> Work,
) -> Vec<Worker>
where
    Worker: Send + 'static,
    Work: Future<Output = Worker> + Send + 'static,
{
    let (response_counter, mut responses) = unbounded_channel();
    let is_killed = Arc::new(AtomicBool::new(false));
    let observer = CountingSender { response_counter, is_killed: Arc::clone(&is_killed) };
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn(work(worker, observer.clone()));
    }
    drop(observer);
    let max_yields = match trigger {
        KillTrigger::ResponseCount(max) => {
            for _ in 0..rng.below(max + 1) {
                let response = with_timeout("a response", responses.recv()).await;
                if response.is_none() {
                    break;
                }
            }
            MAX_YIELDS
        }
        // On a blocking thread, since a checkpoint takes less time than one yield of the others.
        KillTrigger::FileWrite(files) => block_in_place(|| {
            let before = modified_times(files);
            block_until("a file write", || modified_times(files) != before);
            for _ in 0..rng.below(MAX_FILE_POLLS) {
                modified_times(files);
            }
            0
        }),
    };
    for _ in 0..rng.below(max_yields + 1) {
        yield_now().await;
    }
    is_killed.store(true, Ordering::SeqCst);
    server.kill();
    with_timeout("the end of all workers", running.join_all()).await
}
