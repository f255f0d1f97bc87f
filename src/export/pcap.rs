//! The packets behind selected calls, cut out of the captures they came from. In: calls and the evidence. Out: pcapng
//! with the packets of the calls' connections between their first and last packet, and the handshakes (of a call that was
//! decrypted: all from the connection's first packet on, or no key would open it again; of the last call on a connection also those
//! that close it, which alone say where a body without a length ends); each packet's
//! comment names its source and number. Bounds: captures are read once each, one packet in memory. Evidence
//! that changed since it was loaded is refused: its SHA-256 is compared first.

use super::pcapng::Writer;
use super::{Exporter, Job, wrote};
use crate::error::{Error, Result};
use crate::source::archive::{Reopened, is_machine};
use crate::source::pcap::{Event, PacketReader};
use crate::source::{hash_start, open_bytes};
use rusqlite::OptionalExtension;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The exporter.
pub struct Slice;

/// Addresses and ports of a connection as they stand next to each other in a packet, both ways.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    addresses: [Vec<u8>; 2],
    ports: [[u8; 4]; 2],
}

fn pair(src: &[u8], sport: u16, dst: &[u8], dport: u16) -> Option<Pair> {
    let short = |a: &[u8]| -> Option<Vec<u8>> {
        // IPv4 is mapped into IPv6 in the case.
        match a {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, v4 @ ..] => Some(v4.to_vec()),
            a if a.len() == 16 => Some(a.to_vec()),
            _ => None,
        }
    };
    let (s, d) = (short(src)?, short(dst)?);
    let (p, q) = (sport.to_be_bytes(), dport.to_be_bytes());
    Some(Pair {
        addresses: [[s.clone(), d.clone()].concat(), [d, s].concat()],
        ports: [[p[0], p[1], q[0], q[1]], [q[0], q[1], p[0], p[1]]],
    })
}

/// Bytes of a packet in which headers stand, tunnels included.
const HEADERS: usize = 256;

/// Whether the packet is of the connection: both addresses side by side (as in every IP header), and behind them the
/// ports. Gives whether it opens the connection. Also fits a packet that happens to hold the same bytes there: it is then
/// one packet too many, never one too few.
fn fits(packet: &[u8], p: &Pair) -> Option<bool> {
    let head = packet.get(..packet.len().min(HEADERS))?;
    for (addresses, ports) in p.addresses.iter().zip(&p.ports) {
        let mut from = 0;
        while let Some(at) = head
            .get(from..)
            .and_then(|h| memchr::memmem::find(h, addresses))
        {
            let after = from + at + addresses.len();
            // Options and extension headers are whole words of four bytes.
            for skip in (0..=60).step_by(4) {
                if packet.get(after + skip..after + skip + 4) == Some(ports) {
                    let flags = packet.get(after + skip + 13).copied().unwrap_or(0);
                    return Some(flags & 0x02 != 0);
                }
            }
            // A later fragment has no ports: the packet before it had.
            let v4 = addresses.len() == 8;
            let offset = from.checked_add(at)?.checked_sub(6).and_then(|i| {
                Some(u16::from_be_bytes([*head.get(i)?, *head.get(i + 1)?]) & 0x1fff)
            });
            if v4 && offset.is_some_and(|o| o != 0) {
                return Some(false);
            }
            from += at + 1;
        }
    }
    None
}

/// What is wanted of one source.
#[derive(Default)]
struct Wanted {
    /// First packet, last packet, connection.
    ranges: Vec<(u64, u64, Pair)>,
}

