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
    http::{ACCOUNTS, Connection, KEY, Requests, Response, TICKETS, excerpt, send_all},
    note,
    report::{Report, Rows, cells, extend, fixed},
    row,
    seed::{self, PRIORITIES, STATUSES},
    server::{FILES, MEMORY, STORAGES, Server, cpu_seconds, folder_size, sum_ticks},
    statistics::{Samples, median, milliseconds, range},
    target_folder,
};
