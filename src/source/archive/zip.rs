//! zip (APPNOTE 6.3.10): stored and deflated members, zip64, data descriptors. In: bytes that can be read at any place. Out:
//! members with name and place, and what was left out. Bounds: names of 64 KiB as the format has them, members as the
//! caller says; every byte of the directory is read once, so are those searched where there is none.
//!
//! The directory at the end decides; where a member's own header says otherwise, that is told. Members whose bytes overlap
//! others are refused (APPNOTE knows none; bombs are made so). Without a directory the headers of the members are followed.

use super::bytes::{self, Bytes, Content, Cursor};
use super::{CUT, DAMAGED, ENCRYPTED, LIMIT, MISMATCH, NO_FILE, OVERLAP, UNLISTED, UNSUPPORTED};
use flate2::{Decompress, FlushDecompress, Status};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::atomic::AtomicBool;

/// Fixed part of a member's header, of an entry of the directory, and of its end.
const LOCAL: usize = 30;
const ENTRY: usize = 46;
const END: usize = 22;
/// Length of the comment behind the directory at most, and the fixed part before it.
const TAIL: u64 = END as u64 + 0xffff;
/// Signatures.
const SIG_LOCAL: &[u8] = b"PK\x03\x04";
const SIG_ENTRY: &[u8] = b"PK\x01\x02";
const SIG_END: &[u8] = b"PK\x05\x06";
const SIG_END64: &[u8] = b"PK\x06\x06";
const SIG_LOCATOR: &[u8] = b"PK\x06\x07";
const SIG_DESCRIPTOR: &[u8] = b"PK\x07\x08";

/// What was found.
#[derive(Debug)]
pub(super) enum Event {
    File { name: Vec<u8>, content: Content },
    Left(&'static str, Vec<u8>),
}

/// Takes what is found; its errors end the search.
type Each<'e> = &'e mut dyn FnMut(Event) -> io::Result<()>;

/// Whether a file begins as an archive does; an empty one holds nothing.
pub(super) fn is_zip(begin: &[u8]) -> bool {
    begin.len() >= LOCAL && begin.starts_with(SIG_LOCAL)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let two = bytes.get(at..).and_then(|b| b.first_chunk::<2>());
    two.map_or(0, |b| u16::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|b| b.first_chunk::<4>());
    four.map_or(0, |b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let eight = bytes.get(at..).and_then(|b| b.first_chunk::<8>());
    eight.map_or(0, |b| u64::from_le_bytes(*b))
}

/// Where the directory stands.
struct Directory {
    at: u64,
    len: u64,
    entries: u64,
    /// Bytes before the archive: places count from behind them.
    shift: u64,
}

/// Sizes and place of a member, from fixed fields and, where those are full, from the zip64 field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    len: u64,
    stored: u64,
    at: u64,
}

impl Sizes {
    fn wide(&mut self, mut extra: &[u8]) {
        while extra.len() >= 4 {
            let len = usize::from(u16_at(extra, 2));
            let field = extra.get(4..4 + len).unwrap_or_default();
            if u16_at(extra, 0) == 1 {
                let mut at = 0;
                for n in [&mut self.len, &mut self.stored, &mut self.at] {
                    if *n == u64::from(u32::MAX) && field.len() >= at + 8 {
                        *n = u64_at(field, at);
                        at += 8;
                    }
                }
            }
            extra = extra.get(4 + len..).unwrap_or_default();
        }
    }
}

/// Finds the directory, from behind; and whether an end without one was passed over: what has a member at its beginning has
/// a directory that lists it, so such an end was put there to hide them, or lies.
fn directory(bytes: &Bytes) -> io::Result<(Option<Directory>, bool)> {
    let mut empty = false;
    let from = bytes.len().saturating_sub(TAIL);
    let tail = bytes.get(from, usize::try_from(TAIL).unwrap_or(usize::MAX))?;
    for found in memchr::memmem::rfind_iter(&tail, SIG_END) {
        let Some(end) = tail.get(found..).filter(|e| e.len() >= END) else {
            continue;
        };
        if END + usize::from(u16_at(end, 20)) > end.len() {
            continue;
        }
        let end_at = from + found as u64;
        let mut dir = Directory {
            at: u64::from(u32_at(end, 16)),
            len: u64::from(u32_at(end, 12)),
            entries: u64::from(u16_at(end, 10)),
            shift: 0,
        };
        let mut behind = end_at;
        let locator = found.checked_sub(20).and_then(|at| tail.get(at..));
        if let Some(locator) = locator.filter(|l| l.starts_with(SIG_LOCATOR)) {
            let said = u64_at(locator, 8);
            // with bytes before the archive the place is short of them; the record stands right before its locator
            for at in [said, end_at.saturating_sub(20 + 56)] {
                let record = bytes.get(at, 56)?;
                if record.starts_with(SIG_END64) && record.len() == 56 {
                    dir.entries = u64_at(&record, 32);
                    dir.len = u64_at(&record, 40);
                    dir.at = u64_at(&record, 48);
                    behind = at;
                    break;
                }
            }
        }
        let begins = |at: u64| Ok::<_, io::Error>(bytes.get(at, 4)? == SIG_ENTRY);
        if dir.entries == 0 && dir.len == 0 {
            empty = true;
            continue;
        }
        let shift = dir
            .at
            .checked_add(dir.len)
            .and_then(|e| behind.checked_sub(e));
        if let Some(shift) = shift.filter(|s| *s > 0)
            && begins(dir.at.saturating_add(shift))?
        {
            dir.shift = shift;
            dir.at += shift;
            return Ok((Some(dir), empty));
        }
        if begins(dir.at)? {
            return Ok((Some(dir), empty));
        }
    }
    Ok((None, empty))
}

/// Gives every member to `each`, at most `most` of them.
///
/// # Errors
/// Where reading fails or is stopped, and those of `each`.
pub(super) fn walk(
    bytes: &Bytes,
    most: usize,
    stop: &AtomicBool,
    each: Each<'_>,
) -> io::Result<()> {
    let (dir, empty) = directory(bytes)?;
    if empty {
        let detail = b"an end of the archive that lists no member".to_vec();
        each(Event::Left(MISMATCH, detail))?;
    }
    match dir {
        Some(dir) => listed(bytes, &dir, most, stop, each),
        None => {
            each(Event::Left(CUT, b"its directory".to_vec()))?;
            followed(bytes, most, stop, each)
        }
    }
}

/// Why a member is not read, from its flags, method and attributes.
fn refused(flags: u16, method: u16) -> Option<&'static str> {
    if flags & 1 != 0 || method == 99 {
        return Some(ENCRYPTED);
    }
    // masked headers, and patches
    (flags & (1 << 13 | 1 << 5) != 0 || !matches!(method, 0 | 8)).then_some(UNSUPPORTED)
}

