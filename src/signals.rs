//! Signals: listened to from the first moment of a command, and children that nobody else waits for.

#[cfg(not(unix))]
pub(crate) use elsewhere::*;
#[cfg(unix)]
pub(crate) use unix::*;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::terminal::{Failure, complain};

/// The time until a server is ready. A signal ends the process at once meanwhile, since there is nothing to finish.
///
/// The first process of a container needs this: the system throws away signals that it does not listen to.
#[derive(Debug)]
pub(crate) struct Starting {
    watch: JoinHandle<Signals>,
    over: oneshot::Sender<()>,
}

impl Starting {
    /// Begins to watch. The process ends as shells have it for one that a signal ended: with 128 and its number.
    pub(crate) fn watch(mut signals: Signals) -> Self {
        let (over, is_over) = oneshot::channel();
        let watch = tokio::spawn(async move {
            tokio::select! {
                biased;
                signal = signals.next() => {
                    complain("told to end before the server was ready");
                    std::process::exit(128 + number(signal));
                }
                // Sent or dropped, the start has ended.
                _ = is_over => signals,
            }
        });
        Self { watch, over }
    }

    /// The server is ready: whoever calls this listens from now on. No signal is lost in between.
    ///
    /// # Errors
    /// Only when the runtime ends.
    pub(crate) async fn over(self) -> Result<Signals, Failure> {
        // Nobody takes it where the watch has ended, which the next line finds out.
        let _ = self.over.send(());
        Ok(self.watch.await?)
    }
}

#[cfg(unix)]
mod unix {
    use std::future::poll_fn;
    use std::process::ExitStatus;
    use std::task::Poll;

    use std::os::unix::process::ExitStatusExt;

    pub(crate) use rustix::process::Signal;
    use rustix::process::{Pid, WaitOptions, getpgrp, kill_process, wait};
    use rustix::termios::tcgetpgrp;
    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    /// Signals that are listened to, each with where it comes.
    #[derive(Debug)]
    pub(crate) struct Signals(Vec<(Signal, Stream)>);

    impl Signals {
        /// Listens to those that ask a server to end.
        ///
        /// # Errors
        /// When the system lets it listen to no signal.
        pub(crate) fn that_end() -> std::io::Result<Self> {
            Self::of(&[Signal::TERM, Signal::INT])
        }

        /// Listens to those that a command is told of.
        ///
        /// # Errors
        /// When the system lets it listen to no signal.
        pub(crate) fn to_forward() -> std::io::Result<Self> {
            Self::of(&[Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP])
        }

        fn of(signals: &[Signal]) -> std::io::Result<Self> {
            let stream = |one: &Signal| Ok((*one, signal(SignalKind::from_raw(one.as_raw()))?));
            signals.iter().map(stream).collect::<std::io::Result<_>>().map(Self)
        }

        /// The next one that comes.
        pub(crate) async fn next(&mut self) -> Signal {
            let next = poll_fn(|context| {
                for (signal, stream) in &mut self.0 {
                    if stream.poll_recv(context).is_ready() {
                        return Poll::Ready(*signal);
                    }
                }
                Poll::Pending
            });
            next.await
        }
    }

    /// The number of a signal.
    pub(super) fn number(signal: Signal) -> i32 {
        signal.as_raw()
    }

    /// Passes a signal on to a process, unless a terminal has sent it to both already.
    pub(crate) fn send(id: u32, signal: Signal) {
        let from_keyboard = signal == Signal::INT || signal == Signal::QUIT;
        // Asked of the terminal itself: standard input may be a file.
        let terminal = std::fs::File::open("/dev/tty").ok();
        let in_foreground = terminal
            .and_then(|terminal| tcgetpgrp(terminal).ok())
            .is_some_and(|group| group == getpgrp());
        if from_keyboard && in_foreground {
            return;
        }
        if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            // It may have ended in between.
            let _ = kill_process(id, signal);
        }
    }

    /// Children that end. There can be some that this process has not started: the first process of a container gets
    /// all whose parents have ended, and where nobody waits for them they stay as zombies for good.
    #[derive(Debug)]
    pub(crate) struct Children(Stream);

    impl Children {
        /// Listens to their ends.
        ///
        /// # Errors
        /// When the system lets it listen to no signal.
        pub(crate) fn listen() -> std::io::Result<Self> {
            signal(SignalKind::child()).map(Self)
        }

        /// Waits for each child that ends, for as long as the process runs or until that with this id has ended,
        /// whose status it gives.
        pub(crate) async fn reap_until(&mut self, id: Option<u32>) -> ExitStatus {
            loop {
                while let Ok(Some((ended, status))) = wait(WaitOptions::NOHANG) {
                    if id.is_some_and(|id| i64::from(id) == i64::from(ended.as_raw_pid())) {
                        return ExitStatus::from_raw(status.as_raw());
                    }
                }
                self.0.recv().await;
            }
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    /// What the console sends.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Signal;

    /// That the console asks for the end.
    #[derive(Debug)]
    pub(crate) struct Signals;

    impl Signals {
        /// Listens to the console.
        ///
        /// # Errors
        /// Never.
        pub(crate) fn that_end() -> std::io::Result<Self> {
            Ok(Self)
        }

        /// Listens to the console.
        ///
        /// # Errors
        /// Never.
        pub(crate) fn to_forward() -> std::io::Result<Self> {
            Ok(Self)
        }

        /// The next one that comes.
        pub(crate) async fn next(&mut self) -> Signal {
            // Where it cannot be listened to the server runs until it is killed.
            let _ = tokio::signal::ctrl_c().await;
            Signal
        }
    }

    /// As Unix numbers an interrupt.
    pub(super) fn number(_: Signal) -> i32 {
        2
    }
}
