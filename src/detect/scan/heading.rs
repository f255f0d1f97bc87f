//! Which row of a table names its columns, and how. In: the first rows. Out: a name for each column, none twice, empty where it has none.
//! Bounds: [`AHEAD`] bytes and [`ROWS`] rows are looked at; names of [`limits::HEADING`] bytes; linear in them.
//!
//! A name becomes the key that a column is counted by, so a row of data must not be taken for one of names. Words above a column of
//! numbers name it; where all that stands below is words too, the row has to hold words that keys are known to be made of, and none
//! that comes again in its column.

use crate::body::csv::{self, Cell};
use crate::detect::Rules;
use crate::limits;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ops::Range;

/// Bytes of a table that are looked at.
const AHEAD: usize = 64 << 10;
/// Rows of it: titles and dates of a report before its table, and what is enough of the table.
const ROWS: usize = 48;

/// A row of names.
pub(super) struct Heading {
    /// Its number, from 1.
    pub row: u32,
    /// Its place in the content; the same row again is no data.
    pub range: Range<usize>,
    /// Names by column.
    pub names: Vec<Vec<u8>>,
}

/// The row that names the columns of delimited text, behind titles and the like.
pub(super) fn find(rules: &Rules, content: &[u8], start: usize, delimiter: u8) -> Option<Heading> {
    let ahead = content.get(..content.len().min(start + AHEAD))?;
    let mut rows: Vec<(Range<usize>, Vec<Cell>)> = Vec::new();
    let mut at = start;
    while at < ahead.len() && rows.len() < ROWS {
        let mut cells = Vec::new();
        let end = csv::row(ahead, at, delimiter, &mut cells);
        // a row that is cut says nothing
        if end < ahead.len() || ahead.len() == content.len() {
            rows.push((at..end, cells));
        }
        at = end;
    }
    let texts: Vec<Vec<&[u8]>> = rows
        .iter()
        .map(|(_, cells)| cells.iter().map(|c| text(ahead, c)).collect())
        .collect();
    let filled = |row: &Vec<&[u8]>| row.iter().filter(|c| !c.is_empty()).count();
    let mut counts: Vec<usize> = texts.iter().map(filled).filter(|n| *n > 0).collect();
    counts.sort_unstable();
    let usual = counts.get(counts.len() / 2).copied()?;
    let first = texts
        .iter()
        .position(|t| filled(t) > 0 && (usual <= 1 || filled(t) * 2 > usual))?;
    let (candidate, below) = texts.get(first..)?.split_first()?;
    if !names_columns(rules, candidate, below) {
        return None;
    }
    let (range, cells) = rows.get(first)?;
    let undone = cells
        .iter()
        .zip(candidate)
        .map(|(c, text)| match c.doubled {
            true => csv::undoubled(text),
            false => text.to_vec(),
        });
    Some(Heading {
        row: u32::try_from(first + 1).ok()?,
        range: range.clone(),
        names: distinct(undone),
    })
}

fn text<'a>(content: &'a [u8], c: &Cell) -> &'a [u8] {
    let v = content.get(c.range.clone()).unwrap_or_default();
    v.get(bare(v)).unwrap_or_default()
}

/// The part of a cell without blanks around it and without what keeps a spreadsheet from taking it for a number or a formula: `="0123"`
/// (its quotes doubled where the cell is quoted), `'0123`, `` `0123 ``; `'0123'` where a program quotes so; of `13812345678.0` the number.
pub(super) fn bare(v: &[u8]) -> Range<usize> {
    let from = v.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let v = v.get(from..).unwrap_or_default().trim_ascii_end();
    let (before, behind) = match v {
        [b'=', b'"', b'"', .., b'"', b'"'] if v.len() >= 5 => (3, 2),
        [b'=', b'"', .., b'"'] if v.len() >= 3 => (2, 1),
        [b'\'', _, .., b'\''] => (1, 1),
        [b'\'', b'0'..=b'9' | b'+' | b'-' | b'=' | b'@', ..] | [b'`', b'0'..=b'9' | b'+', ..] => {
            (1, 0)
        }
        // numbers that went through a table of floats
        [digits @ .., b'.', b'0'] if digits.len() >= 11 && number_alone(digits) => (0, 2),
        _ => (0, 0),
    };
    from + before..from + v.len() - behind
}

fn number_alone(v: &[u8]) -> bool {
    v.iter().all(u8::is_ascii_digit)
}

/// Names as keys: too long ones are none, and one that came before is told apart by its number.
pub(super) fn distinct(names: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut taken: FxHashSet<Vec<u8>> = FxHashSet::default();
    // Number given last by name: it only grows, so that names which look numbered are each passed once.
    let mut given: FxHashMap<Vec<u8>, u32> = FxHashMap::default();
    let mut out = Vec::new();
    for mut name in names.take(limits::FIELDS_PER_BODY) {
        let text = name.trim_ascii();
        if text.len() > limits::HEADING {
            name.clear();
        } else if text.len() < name.len() {
            name = text.to_vec();
        }
        if !name.is_empty() {
            if taken.contains(&name) {
                let last = given.entry(name.clone()).or_insert(1);
                let base = name.clone();
                while taken.contains(&name) {
                    *last += 1;
                    name = [&base, format!(" ({last})").as_bytes()].concat();
                }
            }
            taken.insert(name.clone());
        }
        out.push(name);
    }
    out
}

