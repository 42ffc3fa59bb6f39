//! What most benchmarks use.

pub use std::{
    cell::Cell,
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    iter::{self, repeat_n},
    mem,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

pub use anyhow::{Context, Result, anyhow, bail, ensure};
pub use clap::{Parser, value_parser};
pub use serde_json::{Value, json};

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
