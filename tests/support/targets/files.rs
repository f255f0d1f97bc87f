//! Files of other programs, and what a case file holds.

use super::SCANNER;
use leaktrace::case::{heads, ident};
use leaktrace::detect::pack;
use leaktrace::source::archive::Bytes;
use leaktrace::source::entry::{self, EntryEvent, EntryReader};
use leaktrace::source::log::{self, LogEvent, LogReader, LogZone};
use leaktrace::source::{Kind, unpacked};
use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

/// Lines of a log.
pub fn logs(data: &[u8]) {
    // read once: they are the same for every input
    static FORMATS: LazyLock<log::Formats> = LazyLock::new(log::Formats::default);
    let formats = &*FORMATS;
    let _ = log::sniff(data, formats);
    // what is taken off first does not depend on the format
    let wraps: Vec<_> = formats
        .all()
        .filter(|f| f.name == "combined" || f.name == "json")
        .collect();
    let wraps = wraps
        .into_iter()
        .flat_map(|f| ["cri", "syslog", "json", "compose"].map(|w| (f, w)));
    // each input is read as a quarter of the formats, which one is up to its length: all of them at once leave few runs a second
    let all = formats.all().map(|f| (f, "")).chain(wraps);
    for (format, wrap) in all.skip(data.len() % 4).step_by(4) {
        let kind = log::LogKind::new(format, wrap);
        let input = Box::new(Cursor::new(data.to_vec()));
        let mut reader = LogReader::new(input, &kind, LogZone(None), 0);
        let mut seen = 0;
        while let Some(event) = reader.next() {
            seen += 1;
            if let LogEvent::Call(c) = event {
                SCANNER.with_borrow_mut(|s| s.scan_uri(c.uri.as_deref().unwrap_or_default()));
            }
        }
        assert!(seen <= data.len() + 1 && reader.lines() <= data.len() as u64 + 1);
    }
}

/// A log format as a user gives it, up to the first NUL, and lines behind it.
pub fn log_format(data: &[u8]) {
    let (text, lines) = data.split_at(data.iter().position(|b| *b == 0).unwrap_or(data.len()));
    let text = String::from_utf8_lossy(text).into_owned();
    let Ok(formats) = log::Formats::with(&[(text, "given".to_owned())]) else {
        return;
    };
    for format in formats.given() {
        let kind = log::LogKind::new(format, "");
        let input = Box::new(Cursor::new(lines.to_vec()));
        let mut reader = LogReader::new(input, &kind, LogZone(None), 0);
        while reader.next().is_some() {}
    }
}

/// A file of another tool; what holds of every call in it.
fn entries(data: &[u8], format: &str) {
    let _ = entry::sniff(data);
    let input = Box::new(Cursor::new(data.to_vec()));
    let mut reader = EntryReader::new(input, format, LogZone(None), 0).unwrap();
    let (mut last, mut end, mut events) = (0, 0, 0);
    while let Some(event) = reader.next() {
        events += 1;
        let EntryEvent::Entry(e) = event else {
            continue;
        };
        assert!(e.at.number > last, "entries are numbered in order");
        assert!(e.range.0 >= end, "entries do not overlap");
        (last, end) = (e.at.number, e.range.0 + e.range.1);
        assert!(end <= data.len() as u64, "an entry lies inside its file");
        let x = &e.exchange;
        assert!(x.done && x.request.is_some());
        for m in x.request.iter().chain(&x.response) {
            assert!(m.body.bytes.len() as u64 <= m.body.len);
            for (name, value) in &m.headers {
                assert!(m.head.get(name.clone()).is_some() && m.head.get(value.clone()).is_some());
            }
        }
        let _ = heads::decode(&heads::encode(x, &Default::default(), 0));
    }
    assert!(events <= data.len() * 2 + 2);
}

/// An HTTP archive.
pub fn har(data: &[u8]) {
    entries(data, "har");
}

/// Flows of mitmproxy.
pub fn mitmproxy(data: &[u8]) {
    entries(data, "mitmproxy");
}

/// Items of Burp.
pub fn burp(data: &[u8]) {
    entries(data, "burp");
}

/// A compressed file: what is read of it in one piece and in small ones is the same.
pub fn unpack(data: &[u8]) {
    let read = |size: usize| {
        let mut out = Vec::new();
        let Ok(mut read) = unpacked(Box::new(Cursor::new(data.to_vec()))) else {
            return (out, true);
        };
        let mut block = vec![0; size];
        while out.len() < 1 << 20 {
            match read.read(&mut block) {
                Ok(0) => return (out, false),
                Ok(n) => out.extend_from_slice(&block[..n]),
                Err(_) => return (out, true),
            }
        }
        out.truncate(1 << 20);
        (out, false)
    };
    let (a, b) = (read(1 << 16), read(777));
    assert!(
        a == b,
        "{} {} against {} {}",
        a.0.len(),
        a.1,
        b.0.len(),
        b.1
    );
}

/// Blobs of a case file that someone else may have written.
pub fn blobs(data: &[u8]) {
    let none: Arc<str> = Arc::from("");
    let facts = pack::decode(data, &|_| none.clone());
    let mut slim = 0;
    pack::visit(data, |_| slim += 1, |_, _, _| {});
    assert_eq!(slim, facts.findings.len(), "both readers of a pack agree");
    let _ = ident::decode(data);
    let h = heads::decode(data);
    let _ = (
        h.request.map(|h| (h.start(), h.headers())),
        h.response.map(|h| h.trailer_list()),
    );
}

/// A file taken for a tar and for a zip: members have numbers of their own, and what is read of one is what is hashed.
pub fn archive(data: &[u8]) {
    let (spill, stop) = (std::env::temp_dir(), AtomicBool::new(false));
    let formats = log::Formats::default();
    let look = leaktrace::source::Look {
        formats: &formats,
        spill: &spill,
        stop: &stop,
    };
    for form in ["tar", "zip"] {
        let found =
            leaktrace::source::archive::expand(Bytes::memory(data.to_vec()), form, look).unwrap();
        let mut numbers = BTreeSet::new();
        for f in &found {
            let Some(member) = &f.member else {
                assert!(f.name.is_empty() && f.kind == Kind::Archive(form));
                continue;
            };
            assert!(numbers.insert(member.index.clone()) && !f.name.is_empty());
            let (a, b) = (member.hash(&stop).unwrap(), member.hash(&stop).unwrap());
            assert!(a == b && a.1 <= f.bytes.max(data.len() as u64 * 1100));
            let Ok(mut read) = member.open() else {
                continue;
            };
            let _ = std::io::copy(&mut read, &mut std::io::sink());
        }
        assert!(found.len() <= data.len() / 30 + 1000);
    }
}
