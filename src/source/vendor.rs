//! Captures of other tools whose formats are known: Microsoft Network Monitor 1 and 2, AIX iptrace 1 and 2, Endace ERF. In: the
//! window. Out: packets. Bounds: a packet of [`PACKET_BYTES`]; behind damage the next two records that follow each other are
//! searched for, each byte once.
//!
//! All three are records one behind the other. Network Monitor keeps a table of where they begin as well, behind them: it is the
//! end of what is read, since tables of a file that was cut are not there. Its start is local time of no known zone and
//! taken for UTC, unless records carry their own (2.3 and later). ERF has no magic number: it is recognised by records that
//! follow each other, and asked for last.

use super::pcap::{Found, Step};
use super::refill::{Refill, u32_at};
use crate::limits::PACKET_BYTES;

/// Bytes looked at in one go behind damage.
const REACH: usize = 64 << 10;
/// Largest record: a packet, and the longest header and trailer that there are.
const MOST: usize = PACKET_BYTES as usize + 256;
/// Network Monitor's header.
const NETMON_HEAD: usize = 128;
/// iptrace's header.
const IPTRACE_HEAD: usize = 11;
/// Between 1601, where Windows counts from, and 1970, in units of 100 ns.
const WINDOWS_EPOCH: u64 = 116_444_736_000_000_000;
/// LINKTYPE of Ethernet, Token Ring, FDDI, IEEE 802.11, and IP alone.
const ETHERNET: u32 = 1;
const TOKEN_RING: u32 = 6;
const FDDI: u32 = 10;
const WLAN: u32 = 105;
const RAW: u32 = 101;
/// What has no LINKTYPE is told as an unknown link under a number that no LINKTYPE has.
const NO_LINK: u32 = 0x1_0000;
/// How far apart two records that follow each other may be, in nanoseconds, for one behind damage to be believed.
const NEAR_NS: i64 = 366 * 86_400 * 1_000_000_000;

#[derive(Clone, Copy)]
enum Form {
    NetMon {
        /// Major and minor number of the version.
        version: (u8, u8),
        /// Network of the file, where records do not name theirs.
        network: u16,
        /// When the capture began, in nanoseconds.
        start: i64,
        /// Where the tables begin.
        end: u64,
    },
    Iptrace {
        /// Bytes of a record before its packet.
        head: usize,
    },
    Erf,
}

/// A file that is being read.
pub(super) struct Vendor {
    form: Form,
    last: Option<i64>,
}

/// A record in the window: where its packet lies, and what comes behind it.
struct Record {
    /// `None` for what is no packet.
    packet: Option<Found>,
    whole: usize,
    ts: i64,
}

enum Look {
    Record(Record),
    /// So many bytes are needed to tell.
    Short(usize),
    Bad,
}

fn u16_at(bytes: &[u8], at: usize, big: bool) -> Option<u16> {
    let two: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(if big {
        u16::from_be_bytes(two)
    } else {
        u16::from_le_bytes(two)
    })
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let eight: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
    Some(u64::from_le_bytes(eight))
}

/// Nanoseconds of a date and a time of day, as a SYSTEMTIME of Windows has them.
fn system_time(bytes: &[u8]) -> Option<i64> {
    let field = |n: usize| u16_at(bytes, 2 * n, false).map(i64::from);
    let (year, month, day) = (field(0)?, field(1)?, field(3)?);
    let (hour, minute, second, ms) = (field(4)?, field(5)?, field(6)?, field(7)?);
    let fits = (1970..=2200).contains(&year) && (1..=12).contains(&month) && day <= 31;
    if !fits || hour > 23 || minute > 59 || second > 60 || ms > 999 {
        return None;
    }
    // years that begin in March, so that the leap day is the last one
    let (y, m) = (year - i64::from(month < 3), (month + 9) % 12);
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 719_469;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some((seconds * 1000 + ms) * 1_000_000)
}

/// LINKTYPE of a network of Network Monitor.
fn netmon_link(network: u16) -> u32 {
    match network {
        // captures of tunnels of version 3.4 leave it 0 and are Ethernet
        0 | 1 => ETHERNET,
        2 => TOKEN_RING,
        3 => FDDI,
        6 => WLAN,
        7..=9 => RAW,
        0xe000..=0xefff => u32::from(network & 0xfff),
        other => NO_LINK.saturating_add(u32::from(other)),
    }
}

