//! Places: what a field is called, and where one of its values stands. In: field paths and indices. Out: `where` of the contract, and the
//! last key of a path. Bounds: linear in the path.
//!
//! A field is what values are counted by. Where a table tells what its columns are called, the field holds the name and not the number
//! (`csv:idCard`, `csv['Card No.']`, `$.rows[*][*:idCard]`), so that tables whose columns stand in another order meet in one field; the
//! number of the column is an index of the value, and a place says it as ever (`csv:4:2`, `$.rows[1][3]`). Columns without a name are
//! fields by their number (`csv:4`, `$.rows[*][3]`).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

/// `where` of a finding as the contract writes it: indices fill the `[*]` and `[*:NAME]` of the field in order. In delimited text the
/// first index is the row and stands at the end, the second the column of a heading (`csv:idCard` with 2, 4 and `csv:4` with 2 are
/// `csv:4:2`: column, then row, both from 1, the header row counted; `text:12` is line 12).
pub fn place(field: &str, index: &[u32]) -> String {
    let mut out = String::with_capacity(field.len() + 8);
    if let ([row, column, inner @ ..], Some(name)) = (index, heading(field)) {
        let (before, rest) = (field.get(..name.start), field.get(name.end..));
        if let (Some(before), Some(rest)) = (before, rest)
            && holes(rest) == inner.len()
        {
            let _ = write!(out, "{before}:{column}");
            fill(&mut out, rest, inner);
            let _ = write!(out, ":{row}");
            return out;
        }
    }
    match index {
        [row, inner @ ..] if holes(field) == inner.len() => {
            fill(&mut out, field, inner);
            let _ = write!(out, ":{row}");
        }
        _ => fill(&mut out, field, index),
    }
    out
}

/// Writes a path with its holes filled; indices that are left follow it.
fn fill(out: &mut String, path: &str, index: &[u32]) {
    let mut index = index.iter();
    let mut at = 0;
    while let Some(hole) = hole(path, at) {
        out.push_str(path.get(at..hole.start).unwrap_or_default());
        match index.next() {
            Some(i) => {
                let _ = write!(out, "[{i}]");
            }
            None => out.push_str(path.get(hole.clone()).unwrap_or_default()),
        }
        at = hole.end;
    }
    out.push_str(path.get(at..).unwrap_or_default());
    for i in index {
        let _ = write!(out, ":{i}");
    }
}

/// How many indices a path takes.
fn holes(path: &str) -> usize {
    let (mut n, mut at) = (0, 0);
    while let Some(hole) = hole(path, at) {
        (n, at) = (n + 1, hole.end);
    }
    n
}

/// The next `[*]` or `[*:NAME]` from `at` on.
fn hole(path: &str, mut at: usize) -> Option<Range<usize>> {
    loop {
        let rest = path.get(at..)?;
        let start = at + rest.find("[*")?;
        let inside = path.get(start + 2..)?;
        let len = match inside.as_bytes() {
            [b']', ..] => Some(0),
            [b':', b'\'', ..] => end_of_quote(inside.get(2..)?)
                .map(|n| n + 2)
                .filter(|n| inside.as_bytes().get(*n) == Some(&b']')),
            [b':', ..] => inside.find(']'),
            _ => None,
        };
        match len {
            Some(n) => return Some(start..start + n + 3),
            None => at = start + 2,
        }
    }
}

/// Length of what a `'` closes, that `'` included.
fn end_of_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (i, b) in text.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\'' => return Some(i + 1),
            _ => {}
        }
    }
    None
}

/// Where the name of a column stands in the field of a cell of delimited text, with what sets it off.
fn heading(field: &str) -> Option<Range<usize>> {
    if field.starts_with("csv") {
        return name_at(field, 3);
    }
    if let Some(rest) = field.strip_prefix("xlsx:") {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        return name_at(field, 5 + digits);
    }
    // the name of a part may hold anything
    let rest = field.strip_prefix("form:")?;
    memchr::memmem::find_iter(rest.as_bytes(), ":csv").find_map(|n| name_at(field, 5 + n + 4))
}

/// The field that a column had if its table had no headings: `csv:4` of `csv:idCard` in column 4, `$.rows[*][3]` of `$.rows[*][*:idCard]`.
/// `None` where the field is no heading's.
pub(crate) fn by_number(field: &str, column: u32) -> Option<String> {
    if let Some(name) = heading(field).filter(|n| n.end == field.len()) {
        return Some(format!("{}:{column}", field.get(..name.start)?));
    }
    let mut at = 0;
    while let Some(hole) = hole(field, at) {
        if hole.end == field.len() && hole.len() > 3 {
            return Some(format!("{}[{column}]", field.get(..hole.start)?));
        }
        at = hole.end;
    }
    None
}

fn name_at(field: &str, at: usize) -> Option<Range<usize>> {
    let rest = field.get(at..)?;
    if let Some(quoted) = rest.strip_prefix("['") {
        let n = end_of_quote(quoted)?;
        return quoted.get(n..)?.starts_with(']').then(|| at..at + n + 3);
    }
    let name = rest.strip_prefix(':')?;
    let n = name.find(['.', '[', ':']).unwrap_or(name.len());
    let (name, after) = (name.get(..n)?, name.get(n..)?);
    let number = name.bytes().all(|b| b.is_ascii_digit());
    (!number && !after.starts_with(':')).then_some(at..at + 1 + n)
}

/// A key that needs no quotes in a path.
pub(crate) fn simple(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '$' | '*'))
}

