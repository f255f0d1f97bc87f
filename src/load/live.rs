//! Sources that come while a load runs: standard input, named pipes, and with `--follow` files that grow and files that
//! appear in a folder. In: what was given. Out: [`Arrival`]s, once it is known what they hold. Bounds:
//! [`limits::FOLLOWED`] growing files at once before quiet captures are taken for complete, [`limits::MERGED`] in all.

use super::sources::Given;
use crate::limits::{FOLLOWED, MERGED, SNIFF_BYTES};
use crate::source::archive::Notes;
use crate::source::live::{self, Feed, FileId, LiveRead, file_id};
use crate::source::log::Formats;
use crate::source::{Input, Kind, Look, UNKNOWN, hash_file, kind_of, members, walk};
use std::collections::{BTreeMap, VecDeque};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How often folders are looked at.
const SCAN: Duration = Duration::from_millis(250);
/// A log of a few lines is told by them once nothing came for this long.
const LINES: Duration = Duration::from_millis(200);
/// Captures wait this long for one that was just opened, so that their packets come in order.
const HOLD: Duration = Duration::from_millis(300);
/// A capture is taken for complete where a newer one is there and nothing came for this long.
const QUIET: Duration = Duration::from_secs(2);
/// A capture written to this long ago is complete where newer ones are there.
const OLD: Duration = Duration::from_secs(60);

/// A source whose content is known now.
pub struct Arrival {
    /// What it is; its length and first packet are not known.
    pub input: Input,
    /// Its bytes from the first, compression undone; `None` where it is whole and read from its path.
    pub read: Option<Box<dyn Read + Send>>,
    /// What was taken of it.
    pub feed: Arc<Feed>,
    /// Whether it can be found again at its path.
    pub kept: bool,
    /// Whether its path is a copy of a pipe.
    pub spooled: bool,
    /// SHA-256 and length, of one that is whole.
    pub taken: Option<([u8; 32], u64)>,
}

/// Whether a file is the case, its journal or one of its copies of pipes.
pub fn is_of_case(path: &Path, case: &Path) -> bool {
    let name = |p: &Path| {
        p.file_name()
            .unwrap_or_default()
            .as_encoded_bytes()
            .to_vec()
    };
    let own = name(case);
    !own.is_empty() && name(path).starts_with(&own)
}

/// Opened, and not known yet.
struct Waiting {
    name: String,
    path: PathBuf,
    pipe: bool,
    kept: bool,
    read: LiveRead,
    feed: Arc<Feed>,
    got: Vec<u8>,
    born: Instant,
    grown: Instant,
    ended: Option<String>,
    kind: Option<Kind>,
}

/// A file that was seen in a followed folder.
enum Seen {
    /// Nothing to be read of it; its length then.
    Left(u64),
    /// In the case since an earlier load; its length then.
    Known(u64),
    Fed(Arc<Feed>),
}

/// A capture that is followed.
struct Followed {
    source: u32,
    path: PathBuf,
    id: Option<FileId>,
    feed: Arc<Feed>,
    retired: bool,
}

/// All of them.
#[derive(Default)]
pub struct Live {
    any: bool,
    roots: Vec<PathBuf>,
    /// The case, whose files may lie in a followed folder.
    case: PathBuf,
    follows: bool,
    waiting: Vec<Waiting>,
    queue: VecDeque<(PathBuf, String)>,
    seen: BTreeMap<FileId, Seen>,
    followed: Vec<Followed>,
    feeds: Vec<Arc<Feed>>,
    scanned: Option<Instant>,
    closed: bool,
    /// Sources that the case holds, by SHA-256: members of archives that come are left out where they are among them.
    pub held: BTreeMap<[u8; 32], i64>,
    /// Inputs of this load that are read as they are, by length, until something of that length comes: then their
    /// content joins `held`.
    whole: BTreeMap<u64, Vec<Input>>,
    /// Sources that came and are read as they come: once they end, what they held joins `held`.
    came: Vec<Arc<Feed>>,
    /// The log formats that are known.
    pub formats: Formats,
    /// Rows of those that were left out so.
    pub known_rows: Vec<i64>,
    /// What could not be read, with the reason.
    pub failed: Vec<(PathBuf, String)>,
}

