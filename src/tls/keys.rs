//! The keys of one direction over a connection, and the sequence numbers of its records. In: records in order, those that are
//! missing told. Out: contents that are proved. Bounds: [`limits::TLS_TRIES`] numbers tried after a loss, and
//! [`limits::TLS_MISSES`] failures in a row before a direction is given up.
//!
//! A direction goes through several keys (early data, handshake, traffic, updates): the next are tried where those in use do
//! not fit, so that a message that was lost costs nothing but itself.

use super::decrypt::{Opener, Sealed};
use super::hello::{ClientHello, ServerHello};
use super::keylog::Label;
use super::schedule::{Prf, expand_label, next_traffic};
use super::suite::{Cipher, Suite};
use super::{Given, Sessions};
use crate::limits;
use std::ops::Range;

/// Bytes of the message that is the first under new keys before TLS 1.3.
const FINISHED: u64 = 16;

/// What keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Early data (0-RTT).
    Early,
    /// The rest of a TLS 1.3 handshake.
    Handshake,
    /// All that follows.
    Traffic,
}

/// Keys of one stage.
struct Epoch {
    stage: Stage,
    opener: Opener,
    /// TLS 1.3: the traffic secret, of which the next follows. Before: the master secret.
    secret: Vec<u8>,
    suite: Suite,
    /// Which of the connections that it may be this is of; 0 where it is known.
    guess: u32,
}

impl std::fmt::Debug for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.stage) // never the secret
    }
}

/// Keys of one direction.
#[derive(Debug)]
pub struct Keys {
    /// The keys in use and those that may follow, or one of which is right.
    epochs: Vec<Epoch>,
    v13: bool,
    /// Number of the next record.
    seq: u64,
    /// Records known to be missing since.
    skipped: u64,
    /// More may be missing.
    unsure: bool,
    /// A record was opened with the keys in use.
    started: bool,
    /// Offset of the first record under the keys in use (before TLS 1.3).
    begin: u64,
    /// Offset behind the last record that was opened.
    last: u64,
    misses: u32,
}

/// A record that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Content type, the inner one in TLS 1.3.
    pub kind: u8,
    /// Where the content stands.
    pub content: Range<usize>,
    /// Bytes of content that are missing before it, at most.
    pub lost: Option<u64>,
    /// What the keys are for.
    pub stage: Stage,
    /// It is the first under these keys.
    pub first: bool,
}

impl Keys {
    fn new(epochs: Vec<Epoch>, v13: bool, begin: u64) -> Option<Keys> {
        (!epochs.is_empty()).then_some(Keys {
            epochs,
            v13,
            seq: 0,
            skipped: 0,
            unsure: false,
            started: false,
            begin,
            last: begin,
            misses: 0,
        })
    }

