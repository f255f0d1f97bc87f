//! What is known to have leaked. In: one value, or the bytes of a file (CSV, TSV, other delimiters, JSON lines, a JSON
//! array, one value a line). Out: rows of distinct values with their columns. Bounds: [`crate::limits::CLUE_BYTES`],
//! [`crate::limits::CLUE_ROWS`], [`crate::limits::CLUE_COLUMNS`]; what is beyond, empty or too short is counted.

mod forms;

use crate::call::text::lossless;
use crate::error::{Error, Result};
use crate::limits;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// A distinct value of the clue.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// As given, trimmed.
    pub text: String,
    /// Column it first stood in.
    pub column: u16,
    /// What can be seen of it.
    pub shape: Shape,
}

/// How a value of a clue is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// In clear.
    Clear,
    /// With mask characters.
    Masked,
    /// Digits or base64 of a digest: its bytes.
    Digest(Vec<u8>),
}

/// A column of the clue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Column {
    /// Header or key; `None` where there was none.
    pub name: Option<String>,
    /// Data class, where its values are of one.
    pub class: Option<String>,
    /// Whether one value is enough to know the row: ids, cards, telephone numbers, long rare codes.
    pub strong: bool,
    /// Whether it is looked for at all: a column with a handful of values over many rows says nothing.
    pub used: bool,
}

/// A clue, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Clue {
    /// Rows: indices into `values`, in column order.
    pub rows: Vec<Vec<u32>>,
    /// Distinct values (by text and column).
    pub values: Vec<Value>,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows or cells that hold nothing to look for, or lie beyond a limit.
    pub skipped: u64,
    /// How the file was read, in words.
    pub format: String,
}

/// Decides the class of a column from its name and some of its values: class name and whether it identifies a person.
pub type Typer<'a> = dyn FnMut(Option<&str>, &[&str]) -> Option<(String, bool)> + 'a;

/// Sample of a column that is shown to the typer.
const SAMPLE: usize = 400;

/// A clue of one value.
pub fn one(value: &str, typer: &mut Typer<'_>) -> Result<Clue> {
    let mut b = Builder {
        format: "one value".into(),
        ..Builder::default()
    };
    b.row(&[(None, value)]);
    b.finish(typer)
}

/// A clue of one record: values and the class of each.
pub fn record(values: &[(String, String, bool)]) -> Result<Clue> {
    rows_of(&[values.to_vec()], "a record")
}

/// A clue of records whose values were taken from the evidence: (value, class, identifies) for each row.
pub fn rows_of(rows: &[Vec<(String, String, bool)>], format: &str) -> Result<Clue> {
    let mut b = Builder {
        format: format.into(),
        ..Builder::default()
    };
    let mut classes: BTreeMap<String, bool> = BTreeMap::new();
    for r in rows {
        for (_, c, s) in r {
            classes.insert(c.clone(), *s);
        }
        let cells: Vec<(Option<&str>, &str)> = r
            .iter()
            .map(|(v, c, _)| (Some(c.as_str()), v.as_str()))
            .collect();
        b.row(&cells);
    }
    b.keep_all = true;
    b.finish(&mut |name, _| {
        let name = name?;
        classes.get(name).map(|s| (name.to_owned(), *s))
    })
}

/// Reads a clue file.
///
/// # Errors
/// [`Error::Usage`] where it holds nothing to look for or is beyond [`limits::CLUE_BYTES`].
pub fn read(name: &str, bytes: &[u8], typer: &mut Typer<'_>) -> Result<Clue> {
    if bytes.len() > limits::CLUE_BYTES {
        return Err(usage(name, "is larger than 1 GiB"));
    }
    let text = decode(bytes);
    let body = text.trim_start();
    let mut b = Builder::default();
    if body.starts_with('[') && forms::json_array(body, &mut b) {
        b.format = "JSON array".into();
    } else if body.starts_with('{') && forms::json_lines(body, &mut b) {
        b.format = "JSON lines".into();
    } else {
        b = Builder::default();
        forms::delimited(&text, &mut b);
    }
    b.finish(typer)
        .map_err(|_| usage(name, "holds no value to look for"))
}

fn usage(name: &str, why: &str) -> Error {
    Error::Usage {
        msg: format!("clue {}: {why}", crate::call::text::visible(name)),
        at: None,
    }
}

/// Text of the file: UTF-8 or UTF-16 by its mark; other bytes are kept visible.
fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => lossless(rest).into_owned(),
        _ => lossless(bytes).into_owned(),
    }
}

