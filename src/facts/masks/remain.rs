//! How many values a mask leaves. In: a pattern of visible characters. Out: the number of values of the class that show just these,
//! exact. Bounds: at most a million steps for a region code that is wholly hidden, remembered; all else some thousands.
//!
//! Counted are the values that the class's own validator accepts (GB 11643 with region, date and check character; Luhn with issuer;
//! the numbering plan of mobiles), so that the count is that of a search by brute force.

use crate::detect::kind::Kind;
use crate::detect::valid::{card, china, date};
use rustc_hash::FxHashMap;

/// A hidden character in a pattern.
pub const HIDDEN: u8 = 0;

/// Counts with what was counted before.
#[derive(Default)]
pub struct Remain {
    /// Sums mod 11 of region codes and dates, by their place and pattern.
    parts: FxHashMap<(bool, Vec<u8>), [u64; 11]>,
}

const WEIGHTS: [u64; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

impl Remain {
    /// Values that show this pattern; `None` for a class or a length whose values cannot be counted.
    pub fn count(&mut self, kind: Kind, pattern: &[u8]) -> Option<u64> {
        match (kind, pattern.len()) {
            (Kind::CnId, 18) => self.resident(pattern),
            (Kind::Card, 13..=19) => card_count(pattern),
            (Kind::Mobile, 11) => Some(mobile(pattern)),
            _ => None,
        }
    }

    fn resident(&mut self, p: &[u8]) -> Option<u64> {
        let region = self.part(true, p.get(..6)?);
        let birth = self.part(false, p.get(6..14)?);
        let serial = sums(p.get(14..17)?, WEIGHTS.get(14..17)?, |_| true);
        let check = *p.get(17)?;
        let mut all = [0u64; 11];
        for (i, a) in region.iter().enumerate().filter(|(_, n)| **n > 0) {
            for (j, b) in birth.iter().enumerate().filter(|(_, n)| **n > 0) {
                for (k, c) in serial.iter().enumerate() {
                    if let Some(sum) = all.get_mut((i + j + k) % 11) {
                        *sum += a * b * c;
                    }
                }
            }
        }
        let fits = |c: u8| check == HIDDEN || check.to_ascii_uppercase() == c;
        let kept = all.iter().zip(CHECKS).filter(|(_, c)| fits(**c));
        Some(kept.map(|(n, _)| n).sum())
    }

    fn part(&mut self, region: bool, p: &[u8]) -> [u64; 11] {
        if let Some(known) = self.parts.get(&(region, p.to_vec())) {
            return *known;
        }
        let found = if region {
            sums(p, WEIGHTS.get(..6).unwrap_or_default(), china::region)
        } else {
            sums_of_dates(p)
        };
        if p.contains(&HIDDEN) {
            self.parts.insert((region, p.to_vec()), found);
        }
        found
    }
}

/// How many numbers that show `p` and pass have each weighted sum mod 11.
fn sums(p: &[u8], weights: &[u64], ok: impl Fn(&[u8]) -> bool) -> [u64; 11] {
    let mut out = [0; 11];
    each(p, &mut |d| {
        if ok(d) {
            let sum: u64 = d.iter().zip(weights).map(|(b, w)| digit(*b) * w).sum();
            if let Some(n) = out.get_mut((sum % 11) as usize) {
                *n += 1;
            }
        }
    });
    out
}

/// The same of dates: 136 years of days, and not all numbers of eight digits.
fn sums_of_dates(p: &[u8]) -> [u64; 11] {
    let mut out = [0; 11];
    let weights = WEIGHTS.get(6..14).unwrap_or_default();
    for year in 1900..=2035 {
        for month in 1..=12 {
            for day in 1..=31 {
                let text = format!("{year}{month:02}{day:02}");
                let d = text.as_bytes();
                let shows = d.iter().zip(p).all(|(a, b)| *b == HIDDEN || a == b);
                if shows && date::birth(d) {
                    let sum: u64 = d.iter().zip(weights).map(|(b, w)| digit(*b) * w).sum();
                    if let Some(n) = out.get_mut((sum % 11) as usize) {
                        *n += 1;
                    }
                }
            }
        }
    }
    out
}

/// Every number that shows `p`; at most 6 digits may be hidden, more give nothing.
fn each(p: &[u8], f: &mut dyn FnMut(&[u8])) {
    let holes: Vec<usize> = (0..p.len())
        .filter(|i| p.get(*i) == Some(&HIDDEN))
        .collect();
    let Some(n) = u32::try_from(holes.len()).ok().filter(|n| *n <= 6) else {
        return;
    };
    let mut d = p.to_vec();
    for mut x in 0..10u32.pow(n) {
        for hole in &holes {
            if let Some(b) = d.get_mut(*hole) {
                *b = b'0' + u8::try_from(x % 10).unwrap_or(0);
            }
            x /= 10;
        }
        f(&d);
    }
}

fn digit(b: u8) -> u64 {
    u64::from(b.wrapping_sub(b'0') % 10)
}

fn mobile(p: &[u8]) -> u64 {
    let choices = |i: usize, b: u8| match (i, b) {
        (0, HIDDEN) => 1,
        (0, b) => u64::from(b == b'1'),
        (1, HIDDEN) => 7,
        (1, b) => u64::from((b'3'..=b'9').contains(&b)),
        (_, HIDDEN) => 10,
        (_, b) => u64::from(b.is_ascii_digit()),
    };
    p.iter().enumerate().map(|(i, b)| choices(i, *b)).product()
}

/// Cards: issuer by the first four digits, Luhn's sum over all, an account that is not all zeros.
fn card_count(p: &[u8]) -> Option<u64> {
    if p.iter().any(|b| *b != HIDDEN && !b.is_ascii_digit()) {
        return Some(0);
    }
    let all = cards(p)?;
    // ... less those of the account that is all zeros
    let mut zeros = p.to_vec();
    let account = zeros.get_mut(6..p.len() - 1)?;
    if account.iter().any(|b| !matches!(*b, HIDDEN | b'0')) {
        return Some(all);
    }
    account.fill(b'0');
    Some(all - cards(&zeros)?)
}

fn cards(p: &[u8]) -> Option<u64> {
    let (head, rest) = p.split_at_checked(4)?;
    // Luhn doubles every second digit from the right, so that the last stays.
    let value = |i: usize, b: u8| {
        let n = digit(b);
        match ((p.len() - i).is_multiple_of(2), n) {
            (true, 5..) => n * 2 - 9,
            (true, _) => n * 2,
            _ => n,
        }
    };
    let mut by_sum = [0u64; 10];
    each(head, &mut |d| {
        let mut whole = d.to_vec();
        whole.resize(p.len(), b'0');
        if card::issuer(&whole) {
            let sum: u64 = d.iter().enumerate().map(|(i, b)| value(i, *b)).sum();
            if let Some(n) = by_sum.get_mut((sum % 10) as usize) {
                *n += 1;
            }
        }
    });
    for (i, b) in rest.iter().enumerate() {
        let mut next = [0u64; 10];
        for d in b'0'..=b'9' {
            if *b != HIDDEN && *b != d {
                continue;
            }
            for (sum, n) in by_sum.iter().enumerate() {
                let to = (sum as u64 + value(i + 4, d)) % 10;
                if let Some(m) = next.get_mut(to as usize) {
                    *m = m.saturating_add(*n);
                }
            }
        }
        by_sum = next;
    }
    by_sum.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn brute(kind: Kind, p: &[u8]) -> u64 {
        let mut n = 0;
        // the check character of a resident ID may be an X
        let (rest, last) = p.split_at(p.len() - 1);
        let ends: Vec<u8> = match last[0] {
            HIDDEN if kind == Kind::CnId => b"0123456789X".to_vec(),
            HIDDEN => b"0123456789".to_vec(),
            b => vec![b],
        };
        each(rest, &mut |d| {
            for end in &ends {
                let mut v = d.to_vec();
                v.push(*end);
                n += u64::from(match kind {
                    Kind::CnId => china::id18(&v),
                    Kind::Card => card::card(&v),
                    _ => china::mobile(&v),
                });
            }
        });
        n
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn counts_are_those_of_brute_force(
            holes in prop::collection::vec(0usize..19, 0..5),
            which in 0usize..6,
        ) {
            let (kind, v) = [
                (Kind::CnId, "11010519491231002X"),
                (Kind::CnId, "440524188001010014"),
                (Kind::CnId, "330106199003070019"),
                (Kind::Card, "6212345678901232"),
                (Kind::Card, "4000000000000000"),
                (Kind::Mobile, "13812345678"),
            ][which];
            let mut p = v.as_bytes().to_vec();
            for h in holes {
                let n = p.len();
                p[h % n] = HIDDEN;
            }
            prop_assert_eq!(Remain::default().count(kind, &p), Some(brute(kind, &p)));
        }
    }

    #[test]
    fn what_usual_masks_leave() {
        let count = |kind, text: &str| {
            let p: Vec<u8> = text
                .bytes()
                .map(|b| if b == b'*' { HIDDEN } else { b })
                .collect();
            Remain::default().count(kind, &p)
        };
        assert_eq!(count(Kind::Mobile, "138****1234"), Some(10_000));
        // 136 years of days, of which one in eleven fits the check character
        let id = count(Kind::CnId, "110105********002X").unwrap();
        assert!((4_400..4_650).contains(&id), "{id}");
        assert_eq!(count(Kind::CnId, "11010519491231002*"), Some(1));
        assert_eq!(count(Kind::CnId, "11010519491231*02X"), Some(1));
        assert_eq!(count(Kind::Card, "621234567890123*"), Some(1));
        assert_eq!(count(Kind::Card, "621234******1232"), Some(100_000));
        assert_eq!(count(Kind::CnId, "1101**1234"), None);
        assert_eq!(count(Kind::Email, "a***@b.cn"), None);
    }
}
