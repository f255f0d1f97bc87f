//! Which of the given files can be read. In: files and folders. Out: inputs in the order given, folders in order of
//! their members' names, and what was left out with the reason. Bounds: [`crate::limits::FOLDER_DEPTH`] levels; links
//! to folders inside a folder are not followed, so there are no loops; content decides what a file is, not its name.

use super::archive::{self, Bytes, Found as Member};
use super::pcap::{Event, PacketReader};
use super::{Input, Kind, entry, foreign, log, open_bytes, vendor};
use crate::limits::{FOLDER_DEPTH, NOTHING_BYTES, SNIFF_BYTES};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Packets looked at for the time of the first one, where damage stands before it.
const FIRST_EVENTS: usize = 16;

/// With what files are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The log formats that are known.
    pub formats: &'a log::Formats,
    /// A folder in which archives that are compressed may keep a file without a name.
    pub spill: &'a Path,
    /// Ends looking into them.
    pub stop: &'a AtomicBool,
}

/// Finds the evidence among `args`. The second list names everything that was left out and why; hidden members of a
/// folder are one entry with their number.
pub fn discover(args: &[PathBuf], look: Look<'_>) -> (Vec<Input>, Vec<(PathBuf, String)>) {
    let mut found = Found {
        inputs: Vec::new(),
        left: Vec::new(),
        seen: BTreeSet::new(),
        look,
    };
    for arg in args {
        match fs::metadata(arg) {
            Ok(meta) if meta.is_dir() => found.folder(arg, arg, 0),
            Ok(meta) => found.file(arg, arg.to_string_lossy().into_owned(), &meta),
            Err(e) => found.left.push((arg.clone(), e.to_string())),
        }
    }
    (found.inputs, found.left)
}

struct Found<'a> {
    inputs: Vec<Input>,
    left: Vec<(PathBuf, String)>,
    seen: BTreeSet<PathBuf>,
    look: Look<'a>,
}

impl Found<'_> {
    fn folder(&mut self, root: &Path, folder: &Path, depth: usize) {
        if depth >= FOLDER_DEPTH {
            return self.leave(folder, "folders are nested too deep");
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) => return self.leave(folder, &e.to_string()),
        };
        let mut members = Vec::new();
        let mut hidden = 0u64;
        for entry in entries {
            match entry {
                Ok(e) if e.file_name().as_encoded_bytes().starts_with(b".") => hidden += 1,
                Ok(e) => members.push(e.path()),
                Err(e) => self.leave(folder, &e.to_string()),
            }
        }
        members.sort();
        if hidden > 0 {
            self.leave(folder, &format!("{hidden} hidden skipped"));
        }
        for path in members {
            let link = fs::symlink_metadata(&path).is_ok_and(|m| m.is_symlink());
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() && link => {
                    self.leave(&path, "link to a folder, not followed");
                }
                Ok(meta) if meta.is_dir() => self.folder(root, &path, depth + 1),
                Ok(meta) => {
                    let name = path.strip_prefix(root).unwrap_or(&path);
                    self.file(&path, name.to_string_lossy().into_owned(), &meta);
                }
                Err(e) => self.leave(&path, &e.to_string()),
            }
        }
    }

    fn file(&mut self, path: &Path, name: String, meta: &fs::Metadata) {
        // Opening a pipe or a device could wait forever.
        if !meta.is_file() {
            return self.leave(path, "not a regular file");
        }
        if meta.len() == 0 {
            return self.leave(path, "empty");
        }
        if let Ok(real) = fs::canonicalize(path)
            && !self.seen.insert(real)
        {
            return; // given twice, read once: nothing is left out
        }
        let read = open_bytes(path).map_err(|e| e.to_string());
        match read.and_then(|read| sniff(read, self.look.formats)) {
            Ok((Kind::Archive(form), _)) => match members(path, &name, form, self.look) {
                Ok(inputs) => self.inputs.extend(inputs),
                Err(why) => self.leave(path, &why),
            },
            Ok((kind, first_ts)) => self.inputs.push(Input {
                path: path.to_owned(),
                name,
                bytes: meta.len(),
                kind,
                first_ts,
                member: None,
                notes: archive::Notes::new(),
            }),
            Err(why) => self.leave(path, &why),
        }
    }

    fn leave(&mut self, path: &Path, why: &str) {
        self.left.push((path.to_owned(), why.to_owned()));
    }
}

/// An archive and its members that are evidence, named `ARCHIVE!MEMBER`.
///
/// # Errors
/// In words, where it cannot be read or holds no evidence.
pub fn members(
    path: &Path,
    name: &str,
    form: &'static str,
    look: Look<'_>,
) -> Result<Vec<Input>, String> {
    let bytes = Bytes::open(path).map_err(|e| e.to_string())?;
    let found = archive::expand(bytes, form, look)
        .map_err(|e| format!("the archive cannot be unpacked: {e}"))?;
    if let [Member { notes, .. }] = found.as_slice() {
        let notes: Vec<_> = notes.iter().map(|(c, (n, _))| format!("{c} {n}")).collect();
        return Err(format!(
            "an archive ({form}) without a capture or a log in it that can be read: {}",
            if notes.is_empty() {
                "no file".to_owned()
            } else {
                notes.join(", ")
            }
        ));
    }
    let inputs = found.into_iter().map(|f| Input {
        path: path.to_owned(),
        name: match f.name.as_str() {
            "" => name.to_owned(),
            inside => format!("{name}!{inside}"),
        },
        bytes: f.bytes,
        kind: f.kind,
        first_ts: f.first_ts,
        member: f.member,
        notes: f.notes,
    });
    Ok(inputs.collect())
}

