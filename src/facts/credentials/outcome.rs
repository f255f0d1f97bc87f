//! What an exchange did to identities: logins and their failure, renewals, logouts, answers that name the caller.
//! In: one call and what it presented. Out: events. Bounds: bodies are parsed only behind the gates below.

use super::fields::{self, Field, percent};
use super::presented::{Presented, cookie_pairs, secret_print};
use super::{CallView, PARSE, jwt, words};
use crate::call::model::{CredentialSeen, IdentityEvent, Message};
use crate::detect::print::PrintKey;
use base64::Engine as _;
use memchr::memmem;

/// Things an answer handed out.
#[derive(Default)]
struct Issued {
    /// Place and print.
    prints: Vec<(String, u64)>,
    /// Best user name inside an issued token, all names of it.
    names: Vec<String>,
    /// Whether a token stood in the body.
    in_body: bool,
    /// Names of cookies that were deleted.
    deleted: Vec<String>,
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
        }
    }
}

/// Reads what one call did; may add credentials that stand in the request's body.
pub fn read(
    v: &CallView<'_>,
    key: &PrintKey,
    seen: &mut Vec<CredentialSeen>,
    events: &mut Vec<IdentityEvent>,
) {
    let Some(req) = v.req else { return };
    let Some(target) = req.target() else { return };
    let path = target.split(|b| *b == b'?').next().unwrap_or_default();
    let path = percent(path, false);
    let body = v
        .req_body
        .get(..v.req_body.len().min(PARSE))
        .unwrap_or_default();
    let graphql_login =
        v.req_kind == "json" && memmem::find(body, b"mutation").is_some() && speaks_of_login(body);
    let login_place = words::login_path(&path) || graphql_login;
    let speaks = speaks_of_password(body);
    let mut given = if login_place || speaks {
        fields::read(body, v.req_kind)
    } else {
        Vec::new()
    };
    if login_place {
        // A login may still put the password into the query.
        if let Some(q) = target.iter().position(|b| *b == b'?') {
            fields::form(
                target.get(q + 1..).unwrap_or_default(),
                "query:",
                &mut given,
            );
        }
        present_in_body(&given, key, seen, &path);
    }
    let Some(resp) = v.resp else { return };
    let status = resp.status().unwrap_or(0);
    let ok = (200..400).contains(&status);
    let issued = issued(v, resp, key, login_place || speaks, ok);

    if words::logout_path(&path)
        || req.method() == Some(b"DELETE") && path.trim_end_matches('/').ends_with("session")
    {
        if ok && !seen.is_empty() {
            events.push(IdentityEvent::Logout);
        }
        return;
    }
    if login(v, login_place, speaks, ok, &given, &issued, seen, events) {
        return;
    }
    // A session cookie taken away without a new one is a logout, wherever it happens.
    let lost = issued.deleted.iter().any(|n| {
        words::session_name(n)
            && seen
                .iter()
                .any(|c| c.place.strip_prefix("cookie:") == Some(n))
    });
    if lost && issued.prints.is_empty() {
        events.push(IdentityEvent::Logout);
        return;
    }
    let strong = seen.iter().any(|c| {
        c.kind != "cookie"
            || c.place
                .strip_prefix("cookie:")
                .is_some_and(words::session_name)
    });
    if ok && strong && !issued.prints.is_empty() && !to_login(resp) {
        let fresh: Vec<_> = issued
            .prints
            .into_iter()
            .filter(|(_, p)| !seen.iter().any(|c| c.print == *p))
            .collect();
        if !fresh.is_empty() {
            events.push(IdentityEvent::Renewed { issued: fresh });
        }
    }
    if (200..300).contains(&status) && !seen.is_empty() {
        own_name(v, &path, events);
    }
}

/// Whether the redirect leads back to a login.
fn to_login(resp: &Message) -> bool {
    resp.header("location").is_some_and(|l| {
        let l = String::from_utf8_lossy(l).to_ascii_lowercase();
        ["login", "signin", "error", "fail", "denied"]
            .iter()
            .any(|w| l.contains(w))
            && !l.contains("code=")
    })
}

