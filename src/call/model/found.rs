//! What was found in a call: candidates of data classes, credentials, what tells who owns them. In: nothing. Out: plain
//! data; values are places and prints, never copies. Bounds: those of the scanner that fills it.

use crate::call::indices::Indices;
use std::sync::Arc;

/// A keyed 64-bit print of a normalised value: equal values have equal prints within one case.
pub type Print = u64;

/// A value that may belong to a data class, as the scanner saw it; columns decide later.
#[derive(Debug, Clone, PartialEq)]
pub struct RawFinding {
    /// Class: index into the rule set, below [`crate::limits::CLASSES`].
    pub class: u8,
    /// Encoding around the value, see [`crate::detect::form`].
    pub form: crate::detect::form::Form,
    /// Whether part of the value is masked.
    pub masked: bool,
    /// 0..=100: belief from the value itself and its key, before its column is looked at.
    pub conf: u8,
    /// Place with array indices left open: `$.items[*].idCard`, `header:authorization`, `query:phone`, `path:2`, `form:mobile`, `csv:4`.
    pub field: Arc<str>,
    /// Indices that fill the `[*]` of `field` in order; for CSV the row number from 1.
    pub index: Indices,
    /// Byte offset in the decoded content (of the head text for headers and target).
    pub offset: u64,
    /// Length in bytes there.
    pub len: u32,
    /// Record the value stands in: number from 1 within the body, 0 for none.
    pub record: u32,
    /// Print of the normalised value; of `prefix|length|suffix` where masked; of the digest's bytes for one-way forms.
    pub print: Print,
}

/// How often a field held a value of the shape of a class that its validator refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Miss {
    /// Class.
    pub class: u8,
    /// Field, as in [`RawFinding::field`].
    pub field: Arc<str>,
    /// Values refused.
    pub count: u32,
}

/// What the scanner found in one body or one head.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Candidates in order of offset.
    pub findings: Vec<RawFinding>,
    /// Refused values per field and class.
    pub misses: Vec<Miss>,
    /// Objects or rows seen that could be records.
    pub records: u32,
    /// Findings dropped at a limit.
    pub dropped: u64,
}

/// Field paths in order of first use. Bodies of one kind have the same, so they share them.
pub type Fields = Arc<[Arc<str>]>;

/// [`Facts`] as they are stored but for the numbers of their fields, which only the case can give; see [`crate::detect::pack`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    /// Its fields, where it has some.
    pub fields: Option<Fields>,
    /// As in [`Facts::records`].
    pub records: u32,
    /// As in [`Facts::dropped`].
    pub dropped: u64,
    /// Print of each finding.
    pub prints: Vec<Print>,
    /// Findings and refused values, coded.
    pub rest: Vec<u8>,
}

/// A credential presented by a request. The secret itself is never kept: only its print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSeen {
    /// `jwt cookie basic digest bearer api-key oauth ntlm saml mtls header log-user`.
    pub kind: &'static str,
    /// Where: `header:authorization`, `cookie:sid`, `query:api_key`.
    pub place: String,
    /// Keyed print of the secret.
    pub print: Print,
    /// A name that the credential carries in itself (Basic user, JWT claim), best claim first.
    pub name: Option<String>,
    /// What the name came from: `preferred_username`, `email`, `sub`, `client_id`, `user` ...
    pub claim: Option<String>,
    /// Whether the credential says of itself that it belongs to a program (client-credentials token).
    pub service: bool,
}

/// Stands before the place of something that only looks like a credential: it counts where the same value is handed out
/// in one call and presented in another.
pub const MAYBE: char = '~';

/// Something a call tells about who owns a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityEvent {
    /// A login form or body with this name was answered with these new credentials.
    Login {
        /// Login name.
        name: String,
        /// Whether it is the name of a program (`client_id` without a user).
        service: bool,
        /// Prints of the cookies and tokens that the answer handed out, with their place (`cookie:sid`, `$.access_token`).
        /// A place with [`MAYBE`] before it only looks like one: it counts where the same is presented somewhere.
        issued: Vec<(String, Print)>,
        /// Whether it can be nothing else; a form with a name and a password may also create somebody.
        sure: bool,
    },
    /// A first step of a login: whoever shows what was handed out and gets a session for it is this one.
    Begun {
        /// Login name.
        name: String,
        /// Prints handed out.
        issued: Vec<(String, Print)>,
    },
    /// A login that failed.
    LoginFailed {
        /// Login name.
        name: String,
    },
    /// New credentials were handed out in exchange for one that was presented (refresh, session rotation).
    Renewed {
        /// Prints handed out.
        issued: Vec<(String, Print)>,
    },
    /// The presented credential ended.
    Logout,
    /// An answer to a logout handed these out: what is done with them before the next login is nobody's.
    Left {
        /// Prints handed out.
        issued: Vec<(String, Print)>,
    },
    /// The answer names the owner of the presented credential (`/me`, `/userinfo`).
    WhoAmI {
        /// Name.
        name: String,
        /// Whether the address says that the answer is about the caller; else all answers of it together decide.
        sure: bool,
    },
    /// A trusted front names the user (`x-forwarded-user`, log user).
    Fronted {
        /// Name.
        name: String,
        /// Header or `log-user`.
        place: String,
    },
    /// The call acts for somebody else (on-behalf-of header).
    OnBehalf {
        /// Name.
        name: String,
    },
    /// An answer names the owner of a credential that the caller does not use itself (introspection, a list of keys).
    Owned {
        /// Name.
        name: String,
        /// Whether it is a program's.
        service: bool,
        /// Print of the credential.
        print: Print,
    },
    /// The answer says that what was presented is no longer, or never was, let in, though its status does not.
    Refused,
    /// From here on the session stands for somebody else; without a name it is its owner's again.
    Switched {
        /// Name or number of whom it stands for.
        to: Option<String>,
    },
    /// A name in this call is one of a tenant of the service (a company, an organisation, a realm).
    Tenant {
        /// The name, as a login, a token or a front has it.
        name: String,
        /// The tenant as written.
        tenant: String,
        /// Where that was read: `$.company`, `form:org`, `header:x-tenant`, `claim:tid`; `path` and `host` for what only may be one.
        place: String,
    },
    /// One token or answer holds all these names of one person, best first (`preferred_username`, e-mail, `sub`).
    SamePerson {
        /// Names, at least two.
        names: Vec<String>,
    },
}