fn utf16(bytes: &[u8], order: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    char::decode_utf16(pairs.iter().map(|p| order(*p)))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[derive(Default)]
struct Builder {
    clue: Clue,
    format: String,
    by_name: BTreeMap<String, u16>,
    seen: FxHashMap<(u16, String), u32>,
    /// Filled cells of each column.
    filled: Vec<u64>,
    keep_all: bool,
}

impl Builder {
    fn column(&mut self, name: Option<&str>, at: usize) -> Option<u16> {
        let key = name.map_or_else(|| format!("\u{0}{at}"), str::to_owned);
        if let Some(c) = self.by_name.get(&key) {
            return Some(*c);
        }
        if self.clue.columns.len() >= limits::CLUE_COLUMNS {
            return None;
        }
        let c = u16::try_from(self.clue.columns.len()).ok()?;
        self.by_name.insert(key, c);
        self.clue.columns.push(Column {
            name: name.map(str::to_owned),
            ..Column::default()
        });
        self.filled.push(0);
        Some(c)
    }

    fn row(&mut self, cells: &[(Option<&str>, &str)]) {
        if self.clue.rows.len() >= limits::CLUE_ROWS {
            self.clue.skipped += 1;
            return;
        }
        let mut row: Vec<u32> = Vec::with_capacity(cells.len());
        for (i, (name, cell)) in cells.iter().enumerate() {
            let text = clean(cell);
            if text.chars().count() < 2
                || matches!(
                    text.to_ascii_lowercase().as_str(),
                    "null" | "none" | "n/a" | "na" | "nil" | "--" | "true" | "false" | "\\n"
                )
            {
                continue;
            }
            let Some(c) = self.column(*name, i) else {
                self.clue.skipped += 1;
                continue;
            };
            self.filled[c as usize] += 1;
            let key = (c, text.to_owned());
            let id = match self.seen.get(&key) {
                Some(id) => *id,
                None => {
                    let Ok(id) = u32::try_from(self.clue.values.len()) else {
                        continue;
                    };
                    self.clue.values.push(Value {
                        text: text.to_owned(),
                        column: c,
                        shape: shape(text),
                    });
                    self.seen.insert(key, id);
                    id
                }
            };
            if !row.contains(&id) {
                row.push(id);
            }
        }
        if row.is_empty() {
            self.clue.skipped += 1;
        } else {
            self.clue.rows.push(row);
        }
    }

    fn finish(mut self, typer: &mut Typer<'_>) -> Result<Clue> {
        if self.clue.rows.is_empty() {
            return Err(usage("", "holds no value to look for"));
        }
        let mut values: Vec<Vec<u32>> = vec![Vec::new(); self.clue.columns.len()];
        for (i, v) in (0u32..).zip(&self.clue.values) {
            values[v.column as usize].push(i);
        }
        for (c, column) in self.clue.columns.iter_mut().enumerate() {
            let own = &values[c];
            let sample: Vec<&str> = own
                .iter()
                .map(|i| &self.clue.values[*i as usize])
                .filter(|v| v.shape == Shape::Clear)
                .take(SAMPLE)
                .map(|v| v.text.as_str())
                .collect();
            let class = typer(column.name.as_deref(), &sample);
            let distinct = own.len() as f64 / self.filled[c].max(1) as f64;
            // Nothing knows the class: long, nearly unique codes identify; few values over many rows say nothing.
            let coded = own
                .iter()
                .map(|i| &self.clue.values[*i as usize])
                .filter(|v| {
                    v.shape != Shape::Clear
                        || (v.text.chars().count() >= 6
                            && v.text.bytes().any(|b| b.is_ascii_digit()))
                })
                .count() as f64
                / own.len().max(1) as f64;
            column.strong = match &class {
                Some((_, strong)) => *strong,
                None => distinct > 0.9 && coded > 0.9,
            };
            column.used =
                self.keep_all || class.is_some() || self.clue.rows.len() < 20 || distinct > 0.2;
            column.class = class.map(|c| c.0);
        }
        self.clue.format = self.format;
        Ok(self.clue)
    }
}

/// Cell text without what spreadsheets put around it: `="..."`, a leading apostrophe, blanks.
fn clean(cell: &str) -> &str {
    let t = cell.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\u{0}');
    let t = t
        .strip_prefix("=\"")
        .and_then(|t| t.strip_suffix('"'))
        .unwrap_or(t);
    let t = match t.strip_prefix('\'') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit() || "+-=@".contains(c)) => rest,
        _ => t,
    };
    t.trim()
}

