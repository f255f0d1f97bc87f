//! A clue as prose: a post in a forum, a mail, blocks of `name: value`. In: its text. Out: rows for the builder: what the
//! detectors find and codes that look like values; what stands together is a row. Bounds: [`limits::CLUE_PROSE`] bytes are
//! searched; what is beyond is counted by line.

use super::{Builder, Finder};
use crate::limits;

/// Characters that end a word.
fn ends(c: char) -> bool {
    c.is_whitespace() || ",;:，。；：、！？()（）\"'“”‘’<>《》[]【】{}|=".contains(c)
}

/// Whether lines are sentences or names with values rather than one value each.
pub(super) fn is(text: &str) -> bool {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .take(200)
        .collect();
    let wordy = lines
        .iter()
        .filter(|l| {
            let words = l.split(ends).filter(|w| !w.is_empty()).count();
            words >= 4 || words >= 2 && l.contains(['：', ':', '=', '，'])
        })
        .count();
    wordy * 3 > lines.len()
}

/// Whether it is one line in which words stand around long numbers: its commas part no columns.
pub(super) fn sentence(text: &str) -> bool {
    let mut lines = text.lines().filter(|l| !l.trim().is_empty());
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let long = |w: &str| w.bytes().filter(u8::is_ascii_digit).count() >= 6;
    line.split([',', '，', ';', '；', '、']).any(|cell| {
        let mut words = cell.split_whitespace();
        words.clone().count() >= 2 && words.clone().any(long) && words.any(|w| !long(w))
    })
}

struct Piece<'a> {
    at: usize,
    line: usize,
    text: &'a str,
    class: Option<(String, bool)>,
}

/// Rows out of prose; `false` where nothing in it is a value.
pub(super) fn read(text: &str, b: &mut Builder, finder: &mut Finder<'_>) -> bool {
    let mut cut = text.len().min(limits::CLUE_PROSE);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    let (text, beyond) = text.split_at(cut);
    b.clue.skipped += beyond.lines().count() as u64;
    let starts: Vec<usize> = std::iter::once(0)
        .chain(text.match_indices('\n').map(|(i, _)| i + 1))
        .collect();
    let line_of = |at: usize| starts.partition_point(|s| *s <= at);
    let mut pieces: Vec<Piece<'_>> = finder(text)
        .into_iter()
        .filter_map(|(at, len, class, strong)| {
            Some(Piece {
                at,
                line: line_of(at),
                text: text.get(at..at.checked_add(len)?)?,
                class: Some((class, strong)),
            })
        })
        .collect();
    pieces.sort_by_key(|p| p.at);
    // Codes and masked values that no class covers.
    let mut taken: Vec<(usize, usize)> =
        pieces.iter().map(|p| (p.at, p.at + p.text.len())).collect();
    taken.sort_unstable();
    let mut at = 0;
    for word in text.split(ends) {
        let from = at;
        at += word.len();
        // The character that ended the word.
        at += text
            .get(at..)
            .and_then(|r| r.chars().next())
            .map_or(0, char::len_utf8);
        let free = taken
            .get(taken.partition_point(|t| t.1 <= from))
            .is_none_or(|t| t.0 >= from + word.len());
        if free && coded(word) {
            pieces.push(Piece {
                at: from,
                line: line_of(from),
                text: word,
                class: None,
            });
        }
    }
    // `姓名：张三`: what a short line says behind its only mark is a value, the mark's left side its name.
    pieces.sort_by_key(|p| p.at);
    let mut named: Vec<(usize, &str, &str)> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        if let Some((key, value)) = line.split_once(['：', ':'])
            && (1..=24).contains(&key.trim().chars().count())
            && (2..=64).contains(&value.trim().chars().count())
            && !pieces.iter().any(|p| p.line == n + 1)
        {
            named.push((n + 1, key.trim(), value.trim()));
        }
    }
    let mut rows: Vec<Vec<(String, &str)>> = Vec::new();
    let mut told: Vec<(String, (String, bool))> = Vec::new();
    let mut last = 0usize;
    let mut own = named.into_iter().peekable();
    let empty: Vec<bool> = text.lines().map(|l| l.trim().is_empty()).collect();
    let open = |line: usize,
                name: &str,
                crowd: bool,
                rows: &mut Vec<Vec<(String, &str)>>,
                last: &mut usize| {
        let gap = (*last..line.saturating_sub(1)).any(|l| empty.get(l).copied().unwrap_or(false));
        let again = rows.last().is_some_and(|r| r.iter().any(|c| c.0 == name));
        if rows.is_empty() || gap || again || line != *last && crowd {
            rows.push(Vec::new());
        }
        *last = line;
    };
    let mut per_line: std::collections::BTreeMap<usize, usize> = std::collections::BTreeMap::new();
    for p in &pieces {
        *per_line.entry(p.line).or_default() += 1;
    }
    for p in &pieces {
        while let Some((line, key, value)) = own.next_if(|n| n.0 < p.line) {
            open(line, key, false, &mut rows, &mut last);
            if let Some(r) = rows.last_mut() {
                r.push((key.to_owned(), value));
            }
        }
        let name = p
            .class
            .as_ref()
            .map_or_else(|| "code".to_owned(), |c| c.0.clone());
        // A line with several values is a row of its own, and so is what follows one.
        let many = |l: usize| per_line.get(&l).copied().unwrap_or(0) > 1;
        let crowd = many(p.line) || many(last);
        open(p.line, &name, crowd, &mut rows, &mut last);
        if let Some(r) = rows.last_mut() {
            r.push((name.clone(), p.text));
        }
        if let Some(c) = &p.class
            && !told.iter().any(|t| t.0 == name)
        {
            told.push((name, c.clone()));
        }
    }
    for (line, key, value) in own {
        open(line, key, false, &mut rows, &mut last);
        if let Some(r) = rows.last_mut() {
            r.push((key.to_owned(), value));
        }
    }
    let before = b.clue.rows.len();
    // A row of words behind a colon and no value is a heading.
    for r in rows.iter().filter(|r| {
        pieces
            .iter()
            .any(|p| r.iter().any(|c| std::ptr::eq(c.1, p.text)))
    }) {
        let cells: Vec<(Option<&str>, &str)> =
            r.iter().map(|(n, v)| (Some(n.as_str()), *v)).collect();
        b.row(&cells);
    }
    for (name, class) in told {
        if let Some(c) = b.column(Some(&name), 0) {
            b.told.insert(c, class);
        }
    }
    b.clue.rows.len() > before
}

/// Whether a word looks like a number or code of somebody: long, with digits, no date, no address of a page.
fn coded(w: &str) -> bool {
    let digits = w.bytes().filter(u8::is_ascii_digit).count();
    let n = w.chars().count();
    let date = digits >= 4
        && w.bytes()
            .all(|b| b.is_ascii_digit() || b"-/.:T+Z".contains(&b))
        && w.contains(['-', '/', '.', ':']);
    (6..=64).contains(&n)
        && digits >= 3
        && !date
        && !w.contains("//")
        && w.chars()
            .all(|c| c.is_alphanumeric() || "-_.*＊@+".contains(c))
}
