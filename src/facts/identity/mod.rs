//! Who made each call. In: credentials and identity events of all calls. Out: an account, a confidence, a way and a session
//! for every call. Bounds: linear in calls and events; two people are never merged, and a call nobody can name stays
//! `unattributed@ADDRESS`.
//!
//! A credential's life is cut into intervals: it begins with its first use or its issue, ends with a logout or with the next
//! login on it. An interval belongs to at most one person.

mod book;
mod confirm;
mod input;
mod intervals;
mod keys;
mod kinds;
mod logins;
mod names;
mod refused;
mod resolve;
mod services;
mod sessions;
mod switched;
mod tenants;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_doubt;
#[cfg(test)]
mod tests_services;
#[cfg(test)]
mod tests_tenants;
mod told;

pub use input::{CallKey, Input};
pub use resolve::{Account, Decision, Identity, Thread, resolve};
pub use sessions::{Part, Session, sessions};

/// A pause after which a person's next call is a new session: 30 minutes, the default of web analytics (Google, W3C session
/// studies) and of most servers' session timeouts.
pub const IDLE_NS: i64 = 30 * 60 * 1_000_000_000;

/// No index.
pub const NONE: u32 = u32::MAX;

/// Ways an account can be known, as the contract names them.
pub const VIA: [&str; 16] = [
    "address",
    "jwt",
    "cookie-login",
    "cookie",
    "basic",
    "digest",
    "ntlm",
    "api-key",
    "oauth",
    "saml",
    "mtls",
    "header",
    "log-user",
    "bearer",
    "negotiate",
    "socket",
];

/// Index of a way in [`VIA`]; `address` for an unknown word.
pub fn via(name: &str) -> u8 {
    VIA.iter()
        .position(|v| *v == name)
        .and_then(|i| u8::try_from(i).ok())
        .unwrap_or(0)
}
