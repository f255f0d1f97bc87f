//! Ways in that go by places, numbers and a second look: procedure calls, messages without names, codes, pages that ask on.

use super::tests::*;
use super::*;
use crate::call::model::IdentityEvent as E;

const TOKEN: &str = "9f8e7d6c5b4a39281706f5e4d3c2b1a0";

fn renewed(events: &[E]) -> Vec<String> {
    let of = events.iter().filter_map(|e| match e {
        E::Renewed { issued } => Some(issued.iter().map(|(p, _)| p.clone())),
        _ => None,
    });
    of.flatten().collect()
}
fn begun(events: &[E]) -> Vec<&str> {
    let of = events.iter().filter_map(|e| match e {
        E::Begun { name, issued } if !issued.is_empty() => Some(name.as_str()),
        _ => None,
    });
    of.collect()
}
fn failed(events: &[E]) -> bool {
    events.iter().any(|e| matches!(e, E::LoginFailed { .. }))
}

#[test]
fn a_key_beside_its_bearers_name_acts_as_that_one() {
    let ask = |heads: &str| {
        run(
            &format!("GET /posts/7.json HTTP/1.1\nHost: a\n{heads}"),
            "HTTP/1.1 200 OK\n\n{\"id\":7}",
        )
        .0
    };
    let (one, two) = (
        ask(&format!("Api-Key: {TOKEN}\nApi-Username: ida")),
        ask(&format!("Api-Key: {TOKEN}\nApi-Username: bo")),
    );
    assert_eq!(one[0].name.as_deref(), Some("ida"));
    assert_eq!(two[0].name.as_deref(), Some("bo"));
    assert_ne!(one[0].print, two[0].print);
    let mail = ask(&format!(
        "X-Auth-Key: {TOKEN}\nX-Auth-Email: ida@acme.example"
    ));
    assert_eq!(mail[0].name.as_deref(), Some("ida@acme.example"));
    // nobody's name beside it, or that of something else
    for heads in [
        format!("X-Api-Key: {TOKEN}"),
        format!("X-Api-Key: {TOKEN}\nX-Api-Version: ida"),
        format!("X-App-Key: {TOKEN}\nX-App-User: bo"),
        format!("X-Api-Key: {TOKEN}\nX-Customer-Email: bo@acme.example"),
    ] {
        assert_eq!(ask(&heads)[0].name, None, "{heads}");
    }
    let token = |id: &str| ask(&format!("Authorization: PVEAPIToken={id}={TOKEN}"));
    assert_eq!(token("ida@pve!backup")[0].name.as_deref(), Some("ida@pve"));
    assert_eq!(token("backup")[0].name, None);
    for head in ["Blade-Auth: bearer", "X-Authorization: Bearer"] {
        let jwt = super::jwt::tests::token("{\"sub\":\"ida\"}");
        let seen = ask(&format!(
            "Authorization: Basic c2FiZXI6c2VjcmV0\n{head} {jwt}"
        ));
        assert!(
            seen.iter().any(|c| c.name.as_deref() == Some("ida")),
            "{head}"
        );
    }
    let own = ask(&format!("X-MBX-APIKEY: {TOKEN}"));
    assert_eq!(own[0].kind, "api-key");
}

#[test]
fn a_password_typed_twice_makes_somebody() {
    let sure = |path: &str| {
        let (_, e) = run(
            &format!(
                "POST {path} HTTP/1.1\nHost: a\nCookie: sessionid=9f8e7d6c5b4a39281706\n\nusername=bo&password1=Qwe1234x&password2=Qwe1234x"
            ),
            "HTTP/1.1 302 Found\nLocation: /admin/user/9/change/",
        );
        e.iter().find_map(|e| match e {
            E::Login { sure, .. } => Some(*sure),
            _ => None,
        })
    };
    assert_eq!(sure("/admin/auth/user/add/"), Some(false));
    assert_eq!(sure("/auth/register/"), Some(true));
}

#[test]
fn who_authenticates_beside_a_grant_is_an_application() {
    let basic = |body: &str| {
        let (c, e) = run(
            &format!(
                "POST /oauth/token HTTP/1.1\nHost: a\nAuthorization: Basic c2FiZXI6c2VjcmV0\n\n{body}"
            ),
            &format!("HTTP/1.1 200 OK\n\n{{\"access_token\":\"{TOKEN}\"}}"),
        );
        let who = logins(&e).first().map(|l| l.0.to_owned());
        (c.iter().find(|c| c.kind == "basic").unwrap().service, who)
    };
    let (service, who) = basic("grant_type=password&username=ida&password=x9y8z7");
    assert!(service && who.as_deref() == Some("ida"));
    let (service, who) = basic("scope=all&audience=x");
    assert!(!service && who.as_deref() == Some("saber"));
}