impl Live {
    /// `given` has pipes, folders and files that are followed; `known` are files that the case holds already or that are
    /// read as they are.
    pub fn new(
        given: Given,
        known: &[Input],
        read_whole: &[Input],
        failed: &[(PathBuf, String)],
        case: &Path,
    ) -> Live {
        let mut live = Live {
            any: given.follow || !given.pipes.is_empty(),
            roots: given.folders,
            case: case.to_owned(),
            follows: given.follow,
            ..Live::default()
        };
        for (path, bytes, known) in known
            .iter()
            .map(|i| (&i.path, i.bytes, true))
            .chain(read_whole.iter().map(|i| (&i.path, i.bytes, false)))
            .chain(given.files.iter().map(|i| (&i.path, 0, false)))
            .chain(failed.iter().map(|(path, _)| (path, 0, false)))
        {
            if let Ok(meta) = std::fs::metadata(path) {
                let seen = if known {
                    Seen::Known(bytes)
                } else {
                    Seen::Left(bytes)
                };
                live.seen.insert(file_id(&meta), seen);
            }
        }
        if live.any {
            for input in read_whole {
                let same = live.whole.entry(input.bytes).or_default();
                same.push(input.clone());
            }
        }
        for p in given.pipes {
            live.wait(p.name, p.path, true, p.kept, (p.read, p.feed));
        }
        live.queue
            .extend(given.files.into_iter().map(|i| (i.path, i.name)));
        live
    }

    /// Whether there is anything that comes while the load runs.
    pub fn any(&self) -> bool {
        self.any
    }

    /// Whether nothing more can come.
    pub fn over(&self) -> bool {
        self.waiting.is_empty() && self.queue.is_empty() && (self.closed || !self.follows)
    }

    /// Whether captures should wait a moment for one that was just opened.
    pub fn unsettled(&self) -> bool {
        self.waiting
            .iter()
            .any(|w| !w.pipe && w.born.elapsed() < HOLD)
    }

    /// The arrived source got this number.
    pub fn numbered(&mut self, source: u32, arrival: &Arrival) {
        if arrival.read.is_some() {
            self.came.push(Arc::clone(&arrival.feed));
        }
        if !arrival.spooled && arrival.read.is_some() && arrival.input.kind.is_capture() {
            let meta = std::fs::metadata(&arrival.input.path).ok();
            let old = meta
                .as_ref()
                .and_then(|m| m.modified().ok()?.elapsed().ok())
                .is_some_and(|age| age > OLD);
            let retired = old && !self.queue.is_empty();
            if retired {
                arrival.feed.finish();
            }
            self.followed.push(Followed {
                source,
                path: arrival.input.path.clone(),
                id: meta.as_ref().map(file_id),
                feed: Arc::clone(&arrival.feed),
                retired,
            });
        }
    }

    /// Sources that grew after they were taken for complete, and by how many bytes.
    pub fn grown_later(&self) -> Vec<(u32, u64)> {
        let more = |f: &Followed| {
            let meta = std::fs::metadata(&f.path).ok()?;
            let same = f.id == Some(file_id(&meta));
            let more = meta.len().saturating_sub(f.feed.taken().1);
            (same && more > 0).then_some((f.source, more))
        };
        let retired = self.followed.iter().filter(|f| f.retired);
        retired.filter_map(more).collect()
    }

    /// What has come. Once `stop` is set, nothing more is taken.
    pub fn poll(&mut self, stop: &AtomicBool) -> Vec<Arrival> {
        let stopped = stop.load(Relaxed);
        if stopped && !self.closed {
            self.closed = true;
            self.feeds.iter().for_each(|f| f.close());
            let late = "was not begun when reading was stopped".to_owned();
            let queue = std::mem::take(&mut self.queue);
            self.failed
                .extend(queue.into_iter().map(|(path, _)| (path, late.clone())));
        }
        if self.follows && !self.closed {
            if self.scanned.is_none_or(|t| t.elapsed() >= SCAN) {
                self.scan();
                self.scanned = Some(Instant::now());
            }
            self.open_more();
        }
        self.settle(stop)
    }

    fn wait(
        &mut self,
        name: String,
        path: PathBuf,
        pipe: bool,
        kept: bool,
        (read, feed): (LiveRead, Arc<Feed>),
    ) {
        self.feeds.retain(|f| !f.over());
        self.feeds.push(Arc::clone(&feed));
        self.waiting.push(Waiting {
            name,
            path,
            pipe,
            kept,
            read,
            feed,
            got: Vec::new(),
            born: Instant::now(),
            grown: Instant::now(),
            ended: None,
            kind: None,
        });
    }

