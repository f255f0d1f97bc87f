//! Archives of evidence: tar (also compressed) and zip. In: a file. Out: its members that are evidence, each with its kind, and
//! what was left out. Bounds: [`limits::ARCHIVE_MEMBERS`] members, [`limits::ARCHIVE_DEPTH`] archives inside each other,
//! [`limits::ARCHIVE_SPILL`] bytes outside of memory; members are streamed. Nothing is written under a name from evidence.
//!
//! A member is named by its number: `3`, inside another archive `3.1`, counted from 1 over the files in the order in which
//! they stand. Names may be missing, equal or false; they are shown and decide nothing.

mod again;
mod bytes;
mod spill;
mod tar;
mod zip;

use super::discover::{Look, UNKNOWN, sniff};
use super::log::Formats;
use super::{Kind, coded};
use crate::limits;
use bytes::{Content, Skip, Stopping, Stream};
use sha2::{Digest, Sha256};
use spill::Spill;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tar::Tar;

pub use again::Reopened;
pub use bytes::Bytes;

/// Ends before its members or its directory do.
pub(super) const CUT: &str = "archive-cut";
/// Something in it is none of its format.
pub(super) const DAMAGED: &str = "archive-damaged";
/// Members that want a password.
const ENCRYPTED: &str = "archive-encrypted";
/// Members packed in a way that is not read.
const UNSUPPORTED: &str = "archive-unsupported";
/// Links, devices, pipes.
const NO_FILE: &str = "archive-no-file";
/// Members whose bytes are those of another.
const OVERLAP: &str = "archive-overlap";
/// Members of which the directory and their own header say different things.
const MISMATCH: &str = "archive-mismatch";
/// Members that the directory does not list.
const UNLISTED: &str = "archive-unlisted";
/// Members that are no evidence, empty ones included.
const NO_EVIDENCE: &str = "archive-no-evidence";
/// Archives inside too many archives.
const DEEP: &str = "archive-deep";
/// Members beyond the limit of their number.
const LIMIT: &str = "archive-limit";
/// Members cut because they grow too large out of too little.
const BOMB: &str = "archive-bomb";

/// Members from which on the file for what is compressed as a whole is full.
const FULL: &str = "archive-too-large";

/// What was left out of an archive: code, how often, the first case.
pub type Notes = BTreeMap<&'static str, (u64, String)>;

fn note(notes: &mut Notes, code: &'static str, detail: &str) {
    notes.entry(code).or_insert((0, detail.to_owned())).0 += 1;
}

/// A member of an archive that can be read.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its number.
    pub index: String,
    content: Content,
}

impl PartialEq for Member {
    fn eq(&self, other: &Member) -> bool {
        self.index == other.index
    }
}

impl Eq for Member {}

impl Member {
    /// Reads it, compression of its own undone.
    ///
    /// # Errors
    /// Where its beginning cannot be read.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        super::unpacked(Box::new(BufReader::with_capacity(
            1 << 16,
            self.content.reader(),
        )))
    }

    /// SHA-256 and length of what can be read of it: what is damaged ends there.
    ///
    /// # Errors
    /// Where the file cannot be read, or `stop` is set ([`io::ErrorKind::Interrupted`]).
    pub fn hash(&self, stop: &AtomicBool) -> io::Result<([u8; 32], u64)> {
        let mut read = self.content.reader();
        let mut block = vec![0; limits::READ_BLOCK / 4];
        let (mut sha, mut total) = (Sha256::new(), 0u64);
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match read.read(&mut block) {
                Ok(0) => return Ok((sha.finalize().into(), total)),
                Ok(n) => {
                    sha.update(block.get(..n).unwrap_or_default());
                    total += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if bytes::is_damage(&e) => return Ok((sha.finalize().into(), total)),
                Err(e) => return Err(e),
            }
        }
    }
}

/// Evidence in an archive, and the archives themselves.
#[derive(Debug)]
pub struct Found {
    /// Name below the file, members of archives inside behind `!`; empty for the file itself.
    pub name: String,
    /// Where it is; `None` for the file itself.
    pub member: Option<Member>,
    /// Its length as the archive has it.
    pub bytes: u64,
    /// What it holds.
    pub kind: Kind,
    /// Time of its first packet.
    pub first_ts: Option<i64>,
    /// Of an archive: what was left out.
    pub notes: Notes,
}

/// What a file that begins so is, compression undone: `tar` or `zip`.
pub(super) fn form_of(begin: &[u8]) -> Option<&'static str> {
    if zip::is_zip(begin) {
        return Some("zip");
    }
    let ustar = begin.get(257..262) == Some(b"ustar") && begin.len() >= 512;
    (ustar || tar::is_header(begin)).then_some("tar")
}

