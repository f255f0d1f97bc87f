//! TLS as far as it is in the clear. In: the two hellos (RFC 8446 section 4.1, RFC 5246 section 7.4). Out: server name, application
//! protocols, version, and a print of the client. Bounds: [`limits::TLS_HELLO`] bytes a side; every length is checked.

use super::{About, Cx, Feed, Probe, Proto, ProtoSpec};
use crate::call::model::{Exchange, Stamp};
use crate::limits;
use crate::net::{Close, FlowStats, Missing, Segment, Side};
use sha2::{Digest, Sha256};

/// TLS in the table of protocols.
pub static SPEC: ProtoSpec = ProtoSpec {
    name: "tls",
    probe,
    find: |_| None,
    upgrade: &[],
    new: |begin| Box::new(Tls::new(begin.client)),
};

fn probe(b: &[u8], _first: bool) -> Probe {
    let want = [0x16, 0x03];
    let n = b.len().min(2);
    if b.get(..n) != want.get(..n) || b.get(2).is_some_and(|v| *v > 4) {
        return Probe::No;
    }
    match b.get(5) {
        None => Probe::More,
        Some(1) => Probe::Client,
        Some(2) => Probe::Server,
        Some(_) => Probe::No,
    }
}

/// A connection whose hellos are read.
#[derive(Debug)]
struct Tls {
    client: Side,
    hello: [Option<Vec<u8>>; 2],
    seen: Hello,
    chosen: Option<String>,
    version: Option<u16>,
}

/// What a client's hello says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hello {
    sni: Option<String>,
    alpn: Option<String>,
    print: Option<String>,
    version: Option<u16>,
}

impl Tls {
    fn new(client: Side) -> Tls {
        Tls {
            client,
            hello: [Some(Vec::new()), Some(Vec::new())],
            seen: Hello::default(),
            chosen: None,
            version: None,
        }
    }

    fn slot(&mut self, side: Side) -> &mut Option<Vec<u8>> {
        let [c, s] = &mut self.hello;
        if side == self.client { c } else { s }
    }
}

