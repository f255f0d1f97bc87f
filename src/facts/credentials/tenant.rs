//! Which tenant of a service a name is of: its company, organisation, workspace, realm. In: fields of a login, claims of a token,
//! headers. Out: the tenant as written, and the place where it was read. Bounds: one pass over fields, claims or headers, lists of
//! words. What names one is decided here, whether tenants tell people apart from all calls together (`identity/tenants`).

use super::CallView;
use super::fields::{self, Field};
use super::handed::Issued;
use super::words::plain;
use crate::call::model::{IdentityEvent, Message};
use serde_json::Value;

/// Places of the address, which name a tenant only where something else does.
pub const PATH: &str = "path";
/// The first label of the host.
pub const HOST: &str = "host";
/// A host whose users of a name have other addresses of mail than those of another host.
pub const SERVICE: &str = "service";
/// What the place of a claim begins with.
const CLAIM: &str = "claim:";
/// What the place in an answer about its caller begins with.
const ANSWER: &str = "answer:";
/// The realm in a token's issuer.
const ISSUER: &str = "claim:iss";

/// Keys that say it wherever they stand, the surest first; the others are as a claim often no more than where somebody works.
const CLAIMS: &[&str] = &[
    "tenant",
    "tenantid",
    "tenantcode",
    "tenantname",
    "tenantkey",
    "tenantslug",
    "tid",
    "workspace",
    "workspaceid",
    "workspacename",
    "workspaceslug",
];
/// Keys that say it beside a login name, after those.
const FIELDS: &[&str] = &[
    "organization",
    "organizationid",
    "organizationname",
    "organisation",
    "organisationid",
    "organisationname",
    "org",
    "orgid",
    "orgcode",
    "orgname",
    "orgslug",
    "company",
    "companyid",
    "companycode",
    "companyname",
    "companyno",
    "corp",
    "corpid",
    "corpcode",
    "corpname",
    "enterprise",
    "enterpriseid",
    "enterprisecode",
    "merchant",
    "merchantid",
    "merchantno",
    "merchantcode",
    "mchid",
    "customer",
    "customerid",
    "customerno",
    "customercode",
    "accountid",
    "accountalias",
    "awsaccount",
    "school",
    "schoolid",
    "schoolcode",
    "mandant",
    "mandantid",
    "mandantennummer",
    "firma",
    "firmaid",
    "firmenname",
    "empresa",
    "entreprise",
    "azienda",
    "bedrift",
    "företag",
    "foretag",
    "virksomhed",
    "bedrijf",
    "yritys",
    "zuhu",
    "租户",
    "租户编码",
    "租户id",
    "企业",
    "企业编码",
    "企业代码",
    "公司",
    "商户号",
    "机构",
    "机构代码",
];
/// Keys that say it only where two people of one name show it: a domain or a realm may be the only one there is.
const LOOSE: &[&str] = &[
    "domain",
    "domainname",
    "logindomain",
    "userdomain",
    "realm",
    "realmname",
    "team",
    "teamid",
    "site",
    "siteid",
    "hd",
];
const HEADERS: &[&str] = &[
    "x-tenant",
    "x-tenant-id",
    "x-tenantid",
    "x-tenant-code",
    "x-tenant-name",
    "x-tenant-key",
    "tenant",
    "tenant-id",
    "tenantid",
    "__tenant",
    "fineract-platform-tenantid",
    "x-workspace",
    "x-workspace-id",
    "workspace-id",
    "x-organization",
    "x-organization-id",
    "x-organisation",
    "x-organisation-id",
    "x-org",
    "x-org-id",
    "x-orgid",
    "org-id",
    "x-scope-orgid",
    "x-company",
    "x-company-id",
    "company-id",
    "x-corp-id",
    "x-realm",
    "x-customer-id",
    "x-account-id",
];
/// Segments of addresses of logins that are no tenant's.
const ROUTES: &[&str] = &[
    "api", "rest", "auth", "oauth", "oauth2", "sso", "login", "signin", "token", "session",
    "sessions", "user", "users", "account", "accounts", "realms", "tenants", "public", "app",
    "web", "www", "portal", "t", "o", "org", "orgs", "v1", "v2", "v3",
];

/// All keys, the surest first.
fn words() -> impl Iterator<Item = &'static &'static str> {
    CLAIMS.iter().chain(FIELDS).chain(LOOSE)
}

/// Whether what stands at a place is a tenant whatever else there is.
pub fn sure(place: &str) -> bool {
    if place == ISSUER || place.starts_with("header:") {
        return true;
    }
    let key = last(place);
    if place.starts_with(CLAIM) || place.starts_with(ANSWER) {
        CLAIMS.contains(&key.as_str())
    } else {
        let all = CLAIMS.iter().chain(FIELDS);
        key == "account" || all.into_iter().any(|w| *w == key)
    }
}

