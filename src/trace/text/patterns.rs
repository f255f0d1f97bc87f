//! What a value may look like in text. In: values. Out: an automaton over spellings and codings that need no undoing, a table of
//! digests, and the masks that a value fits. Bounds: those of the caller's values; [`SALTS`] salts.

use crate::case::text::Need;
use crate::detect::form::{Form, Step};
use crate::detect::mask;
use crate::detect::wraps::{inside_base64, wraps};
use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Digest as _;
use rustc_hash::FxHashMap;

/// Salts that are tried with each value.
pub(super) const SALTS: usize = 64;
/// Values that are tried with salts, and whose masks are looked for: a question of one record, not a file of leaked rows.
pub(super) const FEW: usize = 64;

pub(super) struct Pattern {
    pub value: u32,
    pub form: Form,
    /// Must stand in this very spelling (base64 knows case).
    exact: Option<Vec<u8>>,
    /// Must not stand inside a longer word.
    word: bool,
    /// What of the value was left.
    pub left: Left,
}

/// How much of a value stands there.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Left {
    All,
    /// Its beginning, which is what is searched for, and what may follow of this.
    Begin(Vec<u8>),
    /// Its last digits, where something says that they are those.
    End,
}

impl Left {
    /// Belief in a sighting of `len` characters.
    pub fn conf(&self, len: usize) -> f32 {
        match self {
            Left::All => 0.95,
            Left::Begin(_) if len >= 10 => 0.75,
            // other numbers of one series begin so
            Left::Begin(_) => 0.6,
            Left::End => 0.4,
        }
    }
}

/// What stands before the last digits of a number where only they are told.
const TAILS: [&str; 12] = [
    "last4",
    "last_4",
    "last-4",
    "last 4",
    "lastfour",
    "last_four",
    "tail",
    "suffix",
    "ending",
    "尾号",
    "末四位",
    "后四位",
];
/// How far before them.
const TAIL_NEAR: usize = 24;

/// A number that people cut: all digits but for a check character. How much of it tells something.
fn number(text: &str) -> Option<usize> {
    let (last, digits) = text.as_bytes().split_last()?;
    let fits = (11..=24).contains(&text.len())
        && digits.iter().all(u8::is_ascii_digit)
        && last.is_ascii_alphanumeric();
    // of eleven seven, of eighteen eleven
    fits.then_some((text.len() * 6).div_ceil(10))
}

/// Whether something before `at` says that the last digits of a number follow.
fn tail_follows(text: &[u8], at: usize) -> bool {
    let before = text
        .get(at.saturating_sub(TAIL_NEAR)..at)
        .unwrap_or_default();
    let before = String::from_utf8_lossy(before).to_ascii_lowercase();
    // of this value: no other begins between
    TAILS.iter().any(|t| {
        before
            .rsplit_once(t)
            .is_some_and(|(_, gap)| !gap.contains([',', ';', '&', '{', '\n']))
    })
}

/// A masked spelling that a value fits.
pub(super) struct Mask {
    pub value: u32,
    pub conf: f32,
}

/// Everything that is looked for.
pub(super) struct Patterns {
    automaton: AhoCorasick,
    patterns: Vec<Pattern>,
    /// Value and function of each digest.
    digests: FxHashMap<Vec<u8>, (u32, Step)>,
    /// Values in letters and digits alone, lower case, with their number and length as written; few values only.
    masks: Vec<(u32, String, Vec<char>)>,
    /// What a text must hold; only where nothing has to be undone to find it.
    need: Option<Need>,
}

