//! A clue as a table of text: cells between delimiters, or one value a line. In: its text. Out: rows for the builder. Bounds:
//! those of the clue; records are read one at a time, and what does not parse is counted.

use super::{Builder, Finder, SAMPLE, clean};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What may stand between cells, in the order in which one is preferred where two divide the lines as well. Longer ones
/// first: `|` divides what `||` does.
const DELIMITERS: [&str; 14] = [
    "----", "|||", "||", "::", "\t", ",", ";", "|", "\u{1}", "^", "，", "~", "#", ":",
];
/// Lines that are looked at.
const HEAD: usize = 60;

/// Rows of delimited text, in words what it is; `None` where no delimiter divides the lines evenly.
pub(super) fn delimited(text: &str, b: &mut Builder) -> Option<String> {
    let delimiter = sniff(text)?;
    let (text, byte) = single(text, delimiter);
    let mut r = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(byte)
        .from_reader(text.as_bytes());
    let mut records = r.records();
    let mut skipped = 0u64;
    let mut next = || -> Option<Vec<String>> {
        loop {
            match records.next()? {
                Ok(rec) => {
                    let cells: Vec<String> = rec.iter().map(str::to_owned).collect();
                    // Lines drawn between rows of a table.
                    if !cells
                        .iter()
                        .all(|c| c.chars().all(|c| "+-=:| ".contains(c)))
                    {
                        return Some(cells);
                    }
                }
                Err(_) => skipped += 1,
            }
        }
    };
    let mut first: Vec<Vec<String>> = Vec::new();
    while first.len() < HEAD
        && let Some(row) = next()
    {
        first.push(row);
    }
    // Lines above the header that are no part of the table: titles, comments.
    let width = usual(&first);
    let above = first
        .iter()
        .take(5)
        .take_while(|r| r.len() != width)
        .count();
    let header = first.len() > above + 1 && is_header(first.get(above..).unwrap_or_default());
    let mut rows = first.into_iter();
    for _ in 0..if header { above } else { 0 } {
        rows.next();
        b.clue.skipped += 1;
    }
    let mut names: Vec<String> = if header {
        rows.next().unwrap_or_default()
    } else {
        Vec::new()
    };
    let rows: Vec<Vec<String>> = rows.collect();
    let keys = if header { Vec::new() } else { keys(&rows) };
    if keys.iter().any(Option::is_some) {
        names = keys.iter().map(|k| k.clone().unwrap_or_default()).collect();
    }
    let mut put = |row: &[String]| {
        let cells: Vec<(Option<&str>, &str)> = row
            .iter()
            .enumerate()
            .map(|(i, c)| {
                let name = names.get(i).map(|n| clean(n)).filter(|n| !n.is_empty());
                let key = keys.get(i).and_then(Option::as_deref);
                let value = match key {
                    Some(k) => key_of(c).filter(|x| x.0 == k).map_or(c.as_str(), |x| x.1),
                    None => c.as_str(),
                };
                (name, value)
            })
            .collect();
        b.row(&cells);
    };
    for row in &rows {
        put(row);
    }
    while let Some(row) = next() {
        put(&row);
    }
    b.clue.skipped += skipped;
    Some(format!(
        "{}, {}",
        match delimiter {
            "\t" => "tab-separated",
            "," => "comma-separated",
            _ => "delimited",
        },
        if header { "with a header" } else { "no header" }
    ))
}

/// Words of a line at most that are cells.
const WORDS: usize = 8;

