//! Rows of values as the bodies that servers send: every kind of container, every coding around a value or a document.
//! In: rows of (key, value). Out: bytes and the media type. Nothing of the program's own is used.

use super::random::Random;
use base64::Engine as _;
use std::fmt::Write as _;
use std::io::Write as _;

/// A value that is sent.
#[derive(Clone, Debug)]
pub struct Cell {
    pub key: String,
    pub value: String,
}
pub type Row = Vec<Cell>;

pub const STYLES: [&str; 18] = [
    "json list",
    "json nested",
    "json columns",
    "json arrays",
    "json single",
    "ndjson",
    "xml",
    "xml attributes",
    "form",
    "multipart",
    "csv",
    "tsv",
    "xlsx",
    "html",
    "protobuf",
    "text",
    "json in json",
    "json in base64",
];

fn quote(s: &str) -> String {
    serde_json::to_string(s).unwrap()
}
/// Numbers stand bare where JSON can carry them.
fn literal(r: &mut Random, v: &str) -> String {
    let plain = v.len() <= 16 && !v.starts_with('0') && v.bytes().all(|b| b.is_ascii_digit());
    if plain && r.chance(30) {
        v.to_owned()
    } else {
        quote(v)
    }
}
fn object(r: &mut Random, row: &Row) -> String {
    let fields: Vec<String> = row
        .iter()
        .map(|c| format!("{}:{}", quote(&c.key), literal(r, &c.value)))
        .collect();
    format!("{{{}}}", fields.join(","))
}
fn list(r: &mut Random, rows: &[Row]) -> String {
    let items: Vec<String> = rows.iter().map(|row| object(r, row)).collect();
    format!(
        "{{\"code\":0,\"msg\":\"ok\",\"data\":{{\"total\":{},\"list\":[{}]}}}}",
        rows.len(),
        items.join(",")
    )
}
fn percent(v: &str) -> String {
    v.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
fn escape(v: &str) -> String {
    v.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
pub fn gzip(v: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    e.write_all(v).unwrap();
    e.finish().unwrap()
}
/// Letters and digits that an element's or field's name may have.
fn tag(key: &str) -> String {
    key.chars()
        .filter(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// One layer around a value.
pub fn wrap(kind: &str, v: &str) -> String {
    let b64 = &base64::engine::general_purpose::STANDARD;
    match kind {
        "base64" => b64.encode(v),
        "base64url" => base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(v),
        "hex" => v.bytes().map(|b| format!("{b:02x}")).collect(),
        "url" => v.bytes().map(|b| format!("%{b:02X}")).collect(),
        "unicode" => v.encode_utf16().map(|u| format!("\\u{u:04x}")).collect(),
        "gzip" => b64.encode(gzip(v.as_bytes())),
        "html" => v.chars().map(|c| format!("&#{};", u32::from(c))).collect(),
        _ => v.to_owned(),
    }
}

fn csv(rows: &[Row], delimiter: char) -> String {
    let cell = |v: &str| {
        if v.contains([delimiter, '"', '\n']) {
            format!("\"{}\"", v.replace('"', "\"\""))
        } else {
            v.to_owned()
        }
    };
    let line = |cells: Vec<String>| cells.join(&delimiter.to_string()) + "\n";
    let mut s = line(rows[0].iter().map(|c| cell(&c.key)).collect());
    for row in rows {
        s += &line(row.iter().map(|c| cell(&c.value)).collect());
    }
    s
}

fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}
fn protobuf(rows: &[Row]) -> Vec<u8> {
    let mut all = vec![0x08, 0x01];
    for row in rows {
        let mut m = Vec::new();
        for (i, c) in row.iter().enumerate() {
            varint(&mut m, (i as u64 + 1) << 3 | 2);
            varint(&mut m, c.value.len() as u64);
            m.extend_from_slice(c.value.as_bytes());
        }
        all.push(0x12);
        varint(&mut all, m.len() as u64);
        all.extend(m);
    }
    all
}

/// A zip of members, stored or deflated.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (i, (name, bytes)) in members.iter().enumerate() {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let (method, packed) = if i % 2 == 0 {
            let mut e =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
            e.write_all(bytes).unwrap();
            (8u16, e.finish().unwrap())
        } else {
            (0, bytes.to_vec())
        };
        let at = out.len() as u32;
        let mut fields = Vec::new();
        for n in [20u16, 0, method, 0, 0x5821] {
            fields.extend(n.to_le_bytes());
        }
        for n in [crc.sum(), packed.len() as u32, bytes.len() as u32] {
            fields.extend(n.to_le_bytes());
        }
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&fields);
        out.extend(name.as_bytes());
        out.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let at = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    for n in [members.len() as u16, members.len() as u16] {
        out.extend(n.to_le_bytes());
    }
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn column(mut n: usize) -> String {
    let mut s = String::new();
    loop {
        s.insert(0, char::from(b'A' + (n % 26) as u8));
        if n < 26 {
            return s;
        }
        n = n / 26 - 1;
    }
}
/// A workbook as spreadsheet programs write it: shared strings for most text, inline strings and numbers beside.
pub fn xlsx(r: &mut Random, rows: &[Row]) -> Vec<u8> {
    let mut shared: Vec<String> = Vec::new();
    let mut sheet = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>",
    );
    let head: Vec<String> = rows[0].iter().map(|c| c.key.clone()).collect();
    let inline = r.chance(30);
    for (n, line) in std::iter::once(head)
        .chain(
            rows.iter()
                .map(|row| row.iter().map(|c| c.value.clone()).collect()),
        )
        .enumerate()
    {
        let _ = write!(sheet, "<row r=\"{}\">", n + 1);
        for (i, v) in line.iter().enumerate() {
            let at = format!("{}{}", column(i), n + 1);
            let number = v.len() <= 15
                && !v.starts_with('0')
                && !v.is_empty()
                && v.bytes().all(|b| b.is_ascii_digit());
            if number && r.chance(40) {
                let _ = write!(sheet, "<c r=\"{at}\"><v>{v}</v></c>");
            } else if inline {
                let _ = write!(
                    sheet,
                    "<c r=\"{at}\" t=\"inlineStr\"><is><t>{}</t></is></c>",
                    escape(v)
                );
            } else {
                shared.push(v.clone());
                let _ = write!(
                    sheet,
                    "<c r=\"{at}\" s=\"1\" t=\"s\"><v>{}</v></c>",
                    shared.len() - 1
                );
            }
        }
        sheet += "</row>";
    }
    sheet += "</sheetData></worksheet>";
    let strings: String = shared
        .iter()
        .map(|s| format!("<si><t xml:space=\"preserve\">{}</t></si>", escape(s)))
        .collect();
    let strings = format!(
        "<?xml version=\"1.0\"?><sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" count=\"{0}\" uniqueCount=\"{0}\">{strings}</sst>",
        shared.len()
    );
    let book = "<?xml version=\"1.0\"?><workbook><sheets><sheet name=\"Sheet1\" sheetId=\"1\"/></sheets></workbook>";
    let types = "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>";
    zip(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
        ("xl/sharedStrings.xml", strings.as_bytes()),
    ])
}

