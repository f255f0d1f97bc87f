//! Connections that FTP announces. In: segments of a control connection. Out: where a file will be carried, so that the flow that
//! carries it has a name. Bounds: [`EXPECTED`](crate::limits::EXPECTED) announcements wait, the oldest is forgotten first.
//!
//! An announcement only names what nothing else takes: whoever writes one cannot hide calls behind it.

use crate::limits::EXPECTED;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

/// One end of a connection that will be opened.
type End = (IpAddr, u16);

/// What was announced and not opened yet.
#[derive(Debug, Default)]
pub struct Expected(VecDeque<End>);

impl Expected {
    /// Notes what a line of a control connection announces; `from` sent it.
    pub(super) fn announced(&mut self, line: &[u8], from: IpAddr) {
        let Some((ip, port)) = announcement(line) else {
            return;
        };
        // behind a translation of addresses the sender's own is the one that is seen
        for end in [ip.unwrap_or(from), from] {
            if !self.0.contains(&(end, port)) {
                if self.0.len() >= EXPECTED {
                    self.0.pop_front();
                }
                self.0.push_back((end, port));
            }
        }
    }

    /// Whether a flow between these ends was announced; each announcement counts once.
    pub(super) fn opened(&mut self, ends: [End; 2]) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let port = self.0.iter().find(|e| ends.contains(e)).map(|e| e.1);
        self.0
            .retain(|e| Some(e.1) != port || !ends.iter().any(|x| x == e));
        port.is_some()
    }
}

/// Whether a segment may announce something: all that it costs a connection that is none of FTP.
pub(super) fn may(bytes: &[u8]) -> bool {
    matches!(
        bytes.first_chunk::<4>(),
        Some(b"227 " | b"229 " | b"PORT" | b"EPRT" | b"port" | b"eprt")
    )
}

/// Where the next file goes: `227` and `PORT` (RFC 959 section 4.1.2), `229` and `EPRT` (RFC 2428).
fn announcement(line: &[u8]) -> Option<(Option<IpAddr>, u16)> {
    let line = std::str::from_utf8(line.split(|b| *b == b'\n').next()?).ok()?;
    let (word, rest) = line.trim_end().split_at_checked(4)?;
    match word {
        "227 " | "PORT" | "port" => {
            let mut six = [0u8; 6];
            let digits = rest.find(|c: char| c.is_ascii_digit())?;
            let mut parts = rest.get(digits..)?.split(',');
            for n in &mut six {
                let part = parts.next()?.trim();
                let end = part.find(|c: char| !c.is_ascii_digit());
                *n = part.get(..end.unwrap_or(part.len()))?.parse().ok()?;
            }
            let [a, b, c, d, high, low] = six;
            let ip = Some(Ipv4Addr::new(a, b, c, d)).filter(|ip| !ip.is_unspecified());
            Some((ip.map(IpAddr::V4), u16::from_be_bytes([high, low])))
        }
        _ => {
            // |1|192.0.2.1|6275|, and the address left away in an answer
            let at = if word == "229 " {
                rest.find('(')? + 1
            } else {
                rest.find(|c| c != ' ')?
            };
            let rest = rest.get(at..)?;
            let sign = rest.chars().next()?;
            let mut parts = rest.split(sign).skip(1);
            let (_, ip, port) = (parts.next()?, parts.next()?, parts.next()?);
            Some((ip.parse().ok(), port.parse().ok()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_are_read_as_they_are_written() {
        let ip = |s: &str| Some(s.parse::<IpAddr>().unwrap());
        for (line, want) in [
            (
                "227 Entering Passive Mode (10,2,2,2,200,10).\r\n",
                Some((ip("10.2.2.2"), 51_210)),
            ),
            (
                "227 Entering Passive Mode 10,2,2,2,200,10\r\n",
                Some((ip("10.2.2.2"), 51_210)),
            ),
            ("227 =0,0,0,0,200,10", Some((None, 51_210))),
            ("PORT 10,1,1,1,4,1\r\n", Some((ip("10.1.1.1"), 1025))),
            ("PORT 10,1,1,1,4\r\n", None),
            ("PORT 10,1,1,1,4,256\r\n", None),
            (
                "229 Entering Extended Passive Mode (|||6446|)\r\n",
                Some((None, 6446)),
            ),
            (
                "EPRT |2|2001:db8::1|6275|\r\n",
                Some((ip("2001:db8::1"), 6275)),
            ),
            ("EPRT |1|10.1.1.1|66275|\r\n", None),
            ("229 none\r\n", None),
            ("229 \u{e9}(\u{e9}\u{e9}\u{e9}7\u{e9})", Some((None, 7))),
        ] {
            assert_eq!(announcement(line.as_bytes()), want, "{line}");
        }
        assert_eq!(announcement(b"227 \xff"), None);
    }

    #[test]
    fn few_wait_and_each_counts_once() {
        let ip = IpAddr::from([10, 0, 0, 1]);
        let mut e = Expected::default();
        for port in 0..=u16::try_from(EXPECTED).unwrap() {
            e.announced(format!("229 ok (|||{port}|)").as_bytes(), ip);
        }
        assert_eq!(e.0.len(), EXPECTED);
        let other = (IpAddr::from([10, 0, 0, 2]), 9);
        assert!(!e.opened([other, (ip, 0)]), "forgotten");
        assert!(e.opened([other, (ip, 7)]) && !e.opened([other, (ip, 7)]));
    }
}
