//! The file of `--port-file`: one of an earlier run is removed, and the new one appears whole.
//!
//! Only a regular file is ever removed or replaced. Into anything else (a FIFO, a device, a link) the server writes.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use tempfile::Builder;

use crate::terminal::{Failure, complain};

/// The longest text that is read as an address, in bytes; an IPv6 address with a scope has less.
const LONGEST_ADDRESS: u64 = 80;

/// Removes the port file of an earlier run, which would be read for this one's. A regular file with anything but an
/// address in it is somebody else's, and stays until it is replaced.
pub(crate) fn remove_stale(file: &Path) {
    if is_stale(file) {
        // Where this fails, the file is replaced later or the start fails by it.
        let _ = fs::remove_file(file);
    }
}

fn is_stale(file: &Path) -> bool {
    let is_short =
        |found: fs::Metadata| found.is_file() && (1..=LONGEST_ADDRESS).contains(&found.len());
    fs::symlink_metadata(file).is_ok_and(is_short)
        && fs::read_to_string(file).is_ok_and(|text| text.trim().parse::<SocketAddr>().is_ok())
}

/// Tells the address by the port file.
///
/// # Errors
/// When it cannot be written. The sentence names the file.
pub(crate) fn write(file: &Path, address: SocketAddr) -> Result<(), Failure> {
    let text = address.to_string();
    let written = match fs::symlink_metadata(file) {
        Ok(found) if found.is_file() => replace(file, &text),
        Ok(_) if is_fifo(file) => write_later(file, text),
        Ok(_) => fs::write(file, text),
        Err(_) => replace(file, &text),
    };
    Ok(written.map_err(|error| failed(file, &error))?)
}

fn failed(file: &Path, error: &io::Error) -> String {
    format!("--port-file {}: {error}", file.display())
}

/// Puts a whole file in the place of one, or of none. It is written beside it first, under a name that nobody knows
/// before, so that no link or file that is already there is written into.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return Err(io::ErrorKind::IsADirectory.into()),
    };
    let mut builder = Builder::new();
    builder.prefix(".port-file-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What the umask leaves of it, as for any new file.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut unfinished = builder.tempfile_in(folder)?;
    unfinished.write_all(text.as_bytes())?;
    unfinished.persist(file).map(drop).map_err(|failed| failed.error)
}

/// Writes into a FIFO, which waits for its reader, without holding up the start.
fn write_later(file: &Path, text: String) -> io::Result<()> {
    let file = file.to_owned();
    let write = move || {
        if let Err(error) = fs::write(&file, text) {
            complain(&failed(&file, &error));
        }
    };
    // No task of the runtime, which would wait for the reader at its end.
    std::thread::Builder::new().name("port-file".to_owned()).spawn(write).map(drop)
}

#[cfg(unix)]
fn is_fifo(file: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    fs::metadata(file).is_ok_and(|found| found.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_fifo(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_is_stale() {
        let folder = tempfile::tempdir().expect("a folder is made");
        let file = folder.path().join("port");
        assert!(!is_stale(&file), "there is none");
        for (text, expected) in [
            ("127.0.0.1:8080", true),
            ("[::1]:8080\n", true),
            ("", false),
            ("8080", false),
            ("a novel", false),
            ("127.0.0.1:8080 and more", false),
        ] {
            fs::write(&file, text).expect("it can be written");
            assert_eq!(is_stale(&file), expected, "{text:?}");
        }
        assert!(!is_stale(folder.path()), "a folder is not");
    }
}
