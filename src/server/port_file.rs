//! The file of `--port-file`: removes the one of an earlier run, and writes the new one atomically.
//!
//! Only a regular file is removed or replaced. Anything else (a FIFO, a device, a symlink) is written to.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::anyhow;
use tempfile::Builder;

/// The longest text that is parsed as addresses, in bytes: for more addresses than a server has.
const MAX_ADDRESS_BYTES: u64 = 8192;

/// Removes the port file of an earlier run, which a reader would mistake for this one's. A regular file with other
/// content than an address stays until it is replaced.
pub(super) fn remove_stale(file: &Path) {
    if is_stale(file) {
        // If this fails, the file is replaced later, or that fails.
        let _ = fs::remove_file(file);
    }
}

fn is_stale(file: &Path) -> bool {
    let is_short = |metadata: fs::Metadata| {
        metadata.is_file() && (1..=MAX_ADDRESS_BYTES).contains(&metadata.len())
    };
    fs::symlink_metadata(file).is_ok_and(is_short)
        && fs::read_to_string(file)
            .is_ok_and(|text| text.lines().all(|line| line.parse::<SocketAddr>().is_ok()))
}

/// Writes the addresses to the port file, one in each line.
///
/// # Errors
/// If it cannot be written. The message names the file.
pub(crate) fn write(file: &Path, addresses: &[SocketAddr]) -> anyhow::Result<()> {
    let text = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let result = match fs::symlink_metadata(file) {
        Ok(metadata) if metadata.is_file() => replace_atomically(file, &text),
        Ok(_) if is_fifo(file) => write_in_background(file, text),
        Ok(_) => fs::write(file, text),
        Err(_) => replace_atomically(file, &text),
    };
    result.map_err(|error| anyhow!(error_message(file, &error)))
}

fn error_message(file: &Path, error: &io::Error) -> String {
    format!("--port-file {}: {error}", file.display())
}

/// Creates or replaces a file atomically. Writes a temporary file with an unpredictable name in the same directory, and
/// renames it, so that it writes to no existing file or symlink.
fn replace_atomically(file: &Path, text: &str) -> io::Result<()> {
    let directory = match file.parent() {
        Some(directory) if directory.as_os_str().is_empty() => Path::new("."),
        Some(directory) => directory,
        None => return Err(io::ErrorKind::IsADirectory.into()),
    };
    let mut builder = Builder::new();
    builder.prefix(".port-file-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The umask applies, as for any new file.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut temp_file = builder.tempfile_in(directory)?;
    temp_file.write_all(text.as_bytes())?;
    temp_file.persist(file).map(drop).map_err(|failure| failure.error)
}

/// Writes to a FIFO, which blocks until it has a reader, without delaying the start.
fn write_in_background(file: &Path, text: String) -> io::Result<()> {
    let file = file.to_owned();
    let write = move || {
        if let Err(error) = fs::write(&file, text) {
            tracing::error!("{}", error_message(&file, &error));
        }
    };
    // Not a blocking task of the runtime, whose shutdown would wait for the reader.
    std::thread::Builder::new().name("port-file".to_owned()).spawn(write).map(drop)
}

#[cfg(unix)]
fn is_fifo(file: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    fs::metadata(file).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_fifo(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_holding_an_address_is_stale() {
        let directory = tempfile::tempdir().expect("the directory is created");
        let file = directory.path().join("port");
        assert!(!is_stale(&file), "a missing file is not stale");
        for (text, expected) in [
            ("127.0.0.1:8080", true),
            ("[::1]:8080\n", true),
            ("[::1]:8080\n127.0.0.1:8080", true),
            ("[::1]:8080\n127.0.0.1", false),
            ("", false),
            ("8080", false),
            ("a novel", false),
            ("127.0.0.1:8080 and more", false),
        ] {
            fs::write(&file, text).expect("the file is written");
            assert_eq!(is_stale(&file), expected, "{text:?}");
        }
        assert!(!is_stale(directory.path()), "a directory is not stale");
    }
}
