//! HTTP archives (HAR 1.2) as browsers and proxies write them. In: the window over the file. Out: one entry a step.
//! Bounds: [`ENTRY_BYTES`] of one entry; the way to `log.entries` is walked without holding it.
//!
//! Content in an archive is decoded already, whatever `Content-Encoding` says, and text is in UTF-8. Pseudo fields of
//! HTTP/2 are in the start line. What a writer leaves out or changes is counted: `body-not-kept`, `body-rebuilt`,
//! `body-transcoded`, `charset-restored`, `bad-base64`.

#[path = "har_json.rs"]
mod fields;

use super::message::{self, Head};
use super::{Entry, Format, NoEntry, Step};
use crate::call::model::{Flags, Message, Proto, RawBody, Ts};
use crate::limits::ENTRY_BYTES;
use crate::source::log::{LogZone, time};
use crate::source::refill::Refill;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fields::{Archived, Content, Named, Request, Response};

/// Bytes looked at twice in all, to find the next entry after a damaged one.
const SECOND_LOOK: usize = 256 << 20;
/// Longest key remembered.
const KEY: usize = 32;

/// Follows nesting over bytes as they come.
#[derive(Debug, Clone, Copy, Default)]
struct Nest {
    depth: u32,
    string: bool,
    escaped: bool,
}

