//! The fields a filter can name, as one table: the names of the contract's rows, their short forms, their types.
//! In: a name. Out: a [`Field`], or the nearest name. Bounds: the table.

use std::fmt;

/// What kind of values a field has: which comparisons make sense and how `:` compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ty {
    /// Free text: `:` is "contains", `*` stands for anything, without regard to case.
    Text,
    /// A name or id: `:` is "equals", `*` stands for anything, without regard to case.
    Word,
    /// A whole number, with `k M G`.
    Num,
    /// Bytes, with `kb mb gb`.
    Size,
    /// A time span, `ms s m h`.
    Dur,
    /// A number with a fraction.
    Real,
    /// `S0` .. `S4` or `none low medium high critical`.
    Level,
    /// A point in time.
    Time,
    /// An address or a network.
    Addr,
    /// `true` or `false`.
    Bool,
}

/// Which rows have a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `calls`, and what is built from selected calls.
    Calls = 1,
    /// `flows`.
    Flows = 2,
    /// `sources`.
    Sources = 4,
}

macro_rules! fields {
    ($($id:ident $name:literal [$($alias:literal)*] $ty:ident $scope:literal $help:literal;)*) => {
        /// A field, by the name in its documentation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Id { $(#[doc = $help] $id),* }
        /// All fields in the order of the contract.
        pub static FIELDS: &[FieldDef] = &[$(FieldDef {
            id: Id::$id, name: $name, aliases: &[$($alias),*], ty: Ty::$ty, scopes: $scope, help: $help,
        }),*];
    };
}

/// A line of the table.
#[derive(Debug)]
pub struct FieldDef {
    /// Field.
    pub id: Id,
    /// Name in the contract.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Type.
    pub ty: Ty,
    /// Bits of [`Scope`].
    pub scopes: u8,
    /// One line for the completion list.
    pub help: &'static str,
}