    /// Stage of the keys in use.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.epochs.first().map_or(Stage::Traffic, |e| e.stage)
    }

    /// Whether a record was opened with the keys in use.
    #[must_use]
    pub fn started(&self) -> bool {
        self.started
    }

    /// The master secret that opened a record (before TLS 1.3).
    #[must_use]
    pub fn master(&self) -> Option<&[u8]> {
        let fits = self.started && !self.v13;
        self.epochs
            .first()
            .filter(|_| fits)
            .map(|e| e.secret.as_slice())
    }

    /// Whether so many records in a row did not fit that these keys are not the connection's.
    #[must_use]
    pub fn hopeless(&self) -> bool {
        let most = if self.guessing() {
            limits::TLS_GUESS_MISSES
        } else {
            limits::TLS_MISSES
        };
        self.misses >= most
    }

    /// Whether it is still to be proved which connection of the key log this is.
    #[must_use]
    pub fn guessing(&self) -> bool {
        self.epochs.first().is_some_and(|e| e.guess > 0)
    }

    /// A record of known length is missing.
    pub fn hole(&mut self, tail: Option<&[u8]>) {
        self.skipped += 1;
        if let Some(e) = self.epochs.first_mut() {
            e.opener.missed(tail);
        }
    }

    /// Records may be missing, nobody knows how many.
    pub fn lost(&mut self) {
        self.unsure = true;
        if let Some(e) = self.epochs.first_mut() {
            e.opener.missed(None);
        }
    }

    /// The keys in use have ended.
    pub fn advance(&mut self) {
        if self.epochs.len() > 1 {
            self.epochs.remove(0);
        } else if let Some(next) = self.epochs.first().and_then(Epoch::next) {
            self.epochs = vec![next];
        }
        self.fresh();
    }

    fn fresh(&mut self) {
        self.seq = 0;
        self.skipped = 0;
        self.unsure = false;
        self.started = false;
    }

    /// Opens a record into `out`. `offset` and `end` say where it stands in the stream.
    pub fn open(
        &mut self,
        kind: u8,
        version: u16,
        body: &[u8],
        offset: u64,
        end: u64,
        out: &mut Vec<u8>,
    ) -> Option<Opened> {
        let sealed = Sealed {
            kind,
            version,
            body,
            span: offset.saturating_sub(self.begin),
        };
        // with so many keys, numbers are not tried too
        self.unsure &= !self.guessing();
        let loss = self.unsure || self.skipped > 0;
        // records that do not fit may be those of a stage whose keys are not known: the next stage counts from 0
        let few = 1 + self.skipped.min(limits::TLS_TRIES / 8);
        let (from, more) = match (self.unsure, self.v13 && !self.started) {
            (true, true) => (0, limits::TLS_TRIES),
            (true, false) => (self.seq + self.skipped, limits::TLS_TRIES),
            (false, true) => (0, few),
            (false, false) => (self.seq + self.skipped, 1),
        };
        let later = if self.unsure { limits::TLS_TRIES } else { few };
        let mut found = None;
        if let Some(e) = self.epochs.first_mut() {
            found = e
                .opener
                .open(from..from + more, sealed, out)
                .map(|f| (0, f));
        }
        let mut at = 1;
        while found.is_none()
            && let Some(e) = self.epochs.get_mut(at)
        {
            found = e.opener.open(0..later, sealed, out).map(|f| (at, f));
            at += 1;
        }
        if found.is_none()
            && self.v13
            && let Some(mut next) = self
                .epochs
                .last()
                .filter(|e| e.stage == Stage::Traffic)
                .and_then(Epoch::next)
            && let Some(f) = next.opener.open(0..later, sealed, out)
        {
            self.epochs.push(next);
            found = Some((self.epochs.len() - 1, f));
        }
        let Some((epoch, (seq, content))) = found else {
            self.skipped += 1;
            self.misses += 1;
            self.unsure |= self.misses > 2; // records are missing that nobody told of
            return None;
        };
        let changed = epoch > 0;
        let was = self
            .epochs
            .first()
            .filter(|_| self.started)
            .map(|e| e.stage);
        self.epochs.drain(..epoch);
        // which connection it is stands fast from here on
        let guess = self.epochs.first()?.guess;
        self.epochs
            .retain_mut(|e| std::mem::take(&mut e.guess) == guess);
        let e = self.epochs.first()?;
        let lost = if !loss {
            None
        } else {
            // records under these keys that are not here, and what of them was no content
            let running = !changed && self.started;
            let records = if running { seq - self.seq } else { seq };
            let content = if running {
                true
            } else if self.v13 {
                e.stage != Stage::Handshake && (seq > 0 || was == Some(Stage::Traffic))
            } else {
                seq > 1
            };
            let finished = if running || self.v13 { 0 } else { FINISHED };
            let (over, _) = e.opener.overhead();
            let other = records.saturating_mul(5 + over as u64) + finished;
            let bytes = offset.saturating_sub(self.last).saturating_sub(other);
            content.then_some(bytes)
        };
        let first = changed || !self.started;
        let stage = e.stage;
        self.seq = seq + 1;
        self.skipped = 0;
        self.unsure = false;
        self.started = true;
        self.misses = 0;
        self.last = end;
        let (mut kind, mut content) = (kind, content);
        if self.v13 {
            // zeros, and before them the type
            let text = out.get(content.clone())?;
            let at = text.iter().rposition(|b| *b != 0)?;
            kind = *text.get(at)?;
            content = content.start..content.start + at;
        }
        Some(Opened {
            kind,
            content,
            lost,
            stage,
            first,
        })
    }

    /// Bytes by which a record is longer than its content.
    #[must_use]
    pub fn overhead(&self) -> u64 {
        self.epochs
            .first()
            .map_or(0, |e| 5 + e.opener.overhead().0 as u64)
    }

    /// Bytes of content that may be missing between the last record that was opened and this place.
    #[must_use]
    pub fn missing(&self, until: u64) -> u64 {
        until.saturating_sub(self.last)
    }
}