impl Nest {
    /// Takes a byte; true where it closes what was opened first.
    fn close(&mut self, b: u8) -> bool {
        if self.string {
            match b {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.string = false,
                _ => {}
            }
            return false;
        }
        match b {
            b'"' => self.string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

/// The way to the list of entries.
#[derive(Debug, Default)]
struct Walk {
    nest: Nest,
    /// The string that was read last, and whether it is longer than what is kept.
    last: Vec<u8>,
    long: bool,
    /// Keys whose values are open, of the file and of its log.
    keys: [Vec<u8>; 2],
}

impl Walk {
    /// Takes a byte; true where it opens the list of entries.
    fn entries(&mut self, b: u8) -> bool {
        let was = self.nest;
        self.nest.close(b);
        match (was.string, self.nest.string) {
            (true, true) if self.last.len() < KEY => self.last.push(b),
            (true, true) => self.long = true,
            (false, true) => {
                self.last.clear();
                self.long = false;
            }
            _ => {}
        }
        if was.string {
            return false;
        }
        let slot = self.keys.get_mut((was.depth as usize).wrapping_sub(1));
        if b == b':'
            && let Some(slot) = slot
        {
            slot.clear();
            if !self.long {
                slot.extend_from_slice(&self.last);
            }
        }
        b == b'['
            && was.depth == 2
            && self
                .keys
                .iter()
                .zip([&b"log"[..], b"entries"])
                .all(|(a, b)| a == b)
    }
}

/// Whether a file is an archive: its log says who made it, or lists its entries.
pub(super) fn sniff(beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    if text.trim_ascii_start().first() != Some(&b'{') {
        return false;
    }
    let mut walk = Walk::default();
    text.iter().any(|b| {
        let creator = *b == b'{'
            && walk.nest.depth == 2
            && walk.keys[0] == b"log"
            && walk.keys[1] == b"creator";
        let creator = creator && !walk.nest.string;
        walk.entries(*b) || creator
    })
}

/// The archive.
pub(super) struct Har {
    zone: LogZone,
    walk: Walk,
    inside: bool,
    /// An entry too large to be held, on its way to its end.
    skip: Option<Nest>,
    /// The key that the first good entry began with: entries of one writer begin alike.
    anchor: Vec<u8>,
    second_look: usize,
    asides: Vec<(&'static str, u64)>,
}

impl Har {
    pub(super) fn new(zone: LogZone) -> Har {
        Har {
            zone,
            walk: Walk::default(),
            inside: false,
            skip: None,
            anchor: b"\"startedDateTime\"".to_vec(),
            second_look: SECOND_LOOK,
            asides: Vec::new(),
        }
    }

    fn outside(&mut self, window: &mut Refill) -> Step {
        if !window.have(1) {
            let open = self.walk.nest.depth > 0;
            let what = "the archive ends before its end".to_owned();
            return Step::End(open.then_some(("truncated-file", what)));
        }
        let data = window.data();
        match data.iter().position(|b| self.walk.entries(*b)) {
            Some(n) => {
                self.inside = true;
                Step::Pass(n + 1)
            }
            None => Step::Pass(data.len()),
        }
    }

    fn entry(&mut self, window: &mut Refill) -> Step {
        let (mut nest, mut seen) = (Nest::default(), 0);
        let end = loop {
            let data = window.data();
            if let Some(n) = data
                .get(seen..)
                .unwrap_or_default()
                .iter()
                .position(|b| nest.close(*b))
            {
                break Some(seen + n + 1);
            }
            seen = data.len();
            if seen > ENTRY_BYTES || !window.have(seen + 1) {
                break None;
            }
        };
        let data = window.data();
        let Some(end) = end.filter(|n| *n <= ENTRY_BYTES) else {
            if let Some(at) = self.next_entry(data) {
                let text = format!("{at} bytes of an entry that does not end");
                return Step::Lost(at, "entry-damaged", text);
            }
            if seen <= ENTRY_BYTES && end.is_none() {
                let text = format!("the file ends {} bytes into an entry", data.len());
                return Step::End(Some(("truncated-file", text)));
            }
            let text = format!("an entry of more than {ENTRY_BYTES} bytes");
            if let Some(end) = end {
                return Step::Lost(end, "entry-too-large", text);
            }
            self.skip = Some(nest);
            return Step::Lost(data.len(), "entry-too-large", text);
        };
        let bytes = data.get(..end).unwrap_or_default();
        match serde_json::from_slice::<Archived>(bytes) {
            Ok(found) => {
                if let Some(key) = first_key(bytes) {
                    self.anchor = key.to_vec();
                }
                let call = self.call(found);
                Step::Entry(end, call.map(Box::new))
            }
            Err(e) => match self.next_entry(bytes) {
                Some(at) => Step::Lost(at, "entry-damaged", words(&e)),
                None => Step::Entry(end, Err(NoEntry::Unfit(words(&e)))),
            },
        }
    }

    /// Where in damaged bytes the next entry begins: at a brace before the key that entries begin with.
    fn next_entry(&mut self, data: &[u8]) -> Option<usize> {
        self.second_look = self.second_look.checked_sub(data.len())?;
        memchr::memmem::find_iter(data, &self.anchor).find_map(|at| {
            let before = data.get(..at)?.trim_ascii_end();
            let brace = before.strip_suffix(b"{")?;
            (!brace.is_empty() && matches!(brace.trim_ascii_end().last(), Some(b',' | b'[')))
                .then_some(brace.len())
        })
    }

    fn aside(&mut self, code: &'static str, n: usize) {
        if n > 0 {
            self.asides.push((code, n as u64));
        }
    }

    fn call(&mut self, found: Archived) -> Result<Entry, NoEntry> {
        let started = String::from_utf8_lossy(&found.started.0);
        let (ts, assumed_zone) = time(&started, &self.zone)
            .ok_or_else(|| NoEntry::Unfit("no time that can be read".into()))?;
        let took = found.time.0.filter(|t| (0.0..1e12).contains(t));
        let end = took.map_or(ts, |ms| ts.saturating_add(nanos(ms)));
        let url = split_url(&found.request.url.0);
        let Some(url) = url else {
            let shown: Vec<u8> = found.request.url.0.iter().copied().take(40).collect();
            return Err(NoEntry::Other(format!(
                "no address of HTTP: {}",
                String::from_utf8_lossy(&shown)
            )));
        };
        let mut entry = Entry::new();
        let pseudo = |name: &[u8]| {
            let found = found.request.headers.0.iter().find(|h| h.name.0 == name);
            found.map(|h| h.value.0.clone())
        };
        let host = pseudo(b":authority").unwrap_or_else(|| url.authority.to_vec());
        entry.host = Some(crate::call::text::lossless(&host).into_owned());
        entry.exchange.tls = url.tls;
        entry.assumed_zone = assumed_zone;
        entry.decoded = true;
        let ip = String::from_utf8_lossy(&found.server.0.0);
        entry.server = (ip.trim_matches(['[', ']']).parse().ok(), url.port);
        let connect = found.request.method.0.eq_ignore_ascii_case(b"CONNECT");
        let target = if connect { url.authority } else { url.target };
        let version = String::from_utf8_lossy(&found.request.version.0).into_owned();
        let answered = String::from_utf8_lossy(&found.response.0.version.0).into_owned();
        let major = [&version, &answered].map(|v| message::version_digits(v).0);
        entry.exchange.proto = match major.into_iter().max() {
            Some(2) => Some(Proto::H2),
            Some(3) => Some(Proto::H3),
            _ => None,
        };
        let target = target.to_vec();
        let (request, len) = self.request(found.request, &target, &version, ts);
        entry.exchange.request = Some(request);
        let status = found.response.0.status.0.unwrap_or(0.0);
        let mut lens = [Some(len), None];
        if (100.0..1000.0).contains(&status) {
            let version = if answered.is_empty() {
                version
            } else {
                answered
            };
            let (response, len) = self.response(found.response.0, &version, ts, end);
            entry.exchange.response = Some(response);
            lens[1] = Some(len);
        }
        entry.body_len = lens;
        self.aside("websocket-not-read", found.frames.0);
        Ok(entry)
    }

    fn request(
        &mut self,
        r: Request,
        target: &[u8],
        version: &str,
        ts: Ts,
    ) -> (Message, Option<u64>) {
        let head = fill(Head::request(&r.method.0, target, version), &r.headers.0);
        let coded = is_coded(&r.headers.0);
        let post = r.post.0;
        let base64 = post.encoding.0.eq_ignore_ascii_case(b"base64")
            || post.encoding_too.0.eq_ignore_ascii_case(b"base64");
        let form = post
            .mime
            .0
            .to_ascii_lowercase()
            .starts_with(b"application/x-www-form-urlencoded");
        let mut lost = false;
        let bytes = if !post.text.0.is_empty() {
            self.content(post.text.0, base64)
        } else if form && !post.params.0.is_empty() {
            self.aside("body-rebuilt", 1);
            let pair = |p: &Named| [&p.name.0[..], &p.value.0].join(&b'=');
            let pairs: Vec<Vec<u8>> = post.params.0.iter().map(pair).collect();
            pairs.join(&b'&')
        } else {
            lost = !post.params.0.is_empty() || r.size.0.is_some_and(|n| n > 0.0);
            Vec::new()
        };
        let len = length(r.size.0, bytes.len(), coded);
        (self.body(head, bytes, lost, ts, ts), len)
    }

    fn response(&mut self, r: Response, version: &str, ts: Ts, end: Ts) -> (Message, Option<u64>) {
        let status = r.status.0.unwrap_or(0.0);
        let status = (100..1000u16)
            .find(|s| f64::from(*s) == status.trunc())
            .unwrap_or(0);
        let head = Head::response(status, &r.reason.0, version);
        let head = fill(head, &r.headers.0);
        let Content {
            size,
            text,
            encoding,
        } = r.content.0;
        let base64 = encoding.0.eq_ignore_ascii_case(b"base64");
        let lost = text.0.is_empty() && size.0.is_some_and(|n| n > 0.0);
        let coded = is_coded(&r.headers.0);
        let mut bytes = self.content(text.0, base64);
        // some writers put the coded length here
        let told = size.0.filter(|n| !(coded && Some(*n) == r.size.0));
        if let (false, false, Some(told)) = (base64, bytes.is_empty(), told) {
            bytes = self.as_sent(bytes, told);
        }
        let len = length(r.size.0, bytes.len(), coded);
        let mut m = self.body(head, bytes, lost, ts, end);
        m.first.ts = ts;
        (m, len)
    }

    fn body(&mut self, head: Head, bytes: Vec<u8>, lost: bool, first: Ts, last: Ts) -> Message {
        let body = if lost {
            self.aside("body-not-kept", 1);
            RawBody::default()
        } else {
            message::whole(bytes)
        };
        let mut m = head.message(body, first, last);
        if lost {
            m.flags.insert(Flags::TRUNCATED);
        }
        m
    }

    /// Text whose length is not that of the content was in another charset. Latin-1, which writers also take for bytes of
    /// no charset, can be undone where the length proves it; any other stays in UTF-8 and is counted.
    fn as_sent(&mut self, text: Vec<u8>, told: f64) -> Vec<u8> {
        let is = |n: usize| told > 0.0 && format!("{told:.0}") == n.to_string();
        if told <= 0.0 || is(text.len()) {
            return text;
        }
        let bytes: Option<Vec<u8>> = std::str::from_utf8(&text)
            .ok()
            .and_then(|t| t.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect());
        match bytes.filter(|b| is(b.len())) {
            Some(bytes) => {
                self.aside("charset-restored", 1);
                bytes
            }
            None => {
                self.aside("body-transcoded", 1);
                text
            }
        }
    }

    fn content(&mut self, text: Vec<u8>, base64: bool) -> Vec<u8> {
        if !base64 {
            return text;
        }
        match decode64(&text) {
            Some(bytes) => bytes,
            None => {
                self.aside("bad-base64", 1);
                text
            }
        }
    }
}

impl Format for Har {
    fn step(&mut self, window: &mut Refill) -> Step {
        if let Some(nest) = &mut self.skip {
            if !window.have(1) {
                let text = "the file ends inside an entry".to_owned();
                return Step::End(Some(("truncated-file", text)));
            }
            let data = window.data();
            return match data.iter().position(|b| nest.close(*b)) {
                Some(n) => {
                    self.skip = None;
                    Step::Pass(n + 1)
                }
                None => Step::Pass(data.len()),
            };
        }
        if !self.inside {
            return self.outside(window);
        }
        if !window.have(1) {
            let text = "the archive ends before its end".to_owned();
            return Step::End(Some(("truncated-file", text)));
        }
        let data = window.data();
        let blank = |b: &u8| b.is_ascii_whitespace() || *b == b',';
        let skip = data.iter().position(|b| !blank(b)).unwrap_or(data.len());
        match data.get(skip) {
            _ if skip > 0 => Step::Pass(skip),
            Some(b'{') => self.entry(window),
            Some(b']') => {
                self.inside = false;
                self.walk.nest.depth = 2;
                Step::Pass(1)
            }
            _ => {
                let n = data
                    .iter()
                    .position(|b| matches!(b, b'{' | b']'))
                    .unwrap_or(data.len());
                Step::Lost(n, "entry-damaged", format!("{n} bytes between entries"))
            }
        }
    }

    fn asides(&mut self) -> Vec<(&'static str, u64)> {
        std::mem::take(&mut self.asides)
    }
}

/// What a parser says of bytes, without the bytes.
fn words(e: &serde_json::Error) -> String {
    format!(
        "line {} column {} of the entry: {:?} error",
        e.line(),
        e.column(),
        e.classify()
    )
}

/// The first key of an object, with its quotes.
fn first_key(object: &[u8]) -> Option<&[u8]> {
    let from = object.iter().position(|b| *b == b'"')?;
    let rest = object.get(from + 1..)?;
    let len = rest.iter().position(|b| *b == b'"')?;
    (len < KEY).then(|| object.get(from..from + len + 2))?
}

/// Milliseconds as nanoseconds, to the microsecond.
fn nanos(ms: f64) -> i64 {
    let us = format!("{:.0}", (ms * 1e3).round());
    us.parse::<i64>().unwrap_or(0).saturating_mul(1000)
}

fn fill(mut head: Head, fields: &[Named]) -> Head {
    for f in fields.iter().filter(|f| !f.name.0.starts_with(b":")) {
        head.field(&f.name.0, &f.value.0);
    }
    head
}

fn is_coded(fields: &[Named]) -> bool {
    fields.iter().any(|f| {
        f.name.0.eq_ignore_ascii_case(b"content-encoding")
            && !f.value.0.trim_ascii().eq_ignore_ascii_case(b"identity")
    })
}

/// Bytes on the wire: as written down, else those that are here where no coding was undone. A zero beside a body (an
/// answer out of the browser's cache) tells nothing.
fn length(written: Option<f64>, here: usize, coded: bool) -> Option<u64> {
    match written {
        Some(n) if n > 0.0 || (n == 0.0 && here == 0) => format!("{:.0}", n.trunc()).parse().ok(),
        _ => (!coded).then_some(here as u64),
    }
}

/// Base64 with or without padding and line ends.
pub(super) fn decode64(text: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    if text.iter().any(u8::is_ascii_whitespace) {
        let packed: Vec<u8> = text
            .iter()
            .copied()
            .filter(|b| !b.is_ascii_whitespace())
            .collect();
        return LENIENT.decode(packed).ok();
    }
    LENIENT.decode(text).ok()
}

/// The parts of an address.
pub(super) struct Url<'a> {
    pub(super) tls: bool,
    pub(super) authority: &'a [u8],
    pub(super) port: Option<u16>,
    pub(super) target: &'a [u8],
}

/// Splits an address of HTTP or WebSocket; `None` for any other.
pub(super) fn split_url(url: &[u8]) -> Option<Url<'_>> {
    let at = memchr::memmem::find(url, b"://")?;
    let (scheme, rest) = (url.get(..at)?.to_ascii_lowercase(), url.get(at + 3..)?);
    let tls = match &scheme[..] {
        b"http" | b"ws" => false,
        b"https" | b"wss" => true,
        _ => return None,
    };
    let rest = rest.split(|b| *b == b'#').next().unwrap_or(rest);
    let cut = rest
        .iter()
        .position(|b| matches!(b, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(cut)?;
    let authority = authority.rsplit(|b| *b == b'@').next().unwrap_or(authority);
    let written = memchr::memrchr(b':', authority).and_then(|c| {
        std::str::from_utf8(authority.get(c + 1..)?)
            .ok()?
            .parse()
            .ok()
    });
    Some(Url {
        tls,
        authority,
        port: written.or(Some(if tls { 443 } else { 80 })),
        target: if path.is_empty() { b"/" } else { path },
    })
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)] // lengths of what the tests made
#[path = "har_tests.rs"]
mod tests;
