//! Names of columns of tables in JSON: told beside the rows, or by a first row. In: the document, texts of rows. Out: a name for each column,
//! none twice. Bounds: [`COLUMNS`] names; [`BELOW`] rows of [`BELOW_BYTES`] are looked at behind a first one.

use super::heading;
use super::sink::NodeId;
use crate::body::json::{self, Visit};
use crate::detect::Rules;
use crate::limits;
use std::sync::Arc;

/// An array whose elements are arrays: rows of a table.
pub(super) struct Table {
    /// Its frame.
    pub frame: usize,
    pub names: Names,
    /// Nodes of the columns.
    pub cells: Vec<NodeId>,
    /// The first row, while it may be one of headings.
    pub first: Option<First>,
}

/// Columns told apart in a row: what a table has, not a matrix.
pub(super) const COLUMNS: usize = 256;
/// Rows behind a first one that are looked at before it is taken for headings, and bytes of each.
const BELOW: usize = 16;
const BELOW_BYTES: usize = 4 << 10;

/// Names of columns, empty where there are none.
pub(super) type Names = Arc<Vec<Vec<u8>>>;

/// A first row of texts alone, as they are written, and where the last of them ends.
#[derive(Default)]
pub(super) struct First {
    texts: Vec<Vec<u8>>,
    end: usize,
}

impl First {
    /// Takes one more text; tells whether the row may still be one of names.
    pub fn add(&mut self, text: &[u8], at: usize) -> bool {
        let fits = self.texts.len() < COLUMNS && text.len() <= limits::HEADING;
        if fits {
            self.texts.push(text.to_vec());
            self.end = at + text.len();
        }
        fits
    }

    /// Names, where the rows behind it say that it holds some.
    pub fn names(&self, rules: &Rules, content: &[u8]) -> Option<Names> {
        if self.texts.len() < 2 {
            return None;
        }
        let texts: Vec<Vec<u8>> = self.texts.iter().map(|t| unescaped(t)).collect();
        let row: Vec<&[u8]> = texts.iter().map(|t| t.trim_ascii()).collect();
        let rest = content.get(self.end..)?;
        let from = memchr::memchr(b']', rest).map_or(content.len(), |n| self.end + n + 1);
        let below = rows(content, from, BELOW);
        heading::names_columns(rules, &row, &below)
            .then(|| Arc::new(heading::distinct(texts.iter().cloned())))
    }
}

fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    json::unescape(raw, &mut out);
    out
}

/// The next rows of a table, as long as they are arrays of values: a text each. What parts them (a comma, a line) is not looked at.
fn rows(content: &[u8], mut at: usize, most: usize) -> Vec<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    while out.len() < most {
        let rest = content.get(at..).unwrap_or_default();
        at += rest
            .iter()
            .take_while(|b| b.is_ascii_whitespace() || **b == b',')
            .count();
        if content.get(at) != Some(&b'[') {
            break;
        }
        let mut cells = Cells::default();
        let ahead = content.get(..content.len().min(at + BELOW_BYTES));
        let (end, whole) = json::walk(ahead.unwrap_or(content), at, &mut cells);
        if !whole || cells.nested || end <= at {
            break;
        }
        out.push(cells.list);
        at = end;
    }
    out
}

/// Values of one array.
#[derive(Default)]
struct Cells {
    list: Vec<Vec<u8>>,
    depth: usize,
    nested: bool,
}

impl Cells {
    fn put(&mut self, raw: &[u8]) {
        if self.list.len() < COLUMNS {
            self.list.push(unescaped(
                raw.get(..raw.len().min(limits::HEADING)).unwrap_or(raw),
            ));
        }
    }
}

impl Visit for Cells {
    fn open(&mut self, array: bool) {
        self.depth += 1;
        self.nested |= self.depth > 1 || !array;
    }
    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
    fn key(&mut self, _: &[u8]) {}
    fn string(&mut self, raw: &[u8], _: usize, _: u16) {
        self.put(raw);
    }
    fn number(&mut self, raw: &[u8], _: usize) {
        self.put(raw);
    }
    fn word(&mut self, _: &[u8], _: usize) {
        self.put(b"");
    }
}

/// Names of columns that a document tells beside its rows: `"columns":["name","phone"]`, `"fields":[{"name":"phone"}]`.
pub(super) fn told(text: &[u8]) -> Names {
    const KEYS: [&str; 10] = [
        "\"columns\"",
        "\"fields\"",
        "\"headers\"",
        "\"header\"",
        "\"cols\"",
        "\"columnNames\"",
        "\"fieldNames\"",
        "\"heads\"",
        "\"titles\"",
        "\"schema\"",
    ];
    for key in KEYS {
        for at in memchr::memmem::find_iter(text, key).take(4) {
            let from = at + key.len();
            let rest = text.get(from..).unwrap_or_default();
            let blank = |v: &[u8]| v.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let colon = blank(rest);
            if rest.get(colon) != Some(&b':') {
                continue;
            }
            let open = colon + 1 + blank(rest.get(colon + 1..).unwrap_or_default());
            if rest.get(open) != Some(&b'[') {
                continue;
            }
            let mut names = Told::default();
            // a list of columns is short
            let most = text.len().min(from + open + (64 << 10));
            json::walk(text.get(..most).unwrap_or(text), from + open, &mut names);
            if names.list.len() > 1 {
                return Arc::new(heading::distinct(names.list.into_iter()));
            }
        }
    }
    Names::default()
}

/// Texts of an array, or what names each object of it.
#[derive(Default)]
struct Told {
    list: Vec<Vec<u8>>,
    depth: usize,
    /// Objects begun, and whether the key before says a name.
    objects: usize,
    named: bool,
}

impl Visit for Told {
    fn open(&mut self, array: bool) {
        self.depth += 1;
        self.objects += usize::from(!array && self.depth == 2);
        self.named = false;
    }
    fn close(&mut self) {
        self.depth -= 1;
    }
    fn key(&mut self, raw: &[u8]) {
        const SAYS: [&[u8]; 9] = [
            b"name",
            b"field",
            b"key",
            b"title",
            b"label",
            b"prop",
            b"dataIndex",
            b"column",
            b"columnName",
        ];
        self.named = self.depth == 2 && SAYS.contains(&raw);
    }
    fn string(&mut self, raw: &[u8], _: usize, _: u16) {
        let due = match self.depth {
            1 => true,
            2 => self.named && self.list.len() < self.objects,
            _ => false,
        };
        if due && self.list.len() < COLUMNS {
            let mut name = Vec::new();
            json::unescape(raw, &mut name);
            self.list.push(name);
        }
        self.named = false;
    }
    fn number(&mut self, _: &[u8], _: usize) {}
    fn word(&mut self, _: &[u8], _: usize) {}
}

/// Names of columns where each line is a row and the first one names them.
pub(super) fn of_lines(rules: &Rules, content: &[u8], start: usize) -> Names {
    let lines = rows(content, start, BELOW + 1);
    let Some((first, below)) = lines.split_first() else {
        return Names::default();
    };
    let row: Vec<&[u8]> = first.iter().map(|t| t.trim_ascii()).collect();
    let named = row.len() > 1 && heading::names_columns(rules, &row, below);
    match named {
        true => Arc::new(heading::distinct(first.iter().cloned())),
        false => Names::default(),
    }
}
