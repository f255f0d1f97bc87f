//! What an answer hands out: cookies, tokens in headers and bodies, sessions in the address that the browser is sent to.
//! In: one call. Out: places and prints, names inside tokens. Bounds: [`super::PARSE`] bytes of a body, 16 things a call.

use super::fields::{self, Field, percent};
use super::own::may_carry;
use super::presented::{cookie_pairs, secret_print};
use super::{CallView, PARSE, in_path, jwt, words};
use crate::call::model::{CredentialSeen, MAYBE, Message};
use crate::detect::print::PrintKey;

/// Things an answer handed out.
#[derive(Default)]
pub struct Issued {
    /// Place and print.
    pub prints: Vec<(String, u64)>,
    /// Best user name inside an issued token, all names of it.
    pub names: Vec<String>,
    /// Tenant that the token with these names is of, and where in it that stands.
    pub tenant: Option<(String, String)>,
    /// Whether a token stood in the body.
    pub in_body: bool,
    /// Segments of the address that the browser is sent to, which may be sessions.
    pub in_path: Vec<(String, u64)>,
    /// Names of cookies that were deleted.
    pub deleted: Vec<String>,
}

impl Issued {
    fn add(&mut self, place: String, secret: &str, key: &PrintKey) {
        let secret = secret.strip_prefix("Bearer ").unwrap_or(secret);
        let print = secret_print(key, secret);
        if self.prints.len() < 16 && !self.prints.iter().any(|(_, p)| *p == print) {
            self.prints.push((place, print));
        }
        if let Some(c) = jwt::read(secret).filter(|c| !c.service)
            && c.names.len() > self.names.len()
        {
            self.names = c.names.into_iter().map(|(_, n)| n).collect();
            self.tenant = c.tenant.or(self.tenant.take());
        }
    }
}

/// Whether a leaf of an answer looks like a secret though its key is no known word: nobody hands out a password, so a `credential`
/// in it is one of ours.
pub fn may_be_handed(f: &Field) -> bool {
    f.text
        && (16..=4096).contains(&f.value.len())
        && words::random(&f.value)
        && !words::about_itself(&f.key)
}

/// What the request's cookie of a name holds.
fn had(v: &CallView<'_>, name: &str) -> Option<String> {
    let shown = v.req?.header_all("cookie");
    shown.into_iter().find_map(|c| {
        let c = String::from_utf8_lossy(c);
        let mut of = cookie_pairs(&c).filter(|(n, _)| *n == name);
        of.next().map(|(_, value)| percent(value.as_bytes(), false))
    })
}

/// Whether a cookie is deleted.
fn gone(cookie: &str, value: &str) -> bool {
    value.is_empty()
        || matches!(value, "deleted" | "deleteMe" | "null")
        || cookie.split(';').skip(1).any(|a| {
            let a = a.trim().to_ascii_lowercase();
            a == "max-age=0"
                || a.starts_with("max-age=-")
                || a.starts_with("expires=thu, 01 jan 1970")
                || a.starts_with("expires=thu, 01-jan-1970")
        })
}

/// Sessions that an answer to a logout hands out.
pub fn left(resp: &Message, key: &PrintKey, seen: &[CredentialSeen]) -> Vec<(String, u64)> {
    let mut out = Vec::new();
    for c in resp.header_all("set-cookie") {
        let c = String::from_utf8_lossy(c);
        let Some((name, value)) = c.split(';').next().and_then(|p| cookie_pairs(p).next()) else {
            continue;
        };
        let text = percent(value.as_bytes(), false);
        let print = secret_print(key, &text);
        if !gone(&c, value)
            && out.len() < 16
            && (words::session_cookie(name, &text) || jwt::looks(&text))
            && !seen.iter().any(|s| s.print == print)
        {
            out.push((format!("cookie:{name}"), print));
        }
    }
    out
}

/// Reads what an answer hands out; its body where `parse`.
pub fn issued(v: &CallView<'_>, resp: &Message, key: &PrintKey, parse: bool, ok: bool) -> Issued {
    let mut out = Issued::default();
    for c in resp.header_all("set-cookie") {
        let c = String::from_utf8_lossy(c);
        let Some((name, value)) = c.split(';').next().and_then(|p| cookie_pairs(p).next()) else {
            continue;
        };
        let gone = gone(&c, value);
        let value = percent(value.as_bytes(), false);
        if gone {
            out.deleted.push(name.to_owned());
        } else if ok
            && (words::session_cookie(name, &value) || jwt::looks(&value))
            && !jwt::visitor(&value, had(v, name).as_deref())
        {
            out.add(format!("cookie:{name}"), &value, key);
        }
    }
    if !ok {
        return out;
    }
    for (n, t) in &resp.headers {
        let (Some(n), Some(t)) = (resp.head.get(n.clone()), resp.head.get(t.clone())) else {
            continue;
        };
        let name = String::from_utf8_lossy(n).to_ascii_lowercase();
        let value = String::from_utf8_lossy(t.trim_ascii());
        if parse
            && (16..=4096).contains(&value.len())
            && !words::TOKEN_HEADERS.contains(&name.as_str())
            && may_carry(&name)
            && words::random(&value)
        {
            out.add(format!("{MAYBE}header:{name}"), &value, key);
        }
    }
    for h in words::TOKEN_HEADERS {
        if let Some(t) = resp.header(h).filter(|t| t.len() >= 8) {
            out.add(format!("header:{h}"), &String::from_utf8_lossy(t), key);
        }
    }
    if let Some(l) = resp.header("location") {
        let l = String::from_utf8_lossy(l);
        for (id, named) in in_path::handed(&l) {
            if named {
                out.add("location:session".into(), &id, key);
            } else {
                out.in_path
                    .push((in_path::BARE.into(), secret_print(key, &id)));
            }
        }
        if let Some((_, q)) = l.split_once(['?', '#']) {
            let mut f = Vec::new();
            fields::form(q.replace(['#', '?'], "&").as_bytes(), "location:", &mut f);
            for f in f {
                if (matches!(f.key.as_str(), "code" | "ticket")
                    && f.value.len() >= 8
                    && (words::random(&f.value) || f.value.len() >= 16))
                    || (words::token(&f.key) && f.value.len() >= 8)
                {
                    out.add(f.path, &f.value, key);
                }
            }
        }
    }
    if parse {
        let body = v
            .resp_body
            .get(..v.resp_body.len().min(PARSE))
            .unwrap_or_default();
        for f in fields::read(body, v.resp_kind) {
            let token =
                f.text && f.value.len() >= 8 && !f.value.contains(' ') && words::token(&f.key);
            if token || jwt::looks(&f.value) {
                out.in_body = true;
                out.add(f.path, &f.value, key);
            } else if may_be_handed(&f) {
                out.add(format!("{MAYBE}{}", f.path), &f.value, key);
            }
        }
        // Some answer with the bare token.
        let bare = v.resp_body.trim_ascii();
        if bare.len() < 4096
            && bare.starts_with(b"ey")
            && let Ok(t) = std::str::from_utf8(bare)
            && jwt::looks(t)
        {
            out.in_body = true;
            out.add("$".into(), t, key);
        } else if (16..=512).contains(&bare.len())
            && let Ok(t) = std::str::from_utf8(bare)
            && words::random(t)
        {
            // One that says nothing counts where it is shown later, whatever kind of text it is sent as.
            out.add(format!("{MAYBE}$"), t, key);
        }
    }
    out
}
