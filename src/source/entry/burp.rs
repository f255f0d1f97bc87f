//! Items that Burp saves as XML, messages in Base64 or as they are. In: the window over the file. Out: one item a step.
//! Bounds: [`ENTRY_BYTES`] of one item; nothing of the file's own grammar (its DTD) is looked at.
//!
//! An item has the time of its request to the second, with the short name of a zone: names of one meaning are believed,
//! else the zone of `--tz`, else UTC, which is counted.

use super::har::{decode64, split_url};
use super::message;
use super::{Entry, Format, NoEntry, Step};
use crate::call::model::{Flags, Message, Ts};
use crate::call::text::lossless;
use crate::limits::ENTRY_BYTES;
use crate::source::log::LogZone;
use crate::source::refill::Refill;
use memchr::memmem;

/// Whether a file begins as Burp's does.
pub(super) fn sniff(beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    text.trim_ascii_start().first() == Some(&b'<')
        && memmem::find(text, b"<items ").is_some_and(|at| {
            let rest = text.get(at..).unwrap_or_default();
            let tag = rest.split(|b| *b == b'>').next().unwrap_or_default();
            memmem::find(tag, b"burpVersion").is_some()
        })
}

/// The items of a file.
pub(super) struct Items {
    zone: LogZone,
    /// An item too large to be held: whether its end is searched for.
    skip: bool,
    /// The mark of the end was seen.
    closed: bool,
    /// An item was followed to the end of the file and did not end.
    endless: bool,
    /// Where the next section or end of an item stands, and whether it is an end; known since it was last looked for.
    mark: (u64, bool),
    asides: Vec<(&'static str, u64)>,
}

const OPEN: &[u8] = b"<item>";
const CLOSE: &[u8] = b"</item>";
const LAST: &[u8] = b"</items>";
const DATA: &[u8] = b"<![CDATA[";
const DATA_END: &[u8] = b"]]>";

impl Items {
    pub(super) fn new(zone: LogZone) -> Items {
        Items {
            zone,
            skip: false,
            closed: false,
            endless: false,
            mark: (0, false),
            asides: Vec::new(),
        }
    }

    /// Goes to the next item; what stands before the first and after the last is the file's frame.
    fn between(&mut self, window: &mut Refill) -> Step {
        let mark = if self.skip { CLOSE } else { OPEN };
        if !window.have(1) {
            let said = match (self.skip, self.closed) {
                (true, _) => Some("the file ends inside an item"),
                (false, false) => Some("the file ends before its last mark"),
                (false, true) => None,
            };
            return Step::End(said.map(|why| ("truncated-file", why.into())));
        }
        window.have(LAST.len());
        let data = window.data();
        self.closed |= memmem::find(data, LAST).is_some();
        match memmem::find(data, mark) {
            Some(at) => {
                self.skip = false;
                Step::Pass(if mark == CLOSE {
                    at + CLOSE.len()
                } else {
                    at.max(1)
                })
            }
            // a mark may be cut by the window's end
            None if data.len() > LAST.len() => Step::Pass(data.len() - LAST.len() + 1),
            None => {
                window.have(LAST.len() + 1);
                Step::Pass(1)
            }
        }
    }

    fn item(&mut self, window: &mut Refill) -> Step {
        if self.endless && !self.ends(window) {
            return self.open_end(window);
        }
        let mut seen = 0;
        // inside a CDATA section tags are text
        let mut inside = false;
        loop {
            let data = window.data();
            let rest = data.get(seen..).unwrap_or_default();
            let next = if inside {
                memmem::find(rest, DATA_END).map(|n| (n + DATA_END.len(), DATA_END))
            } else {
                memchr::memchr_iter(b'<', rest).find_map(|n| {
                    let tag = rest.get(n..)?;
                    [DATA, CLOSE]
                        .into_iter()
                        .find(|m| tag.starts_with(m))
                        .map(|m| (n + m.len(), m))
                })
            };
            match next {
                Some((n, mark)) if mark == CLOSE => {
                    let end = seen + n;
                    if end > ENTRY_BYTES {
                        return Step::Lost(
                            end,
                            "entry-too-large",
                            format!("an item of {end} bytes"),
                        );
                    }
                    let bytes = data.get(..end).unwrap_or_default().to_vec();
                    return Step::Entry(end, self.call(&bytes).map(Box::new));
                }
                Some((n, mark)) => {
                    seen += n;
                    inside = mark == DATA;
                }
                None => {
                    let len = data.len();
                    seen = seen.max(len.saturating_sub(DATA.len()));
                    if len > ENTRY_BYTES {
                        self.skip = true;
                        let text = format!("an item of more than {ENTRY_BYTES} bytes");
                        return Step::Lost(len - CLOSE.len(), "entry-too-large", text);
                    }
                    if !window.have(len + 1) {
                        self.endless = true;
                        return self.open_end(window);
                    }
                }
            }
        }
    }

