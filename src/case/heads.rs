//! The heads of a call as they were sent: start lines, headers, trailers, interim responses; and when the messages that its bodies
//! consist of began. In: an [`Exchange`]. Out: one blob that goes into a pack, and back to lines for show. Bounds: a head is at most
//! [`crate::limits::HEAD_BYTES`], messages as many as [`crate::limits::BODY_PLACES`]; decoding a damaged blob keeps what stands
//! before the damage.

use crate::call::model::{Exchange, Message, Stamp, Ts};
use crate::call::text::lossless;
use crate::case::varint::{Cursor, put, put_bytes};

const REQUEST: u8 = 1;
const REQUEST_TRAILERS: u8 = 2;
const RESPONSE: u8 = 3;
const RESPONSE_TRAILERS: u8 = 4;
const INTERIM: u8 = 5;
const REQUEST_MESSAGES: u8 = 6;
const RESPONSE_MESSAGES: u8 = 7;

/// One message's head as it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Start line and header block, raw.
    pub raw: Vec<u8>,
    /// Trailer block, raw.
    pub trailers: Vec<u8>,
}

/// When and where a message began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Began {
    /// Time of its packet.
    pub ts: Ts,
    /// Its packet in the source that the call stands in first; `None` where it is in another.
    pub packet: Option<u64>,
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
    /// When the messages of the request's and the response's body began.
    pub messages: [Vec<Began>; 2],
}

impl Heads {
    /// The text of one side that findings count their offsets in: head and trailers, and behind those of a response the interim
    /// ones. `None` where nothing of it was captured.
    pub fn text(&self, request: bool) -> Option<Vec<u8>> {
        if request {
            return self.request.as_ref().map(Head::text);
        }
        let some = self.response.is_some() || !self.interim.is_empty();
        let all = self.response.iter().chain(&self.interim);
        some.then(|| all.flat_map(Head::text).collect())
    }
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

/// The heads of an exchange in one blob; empty where there are none. `messages`: the packets that those of its bodies began in;
/// `source`: the one that the call stands in first.
pub fn encode(exchange: &Exchange, messages: &[Vec<Stamp>; 2], source: u32) -> Vec<u8> {
    let heads = exchange.request.iter().chain(&exchange.response);
    // with a tag and a length each; the rest is rare
    let mut out = Vec::with_capacity(heads.map(|m| m.head.len() + 4).sum());
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
    for (tag, list) in [REQUEST_MESSAGES, RESPONSE_MESSAGES]
        .into_iter()
        .zip(messages)
    {
        if list.is_empty() {
            continue;
        }
        // times as steps from one to the next, which may go back
        let (mut coded, mut before) = (Vec::new(), 0i64);
        for at in list {
            let step = at.ts.wrapping_sub(before);
            before = at.ts;
            put(&mut coded, ((step << 1) ^ (step >> 63)).cast_unsigned());
            let here = at.unit.source == source;
            put(&mut coded, if here { at.unit.number } else { 0 });
        }
        out.push(tag);
        put_bytes(&mut out, &coded);
    }
    out
}

/// What [`encode`] wrote of messages.
fn began(coded: &[u8]) -> Vec<Began> {
    let mut at = Cursor(coded);
    let mut ts = 0i64;
    let mut out = Vec::new();
    while let (Some(step), Some(packet)) = (at.number(), at.number()) {
        ts = ts.wrapping_add((step >> 1).cast_signed() ^ -((step & 1).cast_signed()));
        out.push(Began {
            ts,
            packet: (packet > 0).then_some(packet),
        });
    }
    out
}

/// What [`encode`] wrote.
pub fn decode(blob: &[u8]) -> Heads {
    let mut heads = Heads::default();
    let mut at = Cursor(blob);
    while let Some(tag) = at.byte() {
        let Some(bytes) = at.bytes() else { break };
        let [asked, answered] = &mut heads.messages;
        match tag {
            REQUEST_MESSAGES => {
                *asked = began(bytes);
                continue;
            }
            RESPONSE_MESSAGES => {
                *answered = began(bytes);
                continue;
            }
            _ => {}
        }
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

    #[test]
    fn when_messages_began_comes_back() {
        let stamp = |ts, source, number| Stamp {
            ts,
            unit: crate::call::model::Unit { source, number },
        };
        let nobody = (std::net::IpAddr::from([0, 0, 0, 0]), 0);
        let x = Exchange {
            flow: 0,
            ordinal: 0,
            client: nobody,
            server: nobody,
            request: None,
            response: None,
            interim: Vec::new(),
            flags: crate::call::model::Flags::default(),
            tls: false,
            peer: None,
            proto: None,
            parent: None,
            context: None,
            done: true,
        };
        let answered = vec![
            stamp(1_700_000_000_000_000_000, 3, 7),
            stamp(1_700_000_000_000_000_000, 3, 7),
            stamp(1_699_999_999_999_999_999, 4, 1),
        ];
        let h = decode(&encode(&x, &[Vec::new(), answered], 3));
        let told: Vec<_> = h.messages[1].iter().map(|b| (b.ts, b.packet)).collect();
        assert_eq!(
            told,
            [
                (1_700_000_000_000_000_000, Some(7)),
                (1_700_000_000_000_000_000, Some(7)),
                (1_699_999_999_999_999_999, None)
            ]
        );
        assert!(h.messages[0].is_empty());
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