/// LINKTYPE of an SNMP `ifType`.
fn iptrace_link(kind: u8) -> u32 {
    match kind {
        6 => ETHERNET,
        9 => TOKEN_RING,
        15 => FDDI,
        24 => RAW,
        other => NO_LINK.saturating_add(u32::from(other)),
    }
}

/// What a file in one of these formats is called that begins so.
pub(super) fn form_of(begin: &[u8]) -> Option<&'static str> {
    match begin.get(..4)? {
        b"GMBU" | b"RTSS" => Some("pcap-netmon"),
        _ if iptrace(begin).is_some() => Some("pcap-iptrace"),
        _ => None,
    }
}

fn iptrace(begin: &[u8]) -> Option<Form> {
    match begin.get(..IPTRACE_HEAD)? {
        b"iptrace 1.0" => Some(Form::Iptrace { head: 30 }),
        b"iptrace 2.0" => Some(Form::Iptrace { head: 40 }),
        _ => None,
    }
}

/// Whether a file is ERF: three records, or all that there are, follow each other, and one of them is a packet.
pub(super) fn is_erf(begin: &[u8]) -> bool {
    let mut file = Vendor {
        form: Form::Erf,
        last: None,
    };
    let (mut at, mut packets) = (0, 0);
    for _ in 0..3 {
        let rest = begin.get(at..).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
        let Look::Record(r) = file.look(rest) else {
            return false;
        };
        at += r.whole;
        packets += usize::from(r.packet.is_some());
        file.last = Some(r.ts);
    }
    packets > 0
}

impl Vendor {
    /// Takes the file's header, where it is in one of these formats.
    pub(super) fn open(window: &mut Refill) -> Option<Vendor> {
        let data = window.data();
        let form = if form_of(data) == Some("pcap-netmon") {
            window.have(NETMON_HEAD);
            let form = netmon(window.data())?;
            window.take(NETMON_HEAD);
            form
        } else if let Some(form) = iptrace(data) {
            window.take(IPTRACE_HEAD);
            form
        } else {
            window.have(REACH);
            is_erf(window.data()).then_some(Form::Erf)?
        };
        Some(Vendor { form, last: None })
    }

    fn look(&self, b: &[u8]) -> Look {
        let found = match self.form {
            Form::NetMon {
                version,
                network,
                start,
                ..
            } => netmon_record(b, version, network, start),
            Form::Iptrace { head } => iptrace_record(b, head),
            Form::Erf => erf_record(b),
        };
        match found {
            Ok(r)
                if self
                    .last
                    .is_some_and(|last| r.ts.abs_diff(last) > NEAR_NS.unsigned_abs()) =>
            {
                Look::Bad
            }
            Ok(r) => Look::Record(r),
            Err(Some(need)) if need <= MOST => Look::Short(need),
            Err(_) => Look::Bad,
        }
    }

    /// Whether the next record is not whole yet in a file that grows.
    pub(super) fn waits(&self, window: &mut Refill) -> bool {
        loop {
            match self.look(window.data()) {
                Look::Short(need) if window.have(need) => {}
                Look::Short(_) => return window.pending(),
                _ => return false,
            }
        }
    }

    /// Whether all records of the file were read.
    fn at_tables(&self, window: &Refill) -> bool {
        matches!(self.form, Form::NetMon { end, .. } if window.offset() >= end)
    }

    pub(super) fn step(&mut self, window: &mut Refill) -> Step {
        loop {
            if self.at_tables(window) {
                return Step::End;
            }
            match self.look(window.data()) {
                Look::Record(r) => {
                    let start = window.take(r.whole);
                    self.last = Some(r.ts);
                    if let Some(mut found) = r.packet {
                        found.start += start;
                        return Step::Packet(found);
                    }
                    return Step::Again;
                }
                Look::Short(need) if window.have(need) => {}
                Look::Short(_) if window.data().is_empty() => return Step::End,
                // cut, or a length that lies
                Look::Short(_) => return self.resync(window, true),
                Look::Bad => return self.resync(window, false),
            }
        }
    }