fn listed(
    bytes: &Bytes,
    dir: &Directory,
    most: usize,
    stop: &AtomicBool,
    each: Each<'_>,
) -> io::Result<()> {
    // Bytes that belong to something: begin and end.
    let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
    taken.insert(dir.at, bytes.len());
    let mut read = BufReader::new(bytes.part(dir.at, bytes.len()).reader());
    let mut seen = 0usize;
    let (mut gone, mut entries) = (0u64, 0u64);
    // The length decides, and not the number: that one has 16 bits, and may be false.
    while gone < dir.len {
        bytes::go_on(stop)?;
        let mut fixed = [0; ENTRY];
        if !whole(&mut read, &mut fixed)? || !fixed.starts_with(SIG_ENTRY) {
            break; // a signature may stand behind the entries
        }
        entries += 1;
        let lens = [28, 30, 32].map(|at| usize::from(u16_at(&fixed, at)));
        let mut names = vec![0; lens.iter().sum()];
        if !whole(&mut read, &mut names)? {
            return each(Event::Left(DAMAGED, b"its directory".to_vec()));
        }
        gone += (ENTRY + names.len()) as u64;
        let name = names.get(..lens[0]).unwrap_or_default().to_vec();
        let extra = names.get(lens[0]..lens[0] + lens[1]).unwrap_or_default();
        if name.last() == Some(&b'/') {
            continue;
        }
        seen += 1;
        if seen > most {
            return each(Event::Left(LIMIT, name));
        }
        let (flags, method) = (u16_at(&fixed, 8), u16_at(&fixed, 10));
        let mut sizes = Sizes {
            len: u64::from(u32_at(&fixed, 24)),
            stored: u64::from(u32_at(&fixed, 20)),
            at: u64::from(u32_at(&fixed, 42)),
        };
        sizes.wide(extra);
        let at = sizes.at.saturating_add(dir.shift);
        let local = bytes.get(at, LOCAL)?;
        let split = !matches!(u16_at(&fixed, 34), 0 | u16::MAX);
        if split || local.len() < LOCAL || !local.starts_with(SIG_LOCAL) {
            each(Event::Left(if split { UNSUPPORTED } else { DAMAGED }, name))?;
            continue;
        }
        let name_len = usize::from(u16_at(&local, 26));
        let extra_len = usize::from(u16_at(&local, 28));
        let from = at.saturating_add((LOCAL + name_len + extra_len) as u64);
        let to = from.saturating_add(sizes.stored);
        let before = taken.range(..to).next_back().map_or(0, |(_, end)| *end);
        if before > at || taken.contains_key(&at) {
            each(Event::Left(OVERLAP, name))?;
            continue;
        }
        taken.insert(at, to);
        let behind = bytes.get(at.saturating_add(LOCAL as u64), name_len + extra_len)?;
        if differs(&local, &behind, name_len, &name, (flags, method), sizes) {
            each(Event::Left(MISMATCH, name.clone()))?;
        }
        let unix = u16_at(&fixed, 4) >> 8 == 3;
        let mode = u32_at(&fixed, 38) >> 28;
        if unix && !matches!(mode, 0 | 8) {
            each(Event::Left(NO_FILE, name))?;
            continue;
        }
        if let Some(why) = refused(flags | u16_at(&local, 6) & 1, method) {
            each(Event::Left(why, name))?;
            continue;
        }
        let content = Content {
            bytes: bytes.part(from, sizes.stored),
            deflated: method == 8,
            len: Some(sizes.len),
            crc: Some(u32_at(&fixed, 16)),
        };
        each(Event::File { name, content })?;
    }
    if entries < dir.entries {
        return each(Event::Left(DAMAGED, b"its directory".to_vec()));
    }
    if entries != dir.entries && entries & 0xffff != dir.entries {
        let detail = b"the number of members that its end gives".to_vec();
        each(Event::Left(MISMATCH, detail))?;
    }
    unlisted(bytes, &taken, stop, each)
}

