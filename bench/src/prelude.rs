//! What most benchmarks use.

pub use std::{
    cell::Cell,
    collections::BTreeMap,
    env,
    ffi::OsStr,
    fmt::Display,
    fs::{self, File},
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    iter::repeat_n,
    mem,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

pub use anyhow::{Context, Result, anyhow, bail, ensure};
pub use clap::{Parser, ValueEnum, value_parser};
pub use fastrand::Rng;
pub use serde::Deserialize;
pub use serde_json::{Value, json};
pub use tempfile::TempDir;

pub use crate::{
    Bench, CLIENT_CORE, CommonOptions, SERVER_CORE,
    http::*,
    note,
    report::*,
    row,
    seed::{self, PRIORITIES, STATUSES},
    server::*,
    statistics::*,
    target_folder,
};
