//! Out of what a clue's file is packed in, and its text out of its encoding. In: bytes. Out: one part a file or workbook, as
//! text. Bounds: [`limits::CLUE_BYTES`] unpacked in all; members that cannot be read are counted.

use crate::body::{sheet, zip};
use crate::call::text::lossless;
use crate::limits;
use std::borrow::Cow;
use std::io::Read as _;

/// The parts of a file: itself, what it holds compressed, members of a zip, sheets of a workbook.
pub(super) fn parts<'a>(bytes: &'a [u8], skipped: &mut u64) -> Vec<Cow<'a, [u8]>> {
    let mut out = Vec::new();
    open(Cow::Borrowed(bytes), 0, skipped, &mut out);
    out
}

fn open<'a>(bytes: Cow<'a, [u8]>, depth: u8, skipped: &mut u64, out: &mut Vec<Cow<'a, [u8]>>) {
    if depth < 3 && bytes.starts_with(b"\x1f\x8b") {
        let mut plain = Vec::new();
        let read = flate2::read::MultiGzDecoder::new(bytes.as_ref())
            .take(limits::CLUE_BYTES as u64)
            .read_to_end(&mut plain);
        // What is damaged or cut ends there: the rows before it count.
        *skipped += u64::from(read.is_err());
        return open(Cow::Owned(plain), depth + 1, skipped, out);
    }
    if depth < 3 && bytes.starts_with(b"PK\x03\x04") {
        if sheet::is_workbook(&bytes, "") {
            match sheet::text(&bytes) {
                Some(text) => out.extend(sheets(&text).into_iter().map(Cow::Owned)),
                None => *skipped += 1,
            }
            return;
        }
        for (name, plain) in zip::members(&bytes, limits::CLUE_BYTES) {
            match plain {
                Some(_) if name.ends_with(b"/") || name.starts_with(b"__MACOSX") => {}
                Some(p) => open(Cow::Owned(p), depth + 1, skipped, out),
                None => *skipped += 1,
            }
        }
        return;
    }
    out.push(bytes);
}

fn sheets(text: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut from = 0;
    for at in memchr::memmem::find_iter(text, sheet::BREAK) {
        out.push(text.get(from..at).unwrap_or_default().to_vec());
        from = at + sheet::BREAK.len();
    }
    out.push(text.get(from..).unwrap_or_default().to_vec());
    out.retain(|s| !s.trim_ascii().is_empty());
    out
}

/// Text of a part: UTF-8, UTF-16 with or without its mark, GB 18030; other bytes are kept visible.
pub(super) fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => return lossless(rest).into_owned(),
        _ => {}
    }
    // Text of two bytes a character is full of zeros at one of them: line ends, digits, commas.
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let zeros = |from: usize| {
        head.iter()
            .skip(from)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    if head.len() >= 4 && zeros(1) * 5 > head.len() && zeros(0) * 20 < head.len() {
        return utf16(bytes, u16::from_le_bytes);
    }
    if head.len() >= 4 && zeros(0) * 5 > head.len() && zeros(1) * 20 < head.len() {
        return utf16(bytes, u16::from_be_bytes);
    }
    if std::str::from_utf8(bytes).is_err() {
        // A file cut in the middle of a character is no other encoding.
        let broken = String::from_utf8_lossy(bytes)
            .chars()
            .filter(|c| *c == char::REPLACEMENT_CHARACTER)
            .count();
        let (text, _, _) = encoding_rs::GB18030.decode(bytes);
        let odd = text
            .chars()
            .filter(|c| *c == char::REPLACEMENT_CHARACTER || ('\u{e000}'..='\u{f8ff}').contains(c))
            .count();
        if odd * 4 < broken {
            return text.into_owned();
        }
    }
    lossless(bytes).into_owned()
}

fn utf16(bytes: &[u8], order: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    char::decode_utf16(pairs.iter().map(|p| order(*p)))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}