/// Whether a member's own header says something else than the directory.
fn differs(
    local: &[u8],
    behind: &[u8],
    name_len: usize,
    name: &[u8],
    (flags, method): (u16, u16),
    said: Sizes,
) -> bool {
    let mut own = Sizes {
        len: u64::from(u32_at(local, 22)),
        stored: u64::from(u32_at(local, 18)),
        at: 0,
    };
    own.wide(behind.get(name_len..).unwrap_or_default());
    // sizes stand behind the member where bit 3 says so
    let later = u16_at(local, 6) & 8 != 0;
    let sizes = later || (own.len, own.stored) == (said.len, said.stored);
    let same_name = behind.get(..name_len) == Some(name);
    !sizes || !same_name || u16_at(local, 8) != method || u16_at(local, 6) & 1 != flags & 1
}

/// Counts the members that stand between those that the directory lists: what was deleted, or hidden.
fn unlisted(
    bytes: &Bytes,
    taken: &BTreeMap<u64, u64>,
    stop: &AtomicBool,
    each: Each<'_>,
) -> io::Result<()> {
    let mut end = 0;
    for (at, to) in taken {
        if at.saturating_sub(end) >= LOCAL as u64 {
            // a descriptor of up to 24 bytes may stand before
            let gap = bytes.get(end, 24 + LOCAL)?;
            let first = memchr::memmem::find(&gap, SIG_LOCAL).map(|n| end + n as u64);
            let mut next = first.filter(|n| n < at);
            while let Some(member) = next {
                each(Event::Left(UNLISTED, Vec::new()))?;
                let local = bytes.get(member, LOCAL)?;
                let head =
                    LOCAL as u64 + u64::from(u16_at(&local, 26)) + u64::from(u16_at(&local, 28));
                let later = u16_at(&local, 6) & 8 != 0;
                let stored = if later {
                    0
                } else {
                    u64::from(u32_at(&local, 18))
                };
                // where the content's length is not told, the next header is what ends it
                let behind = member.saturating_add(head).saturating_add(stored);
                let until = behind.min(*at);
                next = find(bytes, until, &[SIG_LOCAL], stop)?.filter(|n| n < at);
            }
        }
        end = end.max(*to);
    }
    Ok(())
}