impl Epoch {
    fn new13(stage: Stage, suite: Suite, secret: &[u8]) -> Option<Epoch> {
        if secret.len() != suite.prf.size() || suite.id >> 8 != 0x13 {
            return None;
        }
        let key_len = u8::try_from(suite.key_len()).ok()?;
        let key = expand_label(suite.prf, secret, "key", key_len);
        let iv = expand_label(suite.prf, secret, "iv", 12);
        Some(Epoch {
            stage,
            opener: Opener::new13(suite, &key, &iv)?,
            secret: secret.to_vec(),
            suite,
            guess: 0,
        })
    }

    /// The keys after an update.
    fn next(&self) -> Option<Epoch> {
        let traffic = self.stage == Stage::Traffic && self.suite.id >> 8 == 0x13;
        let secret = traffic.then(|| next_traffic(self.suite.prf, &self.secret))?;
        Epoch::new13(Stage::Traffic, self.suite, &secret)
    }
}

/// Keys of one direction of a TLS 1.3 connection; `suites` are those it may have.
#[must_use]
pub fn of_13(
    given: &Given,
    random: &[u8; 32],
    suites: &[Suite],
    client: bool,
    begin: u64,
) -> Option<Keys> {
    let labels: &[(Label, Stage)] = if client {
        &[
            (Label::ClientEarly, Stage::Early),
            (Label::ClientHandshake, Stage::Handshake),
            (Label::ClientTraffic, Stage::Traffic),
        ]
    } else {
        &[
            (Label::ServerHandshake, Stage::Handshake),
            (Label::ServerTraffic, Stage::Traffic),
        ]
    };
    let mut epochs = Vec::new();
    for (label, stage) in labels {
        for suite in suites {
            let secrets = given.secrets.of(*label, random);
            epochs.extend(secrets.filter_map(|s| Epoch::new13(*stage, *suite, s)));
        }
    }
    Keys::new(epochs, true, begin)
}

/// Keys of the server's direction of a TLS 1.3 connection whose client was not captured: those of every connection that the key
/// log is of, [`limits::TLS_GUESSES`] of them, since the client's random is not known. Tags prove which.
#[must_use]
pub fn of_server_alone(given: &Given, suite: Suite, begin: u64) -> Option<Keys> {
    let mut epochs = Vec::new();
    for (label, stage) in [
        (Label::ServerHandshake, Stage::Handshake),
        (Label::ServerTraffic, Stage::Traffic),
    ] {
        let names = given
            .secrets
            .names(Label::ServerTraffic, limits::TLS_GUESSES);
        for (guess, name) in (1u32..).zip(names) {
            let secrets = given.secrets.of(label, &name);
            let all = secrets.filter_map(|s| Epoch::new13(stage, suite, s));
            epochs.extend(all.map(|e| Epoch { guess, ..e }));
        }
    }
    Keys::new(epochs, true, begin)
}

