//! How far things go in plain text: tokens, numbers in groups, positions, addresses, the words that name them.
//! In: bytes and where something begins or ends. Out: where it ends. Bounds: each looks at a few dozen bytes, a token at itself.

use super::text::KEY;
use crate::detect::mask;
use std::ops::Range;

/// What may stand in one token.
pub(super) fn token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'_' | b'+' | b'*' | b'@' | b'%' | b'~' | b'.' | b'-' | b'#'
        )
}

/// End of the token from `i` on; covers beyond ASCII (`138••••1234`) are part of it.
pub(super) fn token_end(v: &[u8], mut i: usize) -> usize {
    loop {
        let rest = v.get(i..).unwrap_or_default();
        i += rest.iter().take_while(|b| token_byte(**b)).count();
        match v.get(i..).map(cover) {
            Some(n) if n > 0 => i += n,
            _ => return i,
        }
    }
}

/// Length of the character that hides another, beyond ASCII, at the beginning of `v`; 0 where there is none.
fn cover(v: &[u8]) -> usize {
    if !matches!(v.first(), Some(0xe2 | 0xef)) {
        return 0;
    }
    let c = v.get(..3).and_then(|c| std::str::from_utf8(c).ok());
    c.and_then(|c| c.chars().next())
        .filter(|c| mask::cover(*c))
        .map_or(0, char::len_utf8)
}

/// The words of letters that stand before `last` with single blanks between, three at most, and `last`.
pub(super) fn phrase(v: &[u8], last: Range<usize>) -> Range<usize> {
    let mut from = last.start;
    for _ in 0..3 {
        let Some(before) = v.get(..from).and_then(|b| b.strip_suffix(b" ")) else {
            break;
        };
        let n = before
            .iter()
            .rev()
            .take_while(|b| b.is_ascii_alphabetic() || **b == b'.')
            .count();
        if n == 0 || n > 16 || before.len() + KEY < last.end {
            break;
        }
        from = before.len() - n;
    }
    from..last.end
}

/// Whether words of a sentence may name a token: it has some digits, or a part of it is hidden.
pub(super) fn named_by_words(token: &[u8]) -> bool {
    let digits = token.iter().filter(|b| b.is_ascii_digit()).count();
    token.len() >= 5 && (digits >= 4 || token.contains(&b'*'))
}

/// End of the second of two numbers with a comma between, where the first ends at `end`.
pub(super) fn pair(v: &[u8], end: usize) -> Option<usize> {
    let rest = v.get(end..)?.strip_prefix(b",")?;
    let blank = usize::from(rest.first() == Some(&b' '));
    let number = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b'-');
    let n = rest.iter().skip(blank).take_while(|b| number(b)).count();
    (n >= 5).then_some(end + 1 + blank + n)
}

/// End of a telephone number that begins with its area code in brackets at `at`: `(312) 578-3826`.
pub(super) fn bracketed(v: &[u8], at: usize) -> Option<usize> {
    let rest = v.get(at..)?;
    let shaped = |want: &[u8]| {
        let fits = rest.len() >= want.len()
            && want.iter().zip(rest).all(|(w, b)| match w {
                b'd' => b.is_ascii_digit(),
                w => w == b,
            });
        let ends = !rest.get(want.len()).is_some_and(u8::is_ascii_alphanumeric);
        (fits && ends).then_some(at + want.len())
    };
    shaped(b"(ddd) ddd-dddd").or_else(|| shaped(b"(ddd)ddd-dddd"))
}

/// Where an address that is a value of a list of `key=value` ends: before the next key.
pub(super) fn listed(rest: &[u8], n: usize) -> Option<usize> {
    let tail = rest.get(n..)?;
    let next = memchr::memchr(b'=', tail)?;
    let before = tail.get(..next)?;
    let comma = memchr::memmem::rfind(before, b", ")?;
    let key = before.get(comma + 2..)?;
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.') || *b >= 0x80;
    let line = before.get(..comma)?;
    (!key.is_empty() && key.iter().all(word) && !line.contains(&b'\n')).then_some(n + comma)
}

/// How far an address goes on behind a comma at `n`: `, Austin, TX 78701`.
pub(super) fn town(rest: &[u8], n: usize) -> Option<usize> {
    let tail = rest.get(n..)?.strip_prefix(b", ")?;
    let comma = memchr::memchr(b',', tail).filter(|c| *c <= 40)?;
    let state = tail.get(comma..comma + 10)?;
    let ok = matches!(state, [b',', b' ', a, b, b' ', zip @ ..]
        if a.is_ascii_uppercase() && b.is_ascii_uppercase() && zip.iter().all(u8::is_ascii_digit));
    let city = tail.get(..comma)?;
    let city = city
        .iter()
        .all(|b| b.is_ascii_alphabetic() || matches!(b, b' ' | b'.' | b'-'));
    (ok && city).then_some(n + 2 + comma + 10)
}

/// End of a number written in groups with single blanks (`6222 0212 3456 7890`, `138 1234 5678`), where the first group ends at `end`.
pub(super) fn groups(v: &[u8], start: usize, end: usize) -> Option<usize> {
    let digit = |b: &u8| b.is_ascii_digit() || *b == b'*';
    let first = v.get(start..end)?;
    let plus = first.first() == Some(&b'+');
    if !(plus || (3..=6).contains(&first.len())) || !first.iter().skip(usize::from(plus)).all(digit)
    {
        return None;
    }
    let mut at = end;
    let mut n = 0;
    while v.get(at) == Some(&b' ') && n < 5 {
        let rest = v.get(at + 1..)?;
        // `+1 312-578-3826`
        let part = |b: &u8| digit(b) || plus && *b == b'-';
        let len = rest.iter().take_while(|b| part(b)).count();
        let dash =
            rest.get(len) == Some(&b'-') || rest.get(..len).is_some_and(|p| p.ends_with(b"-"));
        if dash || !(2..=14).contains(&len) || len > 11 && !plus {
            break;
        }
        let goes_on = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b':' | b'/');
        // a dot ends the sentence, or is one of a number
        let decimal = rest.get(len) == Some(&b'.')
            && rest.get(len + 1).is_some_and(u8::is_ascii_alphanumeric);
        if decimal || rest.get(len).is_some_and(goes_on) {
            break;
        }
        at += 1 + len;
        n += 1;
    }
    (n > 0).then_some(at)
}