impl Proto for Tls {
    fn data(&mut self, side: Side, segment: Segment<'_>, _cx: &mut Cx<'_>) -> Feed {
        let is_client = side == self.client;
        let slot = self.slot(side);
        let Some(buf) = slot else { return Feed::Go };
        let n = segment
            .bytes
            .len()
            .min(limits::TLS_HELLO.saturating_sub(buf.len()));
        buf.extend_from_slice(segment.bytes.get(..n).unwrap_or_default());
        match message(buf) {
            Message::More if buf.len() < limits::TLS_HELLO => {}
            Message::Hello(kind, body) => {
                *slot = None;
                if is_client && kind == 1 {
                    self.seen = client_hello(&body).unwrap_or_default();
                } else if kind == 2
                    && let Some((version, alpn)) = server_hello(&body)
                {
                    self.version = Some(version);
                    self.chosen = alpn;
                }
            }
            _ => *slot = None,
        }
        Feed::Go
    }
    fn resent(&mut self, _side: Side, _offset: u64, _cx: &mut Cx<'_>) {}
    fn gap(&mut self, side: Side, _bytes: u64, _why: Missing, _at: Stamp, _cx: &mut Cx<'_>) {
        *self.slot(side) = None;
    }
    fn fin(&mut self, _side: Side, _at: Stamp, _cx: &mut Cx<'_>) {}
    fn close(&mut self, _why: Close, _stats: Option<&FlowStats>, _cx: &mut Cx<'_>) {}
    fn open(&mut self, _cx: &mut Cx<'_>, _out: &mut Vec<Exchange>) {}
    fn held(&self) -> usize {
        self.hello.iter().flatten().map(Vec::len).sum()
    }
    fn about(&self) -> About {
        let version = self
            .version
            .or(self.seen.version)
            .map_or("TLS", version_name);
        About {
            app: "tls",
            client: Some(self.client),
            target: None,
            sni: self.seen.sni.clone(),
            alpn: self.chosen.clone().or_else(|| self.seen.alpn.clone()),
            client_print: self.seen.print.clone(),
            why_opaque: Some(format!(
                "{version} without keys; a key log (--keylog) is not read yet"
            )),
        }
    }
}

fn version_name(v: u16) -> &'static str {
    match v {
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        _ => "TLS",
    }
}

enum Message {
    More,
    Hello(u8, Vec<u8>),
    Other,
}

/// The first handshake message out of its records.
fn message(buf: &[u8]) -> Message {
    let (mut hand, mut rest) = (Vec::new(), buf);
    loop {
        if let Some((kind, len)) = hand.first().copied().zip(u24(&hand, 1))
            && let Some(body) = hand.get(4..4 + len)
        {
            return Message::Hello(kind, body.to_vec());
        }
        let Some((header, after)) = rest.split_at_checked(5) else {
            return Message::More;
        };
        if header.first() != Some(&0x16) {
            return Message::Other;
        }
        let len = u16_at(header, 3).unwrap_or(0);
        let here = after.len().min(len);
        hand.extend_from_slice(after.get(..here).unwrap_or_default());
        if here < len {
            // the message may end inside what is here of the record
            if let Some((kind, len)) = hand.first().copied().zip(u24(&hand, 1))
                && let Some(body) = hand.get(4..4 + len)
            {
                return Message::Hello(kind, body.to_vec());
            }
            return Message::More;
        }
        rest = after.get(len..).unwrap_or_default();
        if len == 0 {
            return Message::Other;
        }
    }
}

fn u16_at(b: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(*b.get(at)?) << 8 | usize::from(*b.get(at + 1)?))
}

fn u24(b: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(*b.get(at)?) << 16 | u16_at(b, at + 1)?)
}

/// Takes a vector with a length of `n` bytes before it.
fn vector<'a>(b: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let len = match n {
        1 => usize::from(*b.first()?),
        _ => u16_at(b, 0)?,
    };
    let v = b.get(n..n + len)?;
    *b = b.get(n + len..)?;
    Some(v)
}

fn extensions(mut b: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut all = vector(&mut b, 2).unwrap_or_default();
    std::iter::from_fn(move || {
        let kind = u16_at(all, 0)?;
        all = all.get(2..)?;
        Some((kind, vector(&mut all, 2)?))
    })
}

/// RFC 8701: values that only grease, and change from hello to hello.
fn grease(v: usize) -> bool {
    v & 0x0f0f == 0x0a0a && v >> 8 == v & 0xff
}

fn pairs(b: &[u8]) -> impl Iterator<Item = usize> {
    b.chunks_exact(2)
        .filter_map(|c| u16_at(c, 0))
        .filter(|v| !grease(*v))
}

fn alpn(mut ext: &[u8]) -> Option<String> {
    let mut list = vector(&mut ext, 2)?;
    let mut names = Vec::new();
    while let Some(n) = vector(&mut list, 1) {
        let n = String::from_utf8_lossy(n);
        if n.chars().all(|c| c.is_ascii_graphic()) && !n.is_empty() {
            names.push(n.into_owned());
        }
    }
    (!names.is_empty()).then(|| names.join(","))
}