    /// Goes on where two records follow each other, or one reaches exactly to the end.
    fn resync(&self, window: &mut Refill, at_end: bool) -> Step {
        let from = window.offset();
        window.take(1);
        loop {
            let more = window.have(REACH + 2 * MOST);
            let data = window.data();
            let places = if more { REACH } else { data.len() };
            let behind = |at: usize| self.look(data.get(at..).unwrap_or_default());
            let found = (0..places).find(|at| match behind(*at) {
                Look::Record(r) => {
                    let next = at + r.whole;
                    matches!(behind(next), Look::Record(_)) || !more && next == data.len()
                }
                _ => false,
            });
            let n = found.unwrap_or(places);
            window.take(n);
            if found.is_some() || !more {
                let skipped = window.offset() - from;
                return if found.is_none() && at_end {
                    let detail = format!("the file ends {skipped} bytes into a record");
                    Step::Diag("truncated-packet", detail)
                } else {
                    let detail = format!("{skipped} bytes skipped at offset {from}");
                    Step::Diag("damaged-record", detail)
                };
            }
        }
    }
}

/// Network Monitor's header (the help of version 3 describes it).
fn netmon(head: &[u8]) -> Option<Form> {
    let major = *head.get(5)?;
    let tables = [24, 32, 40, 48, 56];
    let end = tables
        .iter()
        .filter_map(|at| u32_at(head, *at, false))
        .filter(|at| *at as usize >= NETMON_HEAD)
        .min();
    let known = matches!((head.get(..4)?, major), (b"RTSS", 1) | (b"GMBU", 2));
    known.then_some(Form::NetMon {
        version: (major, *head.get(4)?),
        network: u16_at(head, 6, false)?,
        start: system_time(head.get(8..24)?).unwrap_or(0),
        end: end.map_or(u64::MAX, u64::from),
    })
}

/// A record, or how many bytes are needed to tell; `None` where it is none.
type Told = Result<Record, Option<usize>>;

/// What a record says of itself.
struct Fields {
    head: usize,
    len: u32,
    orig: u32,
    trailer: usize,
}

impl Fields {
    /// Length of the record, where it can be one; all of it has to be there.
    fn whole(&self, b: &[u8]) -> Result<usize, Option<usize>> {
        if self.len > PACKET_BYTES || self.orig > 16 * PACKET_BYTES {
            return Err(None);
        }
        let whole = self.head + self.len as usize + self.trailer;
        if b.len() < whole {
            return Err(Some(whole));
        }
        Ok(whole)
    }
    fn found(&self, link: u32, ts: i64) -> Option<Found> {
        Some(Found {
            start: self.head,
            len: self.len as usize,
            ts,
            link,
            interface: 0,
            orig_len: self.orig.max(self.len),
        })
    }
}

fn netmon_record(b: &[u8], version: (u8, u8), network: u16, start: i64) -> Told {
    let head = if version.0 < 2 { 8 } else { 16 };
    let short = Err(Some(head));
    let fields = if version.0 < 2 {
        u32_at(b, 0, false)
            .zip(u16_at(b, 4, false))
            .zip(u16_at(b, 6, false))
            .map(|((ms, orig), len)| (i64::from(ms) * 1_000_000, u32::from(orig), u32::from(len)))
    } else {
        u64_at(b, 0)
            .zip(u32_at(b, 8, false))
            .zip(u32_at(b, 12, false))
            .map(|((us, orig), len)| {
                let us = i64::try_from(us).unwrap_or(i64::MAX);
                (us.saturating_mul(1000), orig, len)
            })
    };
    let Some((after, orig, len)) = fields else {
        return short;
    };
    let trailer = match version {
        (2, 0) | (..=1, _) => 0,
        (2, 1) => 2,
        (2, 2) => 6,
        _ => 15,
    };
    if len == 0 || len > orig {
        return Err(None);
    }
    let mut f = Fields {
        head,
        len,
        orig,
        trailer,
    };
    let whole = f.whole(b)?;
    let behind = head + len as usize;
    let own = (trailer > 0).then(|| u16_at(b, behind, false)).flatten();
    let network = own.unwrap_or(network);
    let stamp = (trailer == 15).then(|| u64_at(b, behind + 6)).flatten();
    let ts = stamp
        .and_then(|t| i64::try_from(t.checked_sub(WINDOWS_EPOCH)?.checked_mul(100)?).ok())
        .unwrap_or(start.saturating_add(after));
    // what is no packet: events, names of networks, filters
    let packet = if network >= 0xff00 {
        None
    } else {
        if network == 6 {
            // behind what the radio said, whose length it holds
            let radio = u16_at(b, head + 1, false).map_or(0, u32::from).min(f.len);
            f.head += radio as usize;
            f.len -= radio;
            f.orig = f.orig.saturating_sub(radio);
        }
        f.found(netmon_link(network), ts)
    };
    Ok(Record { packet, whole, ts })
}

