//! Values found and hidden in any text. In: the clear values of a case. Out: texts of the same length without them, in clear, in any
//! case of letters, percent, `\u`, HTML references, hex, base64, or as an unsalted digest in hex. Bounds: about a kilobyte a value;
//! texts in one pass.
//!
//! What stands for a value is of its length, so that places stay true, and says nothing of it: letters of its print under the
//! copy's key. Equal values look equal; without the key nobody can try candidates. That is why nothing of the value's own shape
//! stays: what a mask usually leaves of a mobile number leaves ten thousand candidates, and of an ID number fewer.

use crate::detect::print::{PrintKey, PrintKind};
use crate::detect::wraps::wraps;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ops::Range;

/// Shortest value that is looked for everywhere. Shorter ones are hidden where they were found: four or five bytes stand by chance
/// in whatever is compressed, and are words.
pub const SHORTEST: usize = 6;
/// Bytes of a pattern that it is sought by: long ones by more, since numbers share their first digits.
const LONG: usize = 8;
/// Bits of the table of beginnings.
const TABLE: u32 = 20;
/// Letters that make no words.
const LETTERS: &[u8; 16] = b"bcdfghjkmnpqrtvw";

/// What is looked for.
pub struct Scrub {
    key: PrintKey,
    /// Words that must stay, small: those that a case file itself is made of.
    keep: Vec<String>,
    values: FxHashSet<Vec<u8>>,
    patterns: Vec<(Vec<u8>, u64)>,
    short: FxHashMap<[u8; SHORTEST], Vec<u32>>,
    long: FxHashMap<[u8; LONG], Vec<u32>>,
    /// Whether a pattern may begin with four bytes.
    table: Vec<u64>,
    digests: FxHashMap<u128, u64>,
}

fn slot(first: &[u8; 4]) -> usize {
    (u32::from_le_bytes(*first).wrapping_mul(0x9e37_79b9) >> (32 - TABLE)) as usize
}

/// What stands for a value of a print, `len` bytes long.
pub fn name(print: u64, len: usize) -> Vec<u8> {
    let mut out = vec![b'*'; len];
    if len >= SHORTEST {
        let inner = len.min(16).saturating_sub(2);
        for (i, to) in out.iter_mut().skip(1).take(inner).enumerate() {
            let at = (print >> (i * 4)) as usize & 15;
            *to = LETTERS.get(at).copied().unwrap_or(b'*');
        }
    }
    out
}

impl Scrub {
    /// Looks for nothing yet; `keep`: text whose words stay, such as a schema.
    pub fn new(key: PrintKey, keep: &str) -> Scrub {
        Scrub {
            key,
            keep: keep
                .split(|c: char| !c.is_alphanumeric() && c != '-')
                .filter(|w| w.len() >= SHORTEST)
                .map(str::to_lowercase)
                .collect(),
            values: FxHashSet::default(),
            patterns: Vec::new(),
            short: FxHashMap::default(),
            long: FxHashMap::default(),
            table: vec![0; (1 << TABLE) / 64],
            digests: FxHashMap::default(),
        }
    }

    /// Looks for a value as well; `same` is the spelling whose print stands for it.
    pub fn add(&mut self, value: &[u8], same: &[u8]) {
        let lower = value.to_ascii_lowercase();
        if value.len() < SHORTEST || !self.values.insert(lower.clone()) {
            return;
        }
        let kept = std::str::from_utf8(&lower).is_ok_and(|l| self.keep.iter().any(|k| k == l));
        if kept {
            return;
        }
        let print = self.key.print(PrintKind::Value, same);
        match std::str::from_utf8(value) {
            Ok(text) => {
                for w in wraps(text) {
                    if w.form.steps().any(|s| s.one_way()) {
                        let bytes = unhex(&w.bytes);
                        if let Some(half) = bytes.first_chunk::<16>() {
                            self.digests.insert(u128::from_le_bytes(*half), print);
                        }
                    } else {
                        self.pattern(&w.bytes, print);
                    }
                }
            }
            Err(_) => self.pattern(value, print),
        }
    }

    fn pattern(&mut self, bytes: &[u8], print: u64) {
        let bytes = bytes.to_ascii_lowercase();
        let Ok(n) = u32::try_from(self.patterns.len()) else {
            return;
        };
        match (bytes.first_chunk::<LONG>(), bytes.first_chunk::<SHORTEST>()) {
            (Some(first), _) => self.long.entry(*first).or_default().push(n),
            (None, Some(first)) => self.short.entry(*first).or_default().push(n),
            (None, None) => return,
        }
        if let Some(first) = bytes.first_chunk::<4>() {
            let at = slot(first);
            if let Some(word) = self.table.get_mut(at / 64) {
                *word |= 1 << (at % 64);
            }
        }
        self.patterns.push((bytes, print));
    }