/// Rows whose cells are parted by spaces alone, as in a post: a number, masked or not, or a digest beside a name. `None` where words do not
/// divide the lines evenly, or none of them looks like a number or code of somebody.
pub(super) fn spaced(text: &str, b: &mut Builder) -> Option<String> {
    let cells = |l: &str| -> Vec<String> { l.split_whitespace().map(str::to_owned).collect() };
    let all = || text.lines().map(str::trim).filter(|l| !l.is_empty());
    let head: Vec<Vec<String>> = all().take(HEAD).map(cells).collect();
    let coded = |row: &[String]| -> Vec<bool> { row.iter().map(|w| telling(w)).collect() };
    // What most lines look like: words that are codes and words that are not.
    let mut by: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
    for row in &head {
        *by.entry(coded(row)).or_default() += 1;
    }
    let (kind, whole) = by
        .iter()
        .max_by_key(|(kind, n)| (**n, kind.len()))
        .map(|(kind, n)| (kind.clone(), *n))?;
    // Lines that lack something are of its kind too.
    let within = |row: &[bool]| {
        let mut rest = kind.iter();
        row.iter().all(|c| rest.any(|k| k == c))
    };
    let lines: usize = by.iter().filter(|x| within(x.0)).map(|x| *x.1).sum();
    let told = kind.iter().filter(|c| **c).count();
    let fits = (2..=WORDS).contains(&kind.len()) && told > 0 && told < kind.len();
    // Groups of digits are one number.
    let digits = |w: &String| w.chars().all(|c| c.is_ascii_digit() || c == '*');
    let grouped = |row: &Vec<String>| coded(row) == kind && row.iter().all(digits);
    if !fits || whole < 3 || lines * 10 < head.len() * 7 || head.iter().any(grouped) {
        return None;
    }
    for row in all().map(cells) {
        let own = coded(&row);
        let mut out: Vec<(Option<&str>, &str)> = vec![(None, ""); kind.len()];
        // A line that lacks something: each word to the next column of its kind; one that finds none is beside the row.
        let mut at = 0;
        for (word, code) in row.iter().zip(&own) {
            let Some(next) = (at..kind.len()).find(|i| kind.get(*i) == Some(code)) else {
                continue;
            };
            if let Some(cell) = out.get_mut(next) {
                cell.1 = word;
            }
            at = next + 1;
        }
        // Titles, and words around the rows.
        if own.iter().any(|c| *c) {
            b.row(&out);
        } else {
            b.clue.skipped += 1;
        }
    }
    Some("words, no header".into())
}

/// Whether a word is a number or code of somebody: six digits or more, masked, or a digest.
fn telling(word: &str) -> bool {
    let w = clean(word);
    let digits = w.bytes().filter(u8::is_ascii_digit).count();
    let masked = w.contains(['*', '＊']) && digits >= 3;
    let plain = w
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_*＊@.+".contains(c));
    plain && (masked || digits >= 6 || w.contains('@')) && !date(w)
}

/// Whether a word is a date or a time.
fn date(w: &str) -> bool {
    let parted = w.contains(['-', '/', ':', '.']);
    let mut parts = w.split(['-', '/', ':', '.', 'T']);
    parted && parts.all(|p| p.len() <= 4 && p.bytes().all(|b| b.is_ascii_digit()))
}

/// One value a line.
pub(super) fn lines(text: &str, b: &mut Builder) -> String {
    let mut all = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .peekable();
    let first: Vec<Vec<String>> = all
        .clone()
        .take(HEAD)
        .map(|l| vec![clean(l).to_owned()])
        .collect();
    let header = first.len() > 1 && is_header(&first);
    let name = if header { all.next() } else { None };
    for line in all {
        b.row(&[(name, line)]);
    }
    format!(
        "one value a line, {}",
        if header { "with a header" } else { "no header" }
    )
}

/// Lines of one value each, of more than one class: each class is a column. `false`, and nothing read, where there is one class.
pub(super) fn mixed(text: &str, b: &mut Builder, finder: &mut Finder<'_>) -> bool {
    let all: Vec<&str> = text
        .lines()
        .map(|l| clean(l.trim()))
        .filter(|l| !l.is_empty())
        .collect();
    let mut class = |line: &str| {
        let found = finder(line).into_iter();
        let whole = found.filter(|f| f.0 == 0 && f.1 == line.len());
        whole.map(|f| (f.2, f.3)).next()
    };
    let step = all.len().div_ceil(SAMPLE).max(1);
    let (mut by, mut n): (BTreeMap<Option<(String, bool)>, usize>, usize) = Default::default();
    for line in all.iter().step_by(step) {
        *by.entry(class(line)).or_default() += 1;
        n += 1;
    }
    // a few lines of another class are a header, and mistakes
    by.retain(|_, k| *k >= 2 && *k * 20 >= n);
    // mostly codes: what looks like a class among them is one by chance
    let codes = by.get(&None).copied().unwrap_or(0) * 2 > n;
    if codes || by.len() < 2 || !by.keys().flatten().any(|c| c.1) {
        return false;
    }
    let mut told: BTreeMap<String, bool> = BTreeMap::new();
    for line in all {
        let of = class(line);
        let name = of.as_ref().map_or("other", |c| c.0.as_str());
        b.row(&[(Some(name), line)]);
        told.extend(of);
    }
    for (name, strong) in told {
        if let Some(c) = b.column(Some(&name), 0) {
            b.told.insert(c, (name, strong));
        }
    }
    true
}

/// The text with a delimiter of one byte.
fn single<'a>(text: &'a str, delimiter: &str) -> (Cow<'a, str>, u8) {
    match delimiter.as_bytes() {
        [one] => (Cow::Borrowed(text), *one),
        _ => (Cow::Owned(text.replace(delimiter, "\u{1}")), 1),
    }
}