/// Rows as a body of a style.
pub fn body(r: &mut Random, style: &str, rows: &[Row]) -> (Vec<u8>, &'static str) {
    let json = "application/json;charset=UTF-8";
    let text = |s: String, t| (s.into_bytes(), t);
    match style {
        "json list" => text(list(r, rows), json),
        "json single" => text(
            format!("{{\"code\":0,\"data\":{}}}", object(r, &rows[0])),
            json,
        ),
        "json nested" => {
            let items: Vec<String> = rows
                .iter()
                .map(|row| {
                    let (a, b) = row.split_at(row.len() / 2);
                    format!(
                        "{{\"base\":{},\"detail\":{{\"ext\":{}}}}}",
                        object(r, &a.to_vec()),
                        object(r, &b.to_vec())
                    )
                })
                .collect();
            text(format!("{{\"result\":[{}]}}", items.join(",")), json)
        }
        "json columns" => {
            let heads: Vec<String> = rows[0].iter().map(|c| quote(&c.key)).collect();
            let lines: Vec<String> = rows
                .iter()
                .map(|row| {
                    format!(
                        "[{}]",
                        row.iter()
                            .map(|c| literal(r, &c.value))
                            .collect::<Vec<_>>()
                            .join(",")
                    )
                })
                .collect();
            text(
                format!(
                    "{{\"columns\":[{}],\"rows\":[{}]}}",
                    heads.join(","),
                    lines.join(",")
                ),
                json,
            )
        }
        "json arrays" => {
            let heads: Vec<String> = rows[0].iter().map(|c| quote(&c.key)).collect();
            let lines: Vec<String> = rows
                .iter()
                .map(|row| {
                    format!(
                        "[{}]",
                        row.iter()
                            .map(|c| quote(&c.value))
                            .collect::<Vec<_>>()
                            .join(",")
                    )
                })
                .collect();
            text(format!("[[{}],{}]", heads.join(","), lines.join(",")), json)
        }
        "ndjson" => text(
            rows.iter().map(|row| object(r, row) + "\n").collect(),
            "application/x-ndjson",
        ),
        "xml" | "xml attributes" => {
            let mut s = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><list>".to_owned();
            for row in rows {
                if style == "xml" {
                    s += "<item>";
                    for c in row {
                        let _ = write!(s, "<{0}>{1}</{0}>", tag(&c.key), escape(&c.value));
                    }
                    s += "</item>";
                } else {
                    s += "<item";
                    for c in row {
                        let _ = write!(
                            s,
                            " {}=\"{}\"",
                            tag(&c.key),
                            escape(&c.value).replace('\n', "&#10;")
                        );
                    }
                    s += "/>";
                }
            }
            text(s + "</list>", "text/xml")
        }
        "form" => {
            let pairs: Vec<String> = rows[0]
                .iter()
                .map(|c| format!("{}={}", percent(&c.key), percent(&c.value)))
                .collect();
            text(pairs.join("&"), "application/x-www-form-urlencoded")
        }
        "multipart" => {
            let mut s = String::new();
            for c in &rows[0] {
                let _ = write!(
                    s,
                    "--bOuNd\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
                    c.key, c.value
                );
            }
            text(s + "--bOuNd--\r\n", "multipart/form-data; boundary=bOuNd")
        }
        "csv" => text(csv(rows, ','), "text/csv"),
        "tsv" => text(csv(rows, '\t'), "text/tab-separated-values"),
        "xlsx" => (
            xlsx(r, rows),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        "html" => {
            let cells = |tag: &str, list: Vec<&str>| {
                list.iter()
                    .map(|v| format!("<{tag}>{}</{tag}>", escape(v)))
                    .collect::<String>()
            };
            let mut s = format!(
                "<!DOCTYPE html><html><body><table><tr>{}</tr>",
                cells("th", rows[0].iter().map(|c| &*c.key).collect())
            );
            for row in rows {
                let _ = writeln!(
                    s,
                    "<tr>{}</tr>",
                    cells("td", row.iter().map(|c| &*c.value).collect())
                );
            }
            text(s + "</table></body></html>", "text/html; charset=utf-8")
        }
        "protobuf" => (protobuf(rows), "application/x-protobuf"),
        "text" => {
            let mut s = String::new();
            for row in rows {
                let pairs: Vec<String> = row
                    .iter()
                    .map(|c| format!("{}: {}", c.key, c.value))
                    .collect();
                s += &(pairs.join("; ") + "\n");
            }
            text(s, "text/plain")
        }
        "json in json" => {
            let inner = list(r, rows);
            text(
                format!("{{\"status\":200,\"payload\":{}}}", quote(&inner)),
                json,
            )
        }
        _ => {
            let inner = list(r, rows);
            let inner = if r.chance(50) {
                gzip(inner.as_bytes())
            } else {
                inner.into_bytes()
            };
            let b64 = base64::engine::general_purpose::STANDARD.encode(inner);
            text(format!("{{\"encrypted\":false,\"data\":\"{b64}\"}}"), json)
        }
    }
}