/// A value in other spellings: other separators, none; letters in any case are one to the automaton.
fn spellings(text: &str) -> Vec<String> {
    let mut out = vec![text.to_owned()];
    let mut add = |s: String| {
        if s.len() >= 6 && !out.contains(&s) {
            out.push(s);
        }
    };
    let separator = |c: char| matches!(c, '-' | '_' | '/' | ' ' | '.' | ':');
    let inner = text.trim();
    let digits = inner.bytes().filter(u8::is_ascii_digit).count();
    if inner.contains(separator) && !inner.contains('@') && digits >= 4 {
        for s in ["", "-", "_", " ", ".", "/"] {
            add(inner.split(separator).collect::<Vec<_>>().join(s));
        }
    }
    if inner.len() == 11 && digits == 11 {
        // a telephone number as people write it
        if let (Some(a), Some(b), Some(c)) = (inner.get(..3), inner.get(3..7), inner.get(7..)) {
            for s in ["-", " ", "."] {
                add([a, b, c].join(s));
            }
            add(format!("86{inner}"));
        }
    }
    if (12..=19).contains(&inner.len()) && digits + 1 >= inner.len() {
        // a card in groups of four
        let groups: Vec<&str> = (0..inner.len())
            .step_by(4)
            .filter_map(|i| inner.get(i..(i + 4).min(inner.len())))
            .collect();
        for s in ["-", " "] {
            add(groups.join(s));
        }
    }
    out
}

/// Spellings that people hash.
fn hashed(text: &str) -> Vec<String> {
    let mut out = spellings(text);
    let plain: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    for s in [
        text.to_lowercase(),
        text.to_uppercase(),
        plain,
        format!("+86{text}"),
    ] {
        if !out.contains(&s) {
            out.push(s);
        }
    }
    out
}

fn digests(text: &[u8]) -> [(Vec<u8>, Step); 4] {
    [
        (md5::Md5::digest(text).to_vec(), Step::Md5),
        (sha1::Sha1::digest(text).to_vec(), Step::Sha1),
        (sha2::Sha256::digest(text).to_vec(), Step::Sha256),
        (sm3::Sm3::digest(text).to_vec(), Step::Sm3),
    ]
}

fn keyed(key: &[u8], text: &[u8]) -> Vec<(Vec<u8>, Step)> {
    macro_rules! mac {
        ($of:ty) => {
            Hmac::<$of>::new_from_slice(key).ok().map(|mut m| {
                m.update(text);
                m.finalize().into_bytes().to_vec()
            })
        };
    }
    [
        (mac!(md5::Md5), Step::Md5),
        (mac!(sha1::Sha1), Step::Sha1),
        (mac!(sha2::Sha256), Step::Sha256),
        (mac!(sm3::Sm3), Step::Sm3),
    ]
    .into_iter()
    .filter_map(|(d, s)| Some((d?, s)))
    .collect()
}

/// Patterns with their bytes.
#[derive(Default)]
struct List {
    bytes: Vec<Vec<u8>>,
    patterns: Vec<Pattern>,
}

impl List {
    fn add(&mut self, value: u32, form: Form, bytes: Vec<u8>, exact: bool, word: bool) {
        self.patterns.push(Pattern {
            value,
            form,
            exact: exact.then(|| bytes.clone()),
            word,
            left: Left::All,
        });
        self.bytes.push(bytes);
    }

    /// What is left of a number that was cut.
    fn cut(&mut self, value: u32, text: &str) {
        let Some((begin, rest)) = number(text).and_then(|n| text.split_at_checked(n)) else {
            return;
        };
        let mut add = |bytes: &[u8], left, step| {
            self.patterns.push(Pattern {
                value,
                form: Form::PLAIN.then(step),
                exact: None,
                word: false,
                left,
            });
            self.bytes.push(bytes.to_vec());
        };
        add(begin.as_bytes(), Left::Begin(rest.into()), Step::Mask);
        if let Some(end) = text.get(text.len().saturating_sub(4)..) {
            add(end.as_bytes(), Left::End, Step::Last4);
        }
    }

    fn automaton(&self) -> Option<AhoCorasick> {
        AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .build(&self.bytes)
            .ok()
    }
}

