//! Text found in stored bodies and heads. In: a pattern and a case. Out: the bodies whose decoded content it matches, and the calls
//! whose heads it does, as they are found. Bounds: a bit for each body and call; answers of [`PATTERNS`] patterns are kept, and
//! only what was stored since is searched again; one search runs at a time, who asks the same waits for it.

use super::need;
use crate::case::heads;
use crate::case::text::index::{self, Pack};
use crate::case::text::scan::{self, Late, Opened, Piece};
use crate::case::text::{Need, grams};
use crate::error::{Error, Result};
use memchr::memmem::Finder;
use regex::bytes::Regex;
use rusqlite::Connection;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::Duration;

/// Patterns whose answers are kept.
const PATTERNS: usize = 8;
/// Bodies from which on a page is sooner read by walking calls than by looking for all.
const DENSE: usize = 5_000;
/// Bodies that are few enough to be named in a statement.
const FEW: usize = 5_000;

/// Rows as bits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    bits: Vec<u64>,
    /// Bits that are set: asked after every pack.
    count: usize,
}

impl Rows {
    fn add(&mut self, row: i64) {
        let Ok(row) = usize::try_from(row) else {
            return;
        };
        if self.bits.len() <= row / 64 {
            self.bits.resize(row / 64 + 1, 0);
        }
        if let Some(word) = self.bits.get_mut(row / 64) {
            let bit = 1 << (row % 64);
            self.count += usize::from(*word & bit == 0);
            *word |= bit;
        }
    }
    /// Whether the row is among them.
    pub fn has(&self, row: i64) -> bool {
        usize::try_from(row)
            .ok()
            .and_then(|row| Some(self.bits.get(row / 64)? >> (row % 64) & 1 == 1))
            .unwrap_or(false)
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.count
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
    /// All in order.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.bits.iter().enumerate().flat_map(|(i, w)| {
            (0..64i64)
                .filter(move |b| w >> b & 1 == 1)
                .map(move |b| i as i64 * 64 + b)
        })
    }
}

/// A pattern ready to be searched for.
pub struct Wanted {
    re: Regex,
    need: Need,
    /// Folded bytes that mean the same.
    word: Option<Finder<'static>>,
    /// Folded bytes that must stand in every match.
    must: Option<Finder<'static>>,
}

impl Wanted {
    /// For a pattern of [`super::pattern`].
    pub fn new(pattern: &str) -> Result<Wanted> {
        let re =
            super::pattern::regex(pattern, false).map_err(|msg| Error::Usage { msg, at: None })?;
        let (need, word) = need::of(pattern);
        fn longest(n: &Need) -> Option<&[u8]> {
            match n {
                Need::Run(r) => Some(r),
                Need::All(parts) => parts.iter().filter_map(longest).max_by_key(|r| r.len()),
                Need::Any | Need::One(_) => None,
            }
        }
        let own = |b: &[u8]| Finder::new(b).into_owned();
        Ok(Wanted {
            must: longest(&need).map(own),
            word: word.as_deref().map(own),
            re,
            need,
        })
    }
}

/// What one pack holds.
type Hits = (Vec<i64>, Vec<i64>);

/// How far a search is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Bytes that were searched, or that the index refused.
    pub done: u64,
    /// Bytes of all text.
    pub all: u64,
    /// Bodies found.
    pub bodies: &'a Rows,
    /// Calls whose heads were found.
    pub heads: &'a Rows,
}

/// Memory for texts that are made comparable, used again.
#[derive(Default)]
struct Buffers {
    /// A pack with small letters: places in it are places in the pack.
    lower: Vec<u8>,
    /// A piece folded.
    folded: Vec<u8>,
}

