//! What a key says about each class. In: a key as it is written. Out: [`KeyCtx`]. Bounds: the first 128 bytes of a key.

use super::{Rules, Says};
use crate::detect::column::Context;
use crate::detect::kind::Kind;

/// What a key says, computed once per distinct key. Bits by class number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyCtx {
    /// Classes that the key names.
    pub pos: u64,
    /// Classes that the key rules out.
    pub veto: u64,
    /// The key numbers something (order, trace, time).
    pub numbering: bool,
    /// A word of the key, or of the nearest key around it, is a person's.
    pub person: bool,
    /// ... is a thing's.
    pub thing: bool,
    /// Only the end of the value stands there.
    pub last: bool,
    /// The key is the bare word for a class (`name`), which names it weakly.
    pub bare: bool,
    /// The key says nothing itself.
    pub generic: bool,
    /// The key ends in a word for any code or number (`bizCode`, `extNo`) and names nothing.
    pub code: bool,
    /// ... or in such a word without a border before it, in Chinese, or in initials of pinyin (`modelno`, `合同号`, `xlh`): a value of
    /// the shape of a telephone, card or social security number is that code.
    pub coded: bool,
    /// It is one short word for any code (`id`, `ref`).
    pub lone: bool,
    /// A name of something that the key's other words do not tell (`skinName`, `vendor_name`): a person's as its values read.
    pub vague: bool,
}

/// The built-in classes.
const OWN: u64 = (1 << Kind::ALL.len()) - 1;

impl KeyCtx {
    /// What it says about one class.
    pub fn about(&self, class: u8) -> Context {
        let bit = 1u64 << (class & 63);
        if self.veto & bit != 0 {
            Context::Against
        } else if self.pos & bit != 0 {
            Context::Named
        } else if self.numbering {
            Context::Against
        } else {
            Context::Neutral
        }
    }
    /// Whether it names a class of the user's.
    #[inline]
    pub fn names_users(&self) -> bool {
        self.pos & !OWN != 0
    }
    /// Whether it names the class.
    #[inline]
    pub fn names(&self, kind: Kind) -> bool {
        self.pos & kind.bit() != 0
    }
}

impl Rules {
    /// What a key says. Later words of a key outweigh earlier ones: `orderPhone` is a telephone, `phoneOrderNo` a number of an order.
    pub fn key(&self, key: &[u8]) -> KeyCtx {
        let key = key.get(..key.len().min(128)).unwrap_or(key);
        let parts = tokens(key);
        let spaced = format!(" {parts} ");
        let joined: String = parts.split(' ').collect();
        let mut out = KeyCtx::default();
        let mut ends = [0usize; 64];
        let mut numbering = 0;
        let mut note = |says: Says, end: usize, whole: bool| match says {
            Says::Class(c) => {
                out.pos |= 1 << (c & 63);
                if let Some(e) = ends.get_mut(usize::from(c)) {
                    *e = (*e).max(end);
                }
            }
            Says::Not(c) => out.veto |= 1 << (c & 63),
            Says::Numbering => numbering = numbering.max(end),
            Says::Person => out.person = true,
            Says::Thing => out.thing = true,
            Says::Generic => out.generic |= whole,
            Says::Last => out.last = true,
        };
        for m in self.words.find_overlapping_iter(&spaced) {
            if let Some(says) = self.words_say.get(m.pattern().as_usize()) {
                // counted in letters, so that both automata speak of the same places
                let end = letters(spaced.get(..m.end()).unwrap_or(""));
                note(*says, end, m.start() == 0 && m.end() == spaced.len());
            }
        }
        for m in self.inner.find_overlapping_iter(&joined) {
            if let Some(says) = self.inner_say.get(m.pattern().as_usize()) {
                note(*says, m.end(), m.start() == 0 && m.end() == joined.len());
            }
        }
        // a word without a border before the one that names it: `usertel`, `empfax`
        if out.pos == 0
            && numbering == 0
            && joined.len() > 5
            && !parts.contains(' ')
            && ["tel", "phone", "fax"].iter().any(|e| joined.ends_with(e))
        {
            out.pos |= Kind::Phone.bit() | Kind::Mobile.bit();
        }
        if numbering > 0 {
            let mut later = 0;
            for (c, end) in ends.iter().enumerate() {
                if *end >= numbering {
                    later |= 1u64 << c;
                }
            }
            out.pos &= later;
            // a class of the user's that such a key names leaves it what it is for the others
            out.numbering = out.pos & OWN == 0;
        }
        out.bare = matches!(
            joined.as_str(),
            "name"
                | "names"
                | "username"
                | "customer"
                | "patient"
                | "owner"
                | "holder"
                | "account"
                | "accountname"
        );
        out.vague = !out.bare && !out.person && !out.thing && other_name(&parts);
        out.pos &= !out.veto & self.enabled;
        let end = parts.rsplit(' ').next().unwrap_or("");
        let longer = parts.len() > end.len();
        out.code = out.pos == 0
            && longer
            && matches!(
                end,
                "code" | "no" | "number" | "num" | "id" | "sn" | "seq" | "key" | "bh"
            );
        let lone = matches!(
            joined.as_str(),
            "id" | "code" | "key" | "pk" | "sn" | "ref" | "uid" | "oid"
        );
        out.lone = out.pos == 0 && lone;
        out.coded = out.pos == 0 && (out.code || lone || numbers(&joined));
        out
    }
}