fn iptrace_record(b: &[u8], head: usize) -> Told {
    let (Some(len), Some(sec)) = (u32_at(b, 0, true), u32_at(b, 4, true)) else {
        return Err(Some(8));
    };
    let info = u32::try_from(head - 8).unwrap_or(0);
    let Some(len) = len.checked_sub(info) else {
        return Err(None);
    };
    let Some(kind) = b.get(28) else {
        return Err(Some(head));
    };
    let link = iptrace_link(*kind);
    let mut f = Fields {
        head,
        len,
        orig: len,
        trailer: 0,
    };
    let whole = f.whole(b)?;
    let (mut sec, mut ns) = (sec, 0);
    if head == 40
        && let (Some(s), Some(n)) = (u32_at(b, 32, true), u32_at(b, 36, true))
    {
        (sec, ns) = (s, n);
    }
    if ns >= 1_000_000_000 {
        return Err(None);
    }
    if link == FDDI {
        // three bytes stand before such a frame
        let pad = f.len.min(3);
        f.head += pad as usize;
        f.len -= pad;
        f.orig -= pad;
    }
    let ts = i64::from(sec) * 1_000_000_000 + i64::from(ns);
    Ok(Record {
        packet: f.found(link, ts),
        whole,
        ts,
    })
}

/// A record of ERF (Endace, "ERF types reference guide"): the time as seconds and a fraction of 32 bits each, little-endian, all
/// else big-endian.
fn erf_record(b: &[u8]) -> Told {
    const HEAD: usize = 16;
    let (Some(time), Some(kind), Some(whole), Some(wire)) = (
        u64_at(b, 0),
        b.get(8),
        u16_at(b, 10, true),
        u16_at(b, 14, true),
    ) else {
        return Err(Some(HEAD));
    };
    let whole = usize::from(whole);
    // before 1990 nobody wrote them
    if whole < HEAD || time >> 32 < 631_152_000 {
        return Err(None);
    }
    if b.len() < whole {
        return Err(Some(whole));
    }
    let mut head = HEAD;
    let mut more = kind & 0x80 != 0;
    while more {
        // headers of extension, eight bytes each; the first bit says whether another follows
        let Some(first) = b.get(head).filter(|_| head + 8 <= whole) else {
            return Err(None);
        };
        more = first & 0x80 != 0;
        head += 8;
    }
    let seconds = i64::try_from(time >> 32).unwrap_or(0);
    let fraction = i64::try_from(((time & 0xffff_ffff) * 1_000_000_000) >> 32).unwrap_or(0);
    let ts = seconds * 1_000_000_000 + fraction;
    let link = match kind & 0x7f {
        // packet over SONET: PPP or Cisco HDLC
        1 => match b.get(head..head + 2) {
            Some([0xff, 0x03]) => Some(50),
            _ => Some(104),
        },
        // Ethernet, two bytes before it
        2 | 11 | 16 | 20 => {
            head += 2;
            Some(ETHERNET)
        }
        22 | 23 => Some(RAW),
        // what the card says of itself, and what fills up
        27 | 48 => None,
        other @ (3..=10 | 12..=15 | 17..=19 | 21 | 24..=26) => {
            Some(NO_LINK.saturating_add(u32::from(other)))
        }
        _ => return Err(None),
    };
    let Some(room) = whole.checked_sub(head) else {
        return Err(None);
    };
    let len = u32::try_from(room).unwrap_or(0).min(u32::from(wire));
    let f = Fields {
        head,
        len,
        orig: u32::from(wire),
        trailer: 0,
    };
    Ok(Record {
        packet: link.and_then(|link| f.found(link, ts)),
        whole,
        ts,
    })
}
