//! What TLS says in the clear (RFC 8446 section 4.1, RFC 5246 section 7.4). In: handshake messages. Out: the words of the two
//! hellos, certificates, and a print of the client. Bounds: every length is checked; names are those that stand there.

use super::der::{Certificate, certificate};
use sha2::{Digest, Sha256};

/// What a client's hello says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Name of the server that is wanted.
    pub sni: Option<String>,
    /// Application protocols offered, with commas between.
    pub alpn: Option<String>,
    /// Print of our own: it does not depend on the order of extensions, which some clients shuffle.
    pub print: String,
    /// Highest version offered.
    pub version: u16,
    /// Random.
    pub random: [u8; 32],
    /// Session id, empty where none.
    pub session: Vec<u8>,
    /// Session ticket of TLS 1.2 and before, empty where none.
    pub ticket: Vec<u8>,
    /// Suites offered.
    pub suites: Vec<u16>,
    /// Whether data under a secret of an earlier connection follows at once.
    pub early: bool,
}

/// What a server's hello says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// Version chosen.
    pub version: u16,
    /// Random.
    pub random: [u8; 32],
    /// Session id.
    pub session: Vec<u8>,
    /// Suite chosen.
    pub suite: u16,
    /// Compression chosen; 0 is none.
    pub compression: u8,
    /// Application protocol chosen, where it is in the clear.
    pub alpn: Option<String>,
    /// The master secret is the extended one (RFC 7627).
    pub extended: bool,
    /// The MAC is over the ciphertext (RFC 7366).
    pub etm: bool,
    /// It only asks for another hello (RFC 8446 section 4.1.4).
    pub retry: bool,
}

/// Name of a version.
#[must_use]
pub fn version_name(v: u16) -> &'static str {
    match v {
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        _ => "TLS",
    }
}

pub(super) fn u16_at(b: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(*b.get(at)?) << 8 | usize::from(*b.get(at + 1)?))
}

fn short(b: &[u8], at: usize) -> Option<u16> {
    Some(u16::from(*b.get(at)?) << 8 | u16::from(*b.get(at + 1)?))
}

/// Three bytes of length.
#[must_use]
pub fn u24(b: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(*b.get(at)?) << 16 | u16_at(b, at + 1)?)
}

/// Takes a vector with a length of `n` bytes before it.
fn vector<'a>(b: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let len = match n {
        1 => usize::from(*b.first()?),
        2 => u16_at(b, 0)?,
        _ => u24(b, 0)?,
    };
    let v = b.get(n..n + len)?;
    *b = b.get(n + len..)?;
    Some(v)
}

fn extensions(mut b: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut all = vector(&mut b, 2).unwrap_or_default();
    std::iter::from_fn(move || {
        let kind = short(all, 0)?;
        all = all.get(2..)?;
        Some((kind, vector(&mut all, 2)?))
    })
}

/// RFC 8701: values that only grease, and change from hello to hello.
fn grease(v: u16) -> bool {
    v & 0x0f0f == 0x0a0a && v >> 8 == v & 0xff
}

fn pairs(b: &[u8]) -> impl Iterator<Item = u16> {
    b.chunks_exact(2)
        .filter_map(|c| short(c, 0))
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

/// Reads the body of a client's hello.
#[must_use]
pub fn client_hello(body: &[u8]) -> Option<ClientHello> {
    let mut hello = ClientHello {
        version: short(body, 0)?,
        random: body.get(2..34)?.try_into().ok()?,
        ..ClientHello::default()
    };
    let mut rest = body.get(34..)?;
    hello.session = vector(&mut rest, 1)?.to_vec();
    hello.suites = pairs(vector(&mut rest, 2)?).collect();
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
            35 => hello.ticket = ext.to_vec(),
            42 => hello.early = true,
            43 => versions.extend(pairs(ext.get(1..).unwrap_or_default())),
            _ => {}
        }
    }
    hello.version = versions.iter().copied().max().unwrap_or(hello.version);
    kinds.sort_unstable();
    let list = |v: &[u16]| {
        v.iter()
            .map(|n| format!("{n:04x}"))
            .collect::<Vec<_>>()
            .join("-")
    };
    let text = format!(
        "{:04x},{},{},{},{}",
        hello.version,
        list(&hello.suites),
        list(&kinds),
        list(&groups),
        hello.alpn.as_deref().unwrap_or("")
    );
    let digest = Sha256::digest(text.as_bytes());
    hello.print = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    Some(hello)
}

/// The random that says that a hello is a request for another (RFC 8446 section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Reads the body of a server's hello.
#[must_use]
pub fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let mut hello = ServerHello {
        version: short(body, 0)?,
        random: body.get(2..34)?.try_into().ok()?,
        ..ServerHello::default()
    };
    hello.retry = hello.random == RETRY;
    let mut rest = body.get(34..)?;
    hello.session = vector(&mut rest, 1)?.to_vec();
    hello.suite = short(rest, 0)?;
    hello.compression = *rest.get(2)?;
    for (kind, ext) in extensions(rest.get(3..)?) {
        match kind {
            16 => hello.alpn = alpn(ext),
            22 => hello.etm = true,
            23 => hello.extended = true,
            43 => hello.version = short(ext, 0).unwrap_or(hello.version),
            _ => {}
        }
    }
    Some(hello)
}

/// Reads encrypted extensions: the application protocol chosen, and whether early data was accepted.
#[must_use]
pub fn encrypted_extensions(body: &[u8]) -> (Option<String>, bool) {
    let (mut chosen, mut early) = (None, false);
    for (kind, ext) in extensions(body) {
        match kind {
            16 => chosen = alpn(ext),
            42 => early = true,
            _ => {}
        }
    }
    (chosen, early)
}

/// The first certificate of a certificate message; since TLS 1.3 a context stands before the list.
#[must_use]
pub fn first_certificate(body: &[u8], v13: bool) -> Option<Certificate> {
    let mut rest = body;
    if v13 {
        vector(&mut rest, 1)?;
    }
    let mut list = vector(&mut rest, 3)?;
    certificate(vector(&mut list, 3)?)
}

/// The ticket of a new session ticket (RFC 5077): empty where there is none.
#[must_use]
pub fn ticket(body: &[u8]) -> Option<&[u8]> {
    let mut rest = body.get(4..)?;
    vector(&mut rest, 2)
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
        body
    }

    #[test]
    fn a_hello_says_what_stands_in_it() {
        let body = hello("api.example.org");
        let h = client_hello(&body).unwrap();
        assert_eq!(h.sni.as_deref(), Some("api.example.org"));
        assert_eq!(h.alpn.as_deref(), Some("h2,http/1.1"));
        assert_eq!(h.version, 0x0304);
        assert_eq!(h.suites, [0x1301, 0xc02f]);
        assert_eq!(h.random, [7; 32]);
        for n in 0..body.len() {
            let _ = client_hello(&body[..n]);
            let _ = server_hello(&body[..n]);
            let _ = first_certificate(&body[..n], n % 2 == 0);
            let _ = encrypted_extensions(&body[..n]);
            let _ = ticket(&body[..n]);
        }
    }
}
