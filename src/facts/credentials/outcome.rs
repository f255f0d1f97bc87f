//! What an exchange did to identities: logins and their failure, renewals, logouts, answers that name the caller.
//! In: one call and what it presented. Out: events. Bounds: bodies are parsed only behind the gates below.

use super::fields::{self, Field, percent};
use super::handed::{self, Issued, issued, may_be_handed};
use super::presented::Presented;
use super::{
    CallView, PARSE, attempt, in_path, jwt, paths, rpc, saml, spoken, switches, tenant, told,
    two_step, verdict, words,
};
use crate::call::model::{CredentialSeen, IdentityEvent, MAYBE, Message};
use crate::detect::print::PrintKey;
use memchr::memmem;

/// Reads what one call did; may add credentials that stand in the request's body.
pub fn read(
    v: &CallView<'_>,
    key: &PrintKey,
    said: &mut paths::Said,
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
    let query = target
        .iter()
        .position(|b| *b == b'?')
        .and_then(|q| target.get(q + 1..))
        .unwrap_or_default();
    // Whose profile an operation shows is told by its other parameters, so only the path says that it is the own one.
    let place = said.of(&path);
    let called = rpc::read(body, v.req_kind);
    let operation = paths::operation(req, query);
    let words = match operation.as_ref().or(called.as_ref().map(|c| &c.method)) {
        Some(o) => said.of(&format!("{path}/{o}")),
        None => place,
    };
    let mutates = v.req_kind == "json" && memmem::find(body, b"mutation").is_some();
    let graphql_login = mutates && spoken::speaks_of_login(body);
    let login_place = words.login || graphql_login;
    let graphql_logout =
        mutates && !graphql_login && body.len() <= SMALL && spoken::speaks_of_logout(body);
    let speaks = spoken::speaks_of_password(body);
    // A small request by nobody that is named may be a login in words that nobody knows.
    let alone = !seen.iter().any(strong);
    let unnamed = matches!(v.req_kind, "grpc" | "protobuf");
    let bare = !unnamed
        && req.method() == Some(b"POST")
        && !body.is_empty()
        && body.len() <= if alone { SMALL } else { SMALL / 4 }
        && v.resp_body.len() <= SMALL
        && seen
            .iter()
            .all(|c| c.name.is_none() && (c.kind == "cookie" || !super::sure_place(&c.place)));
    // What lets in may stand in any address: `?sap-user=ida&sap-password=...`.
    let asks = spoken::speaks_of_password(query);
    let asks_whose = words.asks_whose;
    let reads = login_place || !unnamed && (speaks || asks || bare) || asks_whose;
    let by_rpc = called.is_some();
    let mut given = match called {
        Some(c) if reads => c.given,
        None if reads => fields::read(body, v.req_kind),
        _ => Vec::new(),
    };
    if by_rpc && login_place {
        rpc::name_places(&mut given);
    } else if unnamed && words.enters {
        rpc::name_numbers(&mut given);
    } else if by_rpc {
        rpc::presented(&given, key, seen);
    }
    if (login_place || asks || asks_whose) && !query.is_empty() {
        // A login may still put the password into the query.
        fields::form(query, "query:", &mut given);
    }
    if reads && !asks_whose {
        present_in_body(&given, login_place, key, seen, &path);
    } else if body.len() <= SMALL && spoken::speaks_of_token(body) {
        // A body may carry the token that a header does else (RFC 6750, section 2.2); SOAP and RPC put the session's number there.
        let carried = fields::read(body, v.req_kind);
        let (sure, mut maybe): (Vec<Field>, Vec<Field>) = carried.into_iter().partition(|f| {
            matches!(f.key.as_str(), "idtoken" | "accesstoken") && jwt::looks(&f.value)
        });
        present_in_body(&sure, true, key, seen, &path);
        maybe.retain(|f| words::token(&f.key) || f.key == "auth");
        let before = seen.len();
        let acts = seen.iter().any(sure_session);
        present_in_body(&maybe, false, key, seen, &path);
        // Beside what the caller acts with it may be anybody's: a share's, somebody's to be looked at.
        if acts {
            for c in seen.iter_mut().skip(before) {
                (c.name, c.claim, c.service) = (None, None, false);
            }
        }
    }
    two_step::user_code(v, body, key, seen, &mut given);
    if login_place || place.screen {
        two_step::shown(v, &path, body, key, login_place, seen);
    }
    two_step::security_header(v, body, key, seen);
    switches::behalf(v, body, seen, events);
    let Some(resp) = v.resp else { return };
    let status = resp.status().unwrap_or(0);
    let ok = (200..400).contains(&status);
    if asks_whose {
        if ok {
            told::introspected(v, &given, key, events);
        }
        return;
    }
    // An answer about its caller may hand out the next token.
    let own = (words.own || words.maybe_own)
        && v.resp_body.len() <= SMALL
        && memmem::find(v.resp_body, b"oken").is_some();
    let hands = words.hands && !seen.is_empty() && v.resp_body.len() <= SMALL;
    let makes = ok && words.keeps_keys && two_step::makes_a_key(v, &path, body, seen);
    let screen = place.screen && v.resp_body.len() <= SMALL;
    let parse = reads || own || hands || makes || screen;
    let mut issued = issued(v, resp, key, parse, ok);
    if by_rpc && login_place {
        issued.prints.extend(rpc::handed(v, &given, key));
    }
    two_step::links(v, login_place, &issued.prints, seen);
    // Who authenticates beside the one that asks for a token is the application that it is for (RFC 6749, section 2.3.1).
    if given.iter().any(|f| f.key == "granttype") {
        for c in seen.iter_mut().filter(|c| c.kind == "basic") {
            c.service = true;
        }
    }
    doubt_signatures(v, status, seen);
    if memmem::find(body, b"UsernameToken").is_some() && two_step::refused(v) {
        events.push(IdentityEvent::Refused);
    }
    if (200..300).contains(&status) && !seen.is_empty() && verdict::says_shut_out(v) {
        events.push(IdentityEvent::Refused);
    }
    let switch = switches::switches(&path);
    if (switch || memmem::find(query, b"witch_user").is_some())
        && ok
        && !seen.is_empty()
        && !verdict::to_login(resp)
        && let Some(to) = switches::of(
            &path,
            query,
            body,
            v.req_kind,
            req.method().unwrap_or_default(),
        )
    {
        events.push(IdentityEvent::Switched { to });
    }

    if (words.logout || graphql_logout) && !switch
        || req.method() == Some(b"DELETE") && spoken::own_session(&path)
    {
        let done = !graphql_logout || !events.contains(&IdentityEvent::Refused);
        if ok && done && !seen.is_empty() {
            out(resp, key, seen, events);
        }
        return;
    }
    let says = Place {
        path: &path,
        login: login_place,
        enters: words.enters,
        creates: words.creates,
    };
    let second =
        login_place && ok && (two_step::asks_on(v) || two_step::sent_back(v, resp, &issued.prints));
    if !second && login(v, &says, ok, &given, &issued, seen, events) {
        return;
    }
    if login_place
        && ok
        && let Some(name) = two_step::begun(v, &given, seen, second)
    {
        let handed: Vec<_> = issued
            .prints
            .iter()
            // A token that says so lets in at once.
            .filter(|(place, _)| place.starts_with("cookie:") || !super::sure_place(place))
            .filter(|(_, p)| !seen.iter().any(|c| c.print == *p))
            .cloned()
            .chain(two_step::numbers(v, &given, key))
            .chain(two_step::kept(&issued.prints, seen))
            .collect();
        if !handed.is_empty() {
            tenant::of_login(v, &given, &issued, &name, events);
            events.push(IdentityEvent::Begun {
                name,
                issued: handed,
            });
        }
        return;
    }
    // Who asked with a name and a password and was refused tried to come in, whatever the place is called.
    if status == 401 && alone && !login_place {
        let tried = attempt::of(&given);
        if let Some(name) = tried.name.filter(|_| tried.password && !tried.guessed) {
            events.push(IdentityEvent::LoginFailed { name });
            return;
        }
    }
    if login_place && two_step::turned_away(v, status, &given) {
        let name = String::new();
        events.push(IdentityEvent::LoginFailed { name });
        return;
    }
    let by_code = ok && two_step::brought(v, resp, &issued.prints, seen, login_place);
    if by_code || login_place && ok && two_step::let_in(v, resp, &given, &issued.prints) {
        let kept = two_step::kept(&issued.prints, seen);
        if !kept.is_empty() {
            events.push(IdentityEvent::Renewed { issued: kept });
        }
        return;
    }
    // A session cookie taken away without a new one is a logout, wherever it happens.
    let only = seen.iter().filter(|c| c.kind == "cookie").count() == 1;
    let lost = issued.deleted.iter().any(|n| {
        (words::session_name(n) || only)
            && seen
                .iter()
                .any(|c| c.place.strip_prefix("cookie:") == Some(n))
    });
    if lost && issued.prints.is_empty() {
        out(resp, key, seen, events);
        return;
    }
    // A second step that went wrong renews nothing.
    let wrong = || login_place && !seen.iter().any(sure_session) && verdict::says_failed(v);
    if ok && !seen.is_empty() && !issued.prints.is_empty() && !verdict::to_login(resp) && !wrong() {
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
        told::own_name(v, &path, &place, query, seen, events);
        if words.keeps_keys && !login_place && !makes {
            told::listed(v, seen, key, events);
        }
    }
}

