//! Ways in that the first lists did not know: programs with secrets, logins of two steps, sessions that hold all they know.

use super::tests::*;
use super::*;
use crate::call::model::IdentityEvent as E;

fn token(content: &str) -> String {
    use base64::Engine as _;
    let c = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(content);
    format!("{c}.aSl9Qg.{}", "Zq3-fKd81Lxw_0PbTn5RyVa2cMe")
}

fn begun(events: &[E]) -> Vec<(&str, usize)> {
    events
        .iter()
        .filter_map(|e| match e {
            E::Begun { name, issued } => Some((name.as_str(), issued.len())),
            _ => None,
        })
        .collect()
}

#[test]
fn programs_come_in_with_a_number_and_a_secret() {
    let answer = "HTTP/1.1 200 OK\n\n{\"code\":0,\"msg\":\"ok\",\"tenant_access_token\":\"t-9f8e7d6c5b4a39281706f5e4\",\"expire\":7199}";
    let (_, e) = run(
        "POST /open-apis/auth/v3/tenant_access_token/internal HTTP/1.1\nhost: a\n\n{\"app_id\":\"cli_9f3a\",\"app_secret\":\"Zq3fKd81Lxw0PbTn\"}",
        answer,
    );
    assert_eq!(logins(&e), [("cli_9f3a", true, 1)], "{e:?}");
    let (_, e) = run(
        "GET /gettoken?appkey=dingq3fkd81&appsecret=Zq3fKd81Lxw0PbTn HTTP/1.1\nhost: a",
        "HTTP/1.1 200 OK\n\n{\"errcode\":0,\"access_token\":\"9f8e7d6c5b4a39281706f5e4d3c2b1a0\",\"errmsg\":\"ok\"}",
    );
    assert_eq!(logins(&e), [("dingq3fkd81", true, 1)], "{e:?}");
    // what such an answer says besides is nobody's name
    assert!(!e.iter().any(|e| matches!(e, E::Owned { .. })), "{e:?}");
    let (_, e) = run(
        "POST /auth/tenant_access_token HTTP/1.1\nhost: a\n\n{\"app_id\":\"cli_9f3a\",\"app_secret\":\"Zq3fKd81Lxw0PbTn\"}",
        "HTTP/1.1 200 OK\n\n{\"code\":10014,\"msg\":\"app secret invalid\"}",
    );
    assert!(logins(&e).is_empty(), "{e:?}");
}