/// Whether the tenant was typed in, or sent along, by who logged in.
pub fn given(place: &str) -> bool {
    !place.starts_with(CLAIM) && !place.starts_with(ANSWER) && !possible(place)
}

/// Whether it only may be one.
pub fn possible(place: &str) -> bool {
    place == PATH || place == HOST
}

/// A place in words.
pub fn told(place: &str) -> String {
    match place.strip_prefix(CLAIM) {
        _ if place == ISSUER => "the issuer of its token".into(),
        Some(claim) => format!("claim {claim} of its token"),
        None if place.starts_with(ANSWER) => format!(
            "field {} of its profile",
            place.get(ANSWER.len()..).unwrap_or_default()
        ),
        None if place == PATH => "its path".into(),
        None if place == HOST => "its host".into(),
        None if place == SERVICE => "the host that knows another address of mail".into(),
        None => match place.strip_prefix("header:") {
            Some(h) => format!("header {h}"),
            None => format!("field {place} of the login"),
        },
    }
}

fn last(place: &str) -> String {
    let key = place.rsplit(['.', ':', '/']).next().unwrap_or(place);
    let inner = key.strip_suffix(']').and_then(|k| k.rsplit_once('['));
    plain(inner.map_or(key, |(_, k)| k))
}

/// Text that can be a tenant's name, number or code.
fn name(text: &str) -> Option<String> {
    let t = text.trim();
    let fits = !t.is_empty()
        && t.chars().count() <= 64
        && !t.contains(['/', '\\', '@', '{', '<'])
        && !t.chars().any(char::is_control)
        && !matches!(
            t,
            "null" | "undefined" | "none" | "-" | "0" | "true" | "false"
        );
    fits.then(|| t.to_owned())
}

/// Whether a name is somebody's in all tenants: an address of mail, one that holds its domain already, a number that is drawn once.
fn everywhere(user: &str) -> bool {
    user.contains(['@', '\\', '/'])
        || user.len() >= 20 && user.bytes().filter(u8::is_ascii_digit).count() >= 6
}

/// The tenant among the fields of a login as `user`.
fn among(given: &[Field], user: &str) -> Option<(String, String)> {
    let rank = |f: &Field| {
        // Twelve digits beside the name of a user are the account that it is of.
        let number = f.value.len() >= 6 && f.value.bytes().all(|b| b.is_ascii_digit());
        match words().position(|w| *w == f.key) {
            None if f.key == "account" && number => Some(usize::MAX),
            r => r,
        }
    };
    given
        .iter()
        .filter(|f| !f.value.trim().eq_ignore_ascii_case(user))
        .filter_map(|f| Some((rank(f)?, name(&f.value)?, &f.path)))
        .min_by_key(|(r, ..)| *r)
        .map(|(_, tenant, path)| (tenant, path.clone()))
}

/// The tenant that a token's claims name, with the place of it.
pub fn claimed(body: &Value, inside: &[&str]) -> Option<(String, String)> {
    let mut best: Option<(usize, String, String)> = None;
    let objects = std::iter::once(body).chain(inside.iter().filter_map(|k| body.get(*k)));
    for (k, v) in objects.filter_map(Value::as_object).flatten() {
        let key = plain(k.rsplit(['/', ':']).next().unwrap_or(k));
        let Some(rank) = words().position(|w| *w == key) else {
            continue;
        };
        if best.as_ref().is_none_or(|(b, ..)| rank < *b)
            && let Some(tenant) = value(v).as_deref().and_then(name)
        {
            best = Some((rank, tenant, format!("{CLAIM}{k}")));
        }
    }
    if best.as_ref().is_none_or(|(r, ..)| *r >= CLAIMS.len())
        && let Some(realm) = body.get("iss").and_then(Value::as_str).and_then(realm)
    {
        return Some((realm, ISSUER.to_owned()));
    }
    best.map(|(_, tenant, place)| (tenant, place))
}