    /// Looks for files that are new: by what they are, not by their names, since rotation renames.
    fn scan(&mut self) {
        let mut fresh = Vec::new();
        let mut there = BTreeMap::new();
        for root in &self.roots {
            for (path, meta) in walk(root) {
                if is_of_case(&path, &self.case) {
                    continue;
                }
                let id = file_id(&meta);
                let new = match self.seen.get(&id) {
                    None => true,
                    Some(Seen::Fed(feed)) => feed.was_cut() && feed.over(),
                    Some(Seen::Left(len)) => meta.len() < *len,
                    Some(Seen::Known(len)) => {
                        if meta.len() > *len {
                            let why =
                                "has grown since it was loaded before; what was added is not read";
                            self.failed.push((path.clone(), why.to_owned()));
                            self.seen.insert(id, Seen::Left(meta.len()));
                        }
                        false
                    }
                };
                if new {
                    self.seen.insert(id, Seen::Left(0));
                    let shown = path.strip_prefix(root).unwrap_or(&path);
                    let shown = shown.to_string_lossy().into_owned();
                    fresh.push((meta.modified().ok(), path, shown));
                }
                there.insert(id, ());
            }
        }
        self.seen
            .retain(|id, seen| there.contains_key(id) || matches!(seen, Seen::Fed(f) if !f.over()));
        fresh.sort();
        self.queue
            .extend(fresh.into_iter().map(|(_, path, name)| (path, name)));
    }

    fn open_more(&mut self) {
        while !self.queue.is_empty() {
            let alive = self.followed.iter().filter(|f| !f.feed.over()).count();
            let open = alive + self.waiting.len();
            if open >= FOLLOWED {
                let quiet = self
                    .followed
                    .iter_mut()
                    .find(|f| !f.feed.over() && !f.retired && f.feed.quiet() >= QUIET);
                if let Some(f) = quiet {
                    f.feed.finish();
                    f.retired = true;
                }
                let ending = self.followed.iter().any(|f| f.retired && !f.feed.over());
                if ending || open >= MERGED {
                    return; // room soon
                }
            }
            let Some((path, name)) = self.queue.pop_front() else {
                return;
            };
            match live::file(&path) {
                Ok((read, feed)) => {
                    if let Ok(meta) = std::fs::metadata(&path) {
                        self.seen
                            .insert(file_id(&meta), Seen::Fed(Arc::clone(&feed)));
                    }
                    self.wait(name, path, false, true, (read, feed));
                }
                Err(e) => self.failed.push((path, e.to_string())),
            }
        }
    }

    /// Tells what those that wait hold, where enough has come.
    fn settle(&mut self, stop: &AtomicBool) -> Vec<Arrival> {
        let mut out = Vec::new();
        for mut w in std::mem::take(&mut self.waiting) {
            w.look();
            let quiet = w.grown.elapsed();
            let end = w.ended.is_some() || w.got.len() >= SNIFF_BYTES;
            if w.kind.is_none() && !w.got.is_empty() {
                w.kind = kind_of(&w.got, &self.formats).filter(|k| match k {
                    Kind::Pcap | Kind::Pcapng | Kind::Capture(_) => w.got.len() >= 24 || end,
                    Kind::Log(_) => end || quiet >= LINES && w.got.contains(&b'\n'),
                    Kind::Entries(_) | Kind::Archive(_) => end || quiet >= LINES,
                });
            }
            match w.kind.clone() {
                Some(Kind::Entries(_) | Kind::Archive(_))
                    if w.ended.is_none() && (w.pipe || quiet < QUIET) =>
                {
                    self.waiting.push(w); // such a file is read as a whole
                }
                Some(Kind::Archive(form)) => self.unpack(w, form, stop, &mut out),
                Some(kind) => out.push(w.arrive(kind, stop)),
                None if w.ended.is_some() || w.got.len() >= SNIFF_BYTES => {
                    w.feed.close();
                    let why = match w.ended {
                        _ if !w.got.is_empty() => UNKNOWN.to_owned(),
                        Some(why) if !why.is_empty() => why,
                        _ => "empty".to_owned(),
                    };
                    self.failed.push((PathBuf::from(w.name), why));
                }
                None => self.waiting.push(w),
            }
        }
        out
    }
}