#[test]
fn a_short_key_beside_a_signature_is_one() {
    let at = |sign: &str| {
        let (c, _) = run(
            &format!("GET /?Action=Stop&AccessKeyId=LTAI9f3aQ2{sign} HTTP/1.1\nhost: a"),
            "HTTP/1.1 200 OK",
        );
        c.iter()
            .filter(|c| sure_place(&c.place))
            .map(|c| c.kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        at("&Signature=9f8e7d6c5b4a39281706f5e4d3c2b1a0"),
        ["api-key"]
    );
    assert!(at("").is_empty());
}

#[test]
fn a_wrong_signature_shows_another_credential() {
    let req = |sign: &str| {
        format!(
            "GET /x HTTP/1.1\nhost: a\nx-app-id: billing-9\nx-nonce: 9f8e7d6c\nx-sign: {sign}8e7d6c5b4a39281706f5e4d3c2b1a0"
        )
    };
    let (good, _) = run(&req("9f"), "HTTP/1.1 200 OK");
    let no = "HTTP/1.1 403 Forbidden\n\n{\"code\":\"SignatureDoesNotMatch\"}";
    let (bad, _) = run(&req("aa"), no);
    assert_eq!((good[0].kind, bad[0].kind), ("api-key", "api-key"));
    assert_ne!(good[0].print, bad[0].print);
    let old = "HTTP/1.1 403 Forbidden\n\n{\"code\":\"SignatureExpired\",\"message\":\"signature has expired\"}";
    let (late, _) = run(&req("aa"), old);
    assert_eq!(good[0].print, late[0].print);
    let digest = "GET /x HTTP/1.1\nhost: a\nauthorization: Digest username=\"al\", realm=\"r\", nonce=\"n\", response=\"9f8e\"";
    let (good, _) = run(digest, "HTTP/1.1 200 OK");
    let (bad, _) = run(
        digest,
        "HTTP/1.1 401 Unauthorized\nwww-authenticate: Digest realm=\"r\", stale=\"FALSE\"",
    );
    let (stale, _) = run(
        digest,
        "HTTP/1.1 401 Unauthorized\nwww-authenticate: Digest realm=\"r\", stale=true",
    );
    assert_ne!(good[0].print, bad[0].print);
    assert_eq!(good[0].print, stale[0].print);
}

#[test]
fn an_attempt_has_a_number_that_may_be_letters() {
    let state = "XNJtacWhCMrVbUBGLTAtXxJj";
    let (_, e) = run(
        &format!(
            "POST /u/login/identifier?state={state} HTTP/1.1\nhost: a\n\nusername=al%40x.example&state={state}"
        ),
        &format!("HTTP/1.1 302 Found\nlocation: /u/login/password?state={state}"),
    );
    assert_eq!(begun(&e), [("al@x.example", 1)], "{e:?}");
    let (c, e) = run(
        &format!(
            "POST /u/login/password?state={state} HTTP/1.1\nhost: a\n\npassword=x1&state={state}"
        ),
        "HTTP/1.1 302 Found\nlocation: /home\nset-cookie: appsid=Zq3fKd81Lxw0PbTn5RyVa2cMe",
    );
    assert!(c.iter().any(|c| c.print == secret_print_of(state)), "{c:?}");
    assert!(matches!(e[..], [E::Renewed { .. }]), "{e:?}");
    // what anybody's attempt says is no number
    let (_, e) = run(
        "POST /u/login/identifier HTTP/1.1\nhost: a\n\nusername=al&state=ask_password",
        "HTTP/1.1 200 OK\n\n{\"state\":\"ask_password\"}",
    );
    assert!(begun(&e).is_empty(), "{e:?}");
}

#[test]
fn an_attempt_may_go_on_in_the_session_that_is_there() {
    let head = "HTTP/1.1\nhost: a\ncookie: app.sess=Zq3fKd81Lxw0PbTn5RyVa2cMe\n\n";
    let (_, e) = run(
        &format!("POST /login/email {head}{{\"email\":\"al@x.example\"}}"),
        "HTTP/1.1 200 OK\n\n{\"next\":\"password\"}",
    );
    assert_eq!(begun(&e), [("al@x.example", 1)], "{e:?}");
    let second = format!("POST /login/password {head}{{\"password\":\"x1\"}}");
    let (_, e) = run(
        &second,
        "HTTP/1.1 403 Forbidden\n\n{\"error\":\"bad_password\"}",
    );
    assert!(matches!(e[..], [E::LoginFailed { .. }]), "{e:?}");
    let (_, e) = run(&second, "HTTP/1.1 200 OK\n\n{\"next\":\"/me/feed\"}");
    let kept = secret_print_of("Zq3fKd81Lxw0PbTn5RyVa2cMe");
    assert!(
        matches!(&e[..], [E::Renewed { issued }] if issued.iter().any(|i| i.1 == kept)),
        "{e:?}"
    );
}

#[test]
fn attributes_hold_names_passwords_and_tokens() {
    let (_, e) = run(
        "POST /api/3.4/auth/signin HTTP/1.1\nhost: a\n\n<tsRequest><credentials name=\"al\" password=\"x1\"><site contentUrl='m'/></credentials></tsRequest>",
        "HTTP/1.1 200 OK\n\n<tsResponse><credentials token=\"Zq3fKd81Lxw0|PbTn5RyVa2cMe\"><site id=\"9\"/></credentials></tsResponse>",
    );
    assert_eq!(logins(&e), [("al", false, 1)], "{e:?}");
    for odd in [
        "<a b=\"",
        "<a =\"x\"/>",
        "<a b='c\"d' password=>",
        "<\"\"\"\"\">",
    ] {
        run(
            &format!("POST /login HTTP/1.1\nhost: a\n\n{odd}"),
            "HTTP/1.1 200 OK",
        );
    }
}

#[test]
fn a_session_that_holds_all_it_knows_says_whose_it_is() {
    let (c, _) = run(
        &format!(
            "GET / HTTP/1.1\nhost: a\ncookie: session={}",
            token("{\"_fresh\":true,\"_user_id\":\"al\"}")
        ),
        "HTTP/1.1 200 OK",
    );
    assert_eq!(c[0].name.as_deref(), Some("al"));
    // a visitor's is handed out to whoever fails
    let (_, e) = run(
        "POST /signin HTTP/1.1\nhost: a\n\nlogin=al&secret=no",
        &format!(
            "HTTP/1.1 200 OK\nset-cookie: session={}\n\n<p>Nope.<form method=post>",
            token("{\"_flashes\":[{\" t\":[\"message\",\"Nope.\"]}]}")
        ),
    );
    assert!(logins(&e).is_empty(), "{e:?}");
    let (_, e) = run(
        "POST /signin HTTP/1.1\nhost: a\n\nlogin=al&secret=x1",
        &format!(
            "HTTP/1.1 302 Found\nlocation: /\nset-cookie: session={}",
            token("{\"_user_id\":\"17\"}")
        ),
    );
    assert_eq!(logins(&e), [("al", false, 1)], "{e:?}");
}

#[test]
fn claims_of_no_standard_and_cookies_of_an_application() {
    let named = |claims: &str, place: &str| {
        let t = super::jwt::tests::token(claims);
        let (c, _) = run(
            &format!("GET /x HTTP/1.1\nhost: a\n{}", place.replace("T", &t)),
            "HTTP/1.1 200 OK",
        );
        c[0].name.clone()
    };
    let bearer = "authorization: Bearer T";
    for claims in [
        "{\"employeeNo\":\"E763135\",\"dept\":\"D12\"}",
        "{\"principal\":{\"loginName\":\"E763135\"}}",
        "{\"ext\":{\"empNo\":\"E763135\"},\"iss\":\"x\"}",
    ] {
        assert_eq!(
            named(claims, bearer).as_deref(),
            Some("E763135"),
            "{claims}"
        );
    }
    assert_eq!(named("{\"cid\":\"spa\"}", bearer).as_deref(), Some("spa"));
    assert_eq!(named("{\"cid\":\"spa\"}", "cookie: KC_RESTART=T"), None);
}

#[test]
fn a_session_is_given_a_ticket_and_a_key_has_an_owner() {
    let (_, e) = run(
        "POST /rt/ticket HTTP/1.1\nhost: a\nx-tk: Zq3fKd81Lxw0PbTn5RyVa2cMe\n\n{}",
        "HTTP/1.1 200 OK\n\n{\"rc\":0,\"rd\":{\"ticket\":\"9f8e7d6c5b4a39281706f5e4\"}}",
    );
    assert!(matches!(e[..], [E::Renewed { .. }]), "{e:?}");
    let owner = "HTTP/1.1 200 OK\n\n{\"key\":{\"owner\":\"al\",\"plan\":\"pro\"}}";
    let (_, e) = run(
        "GET /v2/whoami HTTP/1.1\nhost: a\napikey: Zq3fKd81Lxw0PbTn5RyVa2cMe",
        owner,
    );
    assert!(
        matches!(&e[..], [E::WhoAmI { name, .. }] if name == "al"),
        "{e:?}"
    );
    let (_, e) = run(
        "GET /v2/whoami HTTP/1.1\nhost: a\ncookie: sid=Zq3fKd81Lxw0PbTn5RyVa2cMe",
        owner,
    );
    assert!(e.is_empty(), "{e:?}");
}

/// A terminal shows what it is at each call; who works at it comes in under keys that no list has.
#[test]
fn a_device_may_be_beside_a_login_in_unknown_words() {
    let (_, e) = run(
        "POST /pos/v3/shift/open HTTP/1.1\nhost: a\nx-device-token: Zq3fKd81Lxw0PbTn5RyVa2cMe\n\n{\"cardNo\":\"2385284505\",\"pin\":\"922749\"}",
        "HTTP/1.1 200 OK\n\n{\"ok\":true,\"shiftToken\":\"0PbTn5RyVa2cMeZq3fKd81Lxw\"}",
    );
    assert_eq!(logins(&e), [("2385284505", false, 1)], "{e:?}");
}

/// A session that a framework keeps in the cookie names whom it names, and a visitor's is no key.
#[test]
fn a_visitors_session_is_a_cookie_and_hands_nobody_in() {
    let cookie = |content: &str| {
        format!(
            "GET / HTTP/1.1\nhost: a\ncookie: session={}",
            token(content)
        )
    };
    let (c, _) = run(&cookie(r#"{"basket":"9f8e7d"}"#), "HTTP/1.1 200 OK");
    assert_eq!((c[0].kind, &c[0].name), ("cookie", &None));
    let (c, _) = run(&cookie(r#"{"basket":"9f","user":"al"}"#), "HTTP/1.1 200 OK");
    assert_eq!((c[0].kind, c[0].name.as_deref()), ("jwt", Some("al")));
    let try_in = |after: &str| {
        let (_, e) = run(
            &format!(
                "POST /en/login HTTP/1.1\nhost: a\ncookie: session={}\ncontent-type: application/x-www-form-urlencoded\n\nemail=al%40x.example&passwd=x9",
                token(r#"{"basket":"9f8e7d"}"#)
            ),
            &format!(
                "HTTP/1.1 200 OK\nset-cookie: session={}\ncontent-type: text/html\n\n<p>hi</p>",
                token(after)
            ),
        );
        e
    };
    let no = try_in(r#"{"_flashes":[1],"basket":"9f8e7d"}"#);
    assert!(logins(&no).is_empty(), "{no:?}");
    let yes = try_in(r#"{"basket":"9f8e7d","ref":7}"#);
    assert_eq!(logins(&yes), [("al@x.example", false, 1)], "{yes:?}");
}

#[test]
fn a_logout_may_leave_a_guests_session() {
    let ask = "GET /en/logout HTTP/1.1\nhost: a\ncookie: sid=Zq3fKd81Lxw0PbTn5RyVa2cMe";
    let (_, e) = run(
        ask,
        "HTTP/1.1 302 Found\nlocation: /en/\nset-cookie: sid=9f8e7d6c5b4a39281706f5e4; Path=/\nset-cookie: lang=en",
    );
    let guest = secret_print_of("9f8e7d6c5b4a39281706f5e4");
    assert_eq!(
        e,
        [
            E::Logout,
            E::Left {
                issued: vec![("cookie:sid".into(), guest)]
            }
        ]
    );
    for set in ["sid=; Max-Age=0", "sid=Zq3fKd81Lxw0PbTn5RyVa2cMe"] {
        let (_, e) = run(ask, &format!("HTTP/1.1 302 Found\nset-cookie: {set}"));
        assert_eq!(e, [E::Logout], "{set}");
    }
}

#[test]
fn graphql_says_in_its_body_who_is_out() {
    let ask = |query: &str, answer: &str| {
        let (_, e) = run(
            &format!(
                "POST /graphql HTTP/1.1\nhost: a\nauthorization: Bearer Zq3fKd81Lxw0PbTn5RyVa2cMe\ncontent-type: application/json\n\n{{\"query\":\"{query}\"}}"
            ),
            &format!("HTTP/1.1 200 OK\ncontent-type: application/json\n\n{answer}"),
        );
        e
    };
    let out = ask("mutation { signOut }", r#"{"data":{"signOut":true}}"#);
    assert!(out.contains(&E::Logout), "{out:?}");
    let read = ask("query { signOuts { at } }", r#"{"data":{"signOuts":[]}}"#);
    assert!(!read.contains(&E::Logout), "{read:?}");
    for no in [
        r#"{"errors":[{"message":"Not signed in"}]}"#,
        r#"{"errors":[{"message":"x","extensions":{"code":"UNAUTHENTICATED"}}]}"#,
    ] {
        let e = ask("query { courses { id } }", no);
        assert!(e.contains(&E::Refused), "{no} {e:?}");
    }
}

#[test]
fn a_device_that_signs_is_a_key_and_ending_ones_own_session_is_a_logout() {
    let device = |sign: &str| {
        let (c, _) = run(
            &format!("GET /things HTTP/1.1\nhost: a\nx-device-id: dev-611841{sign}"),
            "HTTP/1.1 200 OK",
        );
        c.iter().map(|c| c.kind).collect::<Vec<_>>()
    };
    let signed = device("\nx-signature: 9f8e7d6c5b4a39281706f5e4d3c2b1a0");
    assert_eq!(signed.first(), Some(&"api-key"));
    assert!(device("").is_empty());
    let ended = |path: &str| {
        let (_, e) = run(
            &format!(
                "DELETE {path} HTTP/1.1\nhost: a\nauthorization: Bearer Zq3fKd81Lxw0PbTn5RyVa2cMe"
            ),
            "HTTP/1.1 204 No Content",
        );
        e.contains(&E::Logout)
    };
    assert!(ended("/rest/sessions/current") && ended("/api/session") && ended("/auth/tokens/me"));
    assert!(!ended("/rest/sessions/17") && !ended("/rest/carts/current"));
}