/// What a handshake before TLS 1.3 said as far as keys follow from it.
#[derive(Debug)]
pub struct Said<'a> {
    /// The client's hello.
    pub client: &'a ClientHello,
    /// The server's hello.
    pub server: &'a ServerHello,
    /// Body of the client's key exchange, where it was captured.
    pub exchange: Option<&'a [u8]>,
    /// Modulus of the server's certificate, where it was captured.
    pub modulus: Option<&'a [u8]>,
    /// All messages up to the client's key exchange, where they were captured.
    pub messages: Option<[&'a [u8]; 3]>,
}

/// Master secrets that a connection before TLS 1.3 may have.
#[must_use]
pub fn masters(given: &Given, sessions: &Sessions, said: &Said<'_>, suite: Suite) -> Vec<Vec<u8>> {
    let secrets = &given.secrets;
    let (client, server) = (said.client, said.server);
    let mut out: Vec<Vec<u8>> = secrets
        .of(Label::Master, &client.random)
        .map(<[u8]>::to_vec)
        .collect();
    if !server.session.is_empty() {
        out.extend(
            secrets
                .of(Label::Session, &server.session)
                .map(<[u8]>::to_vec),
        );
    }
    if said.exchange.is_none() {
        let resumed = sessions
            .of(&server.session)
            .filter(|_| server.session == client.session)
            .or_else(|| sessions.of(&client.ticket));
        out.extend(resumed.map(<[u8]>::to_vec));
        return out;
    }
    let mut premasters: Vec<Vec<u8>> = secrets
        .of(Label::Premaster, &client.random)
        .map(<[u8]>::to_vec)
        .collect();
    if let Some(body) = said.exchange.filter(|_| suite.rsa) {
        // SSL 3.0 has no length before it
        let sealed = match body.split_at_checked(2) {
            Some((len, rest)) if super::hello::u16_at(len, 0) == Some(rest.len()) => rest,
            _ => body,
        };
        let name = sealed.get(..8).unwrap_or_default();
        premasters.extend(secrets.of(Label::Encrypted, name).map(<[u8]>::to_vec));
        if out.is_empty() && premasters.is_empty() {
            let own = given
                .rsa
                .iter()
                .filter(|k| said.modulus.is_none_or(|m| m == k.modulus));
            premasters.extend(own.filter_map(|k| k.premaster(sealed)));
        }
    }
    let prf = Prf::of(server.version, suite);
    for p in premasters {
        if !server.extended {
            out.push(prf.master(&p, &client.random, &server.random));
        } else if let Some(messages) = &said.messages {
            out.push(prf.extended_master(&p, messages));
        }
    }
    out
}

/// Keys of one direction of a connection before TLS 1.3, one set for each master secret that it may have.
#[must_use]
pub fn of_old(
    masters: &[Vec<u8>],
    said: &Said<'_>,
    suite: Suite,
    client: bool,
    begin: u64,
) -> Option<Keys> {
    let version = said.server.version;
    let prf = Prf::of(version, suite);
    let (mac, key, iv) = (suite.mac_len(), suite.key_len(), suite.iv_len());
    let etm = said.server.etm && matches!(suite.cipher, Cipher::Cbc(_));
    let mut epochs = Vec::new();
    for master in masters {
        let block = prf.key_block(
            master,
            &said.client.random,
            &said.server.random,
            2 * (mac + key + iv),
        );
        let side = usize::from(!client);
        let part = |from: usize, len: usize| block.get(from + side * len..from + (side + 1) * len);
        let (Some(m), Some(k), Some(i)) =
            (part(0, mac), part(2 * mac, key), part(2 * (mac + key), iv))
        else {
            continue;
        };
        let material = super::decrypt::Material {
            mac: m,
            key: k,
            iv: i,
        };
        if let Some(opener) = Opener::old(version, suite, etm, material) {
            epochs.push(Epoch {
                stage: Stage::Traffic,
                opener,
                secret: master.clone(),
                suite,
                guess: 0,
            });
        }
    }
    Keys::new(epochs, false, begin)
}
