//! Delimited text, workbooks and form bodies. In: content. Out: values in the sink: `csv:COLUMN` with the row as index,
//! `xlsx:SHEET:COLUMN`, `form:NAME`. Bounds: linear; those of [`crate::body::sheet`].

use super::field;
use super::sink::{NodeId, Sink, Slot, Style};
use crate::body::csv;
use crate::body::json::chars;
use crate::detect::form::Step;
use crate::detect::normal;

/// A CSV or TSV body. Columns and rows count from 1; a header row is row 1 and gives the columns their context.
pub(crate) fn delimited(s: &mut Sink, content: &[u8], media_type: Option<&str>, root: &str) {
    let root = s.root(root, Style::Colon);
    let start = content.strip_prefix(b"\xef\xbb\xbf").map_or(0, |_| 3);
    let delimiter = csv::delimiter(content.get(start..).unwrap_or(b""), media_type);
    let mut cells = Vec::new();
    let mut columns: Vec<NodeId> = Vec::new();
    let mut buf = Vec::new();
    let mut at = start;
    let mut number = 0u32;
    while at < content.len() {
        at = csv::row(content, at, delimiter, &mut cells);
        number = number.saturating_add(1);
        if number == 1 && header(content, &cells) {
            for (i, c) in cells.iter().enumerate() {
                let name = content.get(c.range.clone()).unwrap_or(b"").trim_ascii();
                columns.push(s.column(root, i + 1, name));
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
            let node = match columns.get(i) {
                Some(id) => *id,
                None if i < crate::limits::FIELDS_PER_BODY => {
                    let id = s.column(root, i + 1, b"");
                    if i == columns.len() {
                        columns.push(id);
                    }
                    id
                }
                None => root,
            };
            let v = content.get(c.range.clone()).unwrap_or(b"");
            let mut slot = Slot::plain(c.range.start, v.len());
            if c.doubled {
                buf.clear();
                let mut after = false;
                buf.extend(v.iter().filter(|b| {
                    let drop = **b == b'"' && after;
                    after = **b == b'"' && !after;
                    !drop
                }));
                slot.direct = false;
                field::value(s, node, &buf, chars::all(&buf), slot);
            } else {
                field::value(s, node, v, chars::all(v), slot);
            }
        }
        s.pop();
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

/// Whether a first row names columns: words, no data.
fn header(content: &[u8], cells: &[csv::Cell]) -> bool {
    words(
        cells
            .iter()
            .map(|c| content.get(c.range.clone()).unwrap_or(b"")),
    )
}

/// Whether texts are words, no data; most are not empty.
pub(crate) fn words<'a>(cells: impl Iterator<Item = &'a [u8]>) -> bool {
    let (mut words, mut all) = (0, 0);
    for v in cells {
        let v = v.trim_ascii();
        let digits = v.iter().filter(|b| b.is_ascii_digit()).count();
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