#[test]
fn a_ticket_lets_in_the_session_that_is_there() {
    let at = |uri: &str, answer: &str| {
        run(
            &format!("GET {uri} HTTP/1.1\nHost: a\nCookie: JSESSIONID=9F8E7D6C5B4A39281706"),
            answer,
        )
        .1
    };
    let ticket = format!("/portal?ticket=ST-17-{TOKEN}-cas01");
    let on = "HTTP/1.1 302 Found\nLocation: /portal";
    assert_eq!(renewed(&at(&ticket, on)), ["cookie:JSESSIONID"]);
    let new = "HTTP/1.1 302 Found\nLocation: /portal\nSet-Cookie: JSESSIONID=00112233445566778899";
    assert_eq!(renewed(&at(&ticket, new)).len(), 1);
    let back = "HTTP/1.1 302 Found\nLocation: /login?error=ticket";
    assert!(renewed(&at(&ticket, back)).is_empty());
    assert!(renewed(&at("/portal?page=7", on)).is_empty());
    let (_, e) = run(
        &format!("GET /serviceValidate?ticket=ST-17-{TOKEN}-cas01&service=x HTTP/1.1\nHost: a"),
        "HTTP/1.1 200 OK\n\n<cas:serviceResponse><cas:authenticationSuccess><cas:user>ida</cas:user></cas:authenticationSuccess></cas:serviceResponse>",
    );
    assert!(
        matches!(&e[..], [E::Owned { name, .. }] if name == "ida"),
        "{e:?}"
    );
}

#[test]
fn a_link_that_was_sent_is_a_code() {
    let kind = |path: &str| {
        run(
            &format!("GET {path}?token={TOKEN} HTTP/1.1\nHost: a"),
            "HTTP/1.1 302 Found\nLocation: /app\nSet-Cookie: app=00112233445566778899aabb",
        )
        .0[0]
            .kind
    };
    assert_eq!(kind("/auth/verify"), "oauth");
    assert_eq!(kind("/shares/open"), "bearer");
}

#[test]
fn a_page_that_asks_for_a_code_has_taken_the_password() {
    let post = |page: &str| {
        run(
            "POST /account/login/ HTTP/1.1\nHost: a\nCookie: sessionid=9f8e7d6c5b4a39281706\n\nauth-username=ida&auth-password=x9y8z7",
            &format!("HTTP/1.1 200 OK\n\n<html>{page}</html>"),
        )
        .1
    };
    let e = post("<p>Authentication code</p><input name=\"token-otp_token\" type=text>");
    assert_eq!(begun(&e), ["ida"]);
    let e = post(
        "<input name=\"username\"><input name=\"password\" type=\"password\"><input name=otp>",
    );
    assert!(begun(&e).is_empty() && failed(&e), "{e:?}");
    let e = post("<p>Welcome</p><form>Promo <input name=\"code\"></form>");
    assert!(begun(&e).is_empty(), "{e:?}");
}

#[test]
fn a_login_that_leads_back_to_itself_is_decided_by_what_follows() {
    let post = |to: &str, cookie: &str| {
        run(
            "POST /login/index.php HTTP/1.1\nHost: a\nCookie: MoodleSession=00112233445566\n\nusername=ida&password=x9y8z7",
            &format!("HTTP/1.1 303 See Other\nLocation: http://a/login/index.php{to}{cookie}"),
        )
        .1
    };
    let new = "\nSet-Cookie: MoodleSession=9f8e7d6c5b4a39";
    assert_eq!(begun(&post("?testsession=7", new)), ["ida"]);
    for (to, cookie) in [("?testsession=7", ""), ("?error=3", new), ("", new)] {
        let e = post(to, cookie);
        assert!(begun(&e).is_empty() && failed(&e), "{to}{cookie}: {e:?}");
    }
    let (_, e) = run(
        "GET /login/index.php?testsession=7 HTTP/1.1\nHost: a\nCookie: MoodleSession=9f8e7d6c5b4a39",
        "HTTP/1.1 303 See Other\nLocation: http://a/my/",
    );
    assert_eq!(renewed(&e), ["cookie:MoodleSession"]);
}

