//! Workbooks of spreadsheet programs (Office Open XML, ECMA-376): their sheets as delimited text. In: the bytes of the zip. Out: rows as
//! RFC 4180 writes them, a [`BREAK`] between sheets. Bounds: [`limits::SHEET_DECODED`] bytes unpacked of all members, [`limits::SHEETS`]
//! sheets, [`COLUMNS`] columns; what is beyond is left out. Nothing is written anywhere, names of members open nothing.

use super::xml::{self, Visit};
use crate::limits;
use std::io::Read as _;

/// What stands between two sheets: nothing that a cell of text holds.
pub const BREAK: &[u8] = b"\x0c\n";
/// Columns of a sheet: as many as the format has.
const COLUMNS: usize = 16_384;
/// Empty rows that are written out, so that a row's number is its line; a jump beyond is one of a hostile file.
const SKIPPED: u32 = 100_000;

/// Whether a zip is a workbook: it says so, or a member near its beginning or its directory does.
pub fn is_workbook(content: &[u8], media_type: &str) -> bool {
    let told = media_type.contains("spreadsheetml");
    let near =
        |part: Option<&[u8]>| part.is_some_and(|p| memchr::memmem::find(p, b"xl/work").is_some());
    let end = content.len().saturating_sub(8192);
    told || near(content.get(..content.len().min(8192))) || near(content.get(end..))
}

/// The sheets of a workbook as text; `None` where there is none that can be read.
pub fn text(content: &[u8]) -> Option<Vec<u8>> {
    let mut room = limits::SHEET_DECODED;
    let members = directory(content)?;
    let mut sheets: Vec<(u32, &Member)> = members
        .iter()
        .filter_map(|m| {
            let name = m.name.strip_prefix(b"xl/worksheets/sheet")?;
            let number = name.strip_suffix(b".xml")?;
            Some((std::str::from_utf8(number).ok()?.parse().ok()?, m))
        })
        .collect();
    sheets.sort_unstable_by_key(|s| s.0);
    let shared = members.iter().find(|m| m.name == b"xl/sharedStrings.xml");
    let shared = shared.and_then(|m| m.unpack(content, &mut room));
    let mut strings = Strings::default();
    if let Some(doc) = &shared {
        xml::walk(doc, false, &mut strings);
    }
    let mut out = Vec::new();
    for (n, (_, member)) in sheets.iter().take(limits::SHEETS).enumerate() {
        let Some(doc) = member.unpack(content, &mut room) else {
            continue;
        };
        if n > 0 {
            out.extend_from_slice(BREAK);
        }
        let mut sheet = Sheet {
            strings: &strings,
            out: &mut out,
            room: limits::SHEET_DECODED,
            row: 0,
            column: 0,
            next: 0,
            kind: Kind::Number,
            inside: false,
            text: Vec::new(),
        };
        xml::walk(&doc, false, &mut sheet);
    }
    (!out.is_empty()).then_some(out)
}

/// Members of any zip by name, unpacked within `room` bytes in all; `None` for one that cannot be read.
pub fn members(zip: &[u8], mut room: usize) -> Vec<(&[u8], Option<Vec<u8>>)> {
    directory(zip)
        .unwrap_or_default()
        .iter()
        .map(|m| (m.name, m.unpack(zip, &mut room)))
        .collect()
}

/// A member of the zip.
struct Member<'a> {
    name: &'a [u8],
    method: u16,
    stored: usize,
    at: usize,
}

fn u16_at(b: &[u8], at: usize) -> Option<usize> {
    let two = b.get(at..)?.first_chunk::<2>()?;
    Some(usize::from(u16::from_le_bytes(*two)))
}
fn u32_at(b: &[u8], at: usize) -> Option<usize> {
    let four = b.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*four)).ok()
}

/// Members that the directory lists (APPNOTE 4.3.12), as many as stand in it whole.
fn directory(zip: &[u8]) -> Option<Vec<Member<'_>>> {
    let tail = zip.len().saturating_sub(22 + 0xffff);
    let end = tail + memchr::memmem::rfind(zip.get(tail..)?, b"PK\x05\x06")?;
    let mut at = u32_at(zip, end + 16)?;
    let mut out = Vec::new();
    while out.len() < limits::SHEET_MEMBERS
        && zip.get(at..).is_some_and(|r| r.starts_with(b"PK\x01\x02"))
    {
        let (name, extra, comment) = (
            u16_at(zip, at + 28)?,
            u16_at(zip, at + 30)?,
            u16_at(zip, at + 32)?,
        );
        out.push(Member {
            name: zip.get(at + 46..at + 46 + name)?,
            method: u16::try_from(u16_at(zip, at + 10)?).ok()?,
            stored: u32_at(zip, at + 20)?,
            at: u32_at(zip, at + 42)?,
        });
        at += 46 + name + extra + comment;
    }
    Some(out)
}

