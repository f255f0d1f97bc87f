//! SOCKS 4, 4a and 5 (RFC 1928, 1929) as the way to a tunnel. In: the first bytes of both directions. Out: no calls; the
//! connection is handed on where the proxy says yes. Bounds: [`limits::TUNNEL_HELD`] bytes of the client held, a reply of the
//! server.

use super::{About, Carry, Cx, Feed, Probe, Proto, ProtoSpec, Switch};
use crate::call::model::{Exchange, Stamp};
use crate::call::text::lossless;
use crate::limits;
use crate::net::{Close, FlowStats, Missing, Segment, Side};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// SOCKS in the table of protocols.
pub static SPEC: ProtoSpec = ProtoSpec {
    name: "socks",
    probe,
    find: |_| None,
    within: false,
    upgrade: &[],
    new: |begin| Box::new(Socks::new(begin.client)),
};

/// Most ways to authenticate that a client offers: real ones offer up to four.
const METHODS: u8 = 16;
/// Longest name of a user or host.
const NAME: usize = 255;

/// A greeting, or a request of version 4, and nothing behind it: the client waits for the answer.
fn probe(b: &[u8], first: bool) -> Probe {
    if !first {
        return Probe::No;
    }
    match b {
        [4 | 5] => Probe::More,
        [5, n, methods @ ..] if (1..=METHODS).contains(n) => {
            let known = |m: &u8| matches!(m, 0..=9 | 0x80..=0x88);
            match methods.len().cmp(&usize::from(*n)) {
                _ if !methods.iter().take(usize::from(*n)).all(known) => Probe::No,
                std::cmp::Ordering::Less => Probe::More,
                std::cmp::Ordering::Equal => Probe::Client,
                // a client that does not wait sends its request with it
                std::cmp::Ordering::Greater => match methods.get(usize::from(*n)..).map(message5) {
                    Some(Ok(Some((r, used))))
                        if *n == 1
                            && matches!(r.command, 1..=3)
                            && methods.len() == usize::from(*n) + used =>
                    {
                        Probe::Client
                    }
                    Some(Ok(None)) if *n == 1 => Probe::More,
                    _ => Probe::No,
                },
            }
        }
        [4, 1 | 2, ..] => match request4(b) {
            Some((r, used)) if used == b.len() && r.port != 0 => Probe::Client,
            Some(_) => Probe::No,
            None if plausible4(b) => Probe::More,
            None => Probe::No,
        },
        _ => Probe::No,
    }
}

/// Whether a request of version 4 that has not ended can be one.
fn plausible4(b: &[u8]) -> bool {
    let rest = b.get(8..).unwrap_or_default();
    rest.len() <= 2 * NAME + 2 && rest.iter().all(|c| *c == 0 || c.is_ascii_graphic())
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    command: u8,
    host: String,
    port: u16,
}

/// Request of version 4 or 4a and its length.
fn request4(b: &[u8]) -> Option<(Request, usize)> {
    let (head, rest) = b.split_first_chunk::<8>()?;
    let [_, command, p1, p2, a, b4, c, d] = *head;
    let user = memchr::memchr(0, rest)?;
    let mut used = 8 + user + 1;
    let named = (a, b4, c) == (0, 0, 0) && d != 0;
    let host = if named {
        let name = rest.get(user + 1..)?;
        let end = memchr::memchr(0, name)?;
        used += end + 1;
        lossless(name.get(..end)?).into_owned()
    } else {
        Ipv4Addr::new(a, b4, c, d).to_string()
    };
    Some((
        Request {
            command,
            host,
            port: u16::from_be_bytes([p1, p2]),
        },
        used,
    ))
}

/// Request or reply of version 5 and its length; `Err`: it is none.
fn message5(b: &[u8]) -> Result<Option<(Request, usize)>, ()> {
    let Some((head, rest)) = b.split_first_chunk::<4>() else {
        return if matches!(b.first(), None | Some(5)) {
            Ok(None)
        } else {
            Err(())
        };
    };
    let [5, command, 0, kind] = *head else {
        return Err(());
    };
    let size = match kind {
        1 => 4,
        4 => 16,
        3 => match rest.first() {
            None => return Ok(None),
            Some(n) => 1 + usize::from(*n),
        },
        _ => return Err(()),
    };
    let Some((addr, port)) = rest.split_at_checked(size) else {
        return Ok(None);
    };
    let Some(port) = port.first_chunk::<2>() else {
        return Ok(None);
    };
    let host = match kind {
        1 => addr
            .first_chunk::<4>()
            .map(|a| Ipv4Addr::from(*a).to_string()),
        4 => addr
            .first_chunk::<16>()
            .map(|a| format!("[{}]", Ipv6Addr::from(*a))),
        _ => addr.get(1..).map(|n| lossless(n).into_owned()),
    };
    Ok(Some((
        Request {
            command,
            host: host.unwrap_or_default(),
            port: u16::from_be_bytes(*port),
        },
        4 + size + 2,
    )))
}

