//! WebSocket frame headers (RFC 6455 section 5.2), and whether bytes are a chain of frames. In: bytes. Out: headers and
//! verdicts. Bounds: a header has at most [`HEADER`] bytes; a chain is looked at once.

/// Bytes of the longest header: two, eight of length, four of mask.
pub const HEADER: usize = 14;

/// Opcodes.
pub mod op {
    /// More of the message before.
    pub const CONTINUATION: u8 = 0;
    /// Text.
    pub const TEXT: u8 = 1;
    /// Bytes.
    pub const BINARY: u8 = 2;
    /// End of the conversation.
    pub const CLOSE: u8 = 8;
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Last frame of its message.
    pub fin: bool,
    /// Reserved bits, RSV1 as 4.
    pub rsv: u8,
    /// Opcode.
    pub opcode: u8,
    /// Key of the mask.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub len: u64,
    /// Bytes of the header itself.
    pub size: usize,
    /// The length was written in the fewest bytes, as it must be.
    pub minimal: bool,
}

impl Header {
    /// Close, ping, pong and what may join them.
    pub fn control(&self) -> bool {
        self.opcode >= 8
    }
    /// Whether the opcode is one that is defined.
    pub fn known(&self) -> bool {
        matches!(self.opcode, 0..=2 | 8..=10)
    }
}

/// Reads a header at the front of the bytes; `Ok(None)`: more are needed.
///
/// # Errors
/// The length has its highest bit set: no frame is that long, and where the next one begins cannot be known.
pub fn header(b: &[u8]) -> Result<Option<Header>, ()> {
    let [first, second, rest @ ..] = b else {
        return Ok(None);
    };
    let (wide, short) = match second & 0x7f {
        126 => (2, 0),
        127 => (8, 0),
        n => (0, u64::from(n)),
    };
    let Some(digits) = rest.get(..wide) else {
        return Ok(None);
    };
    let (len, minimal) = match wide {
        0 => (short, true),
        n => {
            let len = digits.iter().fold(0u64, |v, d| v << 8 | u64::from(*d));
            (len, len > if n == 2 { 125 } else { 0xffff })
        }
    };
    if len >> 63 != 0 {
        return Err(());
    }
    let masked = second & 0x80 != 0;
    let mask = match rest.get(wide..).and_then(|r| r.first_chunk::<4>()) {
        Some(key) if masked => Some(*key),
        None if masked => return Ok(None),
        _ => None,
    };
    Ok(Some(Header {
        fin: first & 0x80 != 0,
        rsv: first >> 4 & 7,
        opcode: first & 15,
        mask,
        len,
        size: 2 + wide + if masked { 4 } else { 0 },
        minimal,
    }))
}

/// Takes the mask off a piece of payload of which `phase` bytes came before.
pub fn unmask(bytes: &mut [u8], key: [u8; 4], phase: u64) {
    let turn = [0, 1, 2, 3].map(|i| {
        let at = usize::try_from((phase + i) & 3).unwrap_or(0);
        key.get(at).copied().unwrap_or(0)
    });
    for piece in bytes.chunks_mut(4) {
        for (b, k) in piece.iter_mut().zip(turn) {
            *b ^= k;
        }
    }
}

/// What bytes look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// Frames.
    Yes,
    /// They may be; more bytes will tell.
    More,
    /// They are none.
    No,
}

/// What is asked of a chain before it is believed.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Frames must be masked (of a client), or must not be.
    pub masked: bool,
    /// The first reserved bit may be set (permessage-deflate).
    pub deflate: bool,
    /// Nothing else says that this is a WebSocket: text must be seen.
    pub stranger: bool,
}

/// Whether bytes are frames one behind the other. They are where the last one ends with the bytes, or where readable text is in
/// them; on a connection of which nothing is known only readable text counts.
pub fn chain(b: &[u8], asked: Asked) -> Chain {
    let (mut rest, mut whole, mut text) = (b, 0usize, false);
    while !rest.is_empty() {
        let h = match header(rest) {
            Ok(Some(h)) => h,
            Ok(None) if possible(rest, asked) => break,
            Ok(None) | Err(()) => return Chain::No,
        };
        let rsv = if asked.deflate && !h.control() && h.opcode != 0 {
            4
        } else {
            0
        };
        if !possible(rest, asked)
            || !h.minimal
            || h.rsv & !rsv != 0
            || h.control() && (h.len > 125 || !h.fin)
            || h.opcode == op::CLOSE && h.len == 1
        {
            return Chain::No;
        }
        let body = rest.get(h.size..).unwrap_or_default();
        let len = usize::try_from(h.len).unwrap_or(usize::MAX);
        let here = body.get(..len).unwrap_or(body);
        if h.opcode == op::TEXT && h.rsv == 0 {
            match readable(here, h.mask, here.len() == len, asked) {
                None => return Chain::No,
                Some(seen) => text |= seen,
            }
        }
        if here.len() < len {
            rest = here;
            break;
        }
        whole += 1;
        rest = body.get(len..).unwrap_or_default();
        if rest.is_empty() {
            return if text || !asked.stranger {
                Chain::Yes
            } else {
                // whole frames, but none of them shows what it is
                Chain::More
            };
        }
    }
    // the last frame goes on
    if text && (whole > 0 || rest.len() >= 32) || whole >= 3 && !asked.stranger {
        Chain::Yes
    } else {
        Chain::More
    }
}