/// Evidence in an archive: the archive first, and every archive inside before its members. Where there is none, only the first.
///
/// # Errors
/// Of the machine, as a full disk; what is wrong with the evidence stands in the notes.
pub fn expand(bytes: Bytes, form: &'static str, look: Look<'_>) -> io::Result<Vec<Found>> {
    let mut walk = Walk::new(look, None);
    let len = bytes.len();
    let (content, mut room) = (Content::plain(bytes, len), room_of(len));
    walk.archive(&content, form, None, &Place::default(), &mut room)?;
    Ok(walk.out)
}

/// Whether an error of [`reopen`] tells of the machine, and nothing of the file: that one is there.
#[must_use]
pub fn is_machine(path: &Path, e: &io::Error) -> bool {
    e.raw_os_error().is_some() && std::fs::File::open(path).is_ok()
}

/// Finds members again by their numbers.
///
/// # Errors
/// Where the file cannot be opened, or is no archive, or the machine fails ([`is_machine`]).
pub fn reopen(
    path: &Path,
    spill: &Path,
    wanted: &BTreeSet<String>,
    stop: &AtomicBool,
) -> io::Result<BTreeMap<String, Member>> {
    let bytes = Bytes::open(path)?;
    let len = bytes.len();
    let content = Content::plain(bytes, len);
    let formats = Formats::default();
    let look = Look {
        formats: &formats,
        spill,
        stop,
    };
    let form = match sniff(unpacked_of(&content)?, &formats) {
        Ok((Kind::Archive(form), _)) => form,
        _ => return Err(io::Error::other("is no archive any more")),
    };
    let mut walk = Walk::new(look, Some(wanted));
    walk.archive(&content, form, None, &Place::default(), &mut room_of(len))?;
    bytes::go_on(stop)?; // what was not looked at is not gone
    Ok(walk.members)
}

fn unpacked_of(content: &Content) -> io::Result<Box<dyn Read + Send>> {
    super::unpacked(Box::new(BufReader::new(content.reader())))
}

/// What members of an archive of so many bytes may take of a file without a name, before it is a bomb.
fn room_of(stored: u64) -> u64 {
    let room = stored.saturating_mul(limits::BOMB_RATIO);
    room.saturating_add(limits::BOMB_FLOOR)
}

/// Where an archive stands.
#[derive(Default)]
struct Place {
    name: String,
    index: String,
    depth: usize,
}

/// A name as it is shown; of a long one the beginning.
fn shown(name: &[u8]) -> String {
    let most = limits::ARCHIVE_NAME;
    // no character has more than four bytes
    let name = String::from_utf8_lossy(name.get(..most + 4).unwrap_or(name));
    let mut ends = (0..=most.min(name.len())).rev();
    let end = ends.find(|n| name.is_char_boundary(*n));
    match name.get(..end.unwrap_or(0)) {
        Some(begin) if begin.len() < name.len() => format!("{begin}…"),
        _ => name.into_owned(),
    }
}

impl Place {
    /// A member's place. `names` are the bytes that names may still take: beyond them, number takes the place of the name.
    fn member(&self, n: usize, name: &[u8], names: &mut usize) -> Place {
        let name = match shown(name) {
            name if name.is_empty() => format!("#{n}"), // one without a name is called by its number
            name => name,
        };
        let join = |before: &str, mark: &str, after: &str| match before {
            "" => after.to_owned(),
            before => format!("{before}{mark}{after}"),
        };
        let index = join(&self.index, ".", &n.to_string());
        let mut name = join(&self.name, "!", &name);
        match names.checked_sub(name.len()) {
            Some(left) => *names = left,
            None => name = format!("#{index}"),
        }
        Place {
            name,
            index,
            depth: self.depth + 1,
        }
    }
}

struct Walk<'w> {
    spill: Spill,
    /// Members that may still be looked at.
    left: usize,
    /// Bytes of names that may still be kept.
    names: usize,
    /// Numbers of members to be found again; `None` to find evidence.
    wanted: Option<&'w BTreeSet<String>>,
    /// The log formats that are known.
    formats: &'w Formats,
    /// Set to stop early: what follows is left out.
    stop: &'w AtomicBool,
    members: BTreeMap<String, Member>,
    out: Vec<Found>,
}

