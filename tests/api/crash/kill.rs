//! Servers on a folder, killed in the midst of their work.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use reqwest::RequestBuilder;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{JoinSet, block_in_place, yield_now};
use tokio::time::timeout;

use super::rng::Rng;
use crate::process::{RunningProcess, build_command};
use crate::support::Server;

/// After so many answers a server is killed after fewer turns than this, which take about as long as a few requests.
const MAX_YIELDS: usize = 40_000;
/// After a file was written to a server is killed after fewer looks at it than this, which take some milliseconds.
const MAX_FILE_POLLS: usize = 500;
/// A server that only starts is killed after fewer turns than this: most of the time before it listens.
const MAX_STARTUP_YIELDS: usize = 100_000;
/// Longer than an answer takes, so that a silent server fails its test instead of holding it.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// A server on the folder; its address never shows in an answer, so that answers can be compared.
pub(super) fn start_server(data: &Path, more: &[&str]) -> Server {
    Server::start_with_args(&[&server_arguments(data), more].concat())
}

fn server_arguments(data: &Path) -> [&str; 4] {
    let data = data.to_str().expect("the path is text");
    ["--data", data, "--public-url", "https://desk.example.test"]
}

/// Kills a server while it starts.
pub(super) async fn kill_during_startup(data: &Path, dice: &mut Rng) {
    let more = ["--listen", "127.0.0.1:0"];
    let starting =
        RunningProcess::spawn(&mut build_command(&[&server_arguments(data)[..], &more].concat()));
    for _ in 0..dice.below(MAX_STARTUP_YIELDS) {
        yield_now().await;
    }
    // Dropping it sends SIGKILL.
    drop(starting);
}

/// When each of the files was written to for the last time.
fn modified_times(files: &[PathBuf]) -> Vec<SystemTime> {
    let time = |file: &PathBuf| std::fs::metadata(file).and_then(|file| file.modified());
    files.iter().map(|file| time(file).expect("the file is there")).collect()
}

/// Who sends requests for the workers, counts the answers, and knows whether the server was killed.
#[derive(Clone)]
pub(super) struct CountingSender {
    response_counter: UnboundedSender<()>,
    is_killed: Arc<AtomicBool>,
}

impl CountingSender {
    /// The status and the body of the answer; none where the server was killed before it came.
    pub(super) async fn send(&self, request: RequestBuilder) -> Option<(u16, Value)> {
        let answer = async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            Ok((status, answer.text().await?))
        };
        let answer: Result<_, reqwest::Error> = answer.await;
        let (status, text) = match answer {
            Ok(answer) => answer,
            Err(_) if self.is_killed.load(Ordering::SeqCst) => return None,
            Err(error) => panic!("no answer, although the server was not killed: {error:?}"),
        };
        // Nobody counts any more once the server was killed.
        let _ = self.response_counter.send(());
        let body = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
        Some((status, body.unwrap_or_else(|error| panic!("{status}: {error}: {text}"))))
    }
}

/// When a server is killed.
pub(super) enum KillTrigger<'a> {
    /// After some answers, at most so many.
    ResponseCount(usize),
    /// As soon as one of these files is written to, or shortly after that.
    FileWrite(&'a [PathBuf]),
}

/// Has all work until the moment has come; kills the server, and gives the workers back.
pub(super) async fn run_until_killed<Worker, Work>(
    server: Server,
    workers: Vec<Worker>,
    moment: KillTrigger<'_>,
    dice: &mut Rng,
    work: impl Fn(Worker, CountingSender) -> Work,
) -> Vec<Worker>
where
    Worker: Send + 'static,
    Work: Future<Output = Worker> + Send + 'static,
{
    let (answers, mut responses) = unbounded_channel();
    let is_killed = Arc::new(AtomicBool::new(false));
    let observer = CountingSender { response_counter: answers, is_killed: Arc::clone(&is_killed) };
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn(work(worker, observer.clone()));
    }
    drop(observer);
    let turns = match moment {
        KillTrigger::ResponseCount(most) => {
            for _ in 0..dice.below(most + 1) {
                let answer = timeout(TEST_TIMEOUT, responses.recv()).await.expect("answers come");
                if answer.is_none() {
                    break;
                }
            }
            MAX_YIELDS
        }
        // On a thread of its own, since a log is copied in less time than a turn of the others takes.
        KillTrigger::FileWrite(files) => block_in_place(|| {
            let (before, end) = (modified_times(files), Instant::now() + TEST_TIMEOUT);
            while modified_times(files) == before {
                assert!(Instant::now() < end, "none of these is written to: {files:?}");
            }
            for _ in 0..dice.below(MAX_FILE_POLLS) {
                modified_times(files);
            }
            0
        }),
    };
    for _ in 0..dice.below(turns + 1) {
        yield_now().await;
    }
    is_killed.store(true, Ordering::SeqCst);
    // Dropping it sends SIGKILL.
    drop(server);
    timeout(TEST_TIMEOUT, running.join_all()).await.expect("all learn that the server is gone")
}