// Scopes: 1 calls, 2 flows, 4 sources.
fields! {
    RowId "id" [] Word 3 "id of the call or flow";
    Source "source" ["file"] Text 7 "name of the file";
    Ts "time" ["ts" "t"] Time 3 "first byte of the request";
    EndTs "end_ts" [] Time 3 "last byte of the response";
    Src "src" ["client"] Addr 3 "client address or network";
    Sport "sport" [] Num 3 "client port";
    Dst "dst" ["server"] Addr 3 "server address or network";
    Dport "dport" [] Num 3 "server port";
    Ip "ip" ["addr"] Addr 3 "either address";
    Port "port" [] Num 3 "either port";
    Proto "proto" ["protocol"] Word 1 "http/1.1 h2 grpc ws log ...";
    Tls "tls" [] Bool 1 "was decrypted";
    Method "method" [] Word 1 "GET POST ...";
    Host "host" [] Text 1 "host as sent, port included";
    Uri "uri" ["url"] Text 1 "request target as sent";
    Path "path" [] Text 1 "path without query, decoded";
    Api "api" [] Text 1 "METHOD host/path/{id}";
    Status "status" ["code"] Num 1 "final status";
    GrpcStatus "grpc_status" [] Num 1 "gRPC status";
    ReqBodyLen "req_body_len" [] Size 1 "request body bytes before content coding is removed";
    RespBodyLen "resp_body_len" [] Size 1 "response body bytes before content coding is removed";
    ReqLen "req_content_len" ["req_size"] Size 1 "request content bytes";
    RespLen "resp_content_len" ["size"] Size 1 "response content bytes";
    ReqSha "req_sha256" [] Word 1 "hash of the request content";
    RespSha "resp_sha256" [] Word 1 "hash of the response content";
    ReqType "req_type" [] Text 1 "media type of the request";
    RespType "resp_type" ["type"] Text 1 "media type of the response";
    UserAgent "user_agent" ["ua" "agent"] Text 1 "user agent";
    Account "account" ["user"] Word 1 "who acted";
    AccountConf "account_conf" [] Real 1 "how sure the account is, 0..1";
    AccountVia "account_via" ["via"] Word 1 "jwt cookie basic api-key address ...";
    Behalf "on_behalf_of" ["behalf"] Word 1 "who it acted for";
    Session "session" [] Word 1 "session id";
    Flow "flow" [] Word 1 "id of the flow that carried it";
    Level "level" ["sens"] Level 1 "highest sensitivity in the call";
    Class "class" ["classes"] Word 1 "data class in the call";
    Records "records" [] Num 1 "distinct records in the call";
    Flag "flags" ["flag"] Word 1 "truncated gap no-response ...";
    Parent "parent" [] Word 1 "id of the call that caused it";
    Dur "dur" ["duration"] Dur 3 "first to last byte";
    Body "body" [] Text 1 "decoded text of either body";
    ReqBody "req.body" [] Text 1 "decoded request body";
    RespBody "resp.body" [] Text 1 "decoded response body";
    Header "header" ["headers"] Text 1 "header.NAME of either message";
    ReqHeader "req.header" [] Text 1 "req.header.NAME";
    RespHeader "resp.header" [] Text 1 "resp.header.NAME";
    Dir "dir" [] Word 1 "direction of a finding: req resp";
    Where "where" [] Text 1 "place of a finding";
    Form "form" [] Word 1 "form of a finding: plain base64>plain sha256 ...";
    Masked "masked" [] Bool 1 "a finding is masked";
    Conf "conf" [] Real 1 "how sure a finding is, 0..1";
    Found "value" [] Word 1 "calls that carry this sensitive value, in any form";
    Record "record" [] Word 1 "calls that carry the record with this value or id";
    Kind "kind" [] Word 5 "kind of API, account or source; or a data class";
    Route "route" [] Text 1 "path template of the API";
    Auth "auth" [] Word 1 "how callers of the API prove who they are";
    MaxRecords "max_records" [] Num 1 "most records one call of the API gave out";
    OkRatio "ok_ratio" [] Real 1 "share of the API's calls that succeeded";
    Documented "documented" [] Word 1 "true false unseen: whether a specification has the API";
    Risk "risk" ["rule"] Word 1 "rule or id of a risk the call belongs to";
    Dimension "dimension" [] Word 1 "dimension of such a risk";
    Severity "severity" [] Word 1 "severity of such a risk";
    Subject "subject" [] Text 1 "subject of such a risk";
    Score "score" [] Real 1 "score of such a risk";
    Diag "diags" ["diag"] Word 4 "something was skipped or damaged";
    Marked "marked" ["mark"] Bool 1 "marked by the investigator";
    Tag "tag" ["tags"] Word 1 "tag";
    Note "note" ["notes"] Text 1 "note";
    Transport "transport" [] Word 2 "tcp udp ...";
    App "app" [] Word 2 "http tls dns ... unknown";
    Packets "packets" [] Num 6 "packets";
    BytesOut "bytes_out" [] Size 2 "bytes from the client";
    BytesIn "bytes_in" [] Size 2 "bytes from the server";
    Sni "sni" [] Text 2 "TLS server name";
    Alpn "alpn" [] Word 2 "TLS application protocols";
    ClientPrint "client_print" [] Word 2 "print of the client's hello";
    Gaps "gaps" [] Num 2 "places where bytes are missing";
    Calls "calls" [] Num 6 "calls found in it";
    WhyOpaque "why_opaque" ["opaque"] Text 2 "why it cannot be read";
    Name "name" [] Text 4 "file name";
    Sha "sha256" [] Word 4 "hash of the file";
    Bytes "bytes" [] Size 4 "size of the file";
    Lines "lines" [] Num 4 "lines";
    First "first" [] Time 4 "first time";
    Last "last" [] Time 4 "last time";
    Skipped "skipped" [] Num 4 "packets or lines without a call";
}

/// Words after `is:` beyond the flags of the contract.
pub const IS_WORDS: [(&str, &str); 11] = [
    ("opaque", "cannot be read (flows)"),
    ("error", "status 400 or more, or a gRPC status but 0"),
    ("ok", "status below 400"),
    ("sensitive", "level S1 or more"),
    ("health", "a health check by its path"),
    ("tls", "was decrypted"),
    ("log", "has a log line"),
    ("capture", "was captured"),
    ("marked", "marked"),
    ("tagged", "has a tag"),
    ("noted", "has a note"),
];