impl<'w> Walk<'w> {
    fn new(look: Look<'w>, wanted: Option<&'w BTreeSet<String>>) -> Walk<'w> {
        Walk {
            spill: Spill::new(look.spill),
            left: limits::ARCHIVE_MEMBERS,
            names: limits::ARCHIVE_NAMES,
            wanted,
            formats: look.formats,
            stop: look.stop,
            members: BTreeMap::new(),
            out: Vec::new(),
        }
    }

    /// Looks into an archive. Where no evidence is in it, gives what was left out; the outermost one is kept all the same. Errors are the
    /// machine's: damage is noted. `room` is what may be unpacked, here and in all archives around it.
    fn archive(
        &mut self,
        content: &Content,
        form: &'static str,
        member: Option<Member>,
        place: &Place,
        room: &mut u64,
    ) -> io::Result<Option<Notes>> {
        let at = self.out.len();
        let outermost = member.is_none();
        self.out.push(Found {
            name: place.name.clone(),
            member,
            bytes: content.bytes_len(),
            kind: Kind::Archive(form),
            first_ts: None,
            notes: Notes::new(),
        });
        let mut notes = Notes::new();
        let own = room_of(content.bytes.len()).min(*room);
        let mut left = own;
        let done = self.inside(content, form, place, &mut left, &mut notes);
        *room -= own - left;
        if let Err(e) = done {
            // one that was stopped is left as it is
            if !bytes::is_damage(&e) && !self.stop.load(Ordering::Relaxed) {
                return Err(e);
            }
            note(&mut notes, DAMAGED, &e.to_string());
        }
        let any = self.out.len() > at + 1;
        if any || outermost {
            if let Some(found) = self.out.get_mut(at) {
                found.notes = notes;
            }
            return Ok(None);
        }
        self.out.truncate(at);
        Ok(Some(notes))
    }

    fn inside(
        &mut self,
        content: &Content,
        form: &'static str,
        place: &Place,
        room: &mut u64,
        notes: &mut Notes,
    ) -> io::Result<()> {
        let read = BufReader::with_capacity(1 << 17, content.reader());
        let (read, layers) = coded::undo_all(Box::new(read))?;
        let direct = content.direct().filter(|_| layers == 0);
        match (form, direct) {
            ("zip", Some(bytes)) => self.zip(bytes, room, place, notes),
            ("zip", None) => {
                let mut read = Stream(read, self.stop);
                let bytes = self.kept(&mut read, room, &place.name, notes)?;
                match bytes {
                    Some(bytes) => self.zip(&bytes, room, place, notes),
                    None => Ok(()),
                }
            }
            (_, Some(bytes)) => self.tar(
                Tar::new(Stopping(bytes.reader(), self.stop)),
                direct,
                room,
                place,
                notes,
            ),
            (_, None) => {
                let read = Stream(read, self.stop);
                self.tar(Tar::new(read), None, room, place, notes)
            }
        }
    }

    /// Keeps what a reader gives where it can be read at any place; `None` where there is no room for it.
    fn kept(
        &mut self,
        read: &mut dyn Read,
        room: &mut u64,
        name: &str,
        notes: &mut Notes,
    ) -> io::Result<Option<Bytes>> {
        let Some(spilled) = self.spill.keep(read, *room)? else {
            note(notes, FULL, name);
            return Ok(None);
        };
        *room -= spilled.bytes.len().min(*room);
        if let Some(e) = spilled.cut {
            note(notes, DAMAGED, &e.to_string());
        }
        if spilled.bomb {
            note(notes, BOMB, name);
        }
        Ok(Some(spilled.bytes))
    }

    fn zip(
        &mut self,
        bytes: &Bytes,
        room: &mut u64,
        place: &Place,
        notes: &mut Notes,
    ) -> io::Result<()> {
        let most = self.left;
        let mut n = 0;
        zip::walk(bytes, most, self.stop, &mut |event| {
            match event {
                zip::Event::Left(code, name) => {
                    note(notes, code, &shown(&name));
                }
                zip::Event::File { name, content } => {
                    n += 1;
                    self.left = self.left.saturating_sub(1);
                    let place = place.member(n, &name, &mut self.names);
                    self.member(content, &place, room, notes)?;
                }
            }
            Ok(())
        })
    }

    fn tar<R: Skip>(
        &mut self,
        mut tar: Tar<R>,
        direct: Option<&Bytes>,
        room: &mut u64,
        place: &Place,
        notes: &mut Notes,
    ) -> io::Result<()> {
        let mut n = 0;
        while let Some(event) = tar.next()? {
            let (name, at, len) = match event {
                tar::Event::Left(code, name) => {
                    note(notes, code, &shown(&name));
                    continue;
                }
                tar::Event::File { name, at, len } => (name, at, len),
            };
            let place = {
                n += 1;
                place.member(n, &name, &mut self.names)
            };
            if self.left == 0 {
                note(notes, LIMIT, &place.name);
                break;
            }
            self.left -= 1;
            let bytes = match direct {
                Some(bytes) => bytes.part(at, len),
                None => {
                    // Only evidence is kept.
                    if self.wanted.is_some() && !self.wants(&place.index) {
                        continue;
                    }
                    let mut begin = Vec::new();
                    let mut rest = Rest(&mut tar);
                    let failed = { &mut rest }
                        .take(limits::SNIFF_BYTES as u64)
                        .read_to_end(&mut begin);
                    // what is to be found again was evidence by the formats that were given then
                    let known = self.wanted.is_some()
                        || super::kind_of(&begin, self.formats).is_some()
                        || coded::Coding::of(&begin).is_some();
                    if !known {
                        failed?;
                        note(notes, NO_EVIDENCE, &place.name);
                        continue;
                    }
                    // A stream that failed fails again, and is told then.
                    let mut whole = Cursor::new(begin).chain(rest);
                    match self.kept(&mut whole, room, &place.name, notes)? {
                        Some(bytes) => bytes,
                        None => break, // the rest would have to be unpacked to be left out
                    }
                }
            };
            self.member(Content::plain(bytes, len), &place, room, notes)?;
        }
        Ok(())
    }

    /// Whether a member is to be found again, or one inside it.
    fn wants(&self, index: &str) -> bool {
        let inside = format!("{index}.");
        self.wanted.is_some_and(|w| {
            let mut from = w.range(inside.clone()..);
            w.contains(index) || from.next().is_some_and(|i| i.starts_with(&inside))
        })
    }

    fn member(
        &mut self,
        content: Content,
        place: &Place,
        room: &mut u64,
        notes: &mut Notes,
    ) -> io::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let member = Member {
            index: place.index.clone(),
            content: content.clone(),
        };
        if let Some(wanted) = self.wanted {
            if !self.wants(&place.index) {
                return Ok(());
            }
            if wanted.contains(&place.index) {
                self.members.insert(place.index.clone(), member.clone());
            }
        }
        let read = unpacked_of(&content).map_err(|e| e.to_string());
        match read.and_then(|read| sniff(read, self.formats)) {
            Ok((Kind::Archive(_), _)) if place.depth >= limits::ARCHIVE_DEPTH => {
                note(notes, DEEP, &place.name);
            }
            Ok((Kind::Archive(form), _)) => {
                if let Some(left) = self.archive(&content, form, Some(member), place, room)? {
                    note(notes, NO_EVIDENCE, &place.name);
                    // why there is none in it has no row of its own
                    for (code, (n, detail)) in left.into_iter().filter(|l| l.0 != NO_EVIDENCE) {
                        notes.entry(code).or_insert((0, detail)).0 += n;
                    }
                }
            }
            Ok((kind, first_ts)) => self.out.push(Found {
                name: place.name.clone(),
                member: Some(member),
                bytes: content.bytes_len(),
                kind,
                first_ts,
                notes: Notes::new(),
            }),
            Err(why) if why.starts_with(UNKNOWN) => note(notes, NO_EVIDENCE, &place.name),
            Err(why) => note(notes, DAMAGED, &format!("{}: {why}", place.name)),
        }
        Ok(())
    }
}