    /// Whether an item ends, after one before it was followed to the end of the file in vain. The first mark decides: once
    /// this item comes to the end of a section, it goes on as that one did. So no byte is looked at for every item before it.
    fn ends(&mut self, window: &mut Refill) -> bool {
        let (at, data) = (window.offset(), window.data());
        if self.mark.0 <= at {
            let found = memchr::memchr_iter(b'<', data).find_map(|n| {
                let tag = data.get(n..)?;
                let end = tag.starts_with(CLOSE);
                (end || tag.starts_with(DATA)).then_some((at + n as u64, end))
            });
            self.mark = found.unwrap_or((u64::MAX, false));
        }
        self.mark.1
    }

    /// The file ends inside an item, or an item has lost its end: then another begins within it.
    fn open_end(&mut self, window: &mut Refill) -> Step {
        let data = window.data();
        match memmem::find(data.get(1..).unwrap_or_default(), OPEN) {
            Some(at) => Step::Lost(at + 1, "entry-damaged", "an item without its end".into()),
            None => Step::End(Some((
                "truncated-file",
                format!("the file ends {} bytes into an item", data.len()),
            ))),
        }
    }

    fn call(&mut self, bytes: &[u8]) -> Result<Entry, NoEntry> {
        let item = fields(bytes).map_err(NoEntry::Unfit)?;
        let text = |v: &[u8]| lossless(v).trim().to_owned();
        let (ts, assumed_zone) = time(&text(&item.time), &self.zone)
            .ok_or_else(|| NoEntry::Unfit("no time that can be read".into()))?;
        let mut entry = Entry::new();
        entry.assumed_zone = assumed_zone;
        let url = split_url(item.url.trim_ascii());
        entry.exchange.tls = text(&item.protocol) == "https" || url.as_ref().is_some_and(|u| u.tls);
        let port = text(&item.port).parse().ok();
        entry.server = (
            text(&item.ip).parse().ok(),
            port.or(url.as_ref().and_then(|u| u.port)),
        );
        entry.host = url.map(|u| lossless(u.authority).into_owned()).or_else(|| {
            let host = text(&item.host);
            (!host.is_empty()).then_some(host)
        });
        entry.exchange.request = self.message(item.request, ts);
        entry.exchange.response = self.message(item.response, ts);
        let swapped = |m: &Option<Message>, request: bool| {
            m.as_ref().is_some_and(|m| m.method().is_some() != request)
        };
        if swapped(&entry.exchange.request, true) || swapped(&entry.exchange.response, false) {
            return Err(NoEntry::Unfit("a message in the place of the other".into()));
        }
        if entry.exchange.request.is_none() {
            return Err(NoEntry::Unfit("an item without a request".into()));
        }
        Ok(entry)
    }

    fn message(&mut self, (base64, content): (bool, Vec<u8>), ts: Ts) -> Option<Message> {
        if content.is_empty() {
            return None;
        }
        let bytes = if base64 {
            decode64(&content).or_else(|| {
                self.asides.push(("bad-base64", 1));
                None
            })?
        } else {
            content
        };
        let mut m = message::raw(&bytes, ts, ts)?;
        // text in XML has lost the bytes that are none
        if !base64 && m.body.bytes.contains(&0) {
            m.flags.insert(Flags::TRUNCATED);
        }
        Some(m)
    }
}

impl Format for Items {
    fn step(&mut self, window: &mut Refill) -> Step {
        window.have(OPEN.len());
        if !self.skip && window.data().starts_with(OPEN) {
            self.item(window)
        } else {
            self.between(window)
        }
    }

