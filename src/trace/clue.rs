//! What is known to have leaked. In: one value, or the bytes of a file (CSV, TSV, other delimiters, JSON lines, a JSON
//! array, one value a line). Out: rows of distinct values with their columns. Bounds: [`crate::limits::CLUE_BYTES`],
//! [`crate::limits::CLUE_ROWS`], [`crate::limits::CLUE_COLUMNS`]; what is beyond, empty or too short is counted.

mod forms;
mod json;
mod prose;
mod sql;
mod unpack;

use crate::error::{Error, Result};
use crate::limits;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};

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

/// Finds values in text that has no columns: place, length, class, whether it identifies.
pub type Finder<'a> = dyn FnMut(&str) -> Vec<(usize, usize, String, bool)> + 'a;

/// Reads a clue file.
///
/// # Errors
/// [`Error::Usage`] where it holds nothing to look for or is beyond [`limits::CLUE_BYTES`].
pub fn read(
    name: &str,
    bytes: &[u8],
    typer: &mut Typer<'_>,
    finder: &mut Finder<'_>,
) -> Result<Clue> {
    if bytes.len() > limits::CLUE_BYTES {
        return Err(usage(name, "is larger than 1 GiB"));
    }
    let mut b = Builder::default();
    let parts = unpack::parts(bytes, &mut b.clue.skipped);
    for part in &parts {
        let text = unpack::decode(part);
        let before = (b.clue.rows.len(), b.clue.skipped);
        let format = form(&text, &mut b, finder);
        if b.clue.rows.len() > before.0 || parts.len() == 1 {
            if b.format.is_empty() {
                b.format = format;
            }
        } else {
            // A part without a row (a picture, a style) is one thing that was not read.
            b.clue.skipped = before.1 + 1;
        }
    }
    if parts.len() > 1 {
        b.format = format!("{} parts, {}", parts.len(), b.format);
    }
    b.finish(typer)
        .map_err(|_| usage(name, "holds no value to look for"))
}

/// Reads one text as what it is; what that is in words.
fn form(text: &str, b: &mut Builder, finder: &mut Finder<'_>) -> String {
    let body = text.trim_start();
    if body.starts_with('[') && json::array(body, b) {
        "JSON array".into()
    } else if body.starts_with(['{', '[']) && json::values(body, b) {
        "JSON lines".into()
    } else if let Some(format) = sql::dump(text, b) {
        format.into()
    } else if prose::sentence(text) && prose::read(text, b, finder) {
        "text".into()
    } else if let Some(format) = forms::delimited(text, b) {
        format
    } else if prose::is(text) && prose::read(text, b, finder) {
        "text".into()
    } else if forms::mixed(text, b, finder) {
        "one value a line, of several classes".into()
    } else {
        forms::lines(text, b)
    }
}

fn usage(name: &str, why: &str) -> Error {
    Error::Usage {
        msg: format!("clue {}: {why}", crate::call::text::visible(name)),
        at: None,
    }
}

#[derive(Default)]
struct Builder {
    clue: Clue,
    format: String,
    by_name: BTreeMap<String, u16>,
    /// Values by a hash of column and text; equal hashes of others stand under the next number.
    seen: FxHashMap<u64, u32>,
    /// Classes that the text itself told, by column.
    told: BTreeMap<u16, (String, bool)>,
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

    /// Number of a value, the same for equal ones.
    fn value(&mut self, column: u16, text: &str) -> Option<u32> {
        let mut h = rustc_hash::FxHasher::default();
        (column, text).hash(&mut h);
        let mut key = h.finish();
        while let Some(id) = self.seen.get(&key) {
            let v = self.clue.values.get(*id as usize)?;
            if v.column == column && v.text == text {
                return Some(*id);
            }
            key = key.wrapping_add(1);
        }
        let id = u32::try_from(self.clue.values.len()).ok()?;
        self.clue.values.push(Value {
            text: text.to_owned(),
            column,
            shape: shape(text),
        });
        self.seen.insert(key, id);
        Some(id)
    }

