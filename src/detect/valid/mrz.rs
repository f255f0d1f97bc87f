//! Machine-readable zones of travel documents (ICAO 9303): TD1, TD2, TD3. In: a value with its lines. Out: whether the check digits fit.
//! Bounds: three lines of 30, two of 36 or 44 characters.

use super::national::Fit;

/// Value of a character in a check: digits, letters from 10 on, `<` nothing.
fn value(b: u8) -> u32 {
    match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b'A'..=b'Z' => u32::from(b - b'A') + 10,
        _ => 0,
    }
}

/// Whether the digit behind a field is its check.
fn checked(line: &[u8], from: usize, to: usize) -> bool {
    let Some(field) = line.get(from..to) else {
        return false;
    };
    let sum: u32 = field
        .iter()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(b, w)| value(*b) * w)
        .sum();
    line.get(to)
        .is_some_and(|b| b.is_ascii_digit() && value(*b) == sum % 10)
}

/// The second of two lines where the first stands elsewhere: all four checks, the last over number, birth, expiry and what follows.
fn second_alone(line: &[u8]) -> Fit {
    let fields = [0..9, 13..19, 21..27];
    let end = line.len() - 1;
    let mut over = [0u8; 44];
    let parts = [0..10, 13..20, 21..end];
    let kept = parts.iter().flat_map(|r| line.get(r.clone()));
    let mut n = 0;
    for (slot, b) in over.iter_mut().zip(kept.flatten().chain(line.get(end))) {
        *slot = *b;
        n += 1;
    }
    let whole = over.get(..n).is_some_and(|l| checked(l, 0, n - 1));
    if whole && fields.into_iter().all(|r| checked(line, r.start, r.end)) {
        Fit::Passes(95)
    } else {
        Fit::Not
    }
}

/// How a value fits: its lines stand apart by breaks or blanks, or follow each other at once.
pub fn fit(v: &[u8]) -> Fit {
    let mut all = [0u8; 90];
    let mut n = 0;
    for b in v {
        match b {
            b'A'..=b'Z' | b'0'..=b'9' | b'<' => {
                let Some(slot) = all.get_mut(n) else {
                    return Fit::Not;
                };
                *slot = *b;
                n += 1;
            }
            // in YAML or a log the break stands escaped
            b'\n' | b'\r' | b' ' | b'\\' | b'n' | b'r' => {}
            _ => return Fit::Not,
        }
    }
    if let Some(second) = all.get(..n).filter(|t| matches!(t.len(), 36 | 44)) {
        return second_alone(second);
    }
    let lead = matches!(all.first(), Some(b'P' | b'I' | b'A' | b'C' | b'V'));
    let Some(text) = all.get(..n).filter(|_| lead && v.contains(&b'<')) else {
        return Fit::Not;
    };
    let (line, number, birth, expiry) = match n {
        // two lines: number, birth and expiry in the second
        72 => (text.get(36..), 0..9, 13..19, 21..27),
        88 => (text.get(44..), 0..9, 13..19, 21..27),
        // three: the number in the first, the days in the second
        90 => (Some(text), 5..14, 30..36, 38..44),
        _ => return Fit::Not,
    };
    let line = line.unwrap_or_default();
    let passes = [number, birth, expiry]
        .into_iter()
        .all(|r| checked(line, r.start, r.end));
    if passes {
        Fit::Passes(98)
    } else {
        Fit::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specimens_of_the_standard() {
        for (ok, at) in [
            (
                "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
                50,
            ),
            (
                "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6",
                40,
            ),
            (
                "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
                8,
            ),
        ] {
            assert_eq!(fit(ok.as_bytes()), Fit::Passes(98), "{ok}");
            let mut bad = ok.as_bytes().to_vec();
            bad[at] = if bad[at] == b'1' { b'2' } else { b'1' };
            assert_eq!(fit(&bad), Fit::Refused, "{ok}");
        }
        assert_eq!(fit(b"P<UTO"), Fit::Not);
        let second = *b"L898902C36UTO7408122F1204159ZE184226B<<<<<10";
        assert_eq!(fit(&second), Fit::Passes(95));
        for at in [1, 9, 14, 22, 30, 43] {
            let mut bad = second;
            bad[at] = if bad[at] == b'1' { b'2' } else { b'1' };
            assert_eq!(fit(&bad), Fit::Not, "{at}");
        }
    }
}