impl Patterns {
    /// Patterns of values (number, text); `None` where the automaton would be too large.
    pub fn new(values: &[(u32, &str)]) -> Option<Patterns> {
        let mut list = List::default();
        let mut table = FxHashMap::default();
        let few = values.len() <= FEW;
        for (value, text) in values {
            for s in spellings(text) {
                list.add(*value, Form::PLAIN, s.into_bytes(), false, true);
            }
            if few {
                list.cut(*value, text.trim());
            }
            for part in inside_base64(text.as_bytes()) {
                list.add(*value, Form::PLAIN.then(Step::Base64), part, true, false);
            }
            for s in if few {
                hashed(text)
            } else {
                vec![(*text).to_owned()]
            } {
                for (d, step) in digests(s.as_bytes()) {
                    table.entry(d).or_insert((*value, step));
                }
            }
        }
        let masks = values
            .iter()
            .filter(|_| few)
            .map(|(n, text)| {
                let own: String = text.to_lowercase();
                let chars = bare(&own);
                (*n, own, chars)
            })
            .filter(|(_, _, chars)| chars.len() >= 7)
            .collect();
        Some(Patterns {
            automaton: list.automaton()?,
            patterns: list.patterns,
            digests: table,
            masks,
            need: None,
        })
    }

    /// Patterns of the forms that need no undoing alone: other spellings, and what [`wraps`] gives; `None` where the automaton
    /// would be too large.
    pub fn direct_of(values: &[(u32, &str)]) -> Option<Patterns> {
        let mut list = List::default();
        for (value, text) in values {
            for w in wraps(text) {
                list.add(*value, w.form, w.bytes, w.exact, w.word);
            }
            for s in spellings(text).into_iter().skip(1) {
                list.add(*value, Form::PLAIN, s.into_bytes(), false, true);
            }
        }
        let need = Need::one(list.bytes.iter().map(|b| Need::bytes(b)).collect());
        Some(Patterns {
            automaton: list.automaton()?,
            patterns: list.patterns,
            digests: FxHashMap::default(),
            masks: Vec::new(),
            need: Some(need),
        })
    }

    /// Whether these are the direct forms alone.
    pub fn direct(&self) -> bool {
        self.need.is_some()
    }

    /// What a text must hold that has one of the direct forms.
    pub fn need(&self) -> Option<&Need> {
        self.need.as_ref()
    }

    /// Whether any of them stands in a text.
    pub fn any(&self, text: &[u8]) -> bool {
        let mut any = false;
        self.find(text, |_, _, _| any = true);
        any
    }

    /// The same with digests of values with these salts alone; `None` where there are too many values.
    pub fn salted(values: &[(u32, &str)], salts: &[Vec<u8>]) -> Option<Patterns> {
        if values.len() > FEW {
            return None;
        }
        let mut digests_of = FxHashMap::default();
        for (value, text) in values {
            for s in hashed(text) {
                for salt in salts.iter().take(SALTS) {
                    for between in ["", ":", "|", "-", "."] {
                        let (s, b) = (s.as_bytes(), between.as_bytes());
                        for joined in [[salt, b, s].concat(), [s, b, salt].concat()] {
                            for (d, step) in digests(&joined) {
                                digests_of.entry(d).or_insert((*value, step));
                            }
                        }
                    }
                    for (d, step) in keyed(salt, s.as_bytes()) {
                        digests_of.entry(d).or_insert((*value, step));
                    }
                }
            }
        }
        Some(Patterns {
            automaton: AhoCorasick::new(["\u{0}\u{0}\u{0}no such text"]).ok()?,
            patterns: Vec::new(),
            digests: digests_of,
            masks: Vec::new(),
            need: None,
        })
    }

