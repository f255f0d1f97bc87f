//! Secrets out of a key log (SSLKEYLOGFILE form) or a Decryption Secrets Block that holds one. In: its bytes in pieces. Out: secrets
//! by what they are of. Bounds: a line of [`limits::KEYLOG_LINE`] bytes, [`limits::SECRETS`] secrets; what is left out is counted.

use crate::limits;
use std::collections::BTreeMap;

/// What a secret is and of what it is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// Master secret, by the client's random.
    Master,
    /// Premaster secret, by the client's random.
    Premaster,
    /// Premaster secret, by the first 8 bytes of what the client encrypted.
    Encrypted,
    /// Master secret, by the session id.
    Session,
    /// TLS 1.3, by the client's random ...
    ClientEarly,
    /// ... the client's handshake traffic secret,
    ClientHandshake,
    /// ... the server's,
    ServerHandshake,
    /// ... the client's first application traffic secret,
    ClientTraffic,
    /// ... the server's.
    ServerTraffic,
}

/// Labels that are read. `EXPORTER_SECRET`, `EARLY_EXPORTER_SECRET` and later traffic secrets are not needed.
const LABELS: [(&[u8], Label); 8] = [
    (b"CLIENT_RANDOM", Label::Master),
    (b"PMS_CLIENT_RANDOM", Label::Premaster),
    (b"RSA", Label::Encrypted),
    (b"CLIENT_EARLY_TRAFFIC_SECRET", Label::ClientEarly),
    (b"CLIENT_HANDSHAKE_TRAFFIC_SECRET", Label::ClientHandshake),
    (b"SERVER_HANDSHAKE_TRAFFIC_SECRET", Label::ServerHandshake),
    (b"CLIENT_TRAFFIC_SECRET_0", Label::ClientTraffic),
    (b"SERVER_TRAFFIC_SECRET_0", Label::ServerTraffic),
];

/// Secrets kept of one name: a log that names two cannot be right about both, and the records prove which.
const SAME: u8 = 4;

/// What a secret is named by.
pub type Id = [u8; 32];

/// All secrets given.
#[derive(Default, Clone)]
pub struct Secrets {
    /// What and of what, with a number where several have the same name, to where it lies in `arena`.
    index: BTreeMap<(Label, Id, u8), (u32, u16)>,
    arena: Vec<u8>,
    /// Lines that no label or form is known of.
    pub unread: u64,
    /// Lines left out at a limit.
    pub left_out: u64,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.index.len()) // never one of them
    }
}

impl Secrets {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether a premaster secret is among them.
    #[must_use]
    pub fn has_premasters(&self) -> bool {
        let range = (Label::Premaster, [0; 32], 0)..=(Label::Encrypted, [u8::MAX; 32], u8::MAX);
        self.index.range(range).next().is_some()
    }

    /// Every secret of this kind and name.
    pub fn of(&self, label: Label, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        let id = id(name);
        let range = id.map(|id| (label, id, 0)..=(label, id, SAME));
        range
            .into_iter()
            .flat_map(|r| self.index.range(r))
            .filter_map(|(_, (off, len))| {
                let off = *off as usize;
                self.arena.get(off..off + usize::from(*len))
            })
    }

    /// The first names that a label has secrets of, each once.
    pub fn names(&self, label: Label, most: usize) -> impl Iterator<Item = Id> {
        self.index
            .range((label, [0; 32], 0)..=(label, [u8::MAX; 32], u8::MAX))
            .filter(|((.., n), _)| *n == 0)
            .map(|((_, id, _), _)| *id)
            .take(most)
    }

    /// Whether a client's random stands in it under any label.
    #[must_use]
    pub fn knows(&self, random: &[u8]) -> bool {
        [
            Label::Master,
            Label::Premaster,
            Label::ClientHandshake,
            Label::ClientTraffic,
            Label::ServerTraffic,
        ]
        .into_iter()
        .any(|l| self.of(l, random).next().is_some())
    }

    fn add(&mut self, label: Label, name: &[u8], secret: &[u8]) {
        let (Some(id), Ok(len)) = (id(name), u16::try_from(secret.len())) else {
            self.unread += 1;
            return;
        };
        if self.of(label, name).any(|s| s == secret) {
            return;
        }
        let n = self.index.range((label, id, 0)..=(label, id, SAME)).count();
        let (Ok(n), Ok(off)) = (u8::try_from(n), u32::try_from(self.arena.len())) else {
            self.left_out += 1;
            return;
        };
        if n >= SAME || self.index.len() >= limits::SECRETS {
            self.left_out += 1;
            return;
        }
        self.arena.extend_from_slice(secret);
        self.index.insert((label, id, n), (off, len));
    }

    /// Takes one line, without its end.
    fn line(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return;
        }
        if let Some(rest) = line.strip_prefix(b"RSA Session-ID:".as_slice()) {
            // as s_client prints a session
            let mut parts = rest.splitn(2, |b| *b == b' ');
            let id = parts.next().and_then(unhex);
            let key = parts
                .next()
                .and_then(|k| unhex(k.trim_ascii().strip_prefix(b"Master-Key:")?));
            match (id, key) {
                (Some(id), Some(key)) if !id.is_empty() && key.len() == 48 => {
                    self.add(Label::Session, &id, &key);
                }
                _ => self.unread += 1,
            }
            return;
        }
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|w| !w.is_empty());
        let (label, name, secret) = (words.next(), words.next(), words.next());
        let Some((_, label)) = LABELS.iter().find(|(w, _)| Some(*w) == label) else {
            let known = |w: &[u8]| w.ends_with(b"EXPORTER_SECRET") || w.contains_traffic();
            if !label.is_some_and(known) {
                self.unread += 1;
            }
            return;
        };
        let name = name.and_then(unhex);
        let secret = secret.and_then(unhex);
        let (Some(name), Some(secret)) = (name, secret) else {
            self.unread += 1;
            return;
        };
        let fits = match label {
            Label::Encrypted => name.len() == 8 && secret.len() == 48,
            Label::Master => name.len() == 32 && secret.len() == 48,
            Label::Premaster | Label::Session => name.len() == 32 && !secret.is_empty(),
            _ => name.len() == 32 && (secret.len() == 32 || secret.len() == 48),
        };
        if fits {
            self.add(*label, &name, &secret);
        } else {
            self.unread += 1;
        }
    }

    /// A whole key log that is in memory.
    pub fn text(&mut self, text: &[u8]) {
        let mut reader = KeyLog::default();
        reader.feed(text, self);
        reader.finish(self);
    }
}

