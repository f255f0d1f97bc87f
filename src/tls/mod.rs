//! TLS from the side (RFC 5246, RFC 8446 and those before): records, hellos, key logs, key schedules and the opening of records.
//! In: bytes and secrets. Out: what was said in the clear, and plaintext that its MAC or tag proves. Bounds: see
//! [`crate::limits`]; nothing here does I/O. The protocol that uses it is [`crate::proto`]'s.

pub mod decrypt;
pub mod der;
pub mod hello;
pub mod initial;
pub mod keylog;
pub mod keys;
mod names;
pub mod record;
pub mod rsa;
pub mod schedule;
pub mod suite;

use crate::limits;
use keylog::Secrets;
use rsa::RsaKey;
use std::collections::{BTreeMap, VecDeque};

/// All that was given to open TLS with.
#[derive(Debug, Default)]
pub struct Given {
    /// Secrets of key logs and captures.
    pub secrets: Secrets,
    /// Private keys of servers.
    pub rsa: Vec<RsaKey>,
}

impl Given {
    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.rsa.is_empty()
    }
}

/// Master secrets that later connections resume, by session id or by the hash of a ticket.
#[derive(Debug, Default)]
pub struct Sessions {
    masters: BTreeMap<[u8; 32], Master>,
    order: VecDeque<[u8; 32]>,
}

/// A master secret, never shown.
struct Master(Vec<u8>);

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Master")
    }
}

impl Sessions {
    fn key(name: &[u8]) -> Option<[u8; 32]> {
        let hash = schedule::digest(suite::Hash::Sha256, &[name]);
        hash.try_into().ok()
    }

    /// Remembers the master secret of a session; the oldest goes at [`limits::TLS_SESSIONS`].
    pub fn remember(&mut self, name: &[u8], master: &[u8]) {
        let Some(key) = Self::key(name).filter(|_| !name.is_empty()) else {
            return;
        };
        if self.masters.insert(key, Master(master.to_vec())).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > limits::TLS_SESSIONS
            && let Some(old) = self.order.pop_front()
        {
            self.masters.remove(&old);
        }
    }

    /// The master secret of a session id or ticket.
    #[must_use]
    pub fn of(&self, name: &[u8]) -> Option<&[u8]> {
        if name.is_empty() || self.masters.is_empty() {
            return None;
        }
        Some(&self.masters.get(&Self::key(name)?)?.0)
    }
}