/// What comes next of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The client's greeting, the server's choice.
    Greeting,
    /// Name and password, the answer to them.
    Password,
    /// The request, the reply.
    Request,
    /// Nothing that is known.
    End,
}

/// One SOCKS connection before its tunnel.
#[derive(Debug)]
struct Socks {
    client: Side,
    version: u8,
    /// What the client sent, and how much of it is read.
    sent: Carry,
    read: usize,
    client_next: Next,
    /// What the server sent, and how much of it is read.
    reply: Vec<u8>,
    got: usize,
    server_next: Next,
    request: Option<Request>,
    /// A first reply to BIND came.
    bound: bool,
    /// Why there will be no tunnel.
    refused: Option<String>,
    /// Bytes of the handshake were lost, or are none: what follows is looked at as it is.
    off: bool,
    /// Those that were lost are the server's.
    unheard: bool,
}

impl Socks {
    fn new(client: Side) -> Socks {
        Socks {
            client,
            version: 0,
            sent: Carry::default(),
            read: 0,
            client_next: Next::Greeting,
            reply: Vec::new(),
            got: 0,
            server_next: Next::Greeting,
            request: None,
            bound: false,
            refused: None,
            off: false,
            unheard: false,
        }
    }

    /// Reads on in what the client sent, as far as the server's choices let it be understood.
    fn client_data(&mut self) {
        loop {
            let b = self.sent.bytes().get(self.read..).unwrap_or_default();
            let used = match self.client_next {
                Next::Greeting => match b {
                    [4, ..] => request4(b).map(|(r, used)| {
                        self.request = Some(r);
                        (Next::End, used)
                    }),
                    [5, n, rest @ ..] if rest.len() >= usize::from(*n) => {
                        // what follows depends on the server's choice
                        Some((Next::End, 2 + usize::from(*n)))
                    }
                    _ => None,
                },
                Next::Password => match b {
                    [1, n, rest @ ..] => rest
                        .get(usize::from(*n))
                        .map(|p| 3 + usize::from(*n) + usize::from(*p))
                        .filter(|used| b.len() >= *used)
                        .map(|used| (Next::Request, used)),
                    _ => None,
                },
                Next::Request => match message5(b) {
                    Ok(Some((r, used))) => {
                        self.request = Some(r);
                        Some((Next::End, used))
                    }
                    Ok(None) => None,
                    Err(()) => {
                        self.off = true;
                        None
                    }
                },
                Next::End => None,
            };
            if let (0, Some(v)) = (self.version, b.first()) {
                self.version = *v;
            }
            let Some((next, used)) = used else { return };
            self.client_next = next;
            self.read += used;
        }
    }

    /// Reads on in the server's answers; `Some`: bytes of `reply` behind which the tunnel begins.
    fn server_data(&mut self) -> Option<usize> {
        loop {
            let b = self.reply.get(self.got..).unwrap_or_default();
            match (self.version, self.server_next) {
                (4, Next::Greeting) => {
                    let reply = b.first_chunk::<8>()?;
                    let reply = *reply;
                    self.got += 8;
                    match reply {
                        [0, 90, ..] if self.bind() => {}
                        [0, 90, ..] => return Some(self.got),
                        [0, code @ 91..=93, ..] => return self.no(code),
                        _ => return self.strange(),
                    }
                }
                (5, Next::Greeting) => {
                    let [version, method, ..] = *b else {
                        return None;
                    };
                    self.got += 2;
                    if version != 5 {
                        return self.strange();
                    }
                    match method {
                        0 => self.choose(Next::Request),
                        2 => self.choose(Next::Password),
                        0xff => {
                            self.refused = Some("no way to authenticate was accepted".into());
                            self.server_next = Next::End;
                        }
                        m => {
                            self.refused =
                                Some(format!("authentication method {m} is not decoded"));
                            self.server_next = Next::End;
                        }
                    }
                }
                (5, Next::Password) => {
                    let [1, status, ..] = *b else {
                        return if b.len() < 2 { None } else { self.strange() };
                    };
                    self.got += 2;
                    self.server_next = if status == 0 {
                        Next::Request
                    } else {
                        Next::End
                    };
                    if status != 0 {
                        self.refused = Some("name or password was refused".into());
                    }
                }
                (5, Next::Request) => match message5(b) {
                    Err(()) => return self.strange(),
                    Ok(None) => return None,
                    Ok(Some((r, used))) => {
                        self.got += used;
                        let udp = self.request.as_ref().is_some_and(|r| r.command == 3);
                        match r.command {
                            0 if udp => {
                                self.refused = Some("it opened a relay for datagrams".into());
                                self.server_next = Next::End;
                            }
                            0 if self.bind() => {}
                            0 => return Some(self.got),
                            code => return self.no(code),
                        }
                    }
                },
                _ => {
                    self.reply.clear();
                    self.got = 0;
                    return None;
                }
            }
        }
    }