    fn asides(&mut self) -> Vec<(&'static str, u64)> {
        std::mem::take(&mut self.asides)
    }
}

/// What is read of an item.
#[derive(Default)]
struct Item {
    time: Vec<u8>,
    url: Vec<u8>,
    host: Vec<u8>,
    ip: Vec<u8>,
    port: Vec<u8>,
    protocol: Vec<u8>,
    request: (bool, Vec<u8>),
    response: (bool, Vec<u8>),
}

/// The fields of an item: tags of one level whose content is text or CDATA. Any bytes are text: a message that is not in
/// Base64 need not be UTF-8.
fn fields(bytes: &[u8]) -> Result<Item, String> {
    let mut item = Item::default();
    let mut rest = bytes.strip_prefix(OPEN).unwrap_or(bytes);
    loop {
        let at = memchr::memchr(b'<', rest).ok_or("no end")?;
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(CLOSE) {
            return Ok(item);
        }
        let end = memchr::memchr(b'>', rest).ok_or("a tag without its end")?;
        let tag = rest.get(1..end).unwrap_or_default();
        rest = rest.get(end + 1..).unwrap_or_default();
        let cut = tag
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(tag.len());
        let (name, attributes) = tag.split_at_checked(cut).unwrap_or((tag, &[]));
        match name {
            b"host" => item.ip = attribute(attributes, b"ip").to_vec(),
            b"request" => item.request.0 = attribute(attributes, b"base64") == b"true",
            b"response" => item.response.0 = attribute(attributes, b"base64") == b"true",
            _ => {}
        }
        if name.starts_with(b"/") || tag.ends_with(b"/") {
            continue;
        }
        loop {
            let at = memchr::memchr(b'<', rest).ok_or("no end")?;
            let (text, after) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            item.add(name, &unescape(text));
            if let Some(data) = after.strip_prefix(DATA) {
                let end = memmem::find(data, DATA_END).ok_or("data without its end")?;
                item.add(name, data.get(..end).unwrap_or_default());
                rest = data.get(end + DATA_END.len()..).unwrap_or_default();
            } else if after.starts_with(b"</") {
                rest = after;
                break;
            } else {
                item.add(name, b"<");
                rest = after.get(1..).unwrap_or_default();
            }
        }
    }
}

/// The value of an attribute; empty where there is none.
fn attribute<'a>(text: &'a [u8], key: &[u8]) -> &'a [u8] {
    let value = memmem::find_iter(text, key).find_map(|at| {
        let value = text.get(at + key.len()..)?.strip_prefix(b"=\"")?;
        value.get(..memchr::memchr(b'"', value)?)
    });
    value.unwrap_or_default()
}

/// The five entities of XML.
fn unescape(text: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    const NAMES: [(&[u8], u8); 5] = [
        (b"&amp;", b'&'),
        (b"&lt;", b'<'),
        (b"&gt;", b'>'),
        (b"&quot;", b'"'),
        (b"&apos;", b'\''),
    ];
    if !text.contains(&b'&') {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&b, tail)) = rest.split_first() {
        match NAMES.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, c)) => {
                out.push(*c);
                rest = rest.get(name.len()..).unwrap_or_default();
            }
            None => {
                out.push(b);
                rest = tail;
            }
        }
    }
    out.into()
}

impl Item {
    fn add(&mut self, name: &[u8], text: &[u8]) {
        let slot = match name {
            b"time" => &mut self.time,
            b"url" => &mut self.url,
            b"host" => &mut self.host,
            b"port" => &mut self.port,
            b"protocol" => &mut self.protocol,
            b"request" => &mut self.request.1,
            b"response" => &mut self.response.1,
            _ => return,
        };
        slot.extend_from_slice(text);
    }
}

