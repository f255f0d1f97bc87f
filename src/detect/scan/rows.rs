//! Delimited text, workbooks and form bodies. In: content. Out: values in the sink: `csv:NAME` with row and column as indices, `csv:COLUMN`
//! with the row where the column has no name, `xlsx:SHEET:NAME`, `form:NAME`. Bounds: linear; those of [`crate::body::sheet`].

use super::sink::{NodeId, Sink, Slot, Style};
use super::{field, heading};
use crate::body::csv;
use crate::body::json::chars;
use crate::detect::form::Step;
use crate::detect::normal;
use crate::limits;

/// A CSV or TSV body. Columns and rows count from 1; a row of names gives the columns below it their fields and context, others are
/// fields by their number.
pub(crate) fn delimited(s: &mut Sink, content: &[u8], media_type: Option<&str>, root: &str) {
    let root = s.root(root, Style::Colon);
    let start = content.strip_prefix(b"\xef\xbb\xbf").map_or(0, |_| 3);
    let delimiter = csv::delimiter(content.get(start..).unwrap_or(b""), media_type);
    let names = heading::find(&s.judge.rules, content, start, delimiter);
    let mut cells = Vec::new();
    let mut columns: Vec<Column> = Vec::new();
    let mut at = start;
    let mut number = 0u32;
    while at < content.len() {
        let begin = at;
        at = csv::row(content, at, delimiter, &mut cells);
        number = number.saturating_add(1);
        if let Some(h) = &names
            && number >= h.row
            && content.get(begin..at) == content.get(h.range.clone())
        {
            if number == h.row {
                columns = named(s, root, &h.names);
            }
            continue;
        }
        if cells.iter().all(|c| c.range.is_empty()) {
            continue;
        }
        s.push(root, true, true);
        if let Some(f) = s.frames.last_mut() {
            f.idx = number;
        }
        for (i, c) in cells.iter().enumerate() {
            let column = match columns.get(i) {
                Some(c) => *c,
                None => {
                    let column = unnamed(s, root, i);
                    if i == columns.len() {
                        columns.push(column);
                    }
                    column
                }
            };
            s.at_column(column.named.then_some(i + 1));
            cell(s, column.node, content, c);
        }
        s.pop();
    }
}

/// Where the cells of a column go.
#[derive(Clone, Copy)]
struct Column {
    node: NodeId,
    /// The field is the column's name, so that its number is told beside it.
    named: bool,
}

fn unnamed(s: &mut Sink, root: NodeId, i: usize) -> Column {
    let node = match i < limits::FIELDS_PER_BODY {
        true => s.column(root, i + 1),
        false => root,
    };
    Column { node, named: false }
}

fn named(s: &mut Sink, root: NodeId, names: &[Vec<u8>]) -> Vec<Column> {
    let mut out = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        out.push(match name.is_empty() {
            true => unnamed(s, root, i),
            false => {
                let node = s.heading(root, name);
                Column {
                    node,
                    named: node != root,
                }
            }
        });
    }
    out
}

fn cell(s: &mut Sink, node: NodeId, content: &[u8], c: &csv::Cell) {
    let mut v = content.get(c.range.clone()).unwrap_or(b"");
    let mut at = c.range.start;
    let guarded = matches!(v.first(), Some(b'=' | b'\'' | b'`' | b' ' | b'\t'));
    if guarded || matches!(v.last(), Some(b' ' | b'\t' | b'0')) {
        let bare = heading::bare(v);
        at += bare.start;
        v = v.get(bare).unwrap_or(b"");
    }
    let mut slot = Slot::plain(at, v.len());
    if c.doubled && v.contains(&b'"') {
        let v = csv::undoubled(v);
        slot.direct = false;
        field::value(s, node, &v, chars::all(&v), slot);
    } else {
        field::value(s, node, v, chars::all(v), slot);
    }
}

/// A workbook: each of its sheets as a table; all that is found stands in the whole of it.
pub(crate) fn workbook(s: &mut Sink, content: &[u8]) {
    let Some(text) = crate::body::sheet::text(content) else {
        return;
    };
    let before = s.whole;
    s.whole = Some(before.unwrap_or(Slot::plain(0, content.len()).inside(Step::Xlsx)));
    sheets(s, &text);
    s.whole = before;
}

/// Sheets as [`crate::body::sheet::text`] writes them.
pub(crate) fn sheets(s: &mut Sink, text: &[u8]) {
    let mut at = 0;
    for n in 1usize.. {
        let rest = text.get(at..).unwrap_or_default();
        let end = memchr::memmem::find(rest, crate::body::sheet::BREAK);
        let sheet = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        delimited(s, sheet, Some("text/csv"), &format!("xlsx:{n}"));
        match end {
            Some(end) => at += end + crate::body::sheet::BREAK.len(),
            None => return,
        }
    }
}

/// `a=1&b=2`: pairs of a form body or a query. `at` is the place of `text` in the whole.
pub(crate) fn pairs(s: &mut Sink, root: NodeId, text: &[u8], at: usize) {
    let mut buf = Vec::new();
    let mut name = Vec::new();
    let mut i = 0;
    for pair in text.split(|b| matches!(b, b'&' | b';')) {
        let from = i;
        i += pair.len() + 1;
        let eq = memchr::memchr(b'=', pair);
        let (key, v) = match eq {
            Some(eq) => (
                pair.get(..eq).unwrap_or(b""),
                pair.get(eq + 1..).unwrap_or(b""),
            ),
            None => (&b""[..], pair),
        };
        if v.is_empty() {
            continue;
        }
        normal::percent(key, true, &mut name);
        let node = if eq.is_some() {
            s.child(root, name.trim_ascii())
        } else {
            root
        };
        let mut slot = Slot::plain(at + from + pair.len() - v.len(), v.len());
        if v.iter().any(|b| matches!(b, b'%' | b'+')) && normal::percent(v, true, &mut buf) {
            // A number that begins with an unescaped + is meant as it looks.
            slot = slot.inside(Step::Url);
            let plus = v.first() == Some(&b'+') && !v.contains(&b'%');
            if plus {
                slot = Slot::plain(at + from + pair.len() - v.len(), v.len());
                field::value(s, node, v, chars::all(v), slot);
                continue;
            }
            slot.depth = 0;
            field::value(s, node, &buf, chars::all(&buf), slot);
        } else {
            field::value(s, node, v, chars::all(v), slot);
        }
    }
}

/// A form body: one record.
pub(crate) fn form(s: &mut Sink, content: &[u8]) {
    let root = s.root("form", Style::Colon);
    s.push(root, false, true);
    let v = content.trim_ascii_end();
    pairs(s, root, v, 0);
    s.pop();
}
