//! A line of a log in one cell of a row, as consoles export what they searched (Splunk's `_raw`, CloudWatch's `@message`). In: a row.
//! Out: the longest cell that may be a line, and the time that another cell tells. Bounds: linear in the row; [`CELLS`] cells.
//!
//! Which column holds the line is told by the row alone, so that rows of an export without its headings are read too.

use super::columns::cells;
use super::wrap::{Inside, LINES};
use super::{LogZone, time};
use std::borrow::Cow;
use std::cmp::Reverse;

/// Cells looked at.
const CELLS: usize = 128;

/// Names that only such exports have, beside those of JSON loggers.
const NAMES: &[&str] = &["@message", "raw"];

/// Cells, and the place of the longest, which stands in quotes: a line holds most of what may stand between cells.
fn row(line: &[u8]) -> Option<(Vec<Cow<'_, str>>, Option<usize>)> {
    let split = |delimiter| {
        let row: Vec<(usize, Cow<'_, str>)> = cells(line, delimiter).take(CELLS).collect();
        let by_length = |(n, (_, c)): &(usize, &(usize, Cow<'_, str>))| (c.len(), Reverse(*n));
        let (longest, (at, _)) = row.iter().enumerate().max_by_key(by_length)?;
        let quoted = (line.get(*at) == Some(&b'"')).then_some(longest);
        let cells: Vec<Cow<'_, str>> = row.into_iter().map(|(_, c)| c).collect();
        (cells.len() > 1).then_some((cells, quoted))
    };
    let all = [b'\t', b',', b';'].into_iter().filter_map(split);
    all.min_by_key(|(_, quoted)| quoted.is_none())
}

/// Whether a row names the columns.
pub fn heading(line: &[u8]) -> bool {
    let named = |c: &Cow<'_, str>| LINES.iter().chain(NAMES).any(|n| c == n);
    row(line).is_some_and(|(row, _)| row.iter().any(named))
}

/// The line in a row; none where no cell looks like one: an object, or words.
pub fn open<'a>(line: &[u8], zone: &LogZone) -> Option<Inside<'a>> {
    let (row, at) = row(line)?;
    let at = at?;
    let inner = row.get(at)?;
    if !inner.starts_with('{') && !inner.contains(' ') {
        return None;
    }
    let others = row.iter().enumerate().filter(|(n, _)| *n != at);
    let written = others.map(|(_, c)| c).find_map(|c| time::any(c, zone));
    Some(Inside {
        line: Cow::Owned(inner.trim_end().as_bytes().to_vec()),
        written: written.map(Into::into),
    })
}