/// What one cell of a first row may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Word,
    /// A year, a sign, a word for nothing: neither for nor against.
    Either,
    Data,
}

fn digits(v: &[u8]) -> usize {
    v.iter().filter(|b| b.is_ascii_digit()).count()
}

fn address(v: &[u8]) -> bool {
    let at = v.iter().position(|b| *b == b'@');
    at.is_some_and(|at| at > 0 && v.get(at..).is_some_and(|rest| rest.contains(&b'.')))
}

fn number(v: &[u8]) -> bool {
    digits(v) > 0 && !v.iter().any(|b| b.is_ascii_alphabetic() || *b >= 0x80)
}

/// Whether a text is data for sure.
fn data(v: &[u8]) -> bool {
    digits(v) >= 4 || number(v) || v.contains(&b'*') || address(v)
}

/// What stands where there is no value.
fn nothing(v: &[u8]) -> bool {
    const WORDS: [&str; 12] = [
        "null", "nil", "none", "n/a", "na", "nan", "unknown", "\\n", "无", "空", "暂无", "未知",
    ];
    !v.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 0x80)
        || WORDS.iter().any(|w| w.as_bytes().eq_ignore_ascii_case(v))
}

fn sort(rules: &Rules, v: &[u8]) -> Sort {
    if v.len() > limits::HEADING {
        return Sort::Data;
    }
    if v.contains(&b'*') {
        // a sign for a field that must be filled in; a masked name has one too
        let name = trim_stars(v);
        return match name.contains(&b'*') || says(rules, name) == Says::Nothing {
            true => Sort::Data,
            false => Sort::Word,
        };
    }
    let n = digits(v);
    let year = n == 4 && matches!(v, [b'1', b'9', ..] | [b'2', b'0', ..]);
    if n > 4 || address(v) || number(v) && !year {
        Sort::Data
    } else if n == 4 || nothing(v) {
        Sort::Either
    } else {
        Sort::Word
    }
}

fn trim_stars(mut v: &[u8]) -> &[u8] {
    while let [b'*', rest @ ..] | [rest @ .., b'*'] = v {
        v = rest;
    }
    v.trim_ascii()
}

/// What a text says as a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    Something,
    Class,
}

fn says(rules: &Rules, name: &[u8]) -> Says {
    let ctx = rules.key(name);
    if ctx.pos != 0 {
        Says::Class
    } else if ctx.numbering || ctx.veto != 0 || ctx.person || ctx.thing || ctx.code || ctx.generic {
        Says::Something
    } else {
        Says::Nothing
    }
}

/// Whether a row names the columns of the rows below it. Texts without blanks around them.
pub(super) fn names_columns<T: AsRef<[u8]>>(
    rules: &Rules,
    row: &[&[u8]],
    below: &[Vec<T>],
) -> bool {
    let (mut filled, mut either) = (0, 0);
    let mut sorts = Vec::with_capacity(row.len());
    for v in row {
        let sort = match v.is_empty() {
            true => Sort::Either,
            false => sort(rules, v),
        };
        if sort == Sort::Data {
            return false;
        }
        filled += usize::from(!v.is_empty());
        either += usize::from(!v.is_empty() && sort == Sort::Either);
        sorts.push(sort);
    }
    if filled * 2 <= row.len() || either * 2 > filled {
        return false;
    }
    // tables put one behind the other repeat their headings
    let same = |other: &&Vec<T>| {
        other.len() == row.len() && other.iter().zip(row).all(|(a, b)| a.as_ref() == *b)
    };
    let below: Vec<&Vec<T>> = below.iter().filter(|r| !same(r)).collect();
    let (mut columns, mut over, mut again) = (0, 0, 0);
    for (i, (name, sort)) in row.iter().zip(&sorts).enumerate() {
        let (mut all, mut numbers, mut equal) = (0, 0, 0);
        for v in below.iter().filter_map(|r| r.get(i)) {
            let v = v.as_ref();
            if !nothing(v) {
                all += 1;
                numbers += usize::from(data(v));
                equal += usize::from(v == *name);
            }
        }
        if all > 0 && numbers * 5 >= all * 4 {
            // a year above numbers says nothing
            columns += usize::from(*sort == Sort::Word || name.is_empty());
            over += usize::from(*sort == Sort::Word);
        }
        again += usize::from(equal > 0);
    }
    let above_data = over * 2 > columns;
    if again > 0 {
        return above_data && over > 1;
    }
    let said = || {
        let words = row.iter().zip(&sorts).filter(|(_, s)| **s == Sort::Word);
        words.fold((0, 0), |(any, class), (v, _)| match says(rules, v) {
            Says::Nothing => (any, class),
            Says::Something => (any + 1, class),
            Says::Class => (any + 1, class + 1),
        })
    };
    above_data && over > 0 || {
        let (any, class) = said();
        class > 0 || any > 1
    }
}

