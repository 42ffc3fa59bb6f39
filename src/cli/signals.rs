//! Handles signals from the first line of `main` on, and reaps child processes.

#[cfg(not(unix))]
pub(super) use non_unix::*;
#[cfg(unix)]
pub(super) use unix::*;

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
    use tokio::signal::unix::{Signal as TokioSignal, SignalKind, signal};

    /// Terminates the process on a signal during startup, while there is nothing to drain: by its default action, or
    /// in PID 1 of a container by a handler, since the kernel discards signals to PID 1 without one. (Signals before
    /// `main`, while the program is loaded, are lost.)
    #[derive(Debug)]
    pub(crate) struct StartupSignalGuard(Option<Arc<AtomicBool>>);

    impl StartupSignalGuard {
        /// Installs the handlers. The exit code of PID 1 is 128 plus the signal's number, as in shells.
        ///
        /// # Errors
        /// If a handler cannot be installed.
        pub(crate) fn install() -> std::io::Result<Self> {
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

        /// Disables the handlers, once others are installed, so that no signal is lost.
        pub(crate) fn release(self) {
            if let Some(is_starting) = self.0 {
                is_starting.store(false, Ordering::SeqCst);
            }
        }
    }

    /// The handled signals, each with its stream.
    #[derive(Debug)]
    pub(crate) struct SignalStream(Vec<(Signal, TokioSignal)>);

    impl SignalStream {
        /// Handles the signals that shut down a server.
        ///
        /// # Errors
        /// If a handler cannot be installed.
        pub(crate) fn for_shutdown() -> std::io::Result<Self> {
            Self::listen_to(&[Signal::TERM, Signal::INT])
        }

        /// Handles the signals that are forwarded to a command.
        ///
        /// # Errors
        /// If a handler cannot be installed.
        pub(crate) fn for_forwarding() -> std::io::Result<Self> {
            Self::listen_to(&[Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP])
        }

        fn listen_to(signals: &[Signal]) -> std::io::Result<Self> {
            let stream =
                |signo: &Signal| Ok((*signo, signal(SignalKind::from_raw(signo.as_raw()))?));
            signals.iter().map(stream).collect::<std::io::Result<_>>().map(Self)
        }

        /// Waits for the next signal.
        pub(crate) async fn recv(&mut self) -> Signal {
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

    /// Forwards a signal to a process, unless a terminal has already sent it to both.
    pub(crate) fn forward_signal(id: u32, signal: Signal) {
        let from_keyboard = signal == Signal::INT || signal == Signal::QUIT;
        // Opens the terminal itself, since standard input may be a file.
        let terminal = std::fs::File::open("/dev/tty").ok();
        let in_foreground = terminal
            .and_then(|terminal| tcgetpgrp(terminal).ok())
            .is_some_and(|group| group == getpgrp());
        if from_keyboard && in_foreground {
            return;
        }
        if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            // The process may have exited.
            let _ = kill_process(id, signal);
        }
    }

    /// Reaps child processes. This process may not have started them: PID 1 of a container inherits orphans, which stay
    /// zombies unless it waits for them.
    #[derive(Debug)]
    pub(crate) struct ChildReaper(TokioSignal);

    impl ChildReaper {
        /// Handles SIGCHLD.
        ///
        /// # Errors
        /// If the handler cannot be installed.
        pub(crate) fn new() -> std::io::Result<Self> {
            signal(SignalKind::child()).map(Self)
        }

        /// Reaps each child that exits. Returns the status of the child with this id; without an id it never returns.
        pub(crate) async fn reap_until(&mut self, id: Option<u32>) -> ExitStatus {
            loop {
                while let Ok(Some((child, status))) = wait(WaitOptions::NOHANG) {
                    if id.is_some_and(|id| i64::from(id) == i64::from(child.as_raw_pid())) {
                        return ExitStatus::from_raw(status.as_raw());
                    }
                }
                self.0.recv().await;
            }
        }
    }
}

#[cfg(not(unix))]
mod non_unix {
    /// Does nothing: the default action terminates the process during startup.
    #[derive(Debug)]
    pub(crate) struct StartupSignalGuard;

    impl StartupSignalGuard {
        /// Does nothing.
        ///
        /// # Errors
        /// Never.
        pub(crate) fn install() -> std::io::Result<Self> {
            Ok(Self)
        }

        /// Does nothing.
        pub(crate) fn release(self) {}
    }

    /// A Ctrl-C event.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Signal;

    /// The Ctrl-C events of the console.
    #[derive(Debug)]
    pub(crate) struct SignalStream;

    impl SignalStream {
        /// Handles Ctrl-C.
        ///
        /// # Errors
        /// Never.
        pub(crate) fn for_shutdown() -> std::io::Result<Self> {
            Ok(Self)
        }

        /// Handles Ctrl-C.
        ///
        /// # Errors
        /// Never.
        pub(crate) fn for_forwarding() -> std::io::Result<Self> {
            Ok(Self)
        }

        /// Waits for the next Ctrl-C.
        pub(crate) async fn recv(&mut self) -> Signal {
            // On an error the shutdown starts at once.
            let _ = tokio::signal::ctrl_c().await;
            Signal
        }
    }
}
