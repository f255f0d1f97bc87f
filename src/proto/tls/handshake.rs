//! What the two sides of a TLS connection said, and the keys that follow. In: handshake messages. Out: keys of a direction, or
//! why there are none; what names the flow. Bounds: [`limits::TLS_TRANSCRIPT`] bytes of messages, kept only where a premaster
//! secret may be at hand.

use super::super::{About, Cx};
use crate::limits;
use crate::tls::der::Certificate;
use crate::tls::hello::{self, ClientHello, ServerHello, version_name};
use crate::tls::keylog::Label;
use crate::tls::keys::{self, Keys, Said};
use crate::tls::suite::{Cipher, Suite};
use std::sync::Arc;

/// Keys of a direction.
#[derive(Debug)]
pub(super) enum Found {
    Keys(Box<Keys>),
    /// What they follow from was not seen yet.
    NotYet,
    /// There are none, for this reason.
    None(String),
}

/// A handshake.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    client: Option<Box<ClientHello>>,
    server: Option<Box<ServerHello>>,
    certificate: Option<Box<Certificate>>,
    /// Subject of the client's certificate.
    peer: Option<Arc<str>>,
    /// Application protocol chosen under encryption.
    alpn: Option<String>,
    /// Body of the client's key exchange.
    exchange: Option<Vec<u8>>,
    /// The server has said all of its first flight (before TLS 1.3): this is no resumption.
    full: bool,
    /// Messages for the extended master secret: the client's hello, the server's flight, the client's flight.
    messages: Option<[Vec<u8>; 3]>,
    /// Ticket that the server gave.
    ticket: Vec<u8>,
    /// Early data was offered and accepted, or not.
    pub early: Option<bool>,
    /// Another hello was asked for.
    retried: bool,
    /// What is not there will not come.
    pub impatient: bool,
}

impl Handshake {
    pub fn held(&self) -> usize {
        let messages = self.messages.iter().flatten().map(Vec::len).sum::<usize>();
        messages + self.exchange.as_ref().map_or(0, Vec::len) + self.ticket.len() + 1024
    }

    /// Nothing more will be read.
    pub fn forget(&mut self) {
        (self.messages, self.exchange, self.ticket) = (None, None, Vec::new());
    }

    /// Whether this side's hello was seen.
    pub fn has(&self, client: bool) -> bool {
        if client {
            self.client.is_some()
        } else {
            self.server.is_some()
        }
    }

    /// The version that was chosen.
    pub fn version(&self) -> Option<u16> {
        self.server.as_ref().map(|s| s.version)
    }

    /// Whether it is, or is taken for, TLS 1.3.
    pub fn version13(&self) -> bool {
        self.version().map_or(self.impatient, |v| v >= 0x0304)
    }