fn speaks_of_password(body: &[u8]) -> bool {
    body.windows(3)
        .any(|w| matches!(w, b"pas" | b"Pas" | b"PAS" | b"pwd" | b"Pwd" | b"PWD"))
        && body.len() < PARSE
        || memmem::find(body, "密码".as_bytes()).is_some()
        || memmem::find(body, "口令".as_bytes()).is_some()
        || memmem::find(body, b"SAMLResponse").is_some()
}

fn speaks_of_login(body: &[u8]) -> bool {
    [
        &b"login"[..],
        b"Login",
        b"signIn",
        b"signin",
        b"authenticate",
        b"tokenAuth",
        b"createToken",
        b"refreshToken",
    ]
    .iter()
    .any(|w| memmem::find(body, w).is_some())
}

/// Tokens that stand in the body or query of a request to a login or token path.
fn present_in_body(given: &[Field], key: &PrintKey, seen: &mut Vec<CredentialSeen>, path: &str) {
    let mut p = Presented::default();
    for f in given {
        let revoke = f.key == "token" && !words::logout_path(path) && path.contains("introspect");
        if words::presents(&f.key)
            && f.value.len() >= 8
            && !revoke
            && (f.key != "code" || words::random(&f.value) || f.value.len() >= 16)
        {
            p.token("oauth", f.path.clone(), &f.value, key);
        }
    }
    for c in p.credentials {
        if !seen.iter().any(|s| s.print == c.print) {
            seen.push(c);
        }
    }
}

fn issued(v: &CallView<'_>, resp: &Message, key: &PrintKey, parse: bool, ok: bool) -> Issued {
    let mut out = Issued::default();
    for c in resp.header_all("set-cookie") {
        let c = String::from_utf8_lossy(c);
        let Some((name, value)) = c.split(';').next().and_then(|p| cookie_pairs(p).next()) else {
            continue;
        };
        let gone = value.is_empty()
            || matches!(value, "deleted" | "deleteMe" | "null")
            || c.split(';').skip(1).any(|a| {
                let a = a.trim().to_ascii_lowercase();
                a == "max-age=0"
                    || a.starts_with("max-age=-")
                    || a.starts_with("expires=thu, 01 jan 1970")
                    || a.starts_with("expires=thu, 01-jan-1970")
            });
        let value = percent(value.as_bytes(), false);
        if gone {
            out.deleted.push(name.to_owned());
        } else if ok && (words::session_cookie(name, &value) || jwt::looks(&value)) {
            out.add(format!("cookie:{name}"), &value, key);
        }
    }
    if !ok {
        return out;
    }
    for h in words::TOKEN_HEADERS {
        if let Some(t) = resp.header(h).filter(|t| t.len() >= 8) {
            out.add(format!("header:{h}"), &String::from_utf8_lossy(t), key);
        }
    }
    if let Some(l) = resp.header("location") {
        let l = String::from_utf8_lossy(l);
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
        }
    }
    out
}