/// Whether the first two bytes can begin a frame of this sender.
fn possible(b: &[u8], asked: Asked) -> bool {
    b.first()
        .is_none_or(|f| matches!(f & 15, 0..=2 | 8..=10) && f & 0x30 == 0)
        && b.get(1).is_none_or(|s| (s & 0x80 != 0) == asked.masked)
}

/// Whether the payload of a text frame is text: `None` where it is not, `Some(true)` where so much of it is that chance is ruled
/// out. A server's text stands unmasked, as in many other protocols: of a stranger it must be JSON, or a long frame that
/// ends where it should.
fn readable(body: &[u8], mask: Option<[u8; 4]>, whole: bool, asked: Asked) -> Option<bool> {
    let mut b = body.get(..256).unwrap_or(body).to_vec();
    let cut = b.len() < body.len() || !whole;
    if let Some(key) = mask {
        unmask(&mut b, key, 0);
    }
    match std::str::from_utf8(&b) {
        Ok(_) => {}
        Err(e) if cut && e.error_len().is_none() => b.truncate(e.valid_up_to()),
        Err(_) => return None,
    }
    if b.iter()
        .any(|c| *c < b' ' && !c.is_ascii_whitespace() && *c != 0)
    {
        return None;
    }
    let json = matches!(b.first(), Some(b'{' | b'['))
        || b.first().is_some_and(u8::is_ascii_digit) && (b.contains(&b'{') || b.contains(&b'['));
    let enough = if !asked.stranger {
        b.len() >= 4
    } else if asked.masked {
        b.len() >= 8 && !b.contains(&0)
    } else {
        b.len() >= 8 && !b.contains(&0) && json
    };
    Some(enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_every_length() {
        // RFC 6455 section 5.7
        let h = header(b"\x81\x05Hello").unwrap().unwrap();
        assert_eq!(
            (h.fin, h.rsv, h.opcode, h.mask, h.len, h.size, h.minimal),
            (true, 0, 1, None, 5, 2, true)
        );
        let b = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        let h = header(b).unwrap().unwrap();
        assert_eq!((h.mask, h.size), (Some([0x37, 0xfa, 0x21, 0x3d]), 6));
        let mut p = b[6..].to_vec();
        unmask(&mut p, h.mask.unwrap(), 0);
        assert_eq!(p, b"Hello");
        let mut p = b[8..].to_vec();
        unmask(&mut p, h.mask.unwrap(), 2);
        assert_eq!(p, b"llo", "a mask goes on in the middle");
        let h = header(b"\x82\x7e\x01\x00").unwrap().unwrap();
        assert_eq!((h.len, h.size, h.minimal), (256, 4, true));
        let h = header(b"\x82\x7f\0\0\0\0\0\x01\0\0").unwrap().unwrap();
        assert_eq!((h.len, h.size, h.minimal), (65_536, 10, true));
        assert!(!header(b"\x82\x7e\0\x7d").unwrap().unwrap().minimal);
        assert!(
            !header(b"\x82\x7f\0\0\0\0\0\0\xff\xff")
                .unwrap()
                .unwrap()
                .minimal
        );
        assert!(header(b"\x82\x7f\x80\0\0\0\0\0\0\0").is_err());
        let long = b"\x01\xff\0\0\0\0\0\x01\0\0\x01\x02\x03\x04";
        for n in 0..long.len() {
            assert_eq!(header(&long[..n]), Ok(None), "{n}");
        }
        assert_eq!(header(long).unwrap().unwrap().size, HEADER);
    }

    #[test]
    fn chains_are_believed_for_what_they_show() {
        let known = |masked| Asked {
            masked,
            deflate: false,
            stranger: false,
        };
        let stranger = |masked| Asked {
            masked,
            deflate: true,
            stranger: true,
        };
        let text = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(chain(text, known(true)), Chain::Yes);
        assert_eq!(chain(text, known(false)), Chain::No);
        assert_eq!(chain(&text[..9], known(true)), Chain::More);
        assert_eq!(
            chain(text, stranger(true)),
            Chain::More,
            "five letters are chance"
        );
        let json = b"\x81\x12{\"type\":\"status\"}\n";
        assert_eq!(chain(json, stranger(false)), Chain::Yes);
        assert_eq!(chain(b"\x81\x0bhello world", stranger(false)), Chain::More);
        for other in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            b"GET / HTTP/1.1\r\n",
            b"SSH-2.0-x\r\n",
            b"\x81\x05\xff\xfe\xfd\xfc\xfb",
            b"\x83\x05hello",
            b"\xa1\x05hello",
        ] {
            assert_eq!(chain(other, stranger(false)), Chain::No, "{other:x?}");
            assert_eq!(chain(other, stranger(true)), Chain::No, "{other:x?}");
        }
    }
}
