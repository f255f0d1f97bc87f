//! The heads of a call as they were sent: start lines, headers, trailers, interim responses.
//! In: an [`Exchange`]. Out: one blob that goes into a pack, and back to lines for show. Bounds: a head is at most
//! [`crate::limits::HEAD_BYTES`]; decoding a damaged blob keeps what stands before the damage.

use crate::call::model::{Exchange, Message};
use crate::call::text::lossless;
use crate::case::varint::{Cursor, put_bytes};

const REQUEST: u8 = 1;
const REQUEST_TRAILERS: u8 = 2;
const RESPONSE: u8 = 3;
const RESPONSE_TRAILERS: u8 = 4;
const INTERIM: u8 = 5;

/// One message's head as it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Start line and header block, raw.
    pub raw: Vec<u8>,
    /// Trailer block, raw.
    pub trailers: Vec<u8>,
}

/// All heads of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads {
    /// Of the request, where it was captured.
    pub request: Option<Head>,
    /// Of the final response.
    pub response: Option<Head>,
    /// Of interim (1xx) responses in order.
    pub interim: Vec<Head>,
}

impl Head {
    /// The start line, as text that loses nothing.
    pub fn start(&self) -> String {
        let line = self.raw.split(|b| *b == b'\n').next().unwrap_or_default();
        lossless(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
    }
    /// Head and trailers in one: the text that findings count their offsets in.
    pub fn text(&self) -> Vec<u8> {
        [self.raw.as_slice(), &self.trailers].concat()
    }
    /// Names and values in order, as sent (case kept, folds kept inside the value, outer blanks removed).
    pub fn headers(&self) -> Vec<(String, String)> {
        let start = memchr::memchr(b'\n', &self.raw).map_or(self.raw.len(), |at| at + 1);
        lines(self.raw.get(start..).unwrap_or_default())
    }
    /// Trailer names and values in order.
    pub fn trailer_list(&self) -> Vec<(String, String)> {
        lines(&self.trailers)
    }
}

/// Splits a header block. A line that begins with a blank belongs to the value before it (RFC 9112 section 5.2); a line
/// without a colon is a name without a value.
fn lines(block: &[u8]) -> Vec<(String, String)> {
    let mut out: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for line in block.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if (line.starts_with(b" ") || line.starts_with(b"\t"))
            && let Some((_, value)) = out.last_mut()
        {
            value.extend_from_slice(b"\r\n");
            value.extend_from_slice(line);
            continue;
        }
        let colon = colon(line).unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        out.push((name, value.strip_prefix(b":").unwrap_or_default().to_vec()));
    }
    out.into_iter()
        .map(|(n, v)| {
            (
                lossless(n).into_owned(),
                lossless(v.trim_ascii()).into_owned(),
            )
        })
        .collect()
}

/// Where a name ends; that of a pseudo-field of HTTP/2 (`:scheme`) begins with a colon.
fn colon(line: &[u8]) -> Option<usize> {
    let at = memchr::memchr(b':', line)?;
    if at > 0 {
        return Some(at);
    }
    let name = line.iter().skip(1).take_while(|b| b.is_ascii_lowercase());
    let end = 1 + name.count();
    (end > 1 && line.get(end) == Some(&b':'))
        .then_some(end)
        .or(Some(0))
}

/// The heads of an exchange in one blob; empty where there are none.
pub fn encode(exchange: &Exchange) -> Vec<u8> {
    let mut out = Vec::new();
    let mut message = |m: &Message, head, trailers| {
        out.push(head);
        put_bytes(&mut out, &m.head);
        if !m.trailers.is_empty() {
            out.push(trailers);
            put_bytes(&mut out, &m.trailers);
        }
    };
    if let Some(m) = &exchange.request {
        message(m, REQUEST, REQUEST_TRAILERS);
    }
    if let Some(m) = &exchange.response {
        message(m, RESPONSE, RESPONSE_TRAILERS);
    }
    for m in &exchange.interim {
        out.push(INTERIM);
        put_bytes(&mut out, &m.head);
    }
    out
}

/// What [`encode`] wrote.
pub fn decode(blob: &[u8]) -> Heads {
    let mut heads = Heads::default();
    let mut at = Cursor(blob);
    while let Some(tag) = at.byte() {
        let Some(bytes) = at.bytes() else { break };
        let bytes = bytes.to_vec();
        match tag {
            REQUEST => heads.request.get_or_insert_default().raw = bytes,
            REQUEST_TRAILERS => heads.request.get_or_insert_default().trailers = bytes,
            RESPONSE => heads.response.get_or_insert_default().raw = bytes,
            RESPONSE_TRAILERS => heads.response.get_or_insert_default().trailers = bytes,
            INTERIM => heads.interim.push(Head {
                raw: bytes,
                trailers: Vec::new(),
            }),
            _ => break,
        }
    }
    heads
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_those_that_were_sent() {
        let head = Head {
            raw:
                b"GET /a HTTP/1.1\r\nHost:  x \r\nX-Fold: a\r\n b\r\nnocolon\r\nE:\r\nB: \xff\n:scheme: http\r\n: a:b\r\n\r\n"
                    .to_vec(),
            trailers: b"T: 1\r\n".to_vec(),
        };
        assert_eq!(head.start(), "GET /a HTTP/1.1");
        let want = [
            ("Host", "x"),
            ("X-Fold", "a\r\n b"),
            ("nocolon", ""),
            ("E", ""),
            ("B", "\\xFF"),
            (":scheme", "http"),
            ("", "a:b"),
        ];
        let want: Vec<_> = want
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect();
        assert_eq!(head.headers(), want);
        assert_eq!(head.trailer_list(), [("T".to_owned(), "1".to_owned())]);
        assert_eq!(Head::default().start(), "");
        assert!(Head::default().headers().is_empty());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(blob in proptest::collection::vec(any::<u8>(), 0..300)) {
            let heads = decode(&blob);
            for h in heads.request.iter().chain(&heads.response).chain(&heads.interim) {
                let _ = (h.start(), h.headers(), h.trailer_list());
            }
        }
    }
}