/// Decides whether the call is a login, and how it ended. True where it was one.
#[allow(clippy::too_many_arguments)] // one decision, all of whose grounds are named
fn login(
    v: &CallView<'_>,
    login_place: bool,
    speaks: bool,
    ok: bool,
    given: &[Field],
    issued: &Issued,
    seen: &[CredentialSeen],
    events: &mut Vec<IdentityEvent>,
) -> bool {
    let grant = given
        .iter()
        .find(|f| f.key == "granttype")
        .map(|f| f.value.as_str());
    let basic = seen
        .iter()
        .find(|c| c.kind == "basic")
        .and_then(|c| c.name.clone());
    let password = given
        .iter()
        .any(|f| words::password(&f.key) && !f.value.is_empty());
    let code = login_place
        && given
            .iter()
            .any(|f| words::code(&f.key) && !f.value.is_empty())
        && grant.is_none();
    let name = user_name(given);
    let mut service = false;
    let who = match grant {
        Some("client_credentials") => {
            service = true;
            given
                .iter()
                .find(|f| f.key == "clientid")
                .map(|f| f.value.clone())
                .or(basic)
        }
        Some("password") => name,
        // Exchanges of one credential for another name nobody; what they hand out follows what was presented.
        Some(_) => return renewed(issued, seen, ok, events),
        None if let Some(saml) = given.iter().find(|f| f.key == "samlresponse") => {
            saml_name(&saml.value)
        }
        None if password || code && name.is_some() => name,
        None if login_place && basic.is_some() && issued.in_body => basic,
        None => return false,
    };
    let Some(name) = who else { return false };
    // Creating or changing somebody else's password is no login of the caller.
    let admin = !login_place
        && (seen.iter().any(|c| c.kind != "cookie" || c.name.is_some())
            || given.iter().filter(|f| words::password(&f.key)).count() > 1);
    if admin || !(login_place || speaks) {
        return false;
    }
    let mut handed = issued.prints.clone();
    let failed = !ok || v.resp.is_some_and(to_login) || (!issued.in_body && says_failed(v));
    if handed.is_empty() && !failed && says_done(v) {
        // The cookie from before the login is kept and now stands for the user.
        handed = seen
            .iter()
            .filter(|c| c.kind == "cookie")
            .map(|c| (c.place.clone(), c.print))
            .collect();
    }
    if failed || handed.is_empty() {
        if login_place {
            events.push(IdentityEvent::LoginFailed { name });
            return true;
        }
        return false;
    }
    if !issued.names.is_empty() && !service {
        let mut names = vec![name.clone()];
        names.extend(
            issued
                .names
                .iter()
                .filter(|n| !n.eq_ignore_ascii_case(&name))
                .cloned(),
        );
        if names.len() > 1 {
            events.push(IdentityEvent::SamePerson { names });
        }
    }
    events.push(IdentityEvent::Login {
        name,
        service,
        issued: handed,
    });
    true
}

/// Tokens for a token: an ID token among them names the owner.
fn renewed(
    issued: &Issued,
    seen: &[CredentialSeen],
    ok: bool,
    events: &mut Vec<IdentityEvent>,
) -> bool {
    if !ok || issued.prints.is_empty() {
        return true;
    }
    if let Some(name) = issued.names.first() {
        if issued.names.len() > 1 {
            events.push(IdentityEvent::SamePerson {
                names: issued.names.clone(),
            });
        }
        let mut all = issued.prints.clone();
        all.extend(
            seen.iter()
                .filter(|c| c.kind == "oauth")
                .map(|c| (c.place.clone(), c.print)),
        );
        events.push(IdentityEvent::Login {
            name: name.clone(),
            service: false,
            issued: all,
        });
    } else if !seen.is_empty() {
        events.push(IdentityEvent::Renewed {
            issued: issued.prints.clone(),
        });
    }
    true
}

fn user_name(given: &[Field]) -> Option<String> {
    given
        .iter()
        .filter(|f| !f.value.trim().is_empty() && f.value.chars().count() <= 200)
        .filter_map(|f| Some((words::user_rank(&f.key)?, f)))
        .min_by_key(|(r, _)| *r)
        .map(|(_, f)| f.value.trim().to_owned())
}