    /// Whether this yes is the first of the two that answer BIND.
    fn bind(&mut self) -> bool {
        let first = !self.bound && self.request.as_ref().is_some_and(|r| r.command == 2);
        self.bound |= first;
        first
    }

    fn choose(&mut self, next: Next) {
        self.server_next = next;
        if self.client_next == Next::End && self.request.is_none() {
            self.client_next = next;
        }
        self.client_data();
    }

    fn no(&mut self, code: u8) -> Option<usize> {
        self.refused = Some(format!("the proxy refused with {code}"));
        self.server_next = Next::End;
        None
    }

    fn strange(&mut self) -> Option<usize> {
        self.off = true;
        None
    }

    /// What the client sent beyond the handshake.
    fn early(&mut self) -> Carry {
        let mut out = Carry::default();
        let mut skip = self.read;
        for s in self.sent.segments() {
            let n = skip.min(s.bytes.len());
            skip -= n;
            let rest = s.bytes.get(n..).unwrap_or_default();
            if !rest.is_empty() {
                out.push(&Segment {
                    bytes: rest,
                    offset: s.offset + n as u64,
                    ..s
                });
            }
        }
        self.sent = Carry::default();
        self.read = 0;
        out
    }

    /// Answers were lost: what the client sent says what they were. Gives how many bytes of what comes next are an answer.
    fn guess(&mut self, side: Side, bytes: &[u8]) -> usize {
        if self.version == 5 && self.client_next == Next::End && self.request.is_none() {
            let next = match self.sent.bytes().get(self.read) {
                Some(1) => Next::Password,
                _ => Next::Request,
            };
            self.off = false;
            self.choose(next);
            if self.client_next == Next::Request {
                self.client_data();
            }
            self.off = true;
        }
        match (self.version, bytes) {
            _ if side == self.client => 0,
            (4, [0, 90, ..]) => 8.min(bytes.len()),
            (5, _) => message5(bytes).ok().flatten().map_or(0, |(_, used)| used),
            _ => 0,
        }
    }

    fn tunnel(&mut self, used: usize) -> Feed {
        Feed::Switch(Switch {
            used,
            held: self.early(),
            to: "tunnel".to_owned(),
            upgraded: None,
        })
    }
}

impl Proto for Socks {
    fn data(&mut self, side: Side, segment: Segment<'_>, cx: &mut Cx<'_>) -> Feed {
        if self.off {
            let used = match self.unheard {
                true => self.guess(side, segment.bytes),
                false => 0,
            };
            if !self.unheard || self.request.is_none() {
                self.sent = Carry::default();
            }
            return self.tunnel(used);
        }
        if side == self.client {
            if self.sent.held() + segment.bytes.len() > limits::TUNNEL_HELD {
                cx.diag("tunnel-unanswered", segment.at.unit);
                self.sent = Carry::default();
                self.off = true;
                return Feed::Go;
            }
            self.sent.push(&segment);
            self.client_data();
            return Feed::Go;
        }
        if self.reply.len() + segment.bytes.len() > limits::TUNNEL_HELD {
            self.off = true;
            return Feed::Go;
        }
        let before = self.reply.len();
        self.reply.extend_from_slice(segment.bytes);
        let kept = self.reply.len();
        match self.server_data() {
            // bytes of this segment: those that came before are all of the handshake
            Some(pos) => self.tunnel(pos.saturating_sub(before)),
            None => {
                if self.off && before == 0 && kept == segment.bytes.len() {
                    return self.tunnel(0);
                }
                Feed::Go
            }
        }
    }
    fn resent(&mut self, _side: Side, _offset: u64, _cx: &mut Cx<'_>) {}
    fn gap(&mut self, side: Side, _bytes: u64, _why: Missing, _at: Stamp, _cx: &mut Cx<'_>) {
        self.unheard = side != self.client && !self.off;
        self.off = true;
    }
    fn fin(&mut self, _side: Side, _at: Stamp, _cx: &mut Cx<'_>) {}
    fn close(&mut self, _why: Close, _stats: Option<&FlowStats>, _cx: &mut Cx<'_>) {}
    fn open(&mut self, _cx: &mut Cx<'_>, _out: &mut Vec<Exchange>) {}
    fn held(&self) -> usize {
        self.sent.held() + self.reply.len()
    }
    fn about(&self) -> About {
        let mut why = format!("SOCKS {} without a tunnel", self.version);
        if let Some(r) = &self.refused {
            let _ = write!(why, ": {r}");
        }
        About {
            app: "socks",
            client: Some(self.client),
            target: self.request.as_ref().map(|r| {
                crate::call::text::visible(&format!("{}:{}", r.host, r.port)).into_owned()
            }),
            why_opaque: Some(why),
            ..About::default()
        }
    }
}
