//! Cuts captures anew: the same conversations in other packets. Only plain TCP over IPv4 in Ethernet or raw IP is cut;
//! other packets stay.

use super::frames::sum;
use super::random::Random;

/// A record of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rec {
    /// Nanoseconds.
    pub ts: i64,
    pub link: u32,
    pub bytes: Vec<u8>,
    pub orig_len: u32,
}

/// A classic capture with nanoseconds. All records must be of one link type.
pub fn pcap(recs: &[Rec]) -> Vec<u8> {
    let mut out = vec![
        0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0,
    ];
    out.extend(recs.first().map_or(1, |r| r.link).to_le_bytes());
    for r in recs {
        out.extend(((r.ts / 1_000_000_000) as u32).to_le_bytes());
        out.extend(((r.ts % 1_000_000_000) as u32).to_le_bytes());
        out.extend((r.bytes.len() as u32).to_le_bytes());
        out.extend(r.orig_len.to_le_bytes());
        out.extend(&r.bytes);
    }
    out
}

/// A pcapng file whose records name interfaces, each with the link type of its first record.
pub fn pcapng(recs: &[(u32, Rec)]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes()[..], &len, &body, &len].concat()
    };
    let mut out = block(
        0x0a0d_0d0a,
        &[
            0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        ],
    );
    let most = recs.iter().map(|r| r.0).max().unwrap_or(0);
    for n in 0..=most {
        let link = recs.iter().find(|r| r.0 == n).map_or(1, |r| r.1.link);
        let mut body = vec![link as u8, (link >> 8) as u8, 0, 0, 0, 0, 4, 0];
        body.extend([9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        out.extend(block(1, &body));
    }
    for (n, r) in recs {
        let mut body = n.to_le_bytes().to_vec();
        body.extend(((r.ts >> 32) as u32).to_le_bytes());
        body.extend((r.ts as u32).to_le_bytes());
        body.extend((r.bytes.len() as u32).to_le_bytes());
        body.extend(r.orig_len.to_le_bytes());
        body.extend(&r.bytes);
        out.extend(block(6, &body));
    }
    out
}

/// Where the parts of a whole TCP segment begin: IP header, TCP header, payload, and its end.
pub fn parts(r: &Rec) -> Option<[usize; 4]> {
    let ip = match (r.link, r.bytes.get(12..14)) {
        (1, Some([8, 0])) => 14,
        (101, _) => 0,
        _ => return None,
    };
    let h = r.bytes.get(ip..ip + 20)?;
    if h[0] >> 4 != 4 || h[9] != 6 || u16::from_be_bytes([h[6], h[7]]) & 0x3fff != 0 {
        return None;
    }
    let tcp = ip + usize::from(h[0] & 15) * 4;
    let end = ip + usize::from(u16::from_be_bytes([h[2], h[3]]));
    let data = tcp + usize::from(r.bytes.get(tcp + 12)? >> 4) * 4;
    (data <= end && end <= r.bytes.len()).then_some([ip, tcp, data, end])
}

/// The bytes `from..to` of a segment's payload as a packet of their own. The FIN stays with the last byte.
pub fn slice(r: &Rec, from: usize, to: usize) -> Rec {
    let [ip, tcp, data, end] = parts(r).expect("a TCP segment");
    let mut bytes = r.bytes[..data].to_vec();
    bytes.extend(&r.bytes[data + from..data + to]);
    let total = (bytes.len() - ip) as u16;
    bytes[ip + 2..ip + 4].copy_from_slice(&total.to_be_bytes());
    bytes[ip + 10..ip + 12].fill(0);
    let s = sum(&bytes[ip..tcp]);
    bytes[ip + 10..ip + 12].copy_from_slice(&s.to_be_bytes());
    let seq = u32::from_be_bytes(bytes[tcp + 4..tcp + 8].try_into().unwrap());
    bytes[tcp + 4..tcp + 8].copy_from_slice(&seq.wrapping_add(from as u32).to_be_bytes());
    if data + to < end {
        bytes[tcp + 13] &= !0x09;
    }
    let orig_len = bytes.len() as u32;
    Rec {
        bytes,
        orig_len,
        ..*r
    }
}

/// Every payload in pieces of at most `size` bytes, a microsecond apart at most.
pub fn cut(recs: &[Rec], size: usize) -> Vec<Rec> {
    let mut out = Vec::new();
    for (n, r) in recs.iter().enumerate() {
        let room = recs
            .get(n + 1)
            .map_or(1_000_000, |next| (next.ts - r.ts).max(0));
        match parts(r) {
            Some([_, tcp, data, end]) if end > data && r.bytes[tcp + 13] & 2 == 0 => {
                let len = end - data;
                let count = len.div_ceil(size) as i64;
                for (i, at) in (0..len).step_by(size).enumerate() {
                    let mut piece = slice(r, at, len.min(at + size));
                    piece.ts = r.ts + (room / count).min(1000) * i as i64;
                    out.push(piece);
                }
            }
            _ => out.push(r.clone()),
        }
    }
    out
}

/// Whether a packet carries payload and no SYN: only such may change places without a new meaning.
fn carries(r: &Rec) -> bool {
    parts(r).is_some_and(|[_, tcp, data, end]| end > data && r.bytes[tcp + 13] & 7 == 0)
}

/// The ends of a segment, as they stand in the packet.
fn ends(r: &Rec) -> Option<Vec<u8>> {
    let [ip, tcp, ..] = parts(r)?;
    Some([&r.bytes[ip + 12..ip + 20], &r.bytes[tcp..tcp + 4]].concat())
}

/// Shuffles payloads within runs of one direction, each by less than `window` places; times stay where they are.
pub fn shuffle(recs: &[Rec], window: usize, r: &mut Random) -> Vec<Rec> {
    let mut out = recs.to_vec();
    let mut at = 0;
    while at < out.len() {
        let mut end = at + 1;
        if carries(&out[at]) {
            while end < out.len() && carries(&out[end]) && ends(&out[end]) == ends(&out[at]) {
                end += 1;
            }
        }
        let mut run: Vec<(usize, Vec<u8>, u32)> = out[at..end]
            .iter()
            .enumerate()
            .map(|(i, p)| {
                (
                    i + r.below(window as u64) as usize,
                    p.bytes.clone(),
                    p.orig_len,
                )
            })
            .collect();
        run.sort_by_key(|k| k.0);
        for (to, (_, bytes, orig_len)) in out[at..end].iter_mut().zip(run) {
            (to.bytes, to.orig_len) = (bytes, orig_len);
        }
        at = end;
    }
    out
}

/// Sends some packets again, much later than a copy would come.
pub fn again(recs: &[Rec], every: usize) -> Vec<Rec> {
    let mut out = Vec::new();
    for (n, r) in recs.iter().enumerate() {
        out.push(r.clone());
        if n % every == every - 1 && carries(r) {
            out.push(r.clone());
        }
    }
    out
}

/// Lets each second payload begin earlier, with bytes that were sent before it in the same packet.
pub fn overlap(recs: &[Rec]) -> Vec<Rec> {
    let mut out = Vec::new();
    for r in recs {
        match parts(r) {
            Some([_, tcp, data, end]) if end > data + 3 && r.bytes[tcp + 13] & 2 == 0 => {
                let len = end - data;
                let (third, two) = (len / 3, len - len / 3);
                out.push(slice(r, 0, two));
                out.push(slice(r, third, len));
            }
            _ => out.push(r.clone()),
        }
    }
    out
}
