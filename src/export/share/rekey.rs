//! Prints under another key. In: findings with their text. Out: the print that the same value has under the copy's key. Bounds: each
//! print is worked out once.
//!
//! A print cannot be turned round; what was printed is worked out from the text, and believed where its print under the case's own
//! key is the one at hand.

use crate::call::model::RawFinding;
use crate::detect::form::{Form, Step};
use crate::detect::print::{PrintKey, PrintKind};
use crate::detect::{self, DIGEST, mask};
use rustc_hash::FxHashMap;

/// The clear value of a finding that stands at `slice`; where that is a document in words of its own (a query of GraphQL), the
/// part whose print the finding has.
pub fn value(key: &PrintKey, f: &RawFinding, slice: &[u8]) -> Vec<u8> {
    let whole = detect::value_of(key, f, slice).unwrap_or_else(|| slice.to_vec());
    let is = |v: &[u8]| key.print(PrintKind::Value, &detect::spelt(f.class, v)) == f.print;
    if is(&whole) {
        return whole;
    }
    let text = detect::undo(Form::PLAIN.then(Step::Json), &whole).unwrap_or_default();
    let quoted = |b: &u8| matches!(b, b'"' | b'\'' | b'\\' | b'\n');
    let apart = |b: &u8| b.is_ascii_whitespace() || b"\"'=:,;()[]{}<>&\\".contains(b);
    let part = text
        .split(quoted)
        .chain(text.split(apart))
        .find(|part| !part.is_empty() && is(part));
    part.map(<[u8]>::to_vec).unwrap_or(whole)
}

/// Prints of one case under the key of a copy.
pub struct Rekey {
    old: PrintKey,
    new: PrintKey,
    known: FxHashMap<u64, u64>,
    /// Prints of which it is not known what was printed: a trace in the copy does not find these.
    pub opaque: u64,
}

impl Rekey {
    /// From one key to another.
    pub fn new(old: PrintKey, new: PrintKey) -> Rekey {
        Rekey {
            old,
            new,
            known: FxHashMap::default(),
            opaque: 0,
        }
    }

    /// The print of a finding that stands at `slice`.
    pub fn print(&mut self, f: &RawFinding, slice: &[u8]) -> u64 {
        if let Some(known) = self.known.get(&f.print) {
            return *known;
        }
        let new = self.derive(f, slice).unwrap_or_else(|| {
            self.opaque += 1;
            self.new
                .print(PrintKind::Credential, &f.print.to_le_bytes())
        });
        self.known.insert(f.print, new);
        new
    }

    fn derive(&self, f: &RawFinding, slice: &[u8]) -> Option<u64> {
        let same = |kind, bytes: &[u8]| {
            (self.old.print(kind, bytes) == f.print).then(|| self.new.print(kind, bytes))
        };
        let clear = detect::undo(f.form, slice).unwrap_or_else(|| slice.to_vec());
        if f.class == DIGEST || f.form.steps().any(|s| s.one_way()) {
            for text in [&clear[..], slice] {
                for raw in [detect::normal::hex(text), detect::normal::base64_any(text)] {
                    if let Some(new) = raw.and_then(|r| same(PrintKind::Digest, &r)) {
                        return Some(new);
                    }
                }
            }
        }
        let text = String::from_utf8_lossy(&clear);
        let trimmed = text.trim();
        for t in [text.as_ref(), trimmed] {
            let lower = t.to_lowercase();
            // a few last digits are printed as a suffix of any length
            let digits: String = t.chars().filter(char::is_ascii_digit).collect();
            for s in [t, &lower, &digits] {
                if self.old.masked("", 0, s) == f.print {
                    return Some(self.new.masked("", 0, s));
                }
            }
            let Some(m) = mask::read(t) else { continue };
            let (p, s) = (m.prefix.to_lowercase(), m.suffix.to_lowercase());
            for (p, s) in [(&m.prefix, &m.suffix), (&p, &s)] {
                for len in [m.len, 0] {
                    if self.old.masked(p, len, s) == f.print {
                        return Some(self.new.masked(p, len, s));
                    }
                }
            }
        }
        let value = value(&self.old, f, slice);
        for v in [&value[..], &clear, trimmed.as_bytes()] {
            let spelt = detect::spelt(f.class, v);
            let guess = std::str::from_utf8(v).map(|v| detect::normal(None, v));
            let guess = guess.unwrap_or_default();
            for bytes in [&spelt[..], v, guess.as_bytes()] {
                for kind in [PrintKind::Value, PrintKind::Credential, PrintKind::Digest] {
                    if let Some(new) = same(kind, bytes) {
                        return Some(new);
                    }
                }
            }
        }
        None
    }
}
