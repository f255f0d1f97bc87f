//! Rows of delimited text (RFC 4180, forgiving). In: bytes and a delimiter. Out: the cells of one row as ranges.
//! Bounds: linear; a quote that is never closed ends with the content.

use std::ops::Range;

/// A cell: its range without quotes, and whether it holds doubled quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Place in the content.
    pub range: Range<usize>,
    /// `""` inside stands for `"`.
    pub doubled: bool,
}

/// The delimiter that divides the first line into the most cells; the comma where none does.
pub fn delimiter(content: &[u8], media_type: Option<&str>) -> u8 {
    if media_type.is_some_and(|m| m.contains("tab-separated")) {
        return b'\t';
    }
    let line = content
        .split(|b| *b == b'\n')
        .find(|l| !l.trim_ascii().is_empty())
        .unwrap_or(b"");
    let mut best = (b',', 0);
    for d in [b',', b'\t', b';', b'|'] {
        let mut quoted = false;
        let mut n = 0;
        for b in line {
            quoted ^= *b == b'"';
            n += usize::from(*b == d && !quoted);
        }
        if n > best.1 {
            best = (d, n);
        }
    }
    best.0
}

/// Reads the row at `at` into `cells` (cleared first); returns the place of the next row.
pub fn row(s: &[u8], at: usize, delimiter: u8, cells: &mut Vec<Cell>) -> usize {
    cells.clear();
    let mut i = at;
    loop {
        if s.get(i) == Some(&b'"') {
            let (end, doubled) = quoted(s, i + 1);
            cells.push(Cell {
                range: i + 1..end,
                doubled,
            });
            i = (end + 1).min(s.len());
            // what stands between the quote and the delimiter is no part of a cell
            let rest = s.get(i..).unwrap_or(b"");
            i += rest
                .iter()
                .position(|b| *b == delimiter || *b == b'\n')
                .unwrap_or(rest.len());
        } else {
            let rest = s.get(i..).unwrap_or(b"");
            let n = memchr::memchr2(delimiter, b'\n', rest).unwrap_or(rest.len());
            let mut end = i + n;
            if s.get(end) != Some(&delimiter) && end > i && s.get(end - 1) == Some(&b'\r') {
                end -= 1;
            }
            cells.push(Cell {
                range: i..end,
                doubled: false,
            });
            i += n;
        }
        match s.get(i) {
            Some(b) if *b == delimiter => i += 1,
            Some(_) => return i + 1,
            None => return s.len(),
        }
    }
}

/// A cell with `""` as `"`.
pub fn undoubled(cell: &[u8]) -> Vec<u8> {
    let mut after = false;
    let single = cell.iter().filter(|b| {
        let second = **b == b'"' && after;
        after = **b == b'"' && !after;
        !second
    });
    single.copied().collect()
}

fn quoted(s: &[u8], from: usize) -> (usize, bool) {
    let mut i = from;
    let mut doubled = false;
    while let Some(n) = s.get(i..).and_then(|r| memchr::memchr(b'"', r)) {
        i += n;
        if s.get(i + 1) != Some(&b'"') {
            return (i, doubled);
        }
        doubled = true;
        i += 2;
    }
    (s.len(), doubled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_cells() {
        let s = b"a,\"b,1\",\"c\"\"d\"\r\n\r\n1,,3\n\"open";
        let mut cells = Vec::new();
        let text = |c: &[Cell]| {
            c.iter()
                .map(|c| String::from_utf8_lossy(&s[c.range.clone()]).into_owned())
                .collect::<Vec<_>>()
        };
        let n = row(s, 0, b',', &mut cells);
        assert_eq!(text(&cells), ["a", "b,1", "c\"\"d"]);
        assert!(cells[2].doubled);
        let n = row(s, n, b',', &mut cells);
        assert_eq!(text(&cells), [""]);
        let n = row(s, n, b',', &mut cells);
        assert_eq!(text(&cells), ["1", "", "3"]);
        let n = row(s, n, b',', &mut cells);
        assert_eq!(text(&cells), ["open"]);
        assert_eq!(n, s.len());
        assert_eq!(delimiter(b"a;b;c\n", None), b';');
    }
}
