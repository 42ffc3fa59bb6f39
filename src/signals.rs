//! Signals: heard from the first line of `main` to the end, and children that nobody else waits for.

#[cfg(not(unix))]
pub(crate) use elsewhere::*;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(unix)]
mod unix {
    use std::future::poll_fn;
    use std::process::ExitStatus;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Poll;

    use std::os::unix::process::ExitStatusExt;

    pub(crate) use rustix::process::Signal;
    use rustix::process::{Pid, WaitOptions, getpgrp, kill_process, wait};
    use rustix::termios::tcgetpgrp;
    use signal_hook::flag::register_conditional_shutdown;
    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    /// The time from the first line of `main` until a server is ready. There is nothing to finish meanwhile, so a signal
    /// ends the process at once: by itself, or in the first process of a container by a handler. The kernel discards a
    /// signal to that process unless it has one. (Signals that come before `main`, while the program is loaded, are lost.)
    #[derive(Debug)]
    pub(crate) struct Startup(Option<Arc<AtomicBool>>);

    impl Startup {
        /// Begins. The exit code of the first process is what shells give for a signal: 128 and its number.
        ///
        /// # Errors
        /// When the system refuses a handler.
        pub(crate) fn begin() -> std::io::Result<Self> {
            if std::process::id() != 1 {
                return Ok(Self(None));
            }
            let is_starting = Arc::new(AtomicBool::new(true));
            for signal in [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP] {
                let number = signal.as_raw();
                register_conditional_shutdown(number, 128 + number, Arc::clone(&is_starting))?;
            }
            Ok(Self(Some(is_starting)))
        }

        /// Ends, once something else listens: no signal is lost in between.
        pub(crate) fn end(self) {
            if let Some(is_starting) = self.0 {
                is_starting.store(false, Ordering::SeqCst);
            }
        }
    }

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
    /// The time until a server is ready.
    #[derive(Debug)]
    pub(crate) struct Startup;

    impl Startup {
        /// Begins.
        ///
        /// # Errors
        /// Never.
        pub(crate) fn begin() -> std::io::Result<Self> {
            Ok(Self)
        }

        /// Ends.
        pub(crate) fn end(self) {}
    }

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
}
