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

/// Delimiters, most frequent first.
pub const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];
/// Rows and bytes that are looked at where the first line does not tell.
const LOOK_ROWS: usize = 24;
const LOOK: usize = 16 << 10;

/// The delimiter: what the media type or a line `sep=;` says, the only one that the first line has, else the one that divides most of the
/// first rows into as many cells; the comma where none does.
pub fn delimiter(content: &[u8], media_type: Option<&str>) -> u8 {
    if media_type.is_some_and(|m| m.contains("tab-separated")) {
        return b'\t';
    }
    let line = content
        .split(|b| *b == b'\n')
        .find(|l| !l.trim_ascii().is_empty())
        .unwrap_or(b"");
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let [
        b's' | b'S',
        b'e' | b'E',
        b'p' | b'P',
        b'=',
        d @ (b'\t' | b'!'..=b'/' | b':' | b';' | b'^' | b'|' | b'~'),
    ] = line
        && *d != b'"'
    {
        return *d;
    }
    let count = |d: u8| {
        let mut quoted = false;
        let cuts = line.iter().filter(|b| {
            quoted ^= **b == b'"';
            **b == d && !quoted
        });
        cuts.count()
    };
    let counts = DELIMITERS.map(|d| (d, count(d)));
    let mut there = counts.iter().filter(|c| c.1 > 0);
    if let (Some((only, _)), None) = (there.next(), there.next()) {
        return *only;
    }
    let ahead = content.get(..content.len().min(LOOK)).unwrap_or(content);
    let mut best = (b',', (0, 0));
    for (d, n) in counts {
        let weight = divides(ahead, d);
        if (weight.0, n.max(weight.1)) > best.1 {
            best = (d, (weight.0, n.max(weight.1)));
        }
    }
    best.0
}

/// How many of the first rows a delimiter divides into the same number of cells, the most frequent one, and that number less one.
fn divides(ahead: &[u8], delimiter: u8) -> (usize, usize) {
    let (mut at, mut cells, mut cuts) = (0, Vec::new(), Vec::new());
    while at < ahead.len() && cuts.len() < LOOK_ROWS {
        at = row(ahead, at, delimiter, &mut cells);
        cuts.push(cells.len().saturating_sub(1));
    }
    cuts.retain(|n| *n > 0);
    cuts.sort_unstable();
    cuts.chunk_by(|a, b| a == b)
        .map(|same| (same.len(), same.first().copied().unwrap_or(0)))
        .max()
        .unwrap_or_default()
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
    fn delimiters() {
        for (text, want) in [
            ("a;b;c\n", b';'),
            ("a\n", b','),
            ("", b','),
            ("a, b; c\n1;2\n", b';'),
            ("name;amount\nx;1,5\ny;2,5\n", b';'),
            ("name, first;amount, net\nx;1,5\ny;2,5\n", b';'),
            ("list of customers\n\na|b|c\n1|2|3\n", b'|'),
            ("sep=;\r\na,b;c\r\n", b';'),
            ("sep=\t\na,b\tc\n", b'\t'),
            ("sep=\"\na,b\n", b','),
            ("\"a;b\",c\n", b','),
            ("a\tb, c\n1\t2, 3\n1\t2\n", b'\t'),
        ] {
            assert_eq!(delimiter(text.as_bytes(), None), want, "{text}");
        }
    }

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