/// Whether texts are words, no data; most are not empty.
pub(super) fn words<'a>(cells: impl Iterator<Item = &'a [u8]>) -> bool {
    let (mut words, mut all) = (0, 0);
    for v in cells {
        let v = v.trim_ascii();
        let digits = digits(v);
        if digits >= 4
            || digits > 0 && digits == v.len()
            || v.len() > 64
            || v.contains(&b'@')
            || v.contains(&b'*')
        {
            return false;
        }
        all += 1;
        words += usize::from(!v.is_empty());
    }
    words * 2 > all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, delimiter: u8) -> Option<(u32, Vec<String>)> {
        let found = find(&Rules::builtin(), text.as_bytes(), 0, delimiter)?;
        let text = |n: &Vec<u8>| String::from_utf8_lossy(n).into_owned();
        Some((found.row, found.names.iter().map(text).collect()))
    }

    #[test]
    fn rows_that_name_columns() {
        for (text, row, want) in [
            ("id,name\n1,a\n", 1, &["id", "name"][..]),
            // in no language that is known, above numbers
            ("alder,vekt\n34,70\n51,82\n", 1, &["alder", "vekt"]),
            // words above words
            (
                "name,city\nLi Lei,Beijing\nWang Wu,Xian\n",
                1,
                &["name", "city"],
            ),
            (
                "\"Card \"\"No\"\".\", phone \n1234,5678\n",
                1,
                &["Card \"No\".", "phone"],
            ),
            (
                "a,a,a (2),a,\n1,2,3,4,5\n",
                1,
                &["a", "a (2)", "a (2) (2)", "a (3)", ""],
            ),
            (
                "*姓名,手机号*\n张三,13812345678\n",
                1,
                &["*姓名", "手机号*"],
            ),
            (
                "@timestamp,user\n2024-01-01,a\n",
                1,
                &["@timestamp", "user"],
            ),
            (
                "区域,2023,2024,手机\n华东,51,62,无\n",
                1,
                &["区域", "2023", "2024", "手机"],
            ),
            (
                "客户名单,,\n导出时间：2024-01-01,,\n\n姓名,手机,城市\n张三,13812345678,北京\n李四,13912345678,上海\n",
                4,
                &["姓名", "手机", "城市"],
            ),
            (
                "='手机',='姓名'\n13812345678,张三\n",
                1,
                &["='手机'", "='姓名'"],
            ),
            ("=\"手机\",'姓名'\n13812345678,张三\n", 1, &["手机", "姓名"]),
            ("phone\n13812345678\n", 1, &["phone"]),
            // two tables one behind the other
            ("xx,yy\n1,2\nxx,yy\n3,4\n", 1, &["xx", "yy"]),
            // the word of the row comes again, but above numbers others stand
            (
                "kind,tel,no\nkind,13812345678,7\n",
                1,
                &["kind", "tel", "no"],
            ),
        ] {
            let want = want.iter().map(|s| s.to_string()).collect();
            assert_eq!(names(text, b','), Some((row, want)), "{text}");
        }
    }

    #[test]
    fn rows_of_data_name_nothing() {
        for text in [
            "张三,13812345678\n李四,13912345678\n",
            "张三,北京,在职\n李四,上海,在职\n王五,北京,离职\n",
            "张三,北京,无\n李四,上海,13812345678\n王五,广州,13912345678\n",
            "email,active\nsms,active\n",
            "1,2,3\n4,5,6\n",
            "a@b.cn,x\nc@d.cn,y\n",
            "张*,北京\n李*,上海\n",
            "2024,张三\n2023,李四\n",
            ",,\n,,\n",
            "",
        ] {
            assert_eq!(names(text, b','), None, "{text}");
        }
    }

    #[test]
    fn names_that_look_numbered_cost_no_more() {
        // as many that have numbers already as names that need one: each must be looked at once, not once for each name
        let numbered = (2..10_000).map(|n| format!("a ({n})").into_bytes());
        let plain = std::iter::repeat_n(b"a".to_vec(), 10_000);
        let began = std::time::Instant::now();
        let mut all = distinct(numbered.chain(plain));
        assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
        assert_eq!(all.last().unwrap(), b"a (19998)");
        let n = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), n, "no name twice");
    }

    #[test]
    fn hostile_names_are_bounded() {
        let many = "a,".repeat(100_000);
        assert_eq!(
            names(&format!("{many}\n{}\n", "1,".repeat(100_000)), b','),
            None
        );
        let some = "a,".repeat(5000);
        let (_, found) = names(&format!("{some}\n{}\n", "1,".repeat(5000)), b',').unwrap();
        assert_eq!((found.len(), found[4999].as_str()), (5001, "a (5000)"));
        let long = format!("{},b\n1,2\n", "x".repeat(limits::HEADING + 1));
        assert_eq!(names(&long, b','), None);
    }
}