/// Whether the answer says that the login failed though its status does not.
fn says_failed(v: &CallView<'_>) -> bool {
    let body = v
        .resp_body
        .get(..v.resp_body.len().min(PARSE))
        .unwrap_or_default();
    let has = |w: &str| memmem::find(body, w.as_bytes()).is_some();
    match v.resp_kind {
        "json" => fields::read(body, "json")
            .iter()
            .any(|f| match f.key.as_str() {
                "success" | "ok" | "succeed" | "authenticated" | "loggedin" => {
                    matches!(f.value.as_str(), "false" | "0")
                }
                "error" | "errors" | "errmsg" | "errormessage" | "errordescription" => {
                    !matches!(f.value.as_str(), "" | "false" | "0" | "ok")
                }
                "message" | "msg" | "detail" | "status" | "result" => failure_word(&f.value),
                "code" | "errcode" | "errorcode" | "retcode" | "statuscode" => !matches!(
                    f.value.as_str(),
                    "" | "0"
                        | "1"
                        | "200"
                        | "00000"
                        | "0000"
                        | "20000"
                        | "success"
                        | "SUCCESS"
                        | "OK"
                        | "ok"
                ),
                _ => f.path.starts_with("$.errors["),
            }),
        "html" | "xml" => {
            has("type=\"password\"")
                || has("type='password'")
                || has("type=password")
                || body.len() < 4096 && failure_word(&String::from_utf8_lossy(body))
        }
        _ => body.len() < 4096 && failure_word(&String::from_utf8_lossy(body)),
    }
}

fn failure_word(text: &str) -> bool {
    let t = text.to_lowercase();
    [
        "invalid",
        "incorrect",
        "wrong",
        "fail",
        "denied",
        "unauthor",
        "not match",
        "locked",
        "bad credential",
        "错误",
        "失败",
        "不正确",
        "不存在",
        "锁定",
    ]
    .iter()
    .any(|w| t.contains(w))
}

/// Whether an answer without a new credential still says that the login worked.
fn says_done(v: &CallView<'_>) -> bool {
    let Some(resp) = v.resp else { return false };
    match resp.status() {
        Some(302 | 303) => true,
        Some(204) => true,
        Some(200..=299) => v.resp_kind == "json" && !v.resp_body.is_empty(),
        _ => false,
    }
}

/// Subject of a SAML response as posted (base64 of XML).
fn saml_name(value: &str) -> Option<String> {
    let clean: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    let xml = base64::engine::general_purpose::STANDARD
        .decode(clean)
        .ok()?;
    fields::read(&xml, "xml")
        .into_iter()
        .find(|f| f.key == "nameid")
        .map(|f| f.value)
}

/// Names in an answer about the caller.
fn own_name(v: &CallView<'_>, path: &str, events: &mut Vec<IdentityEvent>) {
    let graphql = v.req_kind == "json"
        && memmem::find(v.req_body, b"query").is_some()
        && memmem::find(v.resp_body, b"\"data\"").is_some();
    if !(words::own_path(path) || graphql) || v.resp_kind != "json" || v.resp_body.len() > PARSE {
        return;
    }
    let mut names: Vec<(usize, String)> = Vec::new();
    for f in fields::read(v.resp_body, "json") {
        let Some(parent) = f
            .path
            .strip_prefix("$")
            .and_then(|p| p.rsplit_once('.'))
            .map(|(p, _)| p)
        else {
            continue;
        };
        let own = match parent.rsplit_once('.').map_or(parent, |(_, last)| last) {
            "me" | "viewer" | "currentUser" | "whoami" | "current_user" => true,
            "" | "data" | "user" | "result" | "userInfo" | "profile" | "account" | "info" => {
                !graphql && parent.matches('.').count() <= 2
            }
            _ => false,
        };
        let rank = match f.key.as_str() {
            "username" | "login" | "loginname" | "preferredusername" | "useraccount"
            | "account" | "loginid" => 0,
            "email" | "mail" => 1,
            "userid" | "uid" | "sub" => 2,
            _ => continue,
        };
        if own
            && !f.value.is_empty()
            && f.value.len() <= 200
            && !names.iter().any(|(_, n)| n.eq_ignore_ascii_case(&f.value))
        {
            names.push((rank, f.value));
        }
    }
    names.sort_by_key(|(r, _)| *r);
    let names: Vec<String> = names.into_iter().map(|(_, n)| n).collect();
    if let Some(name) = names.first().cloned() {
        events.push(IdentityEvent::WhoAmI { name });
        if names.len() > 1 {
            events.push(IdentityEvent::SamePerson { names });
        }
    }
}