/// A logout, and the session of a guest that it leaves behind.
fn out(resp: &Message, key: &PrintKey, seen: &[CredentialSeen], events: &mut Vec<IdentityEvent>) {
    events.push(IdentityEvent::Logout);
    let issued = handed::left(resp, key, seen);
    if !issued.is_empty() {
        events.push(IdentityEvent::Left { issued });
    }
}

/// Who signs wrongly has not shown that the key or the name is theirs: what such a call presents is another credential than the
/// right one, and one that nobody lets in.
fn doubt_signatures(v: &CallView<'_>, status: u16, seen: &mut [CredentialSeen]) {
    if !matches!(status, 401 | 403) {
        return;
    }
    let stale = || {
        v.resp
            .and_then(|r| r.header("www-authenticate"))
            .is_some_and(|h| {
                let h = h.to_ascii_lowercase();
                [&b"stale=true"[..], b"stale=\"true\""]
                    .iter()
                    .any(|w| memmem::find(&h, w).is_some())
            })
    };
    let said = || {
        let body = v.resp_body.get(..v.resp_body.len().min(SMALL));
        let body = body.unwrap_or_default();
        let has = |w: &str| memmem::find(body, w.as_bytes()).is_some();
        (has("ignature") || has("签名")) && !has("xpired") && !has("过期")
    };
    for c in seen {
        let wrong = match c.kind {
            "digest" => status == 401 && !stale(),
            "api-key" => c.name.is_none() && said(),
            _ => false,
        };
        if wrong {
            c.print = !c.print;
        }
    }
}