fn whole(read: &mut impl Read, out: &mut [u8]) -> io::Result<bool> {
    match read.read_exact(out) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

/// Follows members from header to header, where there is no directory.
fn followed(bytes: &Bytes, most: usize, stop: &AtomicBool, each: Each<'_>) -> io::Result<()> {
    let (mut at, mut seen, mut lost) = (0u64, 0usize, false);
    while at < bytes.len() {
        bytes::go_on(stop)?;
        let local = bytes.get(at, LOCAL)?;
        if !local.starts_with(SIG_LOCAL) {
            // The beginning of a directory ends the members, as does the end of the bytes.
            if local.starts_with(SIG_ENTRY) {
                break;
            }
            if !std::mem::replace(&mut lost, true) {
                each(Event::Left(DAMAGED, Vec::new()))?;
            }
            let Some(next) = find(bytes, at + 1, &[SIG_LOCAL, SIG_ENTRY], stop)? else {
                break;
            };
            at = next;
            continue;
        }
        lost = false;
        if local.len() < LOCAL {
            break;
        }
        let (flags, method) = (u16_at(&local, 6), u16_at(&local, 8));
        let name_len = usize::from(u16_at(&local, 26));
        let extra_len = usize::from(u16_at(&local, 28));
        let names = bytes.get(at + LOCAL as u64, name_len + extra_len)?;
        let name = names.get(..name_len).unwrap_or_default().to_vec();
        let mut sizes = Sizes {
            len: u64::from(u32_at(&local, 22)),
            stored: u64::from(u32_at(&local, 18)),
            at: 0,
        };
        sizes.wide(names.get(name_len..).unwrap_or_default());
        let from = at + (LOCAL + name_len + extra_len) as u64;
        if from > bytes.len() {
            break; // told as cut already
        }
        let later = flags & 8 != 0 && sizes.stored == 0;
        let mut content = Content {
            bytes: bytes.part(from, sizes.stored),
            deflated: method == 8,
            len: (!later).then_some(sizes.len),
            crc: (!later).then_some(u32_at(&local, 14)),
        };
        if later {
            let end = if method == 8 && flags & 1 == 0 {
                let (stored, len) = inflated(&bytes.part(from, bytes.len()), stop)?;
                content.len = len;
                from + stored
            } else {
                find(bytes, from, &[SIG_DESCRIPTOR], stop)?.unwrap_or(bytes.len())
            };
            content.bytes = bytes.part(from, end - from);
            at = find(bytes, end, &[SIG_LOCAL, SIG_ENTRY], stop)?.unwrap_or(bytes.len());
        } else {
            at = from.saturating_add(sizes.stored);
        }
        if name.last() == Some(&b'/') {
            continue;
        }
        seen += 1;
        if seen > most {
            each(Event::Left(LIMIT, name))?;
            break;
        }
        each(match refused(flags, method) {
            Some(why) => Event::Left(why, name),
            None => Event::File { name, content },
        })?;
    }
    Ok(())
}

/// The next of some signatures (of four bytes each).
fn find(
    bytes: &Bytes,
    from: u64,
    signatures: &[&[u8]],
    stop: &AtomicBool,
) -> io::Result<Option<u64>> {
    // Mostly it is near: many near ones must not cost a large block each.
    let (mut at, mut step) = (from, 256);
    while at < bytes.len() {
        bytes::go_on(stop)?;
        let block = bytes.get(at, step + 3)?;
        let hits = signatures
            .iter()
            .filter_map(|s| memchr::memmem::find(&block, s));
        if let Some(hit) = hits.min() {
            return Ok(Some(at + hit as u64));
        }
        at += step as u64;
        step = (step * 2).min(1 << 16);
    }
    Ok(None)
}

/// Length of a deflate stream, and of what it holds where it ends.
fn inflated(bytes: &Bytes, stop: &AtomicBool) -> io::Result<(u64, Option<u64>)> {
    let mut read: BufReader<Cursor> = BufReader::with_capacity(4096, bytes.reader());
    let (mut inflate, mut out) = (Decompress::new(false), vec![0; 1 << 14]);
    loop {
        bytes::go_on(stop)?;
        let block = read.fill_buf()?;
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        let flush = if block.is_empty() {
            FlushDecompress::Finish
        } else {
            FlushDecompress::None
        };
        let status = inflate.decompress(block, &mut out, flush);
        let used = inflate.total_in() - before_in;
        let stuck = used == 0 && inflate.total_out() == before_out;
        read.consume(usize::try_from(used).unwrap_or(0));
        match status {
            Ok(Status::StreamEnd) => return Ok((inflate.total_in(), Some(inflate.total_out()))),
            Ok(_) if !stuck => {}
            _ => return Ok((inflate.total_in(), None)),
        }
    }
}