#[test]
fn procedures_are_called_with_parameters_at_places() {
    let call = |service: &str, method: &str, args: &str, result: &str| {
        run(
            &format!(
                "POST /jsonrpc HTTP/1.1\nHost: a\n\n{{\"jsonrpc\":\"2.0\",\"method\":\"call\",\"params\":{{\"service\":\"{service}\",\"method\":\"{method}\",\"args\":{args}}},\"id\":5}}"
            ),
            &format!("HTTP/1.1 200 OK\n\n{{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{result}}}"),
        )
    };
    let issued = |e: &[E]| {
        e.iter().find_map(|e| match e {
            E::Login { name, issued, .. } => Some((name.clone(), issued.clone())),
            _ => None,
        })
    };
    let (_, e) = call(
        "common",
        "login",
        "[\"prod\",\"ida@acme.example\",\"x9y8z7\"]",
        "7",
    );
    let (name, got) = issued(&e).unwrap();
    assert_eq!(name, "ida@acme.example");
    let (c, _) = call(
        "object",
        "execute_kw",
        "[\"prod\",7,\"x9y8z7\",\"sale.order\",\"read\",[[1]]]",
        "[]",
    );
    assert_eq!(c.iter().map(|c| c.print).collect::<Vec<_>>(), [got[0].1]);
    assert!(!sure_place(&c[0].place));
    // of somebody else with the same password
    let (c, _) = call(
        "object",
        "execute_kw",
        "[\"prod\",8,\"x9y8z7\",\"sale.order\"]",
        "[]",
    );
    assert_ne!(c[0].print, got[0].1);
    let (_, e) = call(
        "common",
        "login",
        "[\"prod\",\"ida@acme.example\",\"x\"]",
        "false",
    );
    assert!(issued(&e).is_none() && failed(&e), "{e:?}");
    let (_, e) = run(
        "POST /xmlrpc/2/common HTTP/1.1\nHost: a\n\n<methodCall><methodName>authenticate</methodName><params><param><value><string>prod</string></value></param><param><value><string>ida</string></value></param><param><value><string>x9y8z7</string></value></param></params></methodCall>",
        "HTTP/1.1 200 OK\n\n<methodResponse><params><param><value><int>7</int></value></param></params></methodResponse>",
    );
    assert_eq!(issued(&e).unwrap(), ("ida".to_owned(), got.clone()));
    let (_, e) = run(
        "POST /rpc HTTP/1.1\nHost: a\n\n{\"jsonrpc\":\"2.0\",\"method\":\"session.login\",\"params\":[\"ida\",\"x9y8z7\"],\"id\":5}",
        &format!(
            "HTTP/1.1 200 OK\n\n{{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":[0,{{\"session\":\"{TOKEN}\"}}]}}"
        ),
    );
    assert_eq!(issued(&e).unwrap().0, "ida");
    // what is no login names nobody
    let (_, e) = run(
        "POST /rpc HTTP/1.1\nHost: a\n\n{\"jsonrpc\":\"2.0\",\"method\":\"note.add\",\"params\":[\"ida\",\"x9y8z7\"],\"id\":5}",
        &format!(
            "HTTP/1.1 200 OK\n\n{{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{{\"id\":\"{TOKEN}\"}}}}"
        ),
    );
    assert!(
        !e.iter().any(|e| matches!(e, E::Login { sure: true, .. })),
        "{e:?}"
    );
}

#[test]
fn messages_whose_fields_have_numbers_let_in_at_a_place_of_logins() {
    let text = |n: char, v: &str| format!("{n}{}{v}", char::from(u8::try_from(v.len()).unwrap()));
    let framed = |m: String| format!("\0\0\0\0{}{m}", char::from(u8::try_from(m.len()).unwrap()));
    let call = |path: &str, m: String| {
        run(
            &format!("POST {path} HTTP/1.1\nHost: a\n\n{}", framed(m)),
            &format!("HTTP/1.1 200 OK\n\n{}", framed(text('\n', TOKEN))),
        )
        .1
    };
    let asked = || text('\n', "ida@acme.example") + &text('\u{12}', "hunter");
    let e = call("/auth.v1.Auth/Login", asked());
    assert_eq!(logins(&e), [("ida@acme.example", false, 1)], "{e:?}");
    assert!(logins(&call("/notes.v1.Notes/Add", asked())).is_empty());
    let token = text('\n', TOKEN);
    assert!(logins(&call("/auth.v1.Auth/Login", token)).is_empty());
}