    /// Takes a message; `true` where keys may follow from it. `again` where it came encrypted before TLS 1.3: a hello then begins
    /// another handshake.
    pub fn message(
        &mut self,
        client: bool,
        kind: u8,
        body: &[u8],
        whole: &[u8],
        again: bool,
        cx: &mut Cx<'_>,
    ) -> bool {
        match (client, kind) {
            (true, 1) => {
                let Some(hello) = hello::client_hello(body) else {
                    return false;
                };
                if again {
                    let (old, certificate) = (self.client.take(), self.certificate.take());
                    let peer = self.peer.take();
                    *self = Handshake {
                        certificate,
                        peer,
                        ..Handshake::default()
                    };
                    self.keep(0, whole, cx);
                    let mut hello = hello;
                    // the first hello named the connection
                    if let Some(old) = old {
                        hello.sni = hello.sni.or(old.sni);
                        hello.print = old.print;
                    }
                    self.client = Some(Box::new(hello));
                    return true;
                }
                self.keep(0, whole, cx);
                let early = hello.early;
                self.client = Some(Box::new(hello));
                if self.retried {
                    self.early = Some(false);
                } else if !early {
                    self.early = None;
                }
                true
            }
            (false, 2) => {
                let Some(hello) = hello::server_hello(body) else {
                    return false;
                };
                if hello.retry {
                    self.retried = true;
                    self.early = Some(false);
                    return false;
                }
                self.keep(1, whole, cx);
                self.server = Some(Box::new(hello));
                true
            }
            (false, 8) => {
                let (alpn, early) = hello::encrypted_extensions(body);
                self.alpn = alpn;
                self.early = Some(early);
                true
            }
            (false, 11) => {
                self.keep(1, whole, cx);
                let found = hello::first_certificate(body, self.version13());
                self.certificate = found.map(Box::new).or(self.certificate.take());
                false
            }
            (false, 4) => {
                if !self.version13() {
                    self.ticket = hello::ticket(body).unwrap_or_default().to_vec();
                }
                false
            }
            (false, 14) => {
                self.keep(1, whole, cx);
                self.full = true;
                false
            }
            (false, 0 | 20 | 24) => false,
            (false, _) => {
                self.keep(1, whole, cx);
                false
            }
            (true, 11) => {
                if self.exchange.is_none() {
                    self.keep(2, whole, cx);
                }
                // an empty list: the client was asked for one and has none
                let found = hello::first_certificate(body, self.version13());
                let subject = found.map(|c| c.subject).filter(|s| !s.is_empty());
                self.peer = subject.map(Arc::from).or(self.peer.take());
                false
            }
            (true, 16) => {
                self.keep(2, whole, cx);
                self.exchange = Some(body.to_vec());
                true
            }
            (true, _) => {
                if self.exchange.is_none() {
                    self.keep(2, whole, cx);
                }
                false
            }
        }
    }

    /// Keeps a message for the extended master secret.
    fn keep(&mut self, flight: usize, whole: &[u8], cx: &Cx<'_>) {
        if self.full && flight == 1 || !premasters(cx) || self.version13() {
            return;
        }
        let messages = self.messages.get_or_insert_default();
        let held: usize = messages.iter().map(Vec::len).sum();
        if let Some(m) = messages.get_mut(flight)
            && held + whole.len() <= limits::TLS_TRANSCRIPT
        {
            m.extend_from_slice(whole);
        }
    }

    /// The keys of a direction whose first record stands at `begin`.
    pub fn keys(&self, client: bool, begin: u64, server_dead: bool, cx: &Cx<'_>) -> Found {
        let given = &cx.shared.options.tls;
        let wait = |why: &str| {
            if self.impatient {
                Found::None(self.said(why))
            } else {
                Found::NotYet
            }
        };
        if given.is_empty() {
            return Found::None(self.unopened(false));
        }
        let Some(c) = &self.client else {
            let suite = self.server.as_ref().filter(|s| s.version >= 0x0304);
            let alone = suite
                .and_then(|s| Suite::of(s.suite))
                .filter(|_| self.impatient && !client)
                .and_then(|suite| keys::of_server_alone(given, suite, begin));
            return match alone {
                Some(k) => Found::Keys(Box::new(k)),
                None => wait("the client's hello was not captured"),
            };
        };
        let Some(s) = &self.server else {
            if !self.impatient {
                return Found::NotYet;
            }
            // one side alone: the suite is one of those offered, and the tags will tell which
            let suites: Vec<Suite> = c
                .suites
                .iter()
                .filter(|id| **id >> 8 == 0x13)
                .filter_map(|id| Suite::of(*id))
                .take(8)
                .collect();
            return match keys::of_13(given, &c.random, &suites, client, begin) {
                Some(k) => Found::Keys(Box::new(k)),
                None => Found::None(self.said("the server's hello was not captured")),
            };
        };
        let Some(suite) = Suite::of(s.suite).filter(|s| s.cipher != Cipher::Other) else {
            return Found::None(self.said("a cipher that is not opened"));
        };
        if s.version >= 0x0304 {
            let early = c.early && self.early.is_none() && !self.impatient && !server_dead;
            if client
                && early
                && given
                    .secrets
                    .of(Label::ClientEarly, &c.random)
                    .next()
                    .is_some()
            {
                return Found::NotYet; // whether early data counts is not known yet
            }
            return match keys::of_13(given, &c.random, &[suite], client, begin) {
                Some(k) => Found::Keys(Box::new(k)),
                None => Found::None(self.unopened(true)),
            };
        }
        if s.compression != 0 {
            return Found::None(self.said("its records are compressed, which is not undone"));
        }
        let said = Said {
            client: c,
            server: s,
            exchange: self.exchange.as_deref(),
            modulus: self.certificate.as_ref().and_then(|c| c.modulus.as_deref()),
            messages: self.messages.as_ref().map(|[a, b, c]| [a.as_slice(), b, c]),
        };
        let masters = keys::masters(given, &cx.shared.sessions, &said, suite);
        if masters.is_empty() && self.exchange.is_none() && self.full && premasters(cx) {
            return wait("the client's key exchange was not captured");
        }
        match keys::of_old(&masters, &said, suite, client, begin) {
            Some(k) => Found::Keys(Box::new(k)),
            None => Found::None(self.unopened(true)),
        }
    }