impl Member<'_> {
    /// Its bytes, within what room is left.
    fn unpack(&self, zip: &[u8], room: &mut usize) -> Option<Vec<u8>> {
        let head = zip
            .get(self.at..)
            .filter(|h| h.starts_with(b"PK\x03\x04"))?;
        let from = 30 + u16_at(head, 26)? + u16_at(head, 28)?;
        let packed = head.get(from..from.checked_add(self.stored)?)?;
        let mut out = Vec::new();
        let limit = *room as u64;
        match self.method {
            0 => packed.take(limit).read_to_end(&mut out),
            8 => flate2::read::DeflateDecoder::new(packed)
                .take(limit)
                .read_to_end(&mut out),
            _ => return None,
        }
        .ok()?;
        *room = room.saturating_sub(out.len());
        Some(out)
    }
}

/// Shared strings: one buffer, and where each ends.
#[derive(Default)]
struct Strings {
    text: Vec<u8>,
    ends: Vec<usize>,
    inside: bool,
    /// Phonetic readings are no part of the text.
    phonetic: bool,
}

impl Strings {
    fn get(&self, n: usize) -> &[u8] {
        let from = n
            .checked_sub(1)
            .and_then(|p| self.ends.get(p))
            .copied()
            .unwrap_or(0);
        self.ends
            .get(n)
            .and_then(|end| self.text.get(from..*end))
            .unwrap_or_default()
    }
}

fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|b| *b == b':').next().unwrap_or(name)
}
fn put(out: &mut Vec<u8>, text: &[u8], cdata: bool) {
    if cdata || !text.contains(&b'&') {
        out.extend_from_slice(text);
    } else {
        out.extend(xml::unescape(text).0);
    }
}

impl Visit for Strings {
    fn open(&mut self, name: &[u8]) {
        match local(name) {
            b"t" => self.inside = !self.phonetic,
            b"rPh" => self.phonetic = true,
            _ => {}
        }
    }
    fn attribute(&mut self, _: &[u8], _: &[u8], _: usize) {}
    fn close(&mut self, name: &[u8]) {
        match local(name) {
            b"t" => self.inside = false,
            b"rPh" => self.phonetic = false,
            b"si" => self.ends.push(self.text.len()),
            _ => {}
        }
    }
    fn text(&mut self, text: &[u8], _: usize, cdata: bool) {
        if self.inside {
            put(&mut self.text, text, cdata);
        }
    }
}

#[derive(PartialEq, Eq)]
enum Kind {
    Number,
    Shared,
    Text,
}

struct Sheet<'a> {
    strings: &'a Strings,
    out: &'a mut Vec<u8>,
    room: usize,
    /// Row that is written, from 1.
    row: u32,
    /// Cells of it that are written.
    column: usize,
    /// Column of the cell at hand.
    next: usize,
    kind: Kind,
    inside: bool,
    text: Vec<u8>,
}

impl Sheet<'_> {
    /// Writes the cell at hand; `,` stands for cells that are not there.
    fn cell(&mut self) {
        if self.next >= COLUMNS || self.out.len() >= self.room {
            return;
        }
        for _ in self.column..self.next.max(self.column) {
            self.out.push(b',');
        }
        self.column = self.next;
        let shared;
        let text = match self.kind {
            Kind::Shared => {
                let n = std::str::from_utf8(&self.text)
                    .ok()
                    .and_then(|t| t.trim().parse().ok());
                n.map_or(&[][..], |n| self.strings.get(n))
            }
            // long numbers are written with an exponent
            Kind::Number if self.text.iter().any(|b| matches!(b, b'E' | b'e')) => {
                let number = std::str::from_utf8(&self.text)
                    .ok()
                    .and_then(|t| t.trim().parse::<f64>().ok());
                shared = match number.filter(|n| n.fract() == 0.0 && n.abs() < 1e15) {
                    Some(n) => format!("{n:.0}").into_bytes(),
                    None => std::mem::take(&mut self.text),
                };
                &shared
            }
            _ => &self.text,
        };
        // a break between sheets is none of a cell's
        let odd = text
            .iter()
            .any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r' | 0x0c));
        if odd {
            self.out.push(b'"');
            for b in text.iter().filter(|b| **b != 0x0c) {
                if *b == b'"' {
                    self.out.push(b'"');
                }
                self.out.push(*b);
            }
            self.out.push(b'"');
        } else {
            self.out.extend_from_slice(text);
        }
    }
}