/// `Tue Mar 01 10:00:00 CET 2026` as Java writes it.
fn time(text: &str, zone: &LogZone) -> Option<(Ts, bool)> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, month, day, clock, name, year] = words[..] else {
        return crate::source::log::time(text, zone);
    };
    let civil = format!("{year} {month} {day} {clock}");
    let civil = jiff::civil::DateTime::strptime("%Y %b %d %H:%M:%S", civil).ok()?;
    // names that mean one zone: CST, IST, BST and others mean several
    let hours = match name {
        "UTC" | "GMT" | "WET" | "Z" => Some(0),
        "CET" | "WEST" | "MEZ" => Some(1),
        "CEST" | "EET" | "MESZ" => Some(2),
        "EEST" | "MSK" => Some(3),
        "JST" | "KST" => Some(9),
        "EDT" => Some(-4),
        "EST" | "CDT" => Some(-5),
        "MDT" => Some(-6),
        "MST" | "PDT" => Some(-7),
        "PST" => Some(-8),
        _ => None,
    };
    let offset = hours
        .and_then(|h: i32| jiff::tz::Offset::from_seconds(h * 3600).ok())
        .or_else(|| {
            // `GMT+08:00`
            let digits = name.strip_prefix("GMT").or(name.strip_prefix("UTC"))?;
            let seconds = crate::source::log::offset_seconds(digits)?;
            jiff::tz::Offset::from_seconds(seconds).ok()
        });
    match offset {
        Some(offset) => {
            let at = offset.to_timestamp(civil).ok()?;
            Some((i64::try_from(at.as_nanosecond()).ok()?, false))
        }
        None => zone.resolve(civil),
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)] // lengths of what the tests made
mod tests {
    use super::*;
    use crate::source::entry::{EntryEvent, EntryReader};
    use base64::Engine as _;