impl Live {
    /// What the case or this load holds already, of one that came: its row, 0 for one of this load; else it is held from now.
    fn hold(&mut self, (sha, len): ([u8; 32], u64), stop: &AtomicBool) -> Option<i64> {
        for input in self.whole.remove(&len).unwrap_or_default() {
            // One that cannot be read says so where it is read.
            if let Ok((sha, _)) = input.hash(stop) {
                self.held.entry(sha).or_insert(0);
            }
        }
        let (held, mut over) = (&mut self.held, Vec::new());
        self.came.retain(|feed| {
            let ended = feed.over();
            if ended {
                over.push(feed.taken().0);
            }
            !ended
        });
        for sha in over {
            held.entry(sha).or_insert(0);
        }
        match held.entry(sha) {
            std::collections::btree_map::Entry::Occupied(row) => Some(*row.get()),
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(0);
                None
            }
        }
    }

    /// Members of an archive that came: those that the case holds are left out, as are all but one of equal ones.
    fn unpack(
        &mut self,
        w: Waiting,
        form: &'static str,
        stop: &AtomicBool,
        out: &mut Vec<Arrival>,
    ) {
        w.feed.close();
        let spill = super::beside(&self.case);
        let look = Look {
            formats: &self.formats,
            spill: &spill,
            stop,
        };
        let mut inputs = match members(&w.path, &w.name, form, look) {
            _ if stop.load(Relaxed) => {
                let why = "was not unpacked when reading was stopped".to_owned();
                return self.failed.push((PathBuf::from(w.name), why));
            }
            Ok(inputs) => inputs,
            Err(why) => return self.failed.push((PathBuf::from(w.name), why)),
        };
        super::sources::sort(&mut inputs);
        for input in inputs {
            let taken = match input.hash(stop) {
                Ok(taken) => taken,
                Err(e) => {
                    self.failed.push((PathBuf::from(input.name), e.to_string()));
                    continue;
                }
            };
            match self.hold(taken, stop) {
                Some(0) => continue, // of this load
                Some(row) => {
                    self.known_rows.push(row);
                    continue;
                }
                None => {}
            }
            out.push(Arrival {
                input,
                read: None,
                feed: Arc::clone(&w.feed),
                kept: w.kept,
                spooled: w.pipe,
                taken: Some(taken),
            });
        }
    }
}

impl Waiting {
    fn look(&mut self) {
        let mut block = vec![0; SNIFF_BYTES];
        while self.ended.is_none() {
            match self.read.read(&mut block) {
                Ok(0) => self.ended = Some(String::new()),
                Ok(n) => {
                    self.grown = Instant::now();
                    // What is read as a whole is read from its copy: the rest only has to pass.
                    if !matches!(self.kind, Some(Kind::Entries(_) | Kind::Archive(_))) {
                        self.got
                            .extend_from_slice(block.get(..n).unwrap_or_default());
                    }
                    if self.kind.is_none() && self.got.len() >= SNIFF_BYTES {
                        return;
                    }
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(e) => self.ended = Some(e.to_string()),
            }
        }
    }

    fn arrive(self, kind: Kind, stop: &AtomicBool) -> Arrival {
        let whole = matches!(kind, Kind::Entries(_));
        let mut taken = None;
        if whole {
            self.feed.close();
            // It is read from its path now; a copy of a pipe is what was taken, a file may be longer by now.
            taken = if self.pipe {
                Some(self.feed.taken())
            } else {
                hash_file(&self.path, stop, &mut |_| {}).ok()
            };
        }
        let failed = self.ended.filter(|why| !why.is_empty());
        let read: Box<dyn Read + Send> = match failed {
            None => Box::new(Cursor::new(self.got).chain(self.read)),
            Some(why) => Box::new(Cursor::new(self.got).chain(Broken(Some(why)))),
        };
        Arrival {
            input: Input {
                name: self.name,
                bytes: 0,
                kind,
                first_ts: None,
                path: self.path,
                member: None,
                notes: Notes::new(),
            },
            taken,
            read: (!whole).then_some(read),
            feed: self.feed,
            kept: self.kept,
            spooled: self.pipe,
        }
    }
}

/// Says once again that reading failed.
struct Broken(Option<String>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        self.0
            .take()
            .map_or(Ok(0), |why| Err(std::io::Error::other(why)))
    }
}
