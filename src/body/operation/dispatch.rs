//! Fields by which one URL may choose among operations: `?action=list`, a form's `method`, a JSON body's `service`. In: a request
//! and its answer. Out: the candidates of the call, and prints of what else was asked and answered: whether they decide is seen
//! over all calls ([`crate::facts::templates::dispatch`]). Bounds: [`MOST`] candidates, those of [`super::top`].

use super::{Request, pairs, top, unescaped};
use siphasher::sip::SipHasher13;
use std::hash::Hasher as _;

/// Candidates of one call that are kept.
const MOST: usize = 4;
/// Longest value that can be the name of an operation.
const VALUE: usize = 64;

/// How much a field's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// Names a group of operations; stands before the one that names the operation.
    Group,
    /// Names an operation.
    Action,
    /// May name an operation.
    Maybe,
}

/// Names of such fields, without case and separators.
const WORDS: &[(&str, Word)] = &[
    ("a", Word::Maybe),
    ("act", Word::Action),
    ("action", Word::Action),
    ("actionname", Word::Action),
    ("actiontype", Word::Action),
    ("api", Word::Action),
    ("apiname", Word::Action),
    ("c", Word::Maybe),
    ("callname", Word::Action),
    ("cmd", Word::Action),
    ("command", Word::Action),
    ("controller", Word::Group),
    ("ctrl", Word::Group),
    ("do", Word::Action),
    ("event", Word::Maybe),
    ("fn", Word::Action),
    ("func", Word::Action),
    ("funcno", Word::Action),
    ("function", Word::Action),
    ("functionid", Word::Action),
    ("functionname", Word::Action),
    ("interfaceid", Word::Action),
    ("interfacename", Word::Action),
    ("m", Word::Maybe),
    ("method", Word::Action),
    ("methodname", Word::Action),
    ("mod", Word::Group),
    ("mode", Word::Maybe),
    ("module", Word::Group),
    ("msgtype", Word::Action),
    ("op", Word::Action),
    ("opcode", Word::Action),
    ("oper", Word::Action),
    ("operation", Word::Action),
    ("operationname", Word::Action),
    ("opt", Word::Maybe),
    ("optype", Word::Maybe),
    ("r", Word::Maybe),
    ("reqtype", Word::Action),
    ("request", Word::Maybe),
    ("requesttype", Word::Action),
    ("route", Word::Maybe),
    ("s", Word::Maybe),
    ("service", Word::Group),
    ("servicecode", Word::Action),
    ("serviceid", Word::Action),
    ("servicename", Word::Group),
    ("task", Word::Maybe),
    ("tradecode", Word::Action),
    ("trancode", Word::Action),
    ("transcode", Word::Action),
    ("transid", Word::Maybe),
    ("trxcode", Word::Action),
    ("txcode", Word::Action),
    ("txncode", Word::Action),
    ("type", Word::Maybe),
    ("verb", Word::Action),
];

/// Objects that hold what concerns the message and not its subject.
const HEADS: [&[u8]; 8] = [
    b"head", b"header", b"Head", b"Header", b"reqHead", b"msgHead", b"common", b"HEAD",
];

/// Whether a field of this name may choose, and how much its name says.
pub fn word(key: &[u8]) -> Option<Word> {
    if key.is_empty() || key.len() > 24 {
        return None;
    }
    let mut plain = [0u8; 24];
    let mut n = 0;
    for b in key {
        if matches!(b, b'_' | b'-' | b'.' | b'$') {
            continue;
        }
        if !b.is_ascii_alphabetic() {
            return None;
        }
        *plain.get_mut(n)? = b.to_ascii_lowercase();
        n += 1;
    }
    let plain = plain.get(..n)?;
    WORDS
        .binary_search_by(|(w, _)| w.as_bytes().cmp(plain))
        .ok()
        .and_then(|i| WORDS.get(i))
        .map(|(_, w)| *w)
}

/// Whether a value can name an operation: a word, a dotted name, a short code.
fn name_like(v: &[u8]) -> bool {
    (1..=VALUE).contains(&v.len())
        && v.iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/'))
        && (v.first().is_some_and(u8::is_ascii_alphabetic)
            || (3..=8).contains(&v.len()) && v.iter().all(u8::is_ascii_digit))
}

/// What one call tells of a dispatcher.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// `query:action=list`, a line each, in order of place.
    pub fields: String,
    /// Print of the names of all other parameters.
    pub asked: u32,
    /// Print of the answer's fields; 0 where there is none or it is an error.
    pub answered: u32,
}