/// Bytes of a request and an answer without any credential that are looked at for a login in unknown words.
const SMALL: usize = 8 << 10;

/// Whether a credential is one that sessions use, not any random cookie.
fn strong(c: &CredentialSeen) -> bool {
    c.kind != "cookie"
        || c.name.is_some()
        || c.place
            .strip_prefix("cookie:")
            .is_some_and(words::session_name)
}

/// Whether a credential is a session's by its place.
fn sure_session(c: &CredentialSeen) -> bool {
    strong(c) && super::sure_place(&c.place)
}

/// What a path and a body say of a call.
struct Place<'a> {
    path: &'a str,
    login: bool,
    enters: bool,
    creates: bool,
}

/// Tokens that stand in the body or query of a request to a login or token path, or in one without other credentials.
fn present_in_body(
    given: &[Field],
    login_place: bool,
    key: &PrintKey,
    seen: &mut Vec<CredentialSeen>,
    path: &str,
) {
    let mut p = Presented::default();
    for f in given.iter().filter(|f| f.value.len() >= 8) {
        let known = login_place
            && words::presents(&f.key)
            && !(f.key == "token" && path.contains("introspect"))
            && (f.key != "code" || words::random(&f.value) || f.value.len() >= 16);
        if known {
            p.token("oauth", f.path.clone(), &f.value, key);
        } else if may_be_secret(f) || login_place && words::attempt_number(&f.key, &f.value) {
            p.token("oauth", format!("{MAYBE}{}", f.path), &f.value, key);
        }
    }
    for c in p.credentials {
        if !seen.iter().any(|s| s.print == c.print) {
            seen.push(c);
        }
    }
}

/// Whether a leaf of a request looks like a secret though its key is no known word.
fn may_be_secret(f: &Field) -> bool {
    may_be_handed(f) && !words::password(&f.key)
}

