//! What is known to have leaked. In: one value, or the bytes of a file (CSV, TSV, other delimiters, JSON lines, a JSON
//! array, one value a line). Out: rows of distinct values with their columns. Bounds: [`crate::limits::CLUE_BYTES`],
//! [`crate::limits::CLUE_ROWS`], [`crate::limits::CLUE_COLUMNS`]; what is beyond, empty or too short is counted.

mod builder;
mod forms;
mod json;
mod prose;
mod spelling;
mod sql;
mod unpack;

use crate::error::{Error, Result};
use crate::limits;
use builder::Builder;
use spelling::clean;
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
    /// Its print, where that alone is known: a share copy holds no text.
    pub print: Option<u64>,
}

/// A value that the evidence told.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The value, or what stands for it.
    pub text: String,
    /// Its class.
    pub class: String,
    /// Whether the class identifies a person.
    pub strong: bool,
    /// Its print, where the text only stands for it.
    pub print: Option<u64>,
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
pub fn record(values: &[Known]) -> Result<Clue> {
    rows_of(&[values.to_vec()], "a record")
}

/// A clue of records whose values were taken from the evidence.
pub fn rows_of(rows: &[Vec<Known>], format: &str) -> Result<Clue> {
    let mut b = Builder {
        format: format.into(),
        ..Builder::default()
    };
    let mut classes: BTreeMap<String, bool> = BTreeMap::new();
    for r in rows {
        for v in r {
            classes.insert(v.class.clone(), v.strong);
        }
        b.known(r);
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
    } else if let Some(format) = forms::spaced(text, b) {
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
    fn words_beside_each_other_are_cells() {
        let text = "fresh data, first hand, contact me\n\n700001 Li 138****8000\n700002 Han 139****9001\n700003 Wu 137****7002\n\
            Zhao 136****6003\n700005 135****5004\n700006 Qian 134****4005\n133****3006\n700008 Ma San 131****1008\n";
        let c = read("p", text.as_bytes(), &mut typer).unwrap();
        assert_eq!((c.rows.len(), c.skipped), (8, 1), "{c:?}");
        assert_eq!(texts(&c, 0), ["700001", "Li", "138****8000"]);
        // a word that has no column keeps none of the others out
        assert_eq!(texts(&c, 7), ["700008", "Ma", "131****1008"]);
        // what a line lacks shifts nothing
        let column = |t: &str| c.values.iter().find(|v| v.text == t).map(|v| v.column);
        assert_eq!(column("Zhao"), column("Li"));
        assert_eq!(column("135****5004"), column("138****8000"));
        let masked = c.values.iter().filter(|v| v.shape == Shape::Masked);
        assert_eq!(masked.count(), 8);
        // groups of digits are one number
        let c = read(
            "p",
            b"138 0013 8000\n139 0013 9000\n137 0013 7000\n",
            &mut typer,
        )
        .unwrap();
        assert_eq!((c.rows.len(), c.columns.len()), (3, 1), "{c:?}");
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