/// What is said of a file that is none of the known kinds.
pub(crate) const UNKNOWN: &str = "neither a capture (pcap, pcapng, snoop, Network Monitor, iptrace, ERF), nor an access log, nor another tool's file in a known format, nor an archive (tar, zip)";

/// What a file holds that begins so, compression undone.
#[must_use]
pub fn kind_of(begin: &[u8], formats: &log::Formats) -> Option<Kind> {
    match begin.get(..4).unwrap_or(&[]) {
        [0x0a, 0x0d, 0x0d, 0x0a] => return Some(Kind::Pcapng),
        [0xd4, 0xc3, 0xb2, 0xa1] | [0xa1, 0xb2, 0xc3, 0xd4] => return Some(Kind::Pcap),
        [0x4d, 0x3c, 0xb2, 0xa1] | [0xa1, 0xb2, 0x3c, 0x4d] => return Some(Kind::Pcap),
        [0x34, 0xcd, 0xb2, 0xa1] | [0xa1, 0xb2, 0xcd, 0x34] => return Some(Kind::Pcap),
        b"snoo" if begin.starts_with(b"snoop\0\0\0") => return Some(Kind::Capture("pcap-snoop")),
        _ => {}
    }
    if let Some(form) = vendor::form_of(begin) {
        return Some(Kind::Capture(form));
    }
    if let Some(form) = archive::form_of(begin) {
        return Some(Kind::Archive(form));
    }
    entry::sniff(begin)
        .map(Kind::Entries)
        .or_else(|| log::sniff(begin, formats).map(Kind::Log))
        .or_else(|| vendor::is_erf(begin).then_some(Kind::Capture("pcap-erf")))
}

/// Regular files in a folder and the folders in it, hidden ones and links to folders left out, in order of their paths.
#[must_use]
pub fn walk(root: &Path) -> Vec<(PathBuf, fs::Metadata)> {
    let mut out = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let members = fs::read_dir(&folder).into_iter().flatten().flatten();
        for entry in members {
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let link = entry.file_type().is_ok_and(|t| t.is_symlink());
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() && !link && depth + 1 < FOLDER_DEPTH => {
                    folders.push((path, depth + 1));
                }
                Ok(meta) if meta.is_file() => out.push((path, meta)),
                _ => {}
            }
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

/// The next [`SNIFF_BYTES`] or what there is of them, and why there is no more.
fn block(read: &mut Box<dyn Read + Send>) -> (Vec<u8>, Option<String>) {
    let mut begin = vec![0; SNIFF_BYTES];
    let mut len = 0;
    let mut failed = None;
    while let Some(free) = begin.get_mut(len..).filter(|f| !f.is_empty()) {
        match read.read(free) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => {
                failed = Some(e.to_string());
                break;
            }
        }
    }
    begin.truncate(len);
    (begin, failed)
}

/// What a file holds and when its first packet was captured; else why it cannot be read.
pub(super) fn sniff(
    mut read: Box<dyn Read + Send>,
    formats: &log::Formats,
) -> Result<(Kind, Option<i64>), String> {
    let (mut begin, mut failed) = block(&mut read);
    // a log that was cut while it was written to begins with nothing
    let mut nothing = 0;
    while begin.len() == SNIFF_BYTES && begin.iter().all(|b| *b == 0) && nothing < NOTHING_BYTES {
        nothing += begin.len();
        (begin, failed) = block(&mut read);
    }
    if let Some(why) = foreign::refused(&begin) {
        return Err(why);
    }
    let kind = kind_of(&begin, formats);
    if let Some(kind @ (Kind::Pcap | Kind::Pcapng | Kind::Capture(_))) = kind {
        let whole: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(begin).chain(read));
        let mut packets =
            PacketReader::with_block(whole, 0, SNIFF_BYTES).map_err(|e| e.to_string())?;
        let mut first = None;
        for _ in 0..FIRST_EVENTS {
            match packets.next() {
                Some(Event::Packet(p)) => {
                    first = Some(p.at.ts);
                    break;
                }
                Some(Event::Diag { .. }) => {}
                None => break,
            }
        }
        return Ok((kind, first));
    }
    if let Some(kind) = kind {
        return Ok((kind, None));
    }
    Err(match failed {
        Some(e) => format!("cannot be read: {e}"),
        None => match log::why_not(&begin, formats) {
            Some(why) => format!("{UNKNOWN}; {why}"),
            None => UNKNOWN.to_owned(),
        },
    })
}