fn pack(
    w: &Wanted,
    late: Option<&OnceLock<Late>>,
    buffers: &mut Buffers,
    o: &Opened<'_>,
) -> Result<Hits> {
    let mut out = Hits::default();
    let Buffers { lower, folded } = buffers;
    grams::lower(o.text, lower);
    if let Some(must) = &w.must
        && must.find(lower).is_none()
        && !grams::shrinks(o.text)
    {
        return Ok(out);
    }
    let body = scan::bodies(o.conn, o.id)?;
    let head = match late {
        Some(late) => scan::heads(o.conn, o.id, Late::of(late, o.conn)?)?,
        None => Vec::new(),
    };
    let slice = |p: &Piece| o.text.get(p.from..p.to).unwrap_or_default();
    // Letters that grow shorter when folded may be met in every pack, and are in few of its pieces: those alone are folded by themselves.
    let mut holds = |p: &Piece, what: &Finder<'_>| {
        if what
            .find(lower.get(p.from..p.to).unwrap_or_default())
            .is_some()
        {
            return Held::Plain;
        }
        if !grams::shrinks(slice(p)) {
            return Held::No;
        }
        grams::fold(slice(p), folded);
        match what.find(folded) {
            Some(_) => Held::Folded,
            None => Held::No,
        }
    };
    for p in &body {
        let held = match w.word.as_ref().or(w.must.as_ref()) {
            Some(what) => holds(p, what),
            None => Held::Folded,
        };
        let yes = match held {
            Held::No => false,
            // differs from the word in the case of ASCII letters alone
            Held::Plain if w.word.is_some() => true,
            Held::Plain | Held::Folded => w.re.is_match(slice(p)),
        };
        if yes {
            out.0.push(p.row);
        }
    }
    for p in &head {
        let near = w.must.as_ref().is_none_or(|m| holds(p, m) != Held::No);
        if near && matches(&w.re, &heads::decode(slice(p))) {
            out.1.push(p.row);
        }
    }
    Ok(out)
}

/// How a piece holds folded bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// It does not.
    No,
    /// With letters of ASCII made small.
    Plain,
    /// With letters that fold to ASCII written as those.
    Folded,
}

/// Whether a pattern is in a head or its trailers.
pub fn matches(re: &Regex, h: &heads::Heads) -> bool {
    h.request
        .iter()
        .chain(&h.response)
        .chain(&h.interim)
        .any(|h| re.is_match(&h.raw) || re.is_match(&h.trailers))
}

/// Searches these packs, in heads too where `late` is given. `each` sees what was found after every pack and says whether to go on; whether all were searched.
pub fn find(
    conn: &Connection,
    packs: &[Pack],
    w: &Wanted,
    late: Option<&OnceLock<Late>>,
    stop: &AtomicBool,
    (found, found_heads): (&mut Rows, &mut Rows),
    each: &mut dyn FnMut(&Progress<'_>) -> bool,
) -> Result<bool> {
    let ids = index::may_hold(conn, packs, &w.need, stop)?;
    let all: u64 = packs.iter().map(|p| p.1).sum();
    let (mut done, share) = (0u64, all / (ids.len() as u64).max(1));
    scan::scan(
        conn,
        &ids,
        stop,
        Buffers::default,
        |buffers, o| pack(w, late, buffers, o),
        &mut |hits| {
            let (b, h): Hits = hits.unwrap_or_default();
            b.into_iter().for_each(|row| found.add(row));
            h.into_iter().for_each(|row| found_heads.add(row));
            done += share;
            each(&Progress {
                done,
                all,
                bodies: found,
                heads: found_heads,
            })
        },
    )
}

/// What is known of a pattern.
#[derive(Default)]
struct Known {
    pattern: String,
    /// Packs that were searched: all up to this number of them.
    packs: usize,
    /// Bodies and calls from here on may stand in later packs.
    bodies_to: i64,
    heads_to: i64,
    bodies: Rows,
    /// `None` where heads were not searched.
    heads: Option<Rows>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// All that matches in these packs.
    Whole,
    /// So much was found before the end that a page need not wait for it.
    Dense,
    /// What was found before the search was ended, or has been by now.
    #[default]
    Part,
}

impl Known {
    fn whole(&self, packs: usize, heads: bool) -> bool {
        self.state == State::Whole && self.packs == packs && (!heads || self.heads.is_some())
    }
}

#[derive(Default)]
struct Inner {
    packs: Arc<Vec<Pack>>,
    known: Vec<Known>,
}

impl Inner {
    fn keep(&mut self, k: Known) {
        self.known.retain(|x| x.pattern != k.pattern);
        if self.known.len() >= PATTERNS {
            self.known.remove(0);
        }
        self.known.push(k);
    }
}

/// Answers that are kept, for all who read one case.
#[derive(Default)]
pub struct Texts {
    inner: Mutex<Inner>,
    running: Mutex<()>,
}

/// How much of an answer is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All that match.
    All,
    /// Enough for a page.
    Page,
}

impl Texts {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Packs that are there; answers are forgotten where others than before are.
    fn packs(&self, conn: &Connection) -> Result<Arc<Vec<Pack>>> {
        let packs = Arc::new(index::packs(conn)?);
        let mut g = self.lock();
        if !packs.starts_with(&g.packs) {
            g.known.clear();
        }
        g.packs = packs.clone();
        Ok(packs)
    }