/// Column (from 0) of a reference such as `AB12`.
fn column_of(reference: &[u8]) -> Option<usize> {
    let letters = reference
        .iter()
        .take(4)
        .take_while(|b| b.is_ascii_uppercase());
    letters
        .fold(0usize, |n, b| n * 26 + usize::from(b - b'A') + 1)
        .checked_sub(1)
}

impl Visit for Sheet<'_> {
    fn open(&mut self, name: &[u8]) {
        match local(name) {
            b"row" => {
                self.row = self.row.saturating_add(1);
                self.column = 0;
                self.next = 0;
            }
            b"c" => {
                self.kind = Kind::Number;
                self.text.clear();
            }
            b"v" | b"t" => self.inside = true,
            _ => {}
        }
    }
    fn attribute(&mut self, name: &[u8], value: &[u8], _: usize) {
        match name {
            b"r" if value.first().is_some_and(u8::is_ascii_digit) => {
                let told = std::str::from_utf8(value)
                    .ok()
                    .and_then(|v| v.parse::<u32>().ok());
                if let Some(told) = told.filter(|t| *t > self.row && *t - self.row < SKIPPED) {
                    for _ in self.row..told {
                        self.out.push(b'\n');
                    }
                    self.row = told;
                }
            }
            b"r" => self.next = column_of(value).unwrap_or(self.next).max(self.column),
            b"t" => {
                self.kind = match value {
                    b"s" => Kind::Shared,
                    b"n" => Kind::Number,
                    _ => Kind::Text,
                }
            }
            _ => {}
        }
    }
    fn close(&mut self, name: &[u8]) {
        match local(name) {
            b"v" | b"t" => self.inside = false,
            b"c" => {
                self.cell();
                self.next += 1;
            }
            b"row" => self.out.push(b'\n'),
            _ => {}
        }
    }
    fn text(&mut self, text: &[u8], _: usize, cdata: bool) {
        if self.inside {
            put(&mut self.text, text, cdata);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(doc: &str, strings: &[&str]) -> String {
        let mut shared = Strings::default();
        let list: String = strings
            .iter()
            .map(|s| format!("<si><t>{s}</t></si>"))
            .collect();
        xml::walk(format!("<sst>{list}</sst>").as_bytes(), false, &mut shared);
        let mut out = Vec::new();
        let mut sheet = Sheet {
            strings: &shared,
            out: &mut out,
            room: 1 << 20,
            row: 0,
            column: 0,
            next: 0,
            kind: Kind::Number,
            inside: false,
            text: Vec::new(),
        };
        xml::walk(doc.as_bytes(), false, &mut sheet);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_stand_in_their_columns_and_rows() {
        let doc = "<sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>1</v></c><c r=\"C1\" t=\"s\"><v>0</v></c></row>\
            <row r=\"3\"><c r=\"B3\"><v>1.3812345678E10</v></c><c r=\"C3\" t=\"inlineStr\"><is><t>a,&quot;b&quot;</t></is></c></row></sheetData>";
        assert_eq!(
            sheet(doc, &["x &amp; y", "name"]),
            "name,,x & y\n\n,13812345678,\"a,\"\"b\"\"\"\n"
        );
        assert_eq!(
            sheet(
                "<row r=\"999999999\"><c r=\"ZZZZZZ1\" t=\"s\"><v>77</v></c></row>",
                &[]
            ),
            "\n"
        );
    }

    #[test]
    fn any_bytes_do_no_harm() {
        for bytes in [
            &b"PK\x05\x06"[..],
            b"PK\x03\x04xl/workbook.xml",
            b"",
            &[0xff; 100],
        ] {
            assert_eq!(text(bytes), None);
        }
    }
}
