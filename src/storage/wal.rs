//! The write-ahead log of a database that was not closed: whether a damaged frame hides commits.
//!
//! SQLite takes a log up to its last whole commit and drops what is behind it without a word. That is right after a kill,
//! where only a transaction without its commit is behind it. Commits that are whole but for a damaged frame in front of
//! them are lost, and the operator has to know.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

/// The length of the log's header, in bytes (documented, as all else here: SQLite's file format).
const HEADER: usize = 32;
/// The length of the header of a frame, in bytes; a page follows.
const FRAME_HEADER: usize = 24;
/// The numbers a log begins with; the lowest bit says that checksums read big-endian words.
const MAGIC: [u32; 2] = [0x377f_0682, 0x377f_0683];

/// A frame that is not what was written, in front of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Counted from 1; 0 is the header of the log.
    pub(super) frame: u64,
    /// How many commits are behind it.
    pub(super) lost_commits: u64,
}

/// Finds the damage that hides commits; None where there is none, or no log.
///
/// # Errors
/// When the log cannot be read.
pub(super) fn find_damage(log: &Path) -> io::Result<Option<Damage>> {
    let file = match File::open(log) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut log = BufReader::with_capacity(64 * 1024, file);
    let mut header = [0; HEADER];
    if !fill(&mut log, &mut header)? {
        return Ok(None);
    }
    let (magic, page) = (number(&header, 0), number(&header, 8));
    let is_big_endian = magic == MAGIC[1];
    let mut checksum = Checksum { is_big_endian, sums: (0, 0) };
    checksum.add(&header[..24]);
    let is_sound = MAGIC.contains(&magic)
        && page.is_power_of_two()
        && (512..=65_536).contains(&page)
        && checksum.is(&header[24..]);
    if !is_sound {
        let damage = Damage { frame: 0, lost_commits: u64::from(fill(&mut log, &mut [0])?) };
        return Ok((damage.lost_commits > 0).then_some(damage));
    }
    let salts = &header[16..24];
    let mut frame = vec![0; FRAME_HEADER + usize::try_from(page).unwrap_or(usize::MAX)];
    let (mut at, mut damaged, mut lost_commits) = (0, None, 0);
    while fill(&mut log, &mut frame)? {
        at += 1;
        let is_of_this_log = frame[8..16] == *salts;
        if damaged.is_some() {
            // Frames of an earlier log may still be behind this one's; they have other salts.
            lost_commits += u64::from(is_of_this_log && number(&frame, 4) != 0);
            continue;
        }
        checksum.add(&frame[..8]);
        checksum.add(&frame[FRAME_HEADER..]);
        if !(is_of_this_log && checksum.is(&frame[16..24])) {
            damaged = Some(at);
        }
    }
    let damage = damaged.map(|frame| Damage { frame, lost_commits });
    Ok(damage.filter(|damage| damage.lost_commits > 0))
}

/// The cumulative checksum of a log.
struct Checksum {
    is_big_endian: bool,
    sums: (u32, u32),
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
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

    /// Whether these bytes hold it.
    fn is(&self, stored: &[u8]) -> bool {
        self.sums == (number(stored, 0), number(stored, 4))
    }
}

/// Numbers of the file format are big-endian.
fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Reads as many bytes as fit. False where fewer are left.
fn fill(log: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(bytes) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}