/// A field as a filter names it; `sub` is the header's name, lower case, else empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Which one.
    pub id: Id,
    /// Header name.
    pub sub: String,
}

impl Field {
    /// By any of its names, without regard to case; `header.NAME` with its name.
    pub fn by_name(name: &str) -> Option<Field> {
        let name = name.to_ascii_lowercase();
        for (prefix, id) in [
            ("header.", Id::Header),
            ("req.header.", Id::ReqHeader),
            ("resp.header.", Id::RespHeader),
        ] {
            if let Some(sub) = name.strip_prefix(prefix) {
                // Header names are tokens (RFC 9110 section 5.6.2); nothing else can be one.
                let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&*+-.^_`|".contains(&b);
                return (!sub.is_empty() && sub.bytes().all(token)).then(|| Field {
                    id,
                    sub: sub.to_owned(),
                });
            }
        }
        FIELDS
            .iter()
            .find(|d| d.name == name || d.aliases.contains(&name.as_str()))
            .map(|d| Field {
                id: d.id,
                sub: String::new(),
            })
    }
    /// Its name, with a much shorter one that people rather write.
    pub fn both_names(&self) -> String {
        let d = self.def();
        match d.aliases.first().filter(|a| a.len() * 2 < d.name.len()) {
            Some(short) => format!("{short} ({self})"),
            None => self.to_string(),
        }
    }
    /// Its line of the table.
    pub fn def(&self) -> &'static FieldDef {
        // The table is made together with the enum: position and number agree.
        FIELDS.get(self.id as usize).unwrap_or(&FIELDS[0])
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.def().name)?;
        if !self.sub.is_empty() {
            write!(f, ".{}", self.sub)?;
        }
        Ok(())
    }
}

/// Edits between two words, at most `cap`.
pub(super) fn distance(a: &str, b: &str, cap: usize) -> usize {
    let b: Vec<char> = b.chars().collect();
    if b.len().abs_diff(a.chars().count()) > cap {
        return cap + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut prev = i;
        let mut left = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let up = row.get(j + 1).copied().unwrap_or(cap);
            let cost = (prev + usize::from(ca != *cb)).min(left + 1).min(up + 1);
            if let Some(x) = row.get_mut(j) {
                *x = left;
            }
            prev = up;
            left = cost;
        }
        if let Some(x) = row.get_mut(b.len()) {
            *x = left;
        }
    }
    row.last().copied().unwrap_or(cap)
}

/// The nearest of some names, where one is near: within a third of its length, or begun by what was typed.
pub fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // A word of a kilobyte is no misspelt field.
    if word.is_empty() || word.len() > 40 {
        return None;
    }
    names
        .filter_map(|n| {
            let d = if word.len() >= 3 && n.starts_with(&word) {
                1
            } else {
                distance(&word, n, 3)
            };
            (d <= 3 && d <= n.len().max(3) / 2).then_some((d, n))
        })
        .min_by_key(|(d, _)| *d)
        .map(|(_, n)| n)
}

/// The nearest field name.
pub fn nearest_field(word: &str) -> Option<&'static str> {
    nearest(
        word,
        FIELDS
            .iter()
            .flat_map(|d| std::iter::once(d.name).chain(d.aliases.iter().copied())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_its_enum_and_names_are_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for (i, d) in FIELDS.iter().enumerate() {
            assert_eq!(d.id as usize, i, "{}", d.name);
            for n in std::iter::once(&d.name).chain(d.aliases) {
                assert!(seen.insert(*n), "{n} twice");
                let f = Field::by_name(n).unwrap();
                assert_eq!(f.id, d.id);
                assert_eq!(f.to_string(), d.name);
            }
        }
    }

    #[test]
    fn misspelt_names_are_recognised() {
        assert_eq!(nearest_field("acount"), Some("account"));
        assert_eq!(nearest_field("statsu"), Some("status"));
        assert_eq!(nearest_field("lvl"), Some("level"));
        assert_eq!(nearest_field("zzzzzzzzz"), None);
    }
}