/// Whether a value is masked or a digest.
fn shape(text: &str) -> Shape {
    if text
        .chars()
        .any(|c| matches!(c, '*' | '＊' | '•' | '●' | '·' | '█'))
        && text.chars().filter(|c| c.is_alphanumeric()).count() >= 1
        && !text.contains("·") // a dot inside names of several peoples is no mask
        || text.contains("**")
    {
        return Shape::Masked;
    }
    if let Some(bytes) = digest(text) {
        return Shape::Digest(bytes);
    }
    Shape::Clear
}

/// Bytes of a digest written as hex or base64 of 16, 20 or 32 bytes.
fn digest(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let b = text.as_bytes();
    if matches!(b.len(), 32 | 40 | 64) && b.iter().all(u8::is_ascii_hexdigit) {
        // Digits alone are a number (a long order number), not a digest.
        if b.iter().all(u8::is_ascii_digit) {
            return None;
        }
        return b
            .chunks(2)
            .map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok())
            .collect();
    }
    if matches!(b.len(), 24 | 28 | 44) && b.ends_with(b"=") {
        let out = base64::engine::general_purpose::STANDARD
            .decode(b)
            .or_else(|_| base64::engine::general_purpose::URL_SAFE.decode(b))
            .ok()?;
        return matches!(out.len(), 16 | 20 | 32).then_some(out);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typer(name: Option<&str>, sample: &[&str]) -> Option<(String, bool)> {
        if sample.iter().all(|s| s.len() == 11 && s.starts_with('1')) && !sample.is_empty() {
            return Some(("cn-mobile".into(), true));
        }
        (name == Some("name")).then(|| ("name".into(), false))
    }

    fn texts(c: &Clue, row: usize) -> Vec<&str> {
        c.rows[row]
            .iter()
            .map(|i| c.values[*i as usize].text.as_str())
            .collect()
    }

    #[test]
    fn csv_with_mark_quotes_and_header() {
        let c = read(
            "x",
            "\u{feff}name,mobile,note\r\n\"Li, Lei\",13800138000,=\"A-100200\"\r\nHan,13900139000,\r\n".as_bytes(),
            &mut typer,
        )
        .unwrap();
        assert_eq!(c.rows.len(), 2);
        assert_eq!(texts(&c, 0), ["Li, Lei", "13800138000", "A-100200"]);
        assert_eq!(c.columns[1].class.as_deref(), Some("cn-mobile"));
        assert!(c.columns[1].strong && !c.columns[0].strong && c.columns[2].strong);
    }

    #[test]
    fn tabs_without_header() {
        let c = read(
            "x",
            b"13800138000\tBeijing\n13900139000\tXian\n",
            &mut typer,
        )
        .unwrap();
        assert_eq!(texts(&c, 1), ["13900139000", "Xian"]);
        assert!(c.format.contains("no header"), "{}", c.format);
    }

    #[test]
    fn one_value_a_line_with_masks_and_digests() {
        let c = read(
            "x",
            b"13800138000\n138****8001\n5d41402abc4b2a76b9719d911017c592\n\n",
            &mut typer,
        )
        .unwrap();
        assert_eq!(c.rows.len(), 3);
        assert_eq!(c.values[1].shape, Shape::Masked);
        assert!(matches!(&c.values[2].shape, Shape::Digest(d) if d.len() == 16));
    }

    #[test]
    fn json_in_all_shapes() {
        for text in [
            r#"[{"m":"13800138000","x":{"y":123456}},{"m":"13900139000"}]"#,
            "{\"m\":\"13800138000\",\"x\":{\"y\":123456}}\n{\"m\":\"13900139000\"}\n",
            r#"{"total":2,"data":{"items":[{"m":"13800138000","x":{"y":123456}},{"m":"13900139000"}]}}"#,
        ] {
            let c = read("x", text.as_bytes(), &mut typer).unwrap();
            assert_eq!(c.rows.len(), 2, "{text}");
            assert_eq!(texts(&c, 0), ["13800138000", "123456"]);
        }
    }

    #[test]
    fn utf16_and_nothing() {
        let mut b = vec![0xff, 0xfe];
        b.extend(
            "13800138000\n13900139000\n"
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        );
        assert_eq!(read("x", &b, &mut typer).unwrap().rows.len(), 2);
        assert!(read("x", b"\n\n", &mut typer).is_err());
        assert!(read("x", b"", &mut typer).is_err());
    }

    #[test]
    fn columns_of_few_values_are_not_looked_for() {
        let text: String = (0..100)
            .map(|i| {
                format!(
                    "1380013{i:04},{}\n",
                    if i % 2 == 0 { "male" } else { "female" }
                )
            })
            .collect();
        let c = read("x", text.as_bytes(), &mut typer).unwrap();
        assert!(c.columns[0].used && !c.columns[1].used);
    }
}
