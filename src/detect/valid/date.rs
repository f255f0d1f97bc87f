//! Calendar dates. In: digits. Out: whether the day exists and a living person could be born on it. Bounds: constant.

/// Two ASCII digits as a number.
pub fn two(d: &[u8]) -> Option<u32> {
    match d {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(u32::from(a - b'0') * 10 + u32::from(b - b'0')),
        _ => None,
    }
}

/// Whether `yyyymmdd` (8 ASCII digits) exists in the Gregorian calendar and lies in 1900..=2035: nobody older is in a living system, and
/// evidence does not come from the future. No clock is read: the same evidence gives the same result in every year.
pub fn birth(d: &[u8]) -> bool {
    let (Some(c), Some(y), Some(m), Some(day)) = (
        d.get(0..2).and_then(two),
        d.get(2..4).and_then(two),
        d.get(4..6).and_then(two),
        d.get(6..8).and_then(two),
    ) else {
        return false;
    };
    let year = c * 100 + y;
    d.len() == 8 && (1900..=2035).contains(&year) && exists(year, m, day)
}

/// Whether a day exists.
pub fn exists(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// A written date as eight digits: `1990-01-02`, `1990/1/2`, `19900102`, `1990.01.02`, `1990年1月2日`, `01/02/1990` (month first, else day
/// first), each with or without a time behind it.
pub fn digits(text: &[u8]) -> Option<[u8; 8]> {
    let mut part = [0u32; 3];
    let mut width = [0usize; 3];
    let mut n = 0usize;
    let mut i = 0usize;
    while i < text.len() && n < 3 {
        let b = *text.get(i)?;
        if b.is_ascii_digit() {
            let p = part.get_mut(n)?;
            *p = p.checked_mul(10)?.checked_add(u32::from(b - b'0'))?;
            *width.get_mut(n)? += 1;
            i += 1;
            continue;
        }
        if *width.get(n)? == 0 {
            return None;
        }
        // 年 月 日 are three bytes each
        let rest = text.get(i..)?;
        let step = match b {
            b'-' | b'/' | b'.' => 1,
            _ if rest.starts_with("年".as_bytes())
                || rest.starts_with("月".as_bytes())
                || rest.starts_with("日".as_bytes()) =>
            {
                3
            }
            b'T' | b' ' if n == 2 || (n == 0 && width.first() == Some(&8)) => break,
            _ => return None,
        };
        n += 1;
        i += step;
    }
    let (y, m, d) = match (part, width) {
        ([all, 0, 0], [8, 0, 0]) => (all / 10000, all / 100 % 100, all % 100),
        ([y, m, d], [4, 1 | 2, 1 | 2]) => (y, m, d),
        ([m, d, y], [1 | 2, 1 | 2, 4]) if exists(y, m, d) => (y, m, d),
        ([d, m, y], [1 | 2, 1 | 2, 4]) => (y, m, d),
        _ => return None,
    };
    if !(1900..=2035).contains(&y) || !exists(y, m, d) {
        return None;
    }
    let mut out = [b'0'; 8];
    let mut rest = y * 10000 + m * 100 + d;
    for slot in out.iter_mut().rev() {
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_exist_or_not() {
        assert!(birth(b"20000229") && birth(b"19960229") && birth(b"19001231"));
        assert!(
            !birth(b"19000229")
                && !birth(b"20010229")
                && !birth(b"19901301")
                && !birth(b"19900431")
                && !birth(b"18991231")
                && !birth(b"20360101")
        );
    }

    #[test]
    fn dates_are_read_in_the_usual_spellings() {
        for s in [
            "1990-01-02",
            "1990/1/2",
            "19900102",
            "1990.01.02",
            "1990年1月2日",
            "1990-01-02T00:00:00Z",
            "1990-01-02 08:00:00",
            "01/02/1990",
        ] {
            assert_eq!(digits(s.as_bytes()), Some(*b"19900102"), "{s}");
        }
        assert_eq!(digits(b"25/12/1990"), Some(*b"19901225"));
        for s in [
            "1990-02-30",
            "12345678",
            "1990",
            "1990-01",
            "hello",
            "",
            "2190-01-02",
            "1.2.3",
        ] {
            assert_eq!(digits(s.as_bytes()), None, "{s}");
        }
    }
}