    /// Whether a body matches, where that is known.
    pub fn body(&self, pattern: &str, row: i64) -> Option<bool> {
        let g = self.lock();
        let k = g.known.iter().find(|k| k.pattern == pattern)?;
        if k.bodies.has(row) {
            return Some(true);
        }
        (k.state == State::Whole && row < k.bodies_to).then_some(false)
    }

    /// Whether the heads of a call match, where that is known.
    pub fn head(&self, pattern: &str, row: i64) -> Option<bool> {
        let g = self.lock();
        let k = g.known.iter().find(|k| k.pattern == pattern)?;
        let heads = k.heads.as_ref()?;
        if heads.has(row) {
            return Some(true);
        }
        (k.state == State::Whole && row < k.heads_to).then_some(false)
    }

    /// The bodies that match, where all of the last search's packs are known and they are few.
    pub fn few(&self, pattern: &str) -> Option<Vec<i64>> {
        let g = self.lock();
        let packs = g.packs.len();
        let k = g.known.iter().find(|k| k.pattern == pattern)?;
        (k.whole(packs, false) && k.bodies.len() <= FEW).then(|| k.bodies.iter().collect())
    }

    /// Sees to it that it is known what a pattern matches. `each` sees what was found so far.
    ///
    /// # Errors
    /// [`Error::Interrupted`] where `stop` was set: what was found by then is kept.
    pub fn learn(
        &self,
        conn: &Connection,
        pattern: &str,
        heads: bool,
        depth: Depth,
        stop: &AtomicBool,
        each: &mut dyn FnMut(&Progress<'_>) -> bool,
    ) -> Result<()> {
        let w = Wanted::new(pattern)?;
        if w.re.is_match(b"") {
            // matches whatever it is held against, also what is not stored
            return Ok(());
        }
        let _one = loop {
            match self.running.try_lock() {
                Ok(g) => break g,
                Err(TryLockError::Poisoned(p)) => break p.into_inner(),
                Err(TryLockError::WouldBlock) if stop.load(Ordering::Relaxed) => {
                    return Err(Error::Interrupted);
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let packs = self.packs(conn)?;
        let mut k = {
            let mut g = self.lock();
            let at = g.known.iter().position(|k| k.pattern == pattern);
            match at.map(|at| g.known.remove(at)) {
                Some(k)
                    if k.whole(packs.len(), heads)
                        || depth == Depth::Page && k.state == State::Dense =>
                {
                    g.known.push(k);
                    return Ok(());
                }
                Some(k) if k.state == State::Whole && (!heads || k.heads.is_some()) => k,
                _ => Known {
                    pattern: pattern.to_owned(),
                    heads: heads.then(Rows::default),
                    ..Known::default()
                },
            }
        };
        let from = k.packs.min(packs.len());
        let mut no_heads = Rows::default();
        let mut dense = false;
        let late = OnceLock::new();
        let whole = find(
            conn,
            packs.get(from..).unwrap_or_default(),
            &w,
            heads.then_some(&late),
            stop,
            (&mut k.bodies, k.heads.as_mut().unwrap_or(&mut no_heads)),
            &mut |p| {
                dense = depth == Depth::Page && p.bodies.len() + p.heads.len() > DENSE;
                !dense && each(p)
            },
        );
        k.state = match (whole?, dense) {
            (true, _) => State::Whole,
            (false, true) => State::Dense,
            (false, false) => State::Part,
        };
        if k.state == State::Whole {
            k.packs = packs.len();
            let last = packs.last().map_or(0, |p| p.0);
            k.bodies_to = scan::first_body(conn, last.saturating_add(1))?;
            if k.heads.is_some() {
                let late = Late::of(&late, conn)?;
                k.heads_to = scan::first_head(conn, last.saturating_add(1), late)?;
            }
        }
        let state = k.state;
        self.lock().keep(k);
        if state == State::Part {
            return Err(Error::Interrupted);
        }
        Ok(())
    }

    /// Lets readers use what a search that goes on has found.
    pub fn publish(&self, pattern: &str, p: &Progress<'_>) {
        self.lock().keep(Known {
            pattern: pattern.to_owned(),
            bodies: p.bodies.clone(),
            heads: Some(p.heads.clone()),
            ..Known::default()
        });
    }
}