fn wanted(job: &Job<'_>) -> Result<(BTreeMap<i64, Wanted>, u64)> {
    let mut out: BTreeMap<i64, Wanted> = BTreeMap::new();
    let mut calls = 0;
    let conn = &job.cx.conn;
    let n = |v: i64| u64::try_from(v).unwrap_or(0);
    for id in job.ids()? {
        job.go_on()?;
        type Row = (
            i64,
            i64,
            i64,
            Option<Vec<u8>>,
            Option<u16>,
            Option<Vec<u8>>,
            Option<u16>,
        );
        let row: Option<Row> = conn
            .prepare_cached(
                "SELECT source_id,coalesce((SELECT f.unit0 FROM flow f WHERE c.tls AND f.id=c.flow_id AND f.source_id=c.source_id),unit),\
                 max(unit1,coalesce((SELECT f.unit1 FROM flow f WHERE f.id=c.flow_id AND f.source_id=c.source_id \
                 AND NOT EXISTS(SELECT 1 FROM call d WHERE d.flow_id=c.flow_id AND d.unit>c.unit)),0)),\
                 src,sport,dst,dport FROM call c WHERE id=?1 AND off IS NULL",
            )?
            .query_row([id], |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?))
            })
            .optional()?;
        let Some((source, first, last, Some(src), Some(sport), Some(dst), Some(dport))) = row
        else {
            continue;
        };
        let Some(p) = pair(&src, sport, &dst, dport) else {
            continue;
        };
        calls += 1;
        let mut parts = vec![(source, n(first), n(last))];
        let mut stmt = conn.prepare_cached(
            "SELECT source_id,first,last FROM call_at WHERE call_id=?1 AND off IS NULL \
             UNION ALL SELECT c.source_id,c.unit,c.unit1 FROM call_fact f JOIN call c ON c.id=f.call_id \
             WHERE f.joined=?1 AND c.flow_id IS NOT NULL \
             UNION ALL SELECT a.source_id,a.first,a.last FROM call_fact f JOIN call_at a ON a.call_id=f.call_id \
             WHERE f.joined=?1 AND a.off IS NULL",
        )?;
        let mut rows = stmt.query([id])?;
        while let Some(r) = rows.next()? {
            parts.push((r.get(0)?, n(r.get(1)?), n(r.get(2)?)));
        }
        for (source, first, last) in parts {
            out.entry(source)
                .or_default()
                .ranges
                .push((first, last, p.clone()));
        }
    }
    Ok((out, calls))
}

/// Name and bytes of a source, compression undone.
type Opened = (String, Box<dyn Read + Send>);

/// Opens a source where it lies now, its hash proved.
fn locate(job: &Job<'_>, source: i64, archives: &mut Reopened) -> Result<Option<Opened>> {
    /// Name, path, SHA-256, kind, bytes, member.
    type Row = (
        String,
        Option<String>,
        Option<Vec<u8>>,
        String,
        i64,
        Option<String>,
    );
    let row: Option<Row> = job
        .cx
        .conn
        .query_row(
            "SELECT name,path,sha256,kind,bytes,member FROM source WHERE id=?1",
            [source],
            |r| {
                let (path, sha, kind) = (r.get(1)?, r.get(2)?, r.get(3)?);
                Ok((r.get(0)?, path, sha, kind, r.get(4)?, r.get(5)?))
            },
        )
        .optional()?;
    let Some((name, path, sha, kind, bytes, member)) = row else {
        return Ok(None);
    };
    if !kind.starts_with("pcap") {
        return Ok(None);
    }
    let file = PathBuf::from(&name);
    // A member lies in its archive, or as a file of its own name where somebody took it out.
    let was = path.clone().map(PathBuf::from).unwrap_or_default();
    let mut places: Vec<PathBuf> = path.into_iter().map(PathBuf::from).collect();
    for dir in job.evidence {
        if member.is_some() {
            places.extend(was.file_name().map(|f| dir.join(f)));
            let own = name.rsplit(['!', '/']).next().unwrap_or_default();
            places.push(dir.join(own));
            continue;
        }
        places.push(dir.join(&file));
        places.extend(file.file_name().map(|f| dir.join(f)));
    }
    let (mut changed, mut gone) = (false, false);
    for p in places.into_iter().filter(|p| p.is_file()) {
        // What was followed may be longer by now: what was read of it is what counts.
        let have = hash_start(&p, u64::try_from(bytes).unwrap_or(0), job.stop)?;
        let same = |h: [u8; 32]| sha.as_deref().is_none_or(|s| *s == h);
        if have.is_some_and(same) || sha.is_none() && member.is_none() {
            return Ok(Some((name, open_bytes(&p)?)));
        }
        let found = match &member {
            Some(member) => match archives.get(&was, &p, member, job.stop) {
                Err(e) if is_machine(&p, &e) => return Err(Error::io(&p, "cannot unpack")(e)),
                Ok(None) => {
                    gone = true;
                    continue;
                }
                found => found.ok().flatten(),
            },
            None => None,
        };
        if let Some(found) = found {
            let cannot = || Error::io(&p, "cannot read");
            if same(found.hash(job.stop).map_err(cannot())?.0) {
                return Ok(Some((name, found.open().map_err(cannot())?)));
            }
        }
        changed = true;
    }
    Err(Error::Unreadable {
        path: file,
        why: if changed {
            "is not the file that was loaded: its SHA-256 differs".into()
        } else if gone {
            "is no member of its archive now".into()
        } else {
            "is not where it was loaded from: name its folder with --evidence".into()
        },
    })
}