    /// A connection may resume this one later.
    pub fn remember(&self, master: Option<&[u8]>, cx: &mut Cx<'_>) {
        if let (Some(master), Some(server)) = (master, &self.server)
            && premasters(cx)
        {
            cx.shared.sessions.remember(&server.session, master);
            cx.shared.sessions.remember(&self.ticket, master);
        }
    }

    /// Version and cipher, and a reason.
    pub fn said(&self, why: &str) -> String {
        let version = self
            .version()
            .or(self.client.as_ref().map(|c| c.version))
            .map_or("TLS", version_name);
        match &self.server {
            Some(s) => format!("{version} {}: {why}", Suite::full_name(s.suite)),
            None => format!("{version}: {why}"),
        }
    }

    /// Why it is not opened where nothing is wrong with it.
    pub fn unopened(&self, given: bool) -> String {
        if given {
            return self.said("none of the secrets given is of this connection");
        }
        let rsa = self
            .server
            .as_ref()
            .and_then(|s| Suite::of(s.suite))
            .is_some_and(|s| s.rsa);
        self.said(if rsa {
            "opened by a key log (--keylog) or the server's RSA private key (--rsa-key)"
        } else {
            "opened by a key log (--keylog)"
        })
    }

    /// Subject of the client's certificate.
    pub fn peer(&self) -> Option<Arc<str>> {
        self.peer.clone()
    }

    /// What names the flow.
    pub fn about(&self, opened: bool) -> About {
        let (c, s, cert) = (&self.client, &self.server, &self.certificate);
        let chosen = self
            .alpn
            .clone()
            .or(s.as_ref().and_then(|s| s.alpn.clone()));
        About {
            sni: c.as_ref().and_then(|c| c.sni.clone()),
            alpn: chosen.or_else(|| c.as_ref().and_then(|c| c.alpn.clone())),
            client_print: c.as_ref().map(|c| c.print.clone()),
            tls: Some(Box::new(crate::call::model::TlsFacts {
                version: self
                    .version()
                    .or(c.as_ref().map(|c| c.version))
                    .map(|v| version_name(v).to_owned()),
                quic: None,
                cipher: s.as_ref().map(|s| Suite::full_name(s.suite)),
                subject: cert.as_ref().map(|c| c.subject.clone()),
                issuer: cert.as_ref().map(|c| c.issuer.clone()),
                not_after: cert.as_ref().and_then(|c| c.not_after.clone()),
                client_subject: self.peer.as_deref().map(str::to_owned),
                opened,
            })),
            ..About::default()
        }
    }
}

/// Whether a secret may be at hand of which the master secret is yet to follow.
fn premasters(cx: &Cx<'_>) -> bool {
    let given = &cx.shared.options.tls;
    !given.rsa.is_empty() || given.secrets.has_premasters()
}