    fn row(&mut self, cells: &[(Option<&str>, &str)]) {
        if self.clue.rows.len() >= limits::CLUE_ROWS {
            self.clue.skipped += 1;
            return;
        }
        let mut row: Vec<u32> = Vec::with_capacity(cells.len());
        for (i, (name, cell)) in cells.iter().enumerate() {
            let text = spelt(clean(cell));
            if text.chars().count() < 2
                || matches!(
                    text.to_ascii_lowercase().as_str(),
                    "null"
                        | "none"
                        | "n/a"
                        | "na"
                        | "nil"
                        | "nan"
                        | "--"
                        | "true"
                        | "false"
                        | "\\n"
                )
            {
                continue;
            }
            let Some(c) = self.column(*name, i) else {
                self.clue.skipped += 1;
                continue;
            };
            if let Some(n) = self.filled.get_mut(usize::from(c)) {
                *n += 1;
            }
            // Four digits in a column of last digits are the end of a longer number.
            let text = match name {
                Some(n)
                    if text.len() == 4
                        && tail(n)
                        && text.bytes().all(|b| b.is_ascii_alphanumeric()) =>
                {
                    Cow::Owned(format!("****{text}"))
                }
                _ => text,
            };
            let Some(id) = self.value(c, &text) else {
                self.clue.skipped += 1;
                continue;
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
            if let Some(own) = values.get_mut(usize::from(v.column)) {
                own.push(i);
            }
        }
        for ((c, column), own) in self.clue.columns.iter_mut().enumerate().zip(&values) {
            let sample: Vec<&str> = own
                .iter()
                .filter_map(|i| self.clue.values.get(*i as usize))
                .filter(|v| v.shape == Shape::Clear)
                .take(SAMPLE)
                .map(|v| v.text.as_str())
                .collect();
            let told = u16::try_from(c)
                .ok()
                .and_then(|c| self.told.get(&c).cloned());
            let class = told.or_else(|| typer(column.name.as_deref(), &sample));
            let distinct =
                own.len() as f64 / self.filled.get(c).copied().unwrap_or(0).max(1) as f64;
            // Nothing knows the class: long, nearly unique codes identify; few values over many rows say nothing.
            let coded = own
                .iter()
                .filter_map(|i| self.clue.values.get(*i as usize))
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

/// Cell text without what spreadsheets put around it: `="..."`, a leading apostrophe, blanks, quotes.
fn clean(cell: &str) -> &str {
    let t = cell.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\u{0}');
    let mut t = t
        .strip_prefix("=\"")
        .and_then(|t| t.strip_suffix('"'))
        .unwrap_or(t);
    for (open, close) in [("\"", "\""), ("'", "'"), ("“", "”"), ("`", "`")] {
        if t.len() > open.len() + close.len()
            && let Some(inner) = t.strip_prefix(open).and_then(|t| t.strip_suffix(close))
        {
            t = inner;
        }
    }
    let t = match t.strip_prefix('\'') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit() || "+-=@".contains(c)) => rest,
        _ => t,
    };
    t.trim()
}

/// Whether a column holds the last digits of numbers.
fn tail(name: &str) -> bool {
    let n = name.to_lowercase();
    [
        "last4",
        "last_4",
        "last 4",
        "last-4",
        "lastfour",
        "last_four",
        "tail",
        "suffix",
        "尾号",
        "后四位",
        "末四位",
    ]
    .iter()
    .any(|w| n.contains(w))
}

/// A value as programs write it: digits and letters of full width made narrow, numbers of spreadsheets
/// (`1.3800138000E+10`, `13800138000.0`) written out.
fn spelt(text: &str) -> Cow<'_, str> {
    let wide = |c: char| {
        ('\u{ff10}'..='\u{ff19}').contains(&c)
            || ('\u{ff21}'..='\u{ff3a}').contains(&c)
            || ('\u{ff41}'..='\u{ff5a}').contains(&c)
    };
    if text.chars().any(wide) {
        return Cow::Owned(
            text.chars()
                .map(|c| match c {
                    '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
                    '\u{3000}' => ' ',
                    c => c,
                })
                .collect(),
        );
    }
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if let Some(whole) = text.strip_suffix(".0")
        && digits(whole)
        && whole.len() >= 6
    {
        return Cow::Borrowed(whole);
    }
    if let Some((mantissa, power)) = text.split_once(['e', 'E'])
        && let Some(power) = power.strip_prefix('+').and_then(|p| p.parse::<usize>().ok())
        && let Some((first, rest)) = mantissa.split_once('.')
        && digits(first)
        && digits(rest)
        && first.len() == 1
        // What was rounded is no value any more.
        && rest.len() >= 8
        && rest.len() <= power
        && power < 20
    {
        let mut out = format!("{first}{rest}");
        out.extend(std::iter::repeat_n('0', power - rest.len()));
        return Cow::Owned(out);
    }
    Cow::Borrowed(text)
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

    /// Telephone numbers in prose.
    fn finder(text: &str) -> Vec<(usize, usize, String, bool)> {
        let mut out = Vec::new();
        for (i, _) in text.match_indices('1') {
            if text
                .get(i..i + 11)
                .is_some_and(|t| t.bytes().all(|b| b.is_ascii_digit()))
            {
                out.push((i, 11, "cn-mobile".to_owned(), true));
            }
        }
        out
    }

    fn read(name: &str, bytes: &[u8], t: &mut Typer<'_>) -> Result<Clue> {
        super::read(name, bytes, t, &mut finder)
    }

    #[test]
    fn dumps_of_databases() {
        let text = "-- MySQL dump\nCREATE TABLE `c` (\n `id` int NOT NULL,\n `name` varchar(9),\n `mobile` char(11),\n PRIMARY KEY (`id`)\n);\n\
            INSERT INTO `c` VALUES (700001,'Li \\'Lei\\'','13800138000'),(700002,'Han, M;','13900139000');\n\
            insert into t2 (name, mobile) values (N'O''Neil', '13700137000');\n";
        let c = read("x", text.as_bytes(), &mut typer).unwrap();
        assert_eq!(c.rows.len(), 3, "{c:?}");
        assert_eq!(texts(&c, 0), ["700001", "Li 'Lei'", "13800138000"]);
        assert_eq!(texts(&c, 1), ["700002", "Han, M;", "13900139000"]);
        assert_eq!(texts(&c, 2), ["O'Neil", "13700137000"]);
        let mobile = c
            .columns
            .iter()
            .find(|c| c.name.as_deref() == Some("mobile"))
            .unwrap();
        assert_eq!(mobile.class.as_deref(), Some("cn-mobile"));
        let copy = "SET x = 1;\nCOPY public.c (name, mobile) FROM stdin;\nLi\t13800138000\n\\N\t13900139000\n\\.\n";
        let c = read("x", copy.as_bytes(), &mut typer).unwrap();
        assert_eq!(texts(&c, 0), ["Li", "13800138000"]);
        assert_eq!(texts(&c, 1), ["13900139000"]);
    }

    #[test]
    fn a_post_in_a_forum() {
        let text = "Selling fresh data, samples below, contact me by mail only:\n\nZhang San, phone 13800138000 and order AB-7712-X9 from last week\n\
            Li Si lives nearby, his number is 13900139000, do not call him at night please\n";
        let c = read("x", text.as_bytes(), &mut typer).unwrap();
        assert_eq!(c.rows.len(), 2, "{c:?}");
        assert!(texts(&c, 0).contains(&"13800138000") && texts(&c, 0).contains(&"AB-7712-X9"));
        assert_eq!(c.columns[0].class.as_deref(), Some("cn-mobile"));
    }

    #[test]
    fn a_sentence_with_commas_is_no_table() {
        let c = read(
            "p",
            "看 13800138000 和 13900139000, 还有 13700137000\n".as_bytes(),
            &mut typer,
        )
        .unwrap();
        assert_eq!((c.values.len(), c.format.as_str()), (3, "text"));
    }

    #[test]
    fn lines_of_several_classes_are_told_apart() {
        let list = "13800138000\n700001\n13900139000\n700002\n13700137000\n13700137009\n";
        let c = read("l", list.as_bytes(), &mut typer).unwrap();
        assert_eq!(c.rows.len(), 6, "{c:?}");
        let classes: Vec<_> = c
            .columns
            .iter()
            .filter_map(|c| c.class.as_deref())
            .collect();
        assert!(
            c.columns.len() == 2 && classes.contains(&"cn-mobile"),
            "{c:?}"
        );
    }

    #[test]
    fn blocks_of_names_and_values() {
        let text = "姓名：张三\n手机：13800138000\n\n姓名：李四\n手机：13900139000\n";
        let c = read("x", text.as_bytes(), &mut typer).unwrap();
        assert_eq!(c.rows.len(), 2, "{c:?}");
        assert_eq!(texts(&c, 1), ["李四", "13900139000"]);
    }

    #[test]
    fn delimiters_of_every_kind() {
        for d in [",", "\t", ";", "|", "^", "----", "||", "，", "::"] {
            let text =
                format!("name{d}mobile\nLi{d}13800138000\nHan{d}13900139000\nWu{d}13700137000\n");
            let c = read("x", text.as_bytes(), &mut typer).unwrap();
            assert_eq!(c.rows.len(), 3, "{d}: {c:?}");
            assert_eq!(texts(&c, 1), ["Han", "13900139000"], "{d}");
        }
        let bars = "+------+-------------+\n| name | mobile      |\n+------+-------------+\n| Li   | 13800138000 |\n| Han  | 13900139000 |\n+------+-------------+\n";
        let c = read("x", bars.as_bytes(), &mut typer).unwrap();
        assert_eq!(c.rows.len(), 2, "{c:?}");
        assert_eq!(texts(&c, 0), ["Li", "13800138000"]);
        let named = "name=Li,mobile=13800138000\nname=Han,mobile=13900139000\n";
        let c = read("x", named.as_bytes(), &mut typer).unwrap();
        assert_eq!(texts(&c, 1), ["Han", "13900139000"]);
        assert_eq!(c.columns[1].name.as_deref(), Some("mobile"));
    }

    #[test]
    fn spellings_of_spreadsheets() {
        let c = read(
            "x",
            "name,mobile,card_last4\nLi,１３８００１３８０００,0012\nHan,1.3900139001E+10,7788\nWu,13700137000.0,3141\n".as_bytes(),
            &mut typer,
        )
        .unwrap();
        assert_eq!(texts(&c, 0), ["Li", "13800138000", "****0012"]);
        assert_eq!(texts(&c, 1)[1], "13900139001");
        assert_eq!(texts(&c, 2)[1], "13700137000");
        assert_eq!(
            c.values.iter().filter(|v| v.shape == Shape::Masked).count(),
            3
        );
    }

    #[test]
    fn other_encodings_and_packed_files() {
        let text = "姓名,手机\n张三,13800138000\n李四,13900139000\n";
        let (gbk, _, _) = encoding_rs::GB18030.encode(text);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut zipped, text.as_bytes()).unwrap();
        for bytes in [gbk.into_owned(), wide, zipped.finish().unwrap()] {
            let c = read("x", &bytes, &mut typer).unwrap();
            assert_eq!(c.rows.len(), 2, "{c:?}");
            assert_eq!(texts(&c, 1), ["李四", "13900139000"]);
        }
    }

    #[test]
    fn objects_one_after_the_other_and_by_key() {
        for text in [
            "{\n \"m\": \"13800138000\"\n}\n{\n \"m\": \"13900139000\"\n}\n",
            r#"{"a1":{"m":"13800138000"},"a2":{"m":"13900139000"}}"#,
            "{\"m\":\"13800138000\"}\nnot json\n{\"m\":\"13900139000\"}\n",
        ] {
            let c = read("x", text.as_bytes(), &mut typer).unwrap();
            assert_eq!(c.rows.len(), 2, "{text}: {c:?}");
        }
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