/// One tenant, as text, as an object about it, or as the only one of a list.
fn value(v: &Value) -> Option<String> {
    match v {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Object(o) => {
            ["slug", "code", "name", "id"]
                .iter()
                .find_map(|k| match o.get(*k)? {
                    Value::String(s) => Some(s.clone()),
                    Value::Number(n) => Some(n.to_string()),
                    _ => None,
                })
        }
        Value::Array(a) => match a.as_slice() {
            [Value::String(s)] => Some(s.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// `https://HOST/realms/ACME`.
fn realm(issuer: &str) -> Option<String> {
    let (_, rest) = issuer.split_once("/realms/")?;
    rest.split('/').next().and_then(name)
}

/// The tenant that a header names.
fn header(req: &Message) -> Option<(String, String)> {
    HEADERS.iter().find_map(|h| {
        let text = String::from_utf8_lossy(req.header(h)?).into_owned();
        Some((name(&text)?, format!("header:{h}")))
    })
}

/// Notes it of whom an answer about its caller names: a field of it, or an object about the tenant. Where somebody works counts less.
pub fn of_answer(told: &[Field], user: &str, events: &mut Vec<IdentityEvent>) {
    if everywhere(user) {
        return;
    }
    let rank = |key: &str| {
        let works = ["org", "company", "enterprise", "mandant", "租户", "企业"];
        words()
            .position(|w| *w == key)
            .filter(|r| *r < CLAIMS.len() || works.iter().any(|w| key.starts_with(w)))
    };
    let found = told
        .iter()
        .filter(|f| !f.path.contains('['))
        .filter_map(|f| {
            let inner = ["slug", "code", "name", "id"]
                .iter()
                .position(|k| *k == f.key);
            let (path, at) = match (rank(&f.key), inner) {
                (Some(r), _) => (f.path.as_str(), (r, 0)),
                (None, Some(i)) => {
                    let (above, _) = f.path.rsplit_once('.')?;
                    (above, (rank(&last(above))?, i))
                }
                _ => return None,
            };
            Some((at, name(&f.value)?, format!("{ANSWER}{path}")))
        })
        .min_by_key(|(at, ..)| *at);
    if let Some((_, tenant, place)) = found {
        note(user, tenant, place, events);
    }
}

/// Notes of which tenant the name is that a login was made with: the tenant that it was given, beside the one in the token that it got.
pub fn of_login(
    v: &CallView<'_>,
    given: &[Field],
    issued: &Issued,
    user: &str,
    events: &mut Vec<IdentityEvent>,
) {
    if everywhere(user) {
        return;
    }
    let mut found: Vec<(String, String)> = Vec::new();
    found.extend(among(given, user).or_else(|| v.req.and_then(header)));
    found.extend(issued.tenant.clone());
    if found.is_empty() {
        found = address(v);
    }
    for (tenant, place) in found {
        note(user, tenant, place, events);
    }
}

/// Notes it of whom Basic credentials or a front name beside a header that does.
pub fn of_header(
    v: &CallView<'_>,
    seen: &[crate::call::model::CredentialSeen],
    events: &mut Vec<IdentityEvent>,
) {
    let fronted = events.iter().filter_map(|e| match e {
        IdentityEvent::Fronted { name, .. } => Some(name),
        _ => None,
    });
    let own = seen
        .iter()
        .filter(|c| matches!(c.kind, "basic" | "digest"))
        .filter_map(|c| c.name.as_ref());
    let users: Vec<String> = own
        .chain(fronted)
        .filter(|u| !everywhere(u))
        .cloned()
        .collect();
    if users.is_empty() {
        return;
    }
    if let Some((tenant, place)) = v.req.and_then(header) {
        for u in users {
            note(&u, tenant.clone(), place.clone(), events);
        }
    }
}

/// Notes it of whom a token names.
pub fn of_token(user: &str, tenant: Option<(String, String)>, events: &mut Vec<IdentityEvent>) {
    if let Some((tenant, place)) = tenant.filter(|_| !everywhere(user)) {
        note(user, tenant, place, events);
    }
}

fn note(user: &str, tenant: String, place: String, events: &mut Vec<IdentityEvent>) {
    let event = IdentityEvent::Tenant {
        name: user.to_owned(),
        tenant,
        place,
    };
    if !events.contains(&event) {
        events.push(event);
    }
}

/// Parts of the address of a login that may be a tenant.
fn address(v: &CallView<'_>) -> Vec<(String, String)> {
    let Some(req) = v.req else { return Vec::new() };
    let mut out = Vec::new();
    let host = req
        .header("host")
        .map(String::from_utf8_lossy)
        .unwrap_or_default();
    if let Some((label, rest)) = host.split_once('.')
        && rest.contains('.')
        && label.bytes().any(|b| b.is_ascii_alphabetic())
    {
        out.extend(name(label).map(|t| (t, HOST.to_owned())));
    }
    let target = req.target().unwrap_or_default();
    let path = target.split(|b| *b == b'?').next().unwrap_or_default();
    let path = fields::percent(path, false);
    // `/t/acme/login`, `/acme/login`
    let mut before = "";
    for (i, s) in path
        .split('/')
        .filter(|s| !s.is_empty())
        .take(4)
        .enumerate()
    {
        let route = |s: &str| ROUTES.contains(&s.to_ascii_lowercase().as_str());
        if (i == 0 || route(before)) && !route(s) && (2..=40).contains(&s.len()) && !s.contains('.')
        {
            out.extend(name(s).map(|t| (t, PATH.to_owned())));
        }
        before = s;
    }
    out
}
