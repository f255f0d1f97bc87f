//! permessage-deflate (RFC 7692). In: the words of the handshake; payloads of compressed messages. Out: what was agreed;
//! inflated bytes. Bounds: one window of memory; how much may come out is the caller's to stop.
//!
//! What was sent in another window is never guessed: after a loss inflating begins with an empty one, in which a reference to
//! what was lost is an error and everything else is right.

use flate2::{Decompress, FlushDecompress, Status};

/// Memory that one direction's window and tables take, about.
pub const HELD: usize = 48 << 10;

/// Bytes that end a message and are not sent (section 7.2.1).
pub const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// What is known of compression on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreed {
    /// There is none.
    No,
    /// Agreed: whether the client's, and the server's, window goes on from message to message.
    Yes { client: bool, server: bool },
    /// The handshake was not captured: a message that says that it is compressed is.
    Unknown,
}

impl Agreed {
    /// Whether a direction's window goes on.
    pub fn goes_on(self, of_client: bool) -> bool {
        match self {
            Agreed::Yes { client, server } => {
                if of_client {
                    client
                } else {
                    server
                }
            }
            Agreed::No | Agreed::Unknown => true,
        }
    }
}

/// Reads `Sec-WebSocket-Extensions` of the response; window sizes need no notice, since the largest reads all.
pub fn agreed<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Agreed {
    for value in fields {
        for extension in value.split(|b| *b == b',') {
            let mut words = extension.split(|b| *b == b';').map(<[u8]>::trim_ascii);
            if !words
                .next()
                .is_some_and(|n| n.eq_ignore_ascii_case(b"permessage-deflate"))
            {
                continue;
            }
            let (mut client, mut server) = (true, true);
            for w in words {
                if w.eq_ignore_ascii_case(b"client_no_context_takeover") {
                    client = false;
                } else if w.eq_ignore_ascii_case(b"server_no_context_takeover") {
                    server = false;
                }
            }
            return Agreed::Yes { client, server };
        }
    }
    Agreed::No
}

/// Why inflating ended before the bytes did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fail {
    /// They are no deflate data, or refer to what is not there.
    Data,
    /// The receiver wants no more.
    Enough,
}

/// The window of one direction.
pub struct Window {
    state: Decompress,
    /// It holds all that its sender's holds.
    pub whole: bool,
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window")
            .field("whole", &self.whole)
            .finish()
    }
}

impl Window {
    /// An empty window; `whole` where its sender's is empty too.
    pub fn new(whole: bool) -> Window {
        Window {
            state: Decompress::new(false),
            whole,
        }
    }

    /// Inflates a piece; `out` takes what comes out and says whether it wants more.
    ///
    /// # Errors
    /// See [`Fail`]; the window is of no use then.
    pub fn piece(&mut self, bytes: &[u8], out: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Fail> {
        let mut buf = [0u8; 8192];
        let mut rest = bytes;
        loop {
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let result = self.state.decompress(rest, &mut buf, FlushDecompress::Sync);
            let used = usize::try_from(self.state.total_in() - before_in).unwrap_or(usize::MAX);
            let made = usize::try_from(self.state.total_out() - before_out).unwrap_or(usize::MAX);
            if made > 0 && !out(buf.get(..made).unwrap_or_default()) {
                return Err(Fail::Enough);
            }
            rest = rest.get(used..).unwrap_or_default();
            match result {
                Err(_) => return Err(Fail::Data),
                Ok(Status::StreamEnd) => {
                    // a last block inside a message (section 7.2.3.4): the next begins with an empty window
                    self.state.reset(false);
                    self.whole = false;
                    if rest.is_empty() {
                        return Ok(());
                    }
                }
                Ok(_) if made == buf.len() => {}
                Ok(_) if rest.is_empty() || used == 0 && made == 0 => return Ok(()),
                Ok(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    fn inflate(w: &mut Window, b: &[u8]) -> Result<Vec<u8>, Fail> {
        let mut out = Vec::new();
        let mut take = |p: &[u8]| {
            out.extend_from_slice(p);
            true
        };
        w.piece(b, &mut take)?;
        w.piece(&TAIL, &mut take)?;
        Ok(out)
    }

    /// A message as a sender makes it.
    fn deflate(c: &mut Compress, b: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(b.len() + 64);
        c.compress_vec(b, &mut out, FlushCompress::Sync).unwrap();
        assert!(out.ends_with(&TAIL));
        out.truncate(out.len() - 4);
        out
    }

    #[test]
    fn vectors_of_the_rfc() {
        // sections 7.2.3.1 to 7.2.3.5
        let mut w = Window::new(true);
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(inflate(&mut w, &hello).unwrap(), b"Hello");
        assert_eq!(
            inflate(&mut w, &[0xf2, 0x00, 0x11, 0x00, 0x00]).unwrap(),
            b"Hello"
        );
        let mut w = Window::new(true);
        let stored = [
            0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
        ];
        assert_eq!(inflate(&mut w, &stored).unwrap(), b"Hello");
        let mut w = Window::new(true);
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        assert_eq!(inflate(&mut w, &last).unwrap(), b"Hello");
        let mut w = Window::new(true);
        let two = [
            0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
        ];
        assert_eq!(inflate(&mut w, &two).unwrap(), b"Hello");
    }

    #[test]
    fn what_refers_to_lost_messages_is_an_error_and_never_wrong() {
        let text = |n: usize| {
            format!("{{\"customer\":{},\"phone\":\"1380013{n:04}\"}}", n * 7919).into_bytes()
        };
        let mut c = Compress::new(Compression::default(), false);
        let sent: Vec<Vec<u8>> = (0..40).map(|n| deflate(&mut c, &text(n))).collect();
        // all there
        let mut w = Window::new(true);
        for (n, b) in sent.iter().enumerate() {
            assert_eq!(inflate(&mut w, b).unwrap(), text(n));
        }
        // the first is missing: each message is refused, or right
        let mut w = Window::new(false);
        let mut refused = 0;
        for (n, b) in sent.iter().enumerate().skip(1) {
            match inflate(&mut w, b) {
                Ok(t) => assert_eq!(t, text(n)),
                Err(_) => {
                    refused += 1;
                    w = Window::new(false);
                }
            }
        }
        assert!(refused > 30, "{refused}");
    }

    #[test]
    fn extensions_as_servers_write_them() {
        let read = |v: &[&str]| agreed(v.iter().map(|v| v.as_bytes()));
        let yes = |client, server| Agreed::Yes { client, server };
        assert_eq!(read(&["permessage-deflate"]), yes(true, true));
        assert_eq!(
            read(&["permessage-deflate; server_no_context_takeover; client_max_window_bits=12"]),
            yes(true, false)
        );
        assert_eq!(
            read(&[
                "x-other",
                "foo, Permessage-Deflate ;client_no_context_takeover;server_max_window_bits=\"10\""
            ]),
            yes(false, true)
        );
        assert_eq!(read(&[]), Agreed::No);
        assert_eq!(read(&["x-webkit-deflate-frame"]), Agreed::No);
    }
}
