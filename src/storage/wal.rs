//! Checks the write-ahead log of a database that was not closed for a damaged frame before commits.
//!
//! SQLite recovers a log up to its last valid commit and silently drops the rest. That is right after a kill, when the
//! rest is a transaction without a commit. But valid commits after a damaged frame are lost, and the operator has to
//! know.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

/// The size of the log's header in bytes (documented, as all below: SQLite's file format).
pub(super) const WAL_HEADER_BYTES: usize = 32;
/// The size of a frame header in bytes; a page follows.
pub(super) const FRAME_HEADER_BYTES: usize = 24;
/// The magic numbers of a log; if the lowest bit is set, checksums read big-endian words.
const MAGIC: [u32; 2] = [0x377f_0682, 0x377f_0683];

/// A damaged frame before commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Counted from 1; 0 is the log's header.
    pub(super) frame: u64,
    /// The number of commits after it.
    pub(super) lost_commits: u64,
}

/// Finds damage that hides commits; None if there is no damage, or no log.
///
/// # Errors
/// If the log cannot be read.
pub(super) fn find_damage(wal_path: &Path) -> io::Result<Option<Damage>> {
    let file = match File::open(wal_path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        result => result?,
    };
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut header = [0; WAL_HEADER_BYTES];
    if !try_read_exact(&mut reader, &mut header)? {
        return Ok(None);
    }
    let (magic, page_size) = (read_u32(&header, 0), read_u32(&header, 8));
    let is_big_endian = magic == MAGIC[1];
    let mut checksum = Checksum { is_big_endian, sums: (0, 0) };
    checksum.update(&header[..24]);
    let is_valid = MAGIC.contains(&magic)
        && page_size.is_power_of_two()
        && (512..=65_536).contains(&page_size)
        && checksum.matches(&header[24..]);
    if !is_valid {
        let damage =
            Damage { frame: 0, lost_commits: u64::from(try_read_exact(&mut reader, &mut [0])?) };
        return Ok((damage.lost_commits > 0).then_some(damage));
    }
    let salts = &header[16..24];
    let mut frame = vec![0; FRAME_HEADER_BYTES + usize::try_from(page_size).unwrap_or(usize::MAX)];
    let (mut frame_number, mut damaged_frame, mut lost_commits) = (0, None, 0);
    while try_read_exact(&mut reader, &mut frame)? {
        frame_number += 1;
        let has_current_salts = frame[8..16] == *salts;
        if damaged_frame.is_some() {
            // Frames of an earlier log may follow; they have other salts.
            lost_commits += u64::from(has_current_salts && read_u32(&frame, 4) != 0);
            continue;
        }
        checksum.update(&frame[..8]);
        checksum.update(&frame[FRAME_HEADER_BYTES..]);
        if !(has_current_salts && checksum.matches(&frame[16..24])) {
            damaged_frame = Some(frame_number);
        }
    }
    let damage = damaged_frame.map(|frame| Damage { frame, lost_commits });
    Ok(damage.filter(|damage| damage.lost_commits > 0))
}

/// The cumulative checksum of a log.
struct Checksum {
    is_big_endian: bool,
    sums: (u32, u32),
}

impl Checksum {
    fn update(&mut self, bytes: &[u8]) {
        let word = |bytes: &[u8]| {
            let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
            if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let (mut first, mut second) = self.sums;
        for pair in bytes.chunks_exact(8) {
            first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
            second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
        }
        self.sums = (first, second);
    }

    /// Compares with a stored checksum.
    fn matches(&self, stored: &[u8]) -> bool {
        self.sums == (read_u32(stored, 0), read_u32(stored, 4))
    }
}

/// Reads a big-endian `u32`.
fn read_u32(bytes: &[u8], offset: usize) -> u32 {
    u32::from_be_bytes([bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]])
}

/// Fills the buffer. Returns false if fewer bytes are left.
fn try_read_exact(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        result => result.map(|()| true),
    }
}