/// Decides whether the call is a login, and how it ended. True where it was one.
fn login(
    v: &CallView<'_>,
    place: &Place<'_>,
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
    let asked = attempt::of(given);
    let named = seen.iter().any(|c| {
        let own = c.kind != "cookie" && c.place != in_path::SESSION;
        own && super::sure_place(&c.place) || c.name.is_some()
    });
    let mut service = false;
    let mut saml = false;
    let who = match grant {
        Some("client_credentials" | "client_credential") => {
            service = true;
            program(given).or(basic)
        }
        // An application's number with its secret, at a place of tokens.
        None if place.login && asks_as_program(given) => {
            service = true;
            program(given)
        }
        Some("password") => asked.name.clone(),
        // Exchanges of one credential for another name nobody; what they hand out follows what was presented.
        Some("authorization_code")
            if ok
                && issued.in_body
                && issued.names.is_empty()
                && told::named_by_answer(v).is_some() =>
        {
            told::named_by_answer(v)
        }
        Some(_) => return renewed(v, issued, seen, ok, events),
        None if let Some(f) = given.iter().find(|f| f.key == "samlresponse") => {
            saml = true;
            saml::name(&f.value)
        }
        None if asked.changes => None,
        // The password alone, to an address that names its owner.
        None if asked.password && asked.name.is_none() && place.login => {
            paths::after_login(place.path)
        }
        // Without a known word there must be a token in the answer, or a place of logins.
        None if asked.guessed => asked.name.clone(),
        None if asked.password => asked.name.clone(),
        // a code of another place's names nobody: the answer that hands out the session does
        None if (asked.code || place.enters && asked == attempt::Attempt::default())
            && asked.name.is_none()
            && place.login
            && issued.in_body
            && !sessions(seen) =>
        {
            told::named_by_answer(v)
        }
        // a code brings somebody in who got something for it
        None if asked.code && (place.login || !issued.prints.is_empty() && !named) => {
            asked.name.clone()
        }
        None if place.login && basic.is_some() && issued.in_body => basic,
        // somebody new without a name of their own gets a token that has one
        None if place.login
            && issued.in_body
            && asked.name.is_none()
            && seen.iter().all(|c| c.kind == "api-key" && c.name.is_none()) =>
        {
            issued.names.first().cloned()
        }
        None => {
            // Nearly every call comes here: its answer is read only where it was asked at a place of logins.
            if !place.enters || named || !issued.prints.is_empty() {
                return false;
            }
            let Some(name) = attempt::tried(given) else {
                return false;
            };
            let in_by = || verdict::says_done(v) || verdict::page_leads_on(v);
            if !ok || verdict::says_failed(v) || !in_by() {
                events.push(IdentityEvent::LoginFailed { name });
                return true;
            }
            return false;
        }
    };
    let Some(name) = who else { return false };
    // Words that nobody knows are a login's where nothing else is done and nobody is known yet.
    let known = !asked.guessed || place.enters && !named;
    // A password that is typed again makes somebody, who may be another than its sender.
    let makes = asked.twice && !paths::registers(place.path);
    let sure = place.login && (known || service) && !makes || saml || grant.is_some();
    let handed_session = issued.prints.iter().any(|(p, _)| {
        p.strip_prefix("cookie:").is_some_and(words::session_name)
            || !p.starts_with("cookie:") && super::sure_place(p)
    });
    // Making somebody's account is no login of the caller: it hands out no session, and the caller has one.
    if !sure && (named || place.creates && !place.login && !handed_session && !seen.is_empty()) {
        return false;
    }
    let mut handed = issued.prints.clone();
    let failed = !ok
        || v.resp.is_some_and(verdict::to_login)
        || (!issued.in_body && verdict::says_failed(v));
    let done = verdict::says_done(v) || place.login && verdict::page_leads_on(v);
    if !handed_session && !failed && done {
        // The cookie from before the login is kept and now stands for the user, and so does a session in the address.
        handed.extend(
            seen.iter()
                .filter(|c| c.kind == "cookie" || c.place == in_path::SESSION)
                .map(|c| (c.place.clone(), c.print)),
        );
    }
    if handed.is_empty() && !failed {
        // Nothing else was handed out: the address is all that can tell who comes next.
        handed.clone_from(&issued.in_path);
    }
    if failed || handed.is_empty() {
        if place.login {
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
    if !service {
        tenant::of_login(v, given, issued, &name, events);
    }
    events.push(IdentityEvent::Login {
        name,
        service,
        issued: handed,
        sure,
    });
    true
}

/// The program that a request names.
fn program(given: &[Field]) -> Option<String> {
    let named = given.iter().filter(|f| words::program(&f.key));
    let mut named = named.filter(|f| !f.value.is_empty() && f.value.len() <= 200);
    named.next().map(|f| f.value.clone())
}

/// Whether a request names a program and its secret and nobody else.
fn asks_as_program(given: &[Field]) -> bool {
    let secret = |f: &Field| words::program_secret(&f.key) && f.value.len() >= 8;
    program(given).is_some()
        && given.iter().any(secret)
        && !given.iter().any(|f| {
            !f.value.is_empty()
                && (words::code(&f.key) || words::user_rank(&f.key).is_some() && f.key != "name")
        })
}

/// Whether a request comes from within a session: what it sends in is then no login.
fn sessions(seen: &[CredentialSeen]) -> bool {
    seen.iter()
        .any(|c| c.name.is_some() || c.place.starts_with("header:"))
}

/// Tokens for a token: an ID token among them names the owner.
fn renewed(
    v: &CallView<'_>,
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
        tenant::of_login(v, &[], issued, name, events);
        events.push(IdentityEvent::Login {
            name: name.clone(),
            service: false,
            issued: all,
            sure: true,
        });
    } else if !seen.is_empty() {
        events.push(IdentityEvent::Renewed {
            issued: issued.prints.clone(),
        });
    }
    true
}
