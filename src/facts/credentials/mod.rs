//! Who a call says it is. In: the two messages of one call and their decoded bodies. Out: the credentials that the request
//! presents and what the call tells about who owns which. Bounds: bodies are parsed only where the request or the path
//! speaks of a login, a token or the own profile, and at most [`PARSE`] bytes of them; secrets leave as keyed prints only.

mod attempt;
mod fields;
mod fronts;
mod handed;
mod in_path;
mod jwt;
mod outcome;
mod own;
mod paths;
mod presented;
mod programs;
mod random;
mod rpc;
mod saml;
mod signed;
pub mod socket;
mod spoken;
mod switches;
pub mod tenant;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_calls;
#[cfg(test)]
mod tests_places;
#[cfg(test)]
mod tests_products;
#[cfg(test)]
mod tests_tenant;
#[cfg(test)]
mod tests_ways;
mod told;
mod two_step;
mod verdict;
mod words;

pub use presented::Memo;
pub use two_step::SCREEN;
pub use words::session_name;

/// Whether what stands at this place of an answer is a credential by its place alone.
pub fn sure_place(place: &str) -> bool {
    !place.starts_with(crate::call::model::MAYBE)
}

use crate::call::model::{CredentialSeen, IdentityEvent, Message};
use crate::detect::print::PrintKey;

/// Bytes of a body looked at for a login: real ones are below 20 KB, also with a SAML assertion inside.
pub const PARSE: usize = 256 << 10;

/// One call as far as identity needs it. Bodies are decoded content; kinds are those of [`crate::body`]'s sniffing.
#[derive(Debug, Clone, Copy)]
pub struct CallView<'a> {
    /// Request.
    pub req: Option<&'a Message>,
    /// Response.
    pub resp: Option<&'a Message>,
    /// Subject of the client's TLS certificate.
    pub peer: Option<&'a str>,
    /// Decoded request body.
    pub req_body: &'a [u8],
    /// `json form multipart xml ...`.
    pub req_kind: &'a str,
    /// Decoded response body.
    pub resp_body: &'a [u8],
    /// `json html xml ...`.
    pub resp_kind: &'a str,
}

/// Percent-decoded text; invalid escapes stay as they are, `+` too.
pub fn percent(raw: &[u8]) -> String {
    fields::percent(raw, false)
}

/// Credentials presented, strongest first, and identity events of one call. `memo` only saves work; it is for one `key`.
pub fn extract(
    v: &CallView<'_>,
    key: &PrintKey,
    memo: &mut Memo,
) -> (Vec<CredentialSeen>, Vec<IdentityEvent>) {
    let mut seen = presented::read(v, key, memo);
    let mut events = seen.take_events();
    outcome::read(v, key, &mut memo.paths, &mut seen.credentials, &mut events);
    tenant::of_header(v, &seen.credentials, &mut events);
    if seen.credentials.is_empty()
        && let Some(req) = v.req
    {
        seen.credentials = in_path::alone(req, key);
    }
    presented::rank(&mut seen.credentials);
    (seen.credentials, events)
}