    fn item(path: &str, body: &str) -> String {
        let b = |t: String| base64::engine::general_purpose::STANDARD.encode(t);
        let req = b(format!(
            "GET {path} HTTP/1.1\r\nHost: api.example:8443\r\n\r\n"
        ));
        let resp = b(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{body}"
        ));
        format!(
            "  <item>\n    <time>Sun Mar 01 10:00:00 CET 2026</time>\n    <url><![CDATA[https://api.example:8443{path}]]></url>\n    <host ip=\"10.0.0.2\">api.example</host>\n    <port>8443</port>\n    <protocol>https</protocol>\n    <method><![CDATA[GET]]></method>\n    <path><![CDATA[{path}]]></path>\n    <extension>null</extension>\n    <request base64=\"true\"><![CDATA[{req}]]></request>\n    <status>200</status>\n    <responselength>9</responselength>\n    <mimetype>JSON</mimetype>\n    <response base64=\"true\"><![CDATA[{resp}]]></response>\n    <comment>a &amp; b</comment>\n  </item>\n"
        )
    }

    fn file(items: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE items [\n<!ELEMENT items (item*)>\n<!ATTLIST items burpVersion CDATA \"\">\n]>\n<items burpVersion=\"2024.1\" exportTime=\"Sun Mar 01 11:00:00 CET 2026\">\n{items}</items>\n"
        )
    }

    fn read(text: &[u8]) -> (Vec<Entry>, Vec<(&'static str, u64)>) {
        let input = Box::new(std::io::Cursor::new(text.to_vec()));
        let mut r = EntryReader::new(input, "burp", LogZone(None), 0).unwrap();
        let (mut entries, mut diags) = (Vec::new(), Vec::new());
        while let Some(e) = r.next() {
            match e {
                EntryEvent::Entry(e) => entries.push(*e),
                EntryEvent::Diag(code, at, _, _) => diags.push((code, at)),
            }
        }
        (entries, diags)
    }

    #[test]
    fn an_item_is_a_call() {
        let text = file(&(item("/a", "{\"a\":1}") + &item("/b", "{}")));
        assert!(sniff(text.as_bytes()) && !sniff(b"<items a=\"1\"><item>"));
        let (entries, diags) = read(text.as_bytes());
        assert_eq!((entries.len(), diags), (2, vec![]));
        let e = &entries[0];
        let at = e.range.0 as usize;
        assert!(
            text[at..].starts_with("<item>")
                && text[at..at + e.range.1 as usize].ends_with("</item>")
        );
        assert_eq!(e.ts(), 1_772_355_600_000_000_000);
        assert_eq!(e.server, (Some("10.0.0.2".parse().unwrap()), Some(8443)));
        assert!(e.exchange.tls && !e.assumed_zone);
        assert_eq!(
            e.exchange.response.as_ref().unwrap().body.bytes,
            b"{\"a\":1}"
        );
        assert_eq!(
            e.exchange.request.as_ref().unwrap().target(),
            Some(&b"/a"[..])
        );
    }

    #[test]
    fn items_without_an_end_are_looked_at_once() {
        let open = "<item><time><![CDATA[";
        // a section that does not end costs its item, not those in it
        let plain = item("/a", "{}").replace("<![CDATA[", "").replace("]]>", "");
        let (entries, diags) = read(file(&format!("{open}{plain}{open}{plain}")).as_bytes());
        assert_eq!((entries.len(), diags.len()), (2, 2), "{diags:?}");
        for piece in ["<item>", open, "<item><![CDATA[x]]>"] {
            for tail in ["", "</item>]]>", "]]>", "<![CDATA[</item>"] {
                let begin = std::time::Instant::now();
                let (_, diags) = read(file(&(piece.repeat(100_000) + tail)).as_bytes());
                assert!(!diags.is_empty(), "{piece} {tail}");
                // each looked at for every one before it, they would take minutes
                assert!(begin.elapsed().as_secs() < 20, "{piece} {tail}");
            }
        }
    }

    #[test]
    fn messages_as_text_may_hold_tags_and_a_lost_end_costs_one_item() {
        let plain = item("/t", "x").replace("base64=\"true\"", "base64=\"false\"");
        let from = plain.find("<response ").unwrap();
        let till = plain.find("</response>").unwrap();
        let plain = format!(
            "{}<response base64=\"false\"><![CDATA[HTTP/1.1 200 OK\r\n\r\n<item></item>]]>{}",
            &plain[..from],
            &plain[till..]
        );
        let from = plain.find("<request ").unwrap();
        let till = plain.find("</request>").unwrap();
        let plain = format!(
            "{}<request base64=\"false\"><![CDATA[GET /t HTTP/1.1\r\n\r\n]]>{}",
            &plain[..from],
            &plain[till..]
        );
        let (entries, diags) = read(file(&plain).as_bytes());
        assert_eq!(diags, []);
        let resp = entries[0].exchange.response.as_ref().unwrap();
        assert_eq!(resp.body.bytes, b"<item></item>");

        let lost = item("/l", "x").replace(
            "<request base64=\"true\"><![CDATA[",
            "<request base64=\"true\"><![CDATA[<!",
        );
        let (entries, diags) = read(file(&(item("/a", "1") + &lost + &item("/b", "2"))).as_bytes());
        assert_eq!(entries.len(), 2);
        assert!(!diags.is_empty());
        let open = item("/o", "x").replace("]]></response>", "</response>");
        let (entries, diags) = read(file(&(item("/a", "1") + &open)).as_bytes());
        assert_eq!((entries.len(), diags), (1, vec![("truncated-file", 1)]));
    }

    #[test]
    fn zones_of_several_meanings_are_not_believed() {
        let none = LogZone(None);
        assert_eq!(
            time("Sun Mar 01 10:00:00 CST 2026", &none),
            Some((1_772_359_200_000_000_000, true))
        );
        assert_eq!(
            time("Sun Mar 01 10:00:00 GMT+08:00 2026", &none),
            Some((1_772_330_400_000_000_000, false))
        );
        let zone = LogZone::named(Some("Asia/Shanghai")).unwrap();
        assert_eq!(
            time("Sun Mar 01 10:00:00 CST 2026", &zone),
            Some((1_772_330_400_000_000_000, false))
        );
    }
}