/// Candidates of a request; `None` where it has none. `answer` is the decoded body of a successful response and its kind.
pub fn seen(r: &Request<'_>, answer: Option<(&[u8], &str)>) -> Option<Seen> {
    // most requests have none: nothing is kept before one is seen
    let mut found: Vec<String> = Vec::new();
    each(r, &mut |place, key, v| {
        if candidate(key, v) {
            let (key, v) = (String::from_utf8_lossy(key), String::from_utf8_lossy(v));
            found.push(format!("{place}{key}={v}"));
        }
    });
    if found.is_empty() {
        return None;
    }
    let mut others: Vec<Vec<u8>> = Vec::new();
    each(r, &mut |_, key, v| {
        if !candidate(key, v) {
            others.push(key.to_vec());
        }
    });
    found.sort_unstable();
    found.dedup();
    found.truncate(MOST);
    Some(Seen {
        fields: found.join("\n"),
        asked: print(others),
        answered: answer.map_or(0, |(b, kind)| shape(b, kind)),
    })
}

fn candidate(key: &[u8], v: &[u8]) -> bool {
    word(key).is_some() && name_like(v)
}

/// Takes place, name and value of a parameter; the value is empty where it is no text.
type Take<'a> = dyn FnMut(&str, &[u8], &[u8]) + 'a;

/// Gives all parameters of a request.
fn each(r: &Request<'_>, take: &mut Take<'_>) {
    for (k, v) in pairs(r.query()).take(64) {
        take("query:", &unescaped(k), &unescaped(v));
    }
    match r.body_kind {
        "form" => {
            for (k, v) in pairs(r.body).take(64) {
                take("form:", &unescaped(k), &unescaped(v));
            }
        }
        "json" => {
            for (k, v) in r.top().single().into_iter().flatten() {
                let head = if HEADS.contains(k) {
                    top::inner(v)
                } else {
                    None
                };
                let Some(head) = head else {
                    take("$.", k, top::string(v).unwrap_or_default());
                    continue;
                };
                let place = format!("$.{}.", String::from_utf8_lossy(k));
                for (k, v) in head {
                    take(&place, k, top::string(v).unwrap_or_default());
                }
            }
        }
        _ => {}
    }
}

/// Print of names, whatever their order; never 0.
fn print(mut names: Vec<Vec<u8>>) -> u32 {
    names.sort_unstable();
    names.dedup();
    let mut h = SipHasher13::new();
    for n in names {
        h.write(&n);
        h.write(b"\0");
    }
    #[allow(clippy::cast_possible_truncation)] // half of a hash is a hash
    let half = h.finish() as u32;
    half.max(1)
}

/// Print of what an answer consists of: its kind, its outermost fields and those one level below.
fn shape(body: &[u8], kind: &str) -> u32 {
    let body = body.get(..crate::limits::OPERATION_BYTES).unwrap_or(body);
    let mut names = vec![kind.as_bytes().to_vec()];
    match kind {
        "json" => {
            let t = top::read(body);
            for (k, v) in t.objects.iter().take(1).flatten() {
                names.push(k.to_vec());
                let below = top::read(v);
                for (j, _) in below.objects.iter().take(1).flatten() {
                    names.push([*k, b".", *j].concat());
                }
            }
            names.push(if t.batch {
                b"[]".to_vec()
            } else {
                b"{}".to_vec()
            });
        }
        "xml" => {
            let mut tags = Tags::default();
            crate::body::xml::walk(body.get(..8192).unwrap_or(body), false, &mut tags);
            names.append(&mut tags.names);
        }
        _ => {}
    }
    print(names)
}

/// Element names of the two outermost levels.
#[derive(Default)]
struct Tags {
    depth: usize,
    names: Vec<Vec<u8>>,
}

impl crate::body::xml::Visit for Tags {
    fn open(&mut self, name: &[u8]) {
        if self.depth < 2 && self.names.len() < 64 {
            self.names.push(name.to_vec());
        }
        self.depth += 1;
    }
    fn attribute(&mut self, _: &[u8], _: &[u8], _: usize) {}
    fn close(&mut self, _: &[u8]) {
        self.depth = self.depth.saturating_sub(1);
    }
    fn text(&mut self, _: &[u8], _: usize, _: bool) {}
}

/// All names that are looked for.
#[cfg(test)]
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(w, _)| *w)
}