fn client_hello(body: &[u8]) -> Option<Hello> {
    let mut hello = Hello::default();
    let legacy = u16_at(body, 0)?;
    let mut best = legacy;
    let mut rest = body.get(34..)?;
    vector(&mut rest, 1)?; // session id
    let ciphers = vector(&mut rest, 2)?;
    vector(&mut rest, 1)?; // compression
    let (mut kinds, mut groups, mut versions) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, ext) in extensions(rest) {
        if !grease(kind) {
            kinds.push(kind);
        }
        match kind {
            0 => {
                let mut e = ext;
                let mut list = vector(&mut e, 2).unwrap_or_default();
                if list.first() == Some(&0) {
                    list = list.get(1..).unwrap_or_default();
                    hello.sni = vector(&mut list, 2)
                        .map(|n| crate::call::text::lossless(n).into_owned())
                        .filter(|n| !n.is_empty());
                }
            }
            10 => groups.extend(pairs(ext.get(2..).unwrap_or_default())),
            16 => hello.alpn = alpn(ext),
            43 => versions.extend(pairs(ext.get(1..).unwrap_or_default())),
            _ => {}
        }
    }
    best = versions.iter().copied().max().unwrap_or(best);
    hello.version = u16::try_from(best).ok();
    // some clients shuffle their extensions: the print does not depend on the order
    kinds.sort_unstable();
    let list = |v: &[usize]| {
        v.iter()
            .map(|n| format!("{n:04x}"))
            .collect::<Vec<_>>()
            .join("-")
    };
    let ciphers: Vec<usize> = pairs(ciphers).collect();
    let text = format!(
        "{best:04x},{},{},{},{}",
        list(&ciphers),
        list(&kinds),
        list(&groups),
        hello.alpn.as_deref().unwrap_or("")
    );
    let digest = Sha256::digest(text.as_bytes());
    hello.print = Some(digest.iter().take(8).map(|b| format!("{b:02x}")).collect());
    Some(hello)
}

/// Version and application protocol chosen, where they are in the clear.
fn server_hello(body: &[u8]) -> Option<(u16, Option<String>)> {
    let mut version = u16_at(body, 0)?;
    let mut rest = body.get(34..)?;
    vector(&mut rest, 1)?;
    let rest = rest.get(3..)?;
    let mut chosen = None;
    for (kind, ext) in extensions(rest) {
        match kind {
            16 => chosen = alpn(ext),
            43 => version = u16_at(ext, 0).unwrap_or(version),
            _ => {}
        }
    }
    Some((u16::try_from(version).ok()?, chosen))
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)] // bytes are made from numbers
mod tests {
    use super::*;

    fn hello(sni: &str) -> Vec<u8> {
        let mut ext = Vec::new();
        let n = sni.len();
        let u = |v: usize| [(v >> 8) as u8, v as u8];
        ext.extend([0, 0]);
        ext.extend(u(n + 5));
        ext.extend(u(n + 3));
        ext.push(0);
        ext.extend(u(n));
        ext.extend(sni.as_bytes());
        ext.extend([0, 16, 0, 14, 0, 12, 2, b'h', b'2', 8]);
        ext.extend(b"http/1.1");
        ext.extend([0, 43, 0, 5, 4, 0x3a, 0x3a, 3, 4]);
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend([0, 6, 0x1a, 0x1a, 0x13, 0x01, 0xc0, 0x2f, 1, 0]);
        body.extend(u(ext.len()));
        body.extend(ext);
        let mut hand = vec![1, 0];
        hand.extend(u(body.len()));
        hand.extend(body);
        hand
    }

    #[test]
    fn a_hello_in_any_records_and_cuts() {
        let hand = hello("api.example.org");
        let want = client_hello(&hand[4..]).unwrap();
        assert_eq!(want.sni.as_deref(), Some("api.example.org"));
        assert_eq!(want.alpn.as_deref(), Some("h2,http/1.1"));
        assert_eq!(want.version, Some(0x0304));
        for record in [1, 7, hand.len()] {
            let mut wire = Vec::new();
            for part in hand.chunks(record) {
                wire.extend([0x16, 3, 1, (part.len() >> 8) as u8, part.len() as u8]);
                wire.extend(part);
            }
            for n in 0..wire.len() {
                assert!(matches!(message(&wire[..n]), Message::More), "{n}");
            }
            let Message::Hello(1, body) = message(&wire) else {
                panic!()
            };
            assert_eq!(client_hello(&body).unwrap(), want);
        }
        for n in 0..hand.len() {
            let _ = client_hello(&hand[..n]);
            let _ = server_hello(&hand[..n]);
        }
    }
}