/// Words that say nothing of whose name it is.
const PLAIN: [&str; 30] = [
    "name",
    "names",
    "cn",
    "zh",
    "en",
    "eng",
    "chn",
    "chinese",
    "english",
    "latin",
    "kanji",
    "kana",
    "pinyin",
    "local",
    "native",
    "legal",
    "real",
    "full",
    "first",
    "last",
    "middle",
    "given",
    "family",
    "display",
    "preferred",
    "maiden",
    "birth",
    "old",
    "new",
    "original",
];

/// Whether a key ends in the word for any name behind a word that tells of what, but not of whom.
fn other_name(parts: &str) -> bool {
    let mut words = parts.split(' ').rev();
    matches!(words.next(), Some("name" | "names"))
        && words.next().is_some_and(|w| !PLAIN.contains(&w))
}

/// Whether a key that names no class is that of a number or code of something.
fn numbers(joined: &str) -> bool {
    const ENDS: [&str; 8] = ["no", "id", "code", "number", "ref", "serial", "号", "编码"];
    let initials = |s: &str| {
        (3..=6).contains(&s.len())
            && s.bytes()
                .all(|b| b.is_ascii_lowercase() && !b"aeiou".contains(&b))
            && (s.ends_with('h') || s.ends_with("bm") || s.ends_with("dm"))
    };
    joined.len() > 4 && ENDS.iter().any(|e| joined.ends_with(e)) || initials(joined)
}

fn letters(s: &str) -> usize {
    s.bytes().filter(|b| *b != b' ').count()
}

/// A key as lower-case words with single spaces: `IDCardNo` and `id_card-no` are both `id card no`. Digits at the end of a word go, except in `last4`.
pub(super) fn tokens(key: &[u8]) -> String {
    let text = String::from_utf8_lossy(key);
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(chars.len() + 8);
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|j| chars.get(j)).copied();
        let after = chars.get(i + 1).copied();
        if !c.is_alphanumeric() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            continue;
        }
        let edge = before.is_some_and(|b| {
            c.is_uppercase()
                && (b.is_lowercase()
                    || b.is_ascii_digit()
                    || (b.is_uppercase() && after.is_some_and(char::is_lowercase)))
                || (c.is_ascii() != b.is_ascii() && b.is_alphanumeric())
        });
        if edge && !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
        out.extend(c.to_lowercase());
    }
    out.trim_end()
        .split(' ')
        .map(|w| {
            let bare = w.trim_end_matches(|c: char| c.is_ascii_digit());
            if bare.is_empty() || matches!(w, "last4" | "md5" | "sha1" | "sha256") {
                w
            } else {
                bare
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}
