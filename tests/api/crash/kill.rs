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

use super::dice::Dice;
use crate::program::{Running, command};
use crate::support::Server;

/// After so many answers a server is killed after fewer turns than this, which take about as long as a few requests.
const TURNS: usize = 40_000;
/// After a file was written to a server is killed after fewer looks at it than this, which take some milliseconds.
const LOOKS: usize = 500;
/// A server that only starts is killed after fewer turns than this: most of the time before it listens.
const TURNS_OF_A_START: usize = 100_000;
/// Longer than an answer takes, so that a silent server fails its test instead of holding it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server on the folder; its address never shows in an answer, so that answers can be compared.
pub(super) fn on(data: &Path, more: &[&str]) -> Server {
    Server::with(&[&arguments(data), more].concat())
}

fn arguments(data: &Path) -> [&str; 4] {
    let data = data.to_str().expect("the path is text");
    ["--data", data, "--public-url", "https://desk.example.test"]
}

/// Kills a server while it starts.
pub(super) async fn a_start(data: &Path, dice: &mut Dice) {
    let more = ["--listen", "127.0.0.1:0"];
    let starting = Running::spawn(&mut command(&[&arguments(data)[..], &more].concat()));
    for _ in 0..dice.below(TURNS_OF_A_START) {
        yield_now().await;
    }
    // Dropping it sends SIGKILL.
    drop(starting);
}

/// When each of the files was written to for the last time.
fn written(files: &[PathBuf]) -> Vec<SystemTime> {
    let time = |file: &PathBuf| std::fs::metadata(file).and_then(|file| file.modified());
    files.iter().map(|file| time(file).expect("the file is there")).collect()
}

/// Who sends requests for the workers, counts the answers, and knows whether the server was killed.
#[derive(Clone)]
pub(super) struct Observer {
    answers: UnboundedSender<()>,
    is_killed: Arc<AtomicBool>,
}

impl Observer {
    /// The status and the body of the answer; none where the server was killed before it came.
    pub(super) async fn answer(&self, request: RequestBuilder) -> Option<(u16, Value)> {
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
        let _ = self.answers.send(());
        let body = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
        Some((status, body.unwrap_or_else(|error| panic!("{status}: {error}: {text}"))))
    }
}

/// When a server is killed.
pub(super) enum Moment<'a> {
    /// After some answers, at most so many.
    Answers(usize),
    /// As soon as one of these files is written to, or shortly after that.
    Write(&'a [PathBuf]),
}

/// Has all work until the moment has come; kills the server, and gives the workers back.
pub(super) async fn at_work<Worker, Work>(
    server: Server,
    workers: Vec<Worker>,
    moment: Moment<'_>,
    dice: &mut Dice,
    work: impl Fn(Worker, Observer) -> Work,
) -> Vec<Worker>
where
    Worker: Send + 'static,
    Work: Future<Output = Worker> + Send + 'static,
{
    let (answers, mut heard) = unbounded_channel();
    let is_killed = Arc::new(AtomicBool::new(false));
    let observer = Observer { answers, is_killed: Arc::clone(&is_killed) };
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn(work(worker, observer.clone()));
    }
    drop(observer);
    let turns = match moment {
        Moment::Answers(most) => {
            for _ in 0..dice.below(most + 1) {
                let answer = timeout(PATIENCE, heard.recv()).await.expect("answers come");
                if answer.is_none() {
                    break;
                }
            }
            TURNS
        }
        // On a thread of its own, since a log is copied in less time than a turn of the others takes.
        Moment::Write(files) => block_in_place(|| {
            let (before, end) = (written(files), Instant::now() + PATIENCE);
            while written(files) == before {
                assert!(Instant::now() < end, "none of these is written to: {files:?}");
            }
            for _ in 0..dice.below(LOOKS) {
                written(files);
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
    timeout(PATIENCE, running.join_all()).await.expect("all learn that the server is gone")
}