pub(crate) fn quote(key: &str) -> String {
    format!("'{}'", key.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The field of a column of delimited text by its name.
pub(crate) fn column(table: &str, name: &str) -> String {
    if simple(name) && !name.bytes().all(|b| b.is_ascii_digit()) {
        format!("{table}:{name}")
    } else {
        format!("{table}[{}]", quote(name))
    }
}

/// The field of an element of a row that is an array, by the name of its column.
pub(crate) fn element(row: &str, name: &str) -> String {
    if simple(name) {
        format!("{row}[*:{name}]")
    } else {
        format!("{row}[*:{}]", quote(name))
    }
}

/// The last key of a path: `idCard` of `$.items[*].idCard`, `x-api-key` of `header:x-api-key`, `Card No.` of `csv['Card No.']`.
pub(crate) fn last_key(field: &str) -> Cow<'_, str> {
    let field = field.trim_end_matches("[*]");
    if let Some(inside) = field.strip_suffix("']")
        && let Some(quoted) = opened(inside)
    {
        return match quoted.contains('\\') {
            true => Cow::Owned(quoted.replace("\\'", "'").replace("\\\\", "\\")),
            false => Cow::Borrowed(quoted),
        };
    }
    let key = field.rsplit(['.', ':']).next().unwrap_or(field);
    Cow::Borrowed(match field.contains("[*:") {
        true => key.trim_end_matches(']'),
        false => key,
    })
}

/// What stands behind the quote that opens the last key.
fn opened(inside: &str) -> Option<&str> {
    let mut at = inside.len();
    loop {
        let before = inside.get(..at)?;
        at = before.rfind('\'')?;
        let slashes = before.get(..at)?.bytes().rev();
        let escaped = slashes.take_while(|b| *b == b'\\').count() % 2 == 1;
        if !escaped {
            let set_off = before.get(..at)?;
            let opens = set_off.ends_with('[') || set_off.ends_with("[*:");
            return opens.then(|| inside.get(at + 1..)).flatten();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_as_in_the_contract() {
        for (field, index, want) in [
            ("$.items[*].idCard", &[3][..], "$.items[3].idCard"),
            ("$[*][*]", &[3, 4], "$[3][4]"),
            ("$.a[*]", &[], "$.a[*]"),
            ("csv:4", &[2], "csv:4:2"),
            ("text:手机号", &[12], "text:手机号:12"),
            ("header:authorization", &[], "header:authorization"),
            // by headings
            ("csv:idCard", &[2, 4], "csv:4:2"),
            ("csv['Card No.']", &[2, 4], "csv:4:2"),
            (r"csv['a\']\\']", &[2, 4], "csv:4:2"),
            ("csv['2019']", &[2, 4], "csv:4:2"),
            ("xlsx:3:idCard", &[2, 4], "xlsx:3:4:2"),
            ("xlsx:3:4", &[2], "xlsx:3:4:2"),
            ("form:list:csv:idCard", &[2, 4], "form:list:csv:4:2"),
            ("form:a:csv:b:csv:idCard", &[2, 4], "form:a:csv:b:csv:4:2"),
            ("form:x[*]:csv['a b']", &[2, 4], "form:x[*]:csv:4:2"),
            ("$.rows[*][*:idCard]", &[1, 3], "$.rows[1][3]"),
            (
                r"$.rows[*][*:'a]\'[*]'].b[*]",
                &[1, 3, 5],
                "$.rows[1][3].b[5]",
            ),
            // documents inside cells
            ("csv:4.phone", &[2], "csv:4.phone:2"),
            ("csv:4.list[*].phone", &[2, 0], "csv:4.list[0].phone:2"),
            (
                "csv:memo.list[*].phone",
                &[2, 4, 0],
                "csv:4.list[0].phone:2",
            ),
            ("csv['a b'].phone", &[2, 4], "csv:4.phone:2"),
            // a part that is called like a column of a table
            ("form:a:csv:b", &[], "form:a:csv:b"),
            ("form:a:csv:b[*][*]", &[3, 4], "form:a:csv:b[3][4]"),
            ("form:a:csv:b:csv:2", &[3], "form:a:csv:b:csv:2:3"),
            // no path of ours
            ("csv['open", &[1, 2], "csv['open:1:2"),
            ("$[*:", &[1], "$[*::1"),
        ] {
            assert_eq!(place(field, index), want, "{field}");
        }
    }

    #[test]
    fn columns_by_number() {
        for (field, want) in [
            ("csv:idCard", Some("csv:4")),
            ("form:list:csv['Card No.']", Some("form:list:csv:4")),
            ("$.rows[*][*:idCard]", Some("$.rows[*][4]")),
            ("$.rows[*][*]", None),
            ("csv:4", None),
            ("csv:memo.phone", None),
            ("$.idCard", None),
        ] {
            assert_eq!(by_number(field, 4).as_deref(), want, "{field}");
        }
    }

    #[test]
    fn the_last_key_of_a_path() {
        for (field, want) in [
            ("$.items[*].idCard", "idCard"),
            ("$.tags[*][*]", "tags"),
            ("header:x-api-key", "x-api-key"),
            ("csv:idCard", "idCard"),
            ("csv['Card No.']", "Card No."),
            (r"csv['it\'s: a.b']", "it's: a.b"),
            ("$['e.mail'][*]", "e.mail"),
            ("$.rows[*][*:idCard]", "idCard"),
            ("$.rows[*][*:'Card No.']", "Card No."),
            ("csv:4", "4"),
        ] {
            assert_eq!(last_key(field), want);
        }
        for name in [
            "idCard",
            "身份证号",
            "Card No.",
            "2019",
            "a'] [*]\\",
            "['x']",
            "csv:4",
        ] {
            assert_eq!(last_key(&column("csv", name)), name);
            assert_eq!(place(&column("csv", name), &[9, 7]), "csv:7:9");
            assert_eq!(last_key(&element("$[*]", name)), name);
            assert_eq!(place(&element("$[*]", name), &[9, 7]), "$[9][7]");
        }
    }
}