    /// How many values are looked for.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether none are.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The longest value that begins here.
    fn at(&self, rest: &[u8]) -> Option<(usize, u64)> {
        let first = rest.first_chunk::<4>()?;
        let at = slot(first);
        if self.table.get(at / 64)? >> (at % 64) & 1 == 0 {
            return None;
        }
        let long = rest.first_chunk::<LONG>().and_then(|f| self.long.get(f));
        let short = rest
            .first_chunk::<SHORTEST>()
            .and_then(|f| self.short.get(f));
        long.into_iter()
            .chain(short)
            .flatten()
            .filter_map(|n| self.patterns.get(*n as usize))
            .filter(|(p, _)| rest.starts_with(p))
            .map(|(p, print)| (p.len(), *print))
            .max()
    }

    /// Hides all values in a text; whether there was any.
    pub fn hide(&self, text: &mut [u8]) -> bool {
        let lower = text.to_ascii_lowercase();
        let mut found: Vec<(Range<usize>, u64)> = Vec::new();
        for i in 0..lower.len() {
            let Some(rest) = lower.get(i..) else { break };
            if let Some((len, print)) = self.at(rest) {
                found.push((i..i + len, print));
            }
        }
        let mut i = 0;
        while i < lower.len() {
            let run = lower.get(i..).unwrap_or_default();
            let n = run.iter().take_while(|b| b.is_ascii_hexdigit()).count();
            if matches!(n, 32 | 40 | 64)
                && let Some(half) = unhex(run.get(..n).unwrap_or_default()).first_chunk::<16>()
                && let Some(print) = self.digests.get(&u128::from_le_bytes(*half))
            {
                found.push((i..i + n, *print));
            }
            i += n.max(1);
        }
        found.sort_by_key(|f| (f.0.start, std::cmp::Reverse(f.0.end)));
        let mut done = 0;
        for (range, print) in &found {
            // of two that overlap the later one is hidden as far as it goes on
            let from = range.start.max(done);
            if from < range.end {
                put(text, from..range.end, *print);
                done = range.end;
            }
        }
        !found.is_empty()
    }

    /// The same for text.
    pub fn text(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        if !self.hide(&mut bytes) {
            return text.to_owned();
        }
        String::from_utf8(bytes)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
    }
}

/// Writes what stands for a value over it.
pub fn put(text: &mut [u8], range: Range<usize>, print: u64) {
    let end = range.end.min(text.len());
    if let Some(to) = text.get_mut(range.start.min(end)..end) {
        let name = name(print, to.len());
        to.copy_from_slice(&name);
    }
}

fn unhex(digits: &[u8]) -> Vec<u8> {
    let (pairs, _) = digits.as_chunks::<2>();
    pairs
        .iter()
        .filter_map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    #[test]
    fn values_are_gone_in_every_form_and_places_stay() {
        let mut s = Scrub::new(PrintKey::strong([7; 32]), "CREATE TABLE account(id)");
        for v in [
            "13812345678",
            "张三丰",
            "Alice@Corp.example",
            "account",
            "abc",
        ] {
            s.add(v.as_bytes(), v.as_bytes());
        }
        let wrap = base64::engine::general_purpose::STANDARD.encode("xx13812345678yy");
        let md5 = crate::detect::wraps::wraps("13812345678")
            .into_iter()
            .find(|w| w.form.name() == "md5")
            .unwrap();
        let md5 = String::from_utf8(md5.bytes).unwrap();
        let text = format!(
            "a=13812345678&b={wrap}&c={md5}&d=张三丰 %E5%BC%A0%E4%B8%89%E4%B8%B0 \\u5f20\\u4e09\\u4e30 ALICE@corp.example abc account 3133383132333435363738"
        );
        let out = s.text(&text);
        assert_eq!(out.len(), text.len());
        for gone in [
            "13812345678",
            &wrap[4..16],
            &md5,
            "张",
            "%E5%BC%A0",
            "5f20",
            "ALICE",
            "31333831",
        ] {
            assert!(!out.contains(gone), "{gone} in {out}");
        }
        assert!(out.contains("abc account"), "{out}");
        let again = s.text("13812345678");
        assert!(
            out.contains(&again)
                && again.starts_with('*')
                && again
                    != name(0, 11)
                        .iter()
                        .map(|b| char::from(*b))
                        .collect::<String>()
        );
    }
}