/// The number of cells that most rows have.
fn usual(rows: &[Vec<String>]) -> usize {
    let mut by: BTreeMap<usize, usize> = BTreeMap::new();
    for r in rows {
        *by.entry(r.len()).or_default() += 1;
    }
    by.into_iter()
        .max_by_key(|(cells, n)| (*n, *cells))
        .map_or(0, |x| x.0)
}

/// `name=value`, `name: value`.
fn key_of(cell: &str) -> Option<(&str, &str)> {
    let (k, v) = cell.split_once([':', '=', '：'])?;
    let k = clean(k);
    let word = !k.is_empty()
        && k.chars().count() <= 24
        && k.chars().any(char::is_alphabetic)
        && !k.contains("//");
    word.then(|| (k, clean(v)))
}

/// For each column the name that nearly all its cells begin with.
fn keys(rows: &[Vec<String>]) -> Vec<Option<String>> {
    let width = usual(rows);
    (0..width)
        .map(|i| {
            let cells: Vec<&str> = rows
                .iter()
                .filter_map(|r| r.get(i))
                .map(String::as_str)
                .collect();
            let first = cells.iter().find_map(|c| key_of(c))?.0;
            let with = cells
                .iter()
                .filter(|c| key_of(c).is_some_and(|k| k.0 == first))
                .count();
            (cells.len() > 1 && with * 5 >= cells.len() * 4).then(|| first.to_owned())
        })
        .collect()
}

/// The delimiter that gives most of the first lines the same number of cells, more than one.
fn sniff(text: &str) -> Option<&'static str> {
    let head: String = text
        .lines()
        .filter(|l| l.chars().any(|c| !"+-=:| ".contains(c)))
        .take(HEAD)
        .fold(String::new(), |mut s, l| {
            s.push_str(l);
            s.push('\n');
            s
        });
    let mut best: Option<(usize, usize, &'static str)> = None;
    for d in DELIMITERS {
        if !head.contains(d) {
            continue;
        }
        let (head, byte) = single(&head, d);
        let mut r = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(byte)
            .from_reader(head.as_bytes());
        let counts: Vec<usize> = r.records().flatten().map(|r| r.len()).collect();
        let mut by: BTreeMap<usize, usize> = BTreeMap::new();
        for c in &counts {
            *by.entry(*c).or_default() += 1;
        }
        let Some((cells, lines)) = by.into_iter().max_by_key(|(cells, n)| (*n, *cells)) else {
            continue;
        };
        // Marks that stand in sentences and times must divide every line.
        let least = if matches!(d, ":" | "#" | "，" | "~") {
            10
        } else {
            7
        };
        // Of two that divide alike the longer, which comes first, is the one: `||` is no two `|`.
        let better =
            best.is_none_or(|x| lines > x.0 || lines == x.0 && cells > x.1 && !x.2.contains(d));
        if cells > 1 && lines * 10 >= counts.len() * least && better {
            best = Some((lines, cells, d));
        }
    }
    best.map(|b| b.2)
        .filter(|d| *d != ":" || !text.contains(": ") && !text.contains("："))
}

/// Whether the first row names the columns: words without long numbers, all different, and below them other things.
fn is_header(rows: &[Vec<String>]) -> bool {
    let Some(first) = rows.first() else {
        return false;
    };
    let valued = |c: &str| {
        let c = clean(c);
        c.contains('@')
            || c.contains('*')
            || c.bytes().filter(u8::is_ascii_digit).count() >= 4
            || c.chars().count() > 40
    };
    let cells: Vec<&str> = first
        .iter()
        .map(|c| clean(c))
        .filter(|c| !c.is_empty())
        .collect();
    let mut distinct = cells.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if cells.is_empty() || distinct.len() != cells.len() || cells.iter().any(|c| valued(c)) {
        return false;
    }
    // A column below a header cell holds values of another kind, or the cell is an identifier (`id_card`, `idNo`).
    let body: Vec<&Vec<String>> = rows.iter().skip(1).take(50).collect();
    let differs = (0..first.len()).any(|i| {
        let with = body
            .iter()
            .filter(|r| r.get(i).is_some_and(|c| valued(c)))
            .count();
        with * 2 > body.len()
    });
    let named = cells.iter().all(|c| {
        c.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-. ".contains(&b))
            && c.bytes().any(|b| b.is_ascii_alphabetic())
    }) && cells.len() > 1;
    differs || named && body.iter().any(|r| r.iter().any(|c| !c.is_ascii()))
}