/// What is left of the file that a tar gave last.
struct Rest<'t, R>(&'t mut Tar<R>);

impl<R: Skip> Read for Rest<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_and_bounded_together() {
        let mut names = 2000;
        let top = Place::default();
        let whole = top.member(1, b"whole", &mut names);
        assert_eq!((whole.name.as_str(), names), ("whole", 1995));
        // each byte is shown as three
        let bytes = top.member(2, &[0xff; 4096], &mut names);
        assert_eq!(bytes.name, format!("{}…", "\u{fffd}".repeat(170)));
        let wide = top.member(3, "ä".repeat(257).as_bytes(), &mut names);
        assert_eq!(wide.name, format!("{}…", "ä".repeat(256)));
        assert_eq!(shown("ä".repeat(256).as_bytes()), "ä".repeat(256));
        // inside another its name counts again
        let inside = wide.member(7, b"x", &mut names);
        assert!(inside.name.ends_with("…!x") && names < 515);
        assert_eq!(inside.member(9, b"y", &mut names).name, "#3.7.9");
    }

    #[test]
    fn a_stop_ends_the_search_of_bytes_that_lie_bare() {
        let mut tar = vec![b'x'; 1 << 20];
        tar[..4].copy_from_slice(b"PK\x03\x04");
        for form in ["tar", "zip"] {
            let stop = AtomicBool::new(true);
            let look = Look {
                formats: &Formats::default(),
                spill: &std::env::temp_dir(),
                stop: &stop,
            };
            let found = expand(Bytes::memory(tar.clone()), form, look);
            let notes = &found.unwrap()[0].notes;
            assert_eq!(notes[DAMAGED], (1, "interrupted".to_owned()), "{form}");
        }
    }
}