/// Which members of archives are to be read.
fn members(job: &Job<'_>, sources: impl Iterator<Item = i64>) -> Result<Reopened> {
    let case = &job.cx.path;
    let mut archives = Reopened::new(crate::case::beside(case));
    let mut stmt = job.cx.conn.prepare(
        "SELECT path,member FROM source WHERE id=?1 AND path IS NOT NULL AND member IS NOT NULL",
    )?;
    for source in sources {
        let row: Option<(String, String)> = stmt
            .query_row([source], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        if let Some((path, member)) = row {
            archives.want(Path::new(&path), &member);
        }
    }
    Ok(archives)
}

impl Exporter for Slice {
    fn name(&self) -> &'static str {
        "pcap"
    }
    fn ending(&self) -> &'static str {
        "pcapng"
    }
    fn about(&self) -> &'static str {
        "the packets behind the calls, as pcapng (evidence in clear)"
    }
    fn binary(&self) -> bool {
        true
    }
    fn raw(&self) -> bool {
        true
    }
    fn write(&self, job: &Job<'_>, out: &mut dyn Write) -> Result<u64> {
        let (wanted, calls) = wanted(job)?;
        let version = concat!("leaktrace ", env!("CARGO_PKG_VERSION"));
        let mut w = Writer::new(out, version).map_err(wrote)?;
        let mut archives = members(job, wanted.keys().copied())?;
        for (source, mut want) in wanted {
            let Some((name, bytes)) = locate(job, source, &mut archives)? else {
                continue;
            };
            want.ranges.sort();
            let pairs: BTreeSet<Pair> = want.ranges.iter().map(|r| r.2.clone()).collect();
            let end = want.ranges.iter().map(|r| r.1).max().unwrap_or(0);
            let mut reader = PacketReader::open(bytes, 0)?;
            // Ranges that have begun and not ended, as the packets go by.
            let mut next = 0usize;
            let mut open: Vec<usize> = Vec::new();
            while let Some(event) = reader.next() {
                let Event::Packet(p) = event else {
                    continue;
                };
                let n = p.at.unit.number;
                if n.is_multiple_of(4096) {
                    job.go_on()?;
                }
                if n > end {
                    break;
                }
                while want.ranges.get(next).is_some_and(|r| r.0 <= n) {
                    open.push(next);
                    next += 1;
                }
                open.retain(|i| want.ranges.get(*i).is_some_and(|r| r.1 >= n));
                let inside = open.iter().any(|i| {
                    want.ranges
                        .get(*i)
                        .is_some_and(|r| fits(p.bytes, &r.2).is_some())
                });
                let opens = || pairs.iter().any(|x| fits(p.bytes, x) == Some(true));
                if inside || opens() {
                    let comment = format!("{} packet {n}", crate::call::text::visible(&name));
                    w.packet(p.link, p.at.ts, p.bytes, p.orig_len, &comment)
                        .map_err(wrote)?;
                }
            }
        }
        Ok(calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_a_connection_are_known_by_addresses_and_ports() {
        let v4 = |a: [u8; 4]| {
            let mut b = vec![0; 10];
            b.extend([0xff, 0xff]);
            b.extend(a);
            b
        };
        let p = pair(&v4([10, 0, 0, 1]), 40000, &v4([10, 0, 0, 2]), 80).unwrap();
        let packet = |src: [u8; 4], dst: [u8; 4], sp: u16, dp: u16, flags: u8| {
            let mut b = vec![0u8; 14];
            b.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0]);
            b.extend(src);
            b.extend(dst);
            b.extend(sp.to_be_bytes());
            b.extend(dp.to_be_bytes());
            b.extend([0; 8]);
            b.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
            b
        };
        let (a, b) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        assert_eq!(fits(&packet(a, b, 40000, 80, 0x02), &p), Some(true));
        assert_eq!(fits(&packet(b, a, 80, 40000, 0x10), &p), Some(false));
        assert_eq!(fits(&packet(a, b, 40001, 80, 0x10), &p), None);
        assert_eq!(fits(&packet(a, [10, 0, 0, 3], 40000, 80, 0x10), &p), None);
    }
}