trait Traffic {
    fn contains_traffic(&self) -> bool;
}

impl Traffic for [u8] {
    /// A later secret, which follows from the first.
    fn contains_traffic(&self) -> bool {
        self.starts_with(b"CLIENT_TRAFFIC_SECRET_") || self.starts_with(b"SERVER_TRAFFIC_SECRET_")
    }
}

/// A name of up to 31 bytes with its length behind it, or of 32 bytes as it is.
fn id(name: &[u8]) -> Option<Id> {
    let mut id = [0u8; 32];
    id.get_mut(..name.len())?.copy_from_slice(name);
    if name.len() < 32 {
        *id.last_mut()? = u8::try_from(name.len()).ok()?;
    }
    Some(id)
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: &u8| (*b as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.chunks_exact(2)
        .map(|c| Some(digit(c.first()?)? << 4 | digit(c.last()?)?))
        .collect()
}

/// Reads a key log in pieces.
#[derive(Debug, Default)]
pub struct KeyLog {
    line: Vec<u8>,
    /// The line is longer than any that could be read.
    long: bool,
}

impl KeyLog {
    /// Takes the next piece.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Secrets) {
        while let Some(at) = memchr::memchr2(b'\n', b'\r', bytes) {
            let (line, rest) = bytes.split_at(at);
            if self.line.is_empty() && !self.long {
                out.line(line);
            } else {
                self.keep(line);
                self.finish(out);
            }
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.keep(bytes);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.line.len() + bytes.len() > limits::KEYLOG_LINE {
            self.long = true;
            self.line.clear();
        }
        if !self.long {
            self.line.extend_from_slice(bytes);
        }
    }

    /// The last line may have no end.
    pub fn finish(&mut self, out: &mut Secrets) {
        if std::mem::take(&mut self.long) {
            out.unread += 1;
        }
        out.line(&self.line);
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_form_in_any_pieces() {
        let (r, m, t) = ("ab".repeat(32), "0C".repeat(48), "0d".repeat(32));
        let text = format!(
            "# comment\r\n\r\nCLIENT_RANDOM {r} {m}\r\nCLIENT_RANDOM {r} {m}\nRSA 0102030405060708 {m}\n\
             RSA Session-ID:{} Master-Key:{m}\nCLIENT_HANDSHAKE_TRAFFIC_SECRET {r} {t}\n  SERVER_TRAFFIC_SECRET_0\t{r}  {t}\n\
             EXPORTER_SECRET {r} {t}\nCLIENT_TRAFFIC_SECRET_1 {r} {t}\nCLIENT_RANDOM {r} 0\nNONSENSE x\n{}\nPMS_CLIENT_RANDOM {r} {}",
            "11".repeat(5),
            "y".repeat(limits::KEYLOG_LINE + 9),
            "77".repeat(256)
        );
        for piece in [1, 7, text.len()] {
            let (mut s, mut k) = (Secrets::default(), KeyLog::default());
            for p in text.as_bytes().chunks(piece) {
                k.feed(p, &mut s);
            }
            k.finish(&mut s);
            assert_eq!((s.len(), s.unread, s.left_out), (6, 3, 0));
            let one = |l, n: &[u8]| s.of(l, n).next().map(<[u8]>::to_vec);
            assert_eq!(one(Label::Master, &[0xab; 32]), Some(vec![0x0c; 48]));
            assert_eq!(s.of(Label::Master, &[0xab; 32]).count(), 1);
            assert_eq!(
                one(Label::Encrypted, &[1, 2, 3, 4, 5, 6, 7, 8]),
                Some(vec![0x0c; 48])
            );
            assert_eq!(one(Label::Session, &[0x11; 5]), Some(vec![0x0c; 48]));
            assert_eq!(one(Label::Session, &[0x11; 6]), None);
            assert_eq!(one(Label::ServerTraffic, &[0xab; 32]), Some(vec![0x0d; 32]));
            assert_eq!(
                one(Label::Premaster, &[0xab; 32]).map(|v| v.len()),
                Some(256)
            );
            assert!(s.knows(&[0xab; 32]) && !s.knows(&[0xac; 32]));
            assert_eq!(format!("{s:?}"), "6 secrets");
        }
    }

    #[test]
    fn two_secrets_of_one_name_are_both_kept_and_a_flood_is_not() {
        let mut s = Secrets::default();
        for n in 0..9 {
            s.text(
                format!(
                    "CLIENT_RANDOM {} {}",
                    "ab".repeat(32),
                    format!("{n:02x}").repeat(48)
                )
                .as_bytes(),
            );
        }
        assert_eq!(s.of(Label::Master, &[0xab; 32]).count(), usize::from(SAME));
        assert_eq!(s.left_out, 9 - u64::from(SAME));
    }
}