    /// What stands in a text as it is: start, end, pattern.
    pub fn find(&self, text: &[u8], mut each: impl FnMut(usize, usize, &Pattern)) {
        for m in self.automaton.find_overlapping_iter(text) {
            let Some(p) = self.patterns.get(m.pattern().as_usize()) else {
                continue;
            };
            let slice = text.get(m.start()..m.end()).unwrap_or_default();
            if p.exact.as_ref().is_some_and(|e| e != slice) {
                continue;
            }
            let end = match &p.left {
                Left::All => m.end(),
                Left::Begin(rest) => {
                    let more = text.get(m.end()..).unwrap_or_default();
                    let more = more.iter().zip(rest).take_while(|(a, b)| a == b).count();
                    let end = m.end() + more;
                    // what a mask follows is read as a mask
                    let hides = matches!(
                        text.get(end),
                        Some(b'*' | b'.' | b'_' | b'#' | b'-' | 0x80..)
                    );
                    if more == rest.len() || hides || !whole_word(text, m.start(), end) {
                        continue;
                    }
                    end
                }
                Left::End if tail_follows(text, m.start()) => m.end(),
                Left::End => continue,
            };
            if (p.word || p.left == Left::End) && !whole_word(text, m.start(), end) {
                continue;
            }
            each(m.start(), end, p);
        }
    }

    /// The value that these bytes are the digest of.
    pub fn digest(&self, bytes: &[u8]) -> Option<(u32, Step)> {
        matches!(bytes.len(), 16 | 20 | 32)
            .then(|| self.digests.get(bytes).copied())
            .flatten()
    }

    /// Values that a masked word may be. What is visible has to say as much as four digits.
    pub fn masked(&self, word: &str) -> Vec<Mask> {
        let Some(m) = (!self.masks.is_empty()).then(|| mask::read(word)).flatten() else {
            return Vec::new();
        };
        let (head, tail) = (m.prefix.to_lowercase(), m.suffix.to_lowercase());
        let (head_bare, tail_bare) = (bare(&head), bare(&tail));
        // the host of a mail address tells nobody apart
        let own = tail.split('@').next().unwrap_or_default();
        let visible = head_bare.len() + bare(own).len();
        if visible < 4 || m.middle > 0 {
            return Vec::new();
        }
        self.masks
            .iter()
            .filter(|(_, text, chars)| {
                let as_written = text.starts_with(&head) && text.ends_with(&tail);
                let as_bare = chars.starts_with(&head_bare) && chars.ends_with(&tail_bare);
                (as_written || as_bare) && visible < chars.len()
            })
            .map(|(value, _, chars)| {
                let long = m.len == chars.len();
                Mask {
                    value: *value,
                    // 10 bits tell one of a thousand
                    conf: match visible {
                        8.. => 0.85,
                        6 | 7 => 0.75,
                        5 if long => 0.6,
                        _ => 0.4,
                    },
                }
            })
            .collect()
    }
    /// Whether masked words are worth reading.
    pub fn has_masks(&self) -> bool {
        !self.masks.is_empty()
    }
}

fn bare(s: &str) -> Vec<char> {
    s.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Whether no letter or digit of the same kind goes on at either end.
fn whole_word(text: &[u8], start: usize, end: usize) -> bool {
    let edge = |inside: Option<&u8>, outside: Option<&u8>| match (inside, outside) {
        (Some(i), Some(o)) if i.is_ascii_alphanumeric() => !o.is_ascii_alphanumeric(),
        _ => true,
    };
    let before = start.checked_sub(1).and_then(|i| text.get(i));
    // `%2F` and `\n` before a value end in a letter or digit, but are no part of a word; nor is the length before a field of
    // Protocol Buffers.
    let escape = start
        .checked_sub(3)
        .and_then(|i| text.get(i))
        .is_some_and(|c| *c == b'%')
        || start
            .checked_sub(2)
            .and_then(|i| text.get(i))
            .is_some_and(|c| *c == b'\\');
    (escape || edge(text.get(start), before))
        && edge(end.checked_sub(1).and_then(|i| text.get(i)), text.get(end))
}
