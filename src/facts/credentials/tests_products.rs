//! How products in use log in and tell who asks, where that is not as the lists of words have it.

use super::tests::*;
use super::*;
use crate::call::model::{IdentityEvent as E, MAYBE};

const TOKEN: &str = "9f8e7d6c5b4a39281706f5e4d3c2b1a0";

fn whoami(events: &[E]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|e| match e {
            E::WhoAmI { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn the_button_that_was_pressed_is_nobody() {
    for body in [
        "os_username=al&os_password=x&user_role=&login=Log+In",
        "log_in=Log+In&os_username=al&os_password=x",
        "al=al&passwort=Sommer12&login=Anmelden",
    ] {
        let (_, e) = run(
            &format!("POST /login.jsp HTTP/1.1\nhost: a\n\n{body}"),
            &format!("HTTP/1.1 302 Found\nlocation: /\nset-cookie: JSESSIONID={TOKEN}"),
        );
        assert_eq!(logins(&e), [("al", false, 1)], "{body} {e:?}");
    }
}

#[test]
fn a_code_is_whom_the_answer_names_never_what_somebody_is_shown_as() {
    let answer = |owner: &str| {
        format!("HTTP/1.1 200 OK\n\n{{\"errno\":0,\"data\":{{\"token\":\"{TOKEN}\",{owner}}}}}")
    };
    let (_, e) = run(
        "POST /wx/auth/login_by_weixin HTTP/1.1\nhost: a\n\n{\"code\":\"0a3Zq3fKd81Lxw0PbTn5RyVa2cMe\",\"userInfo\":{\"nickName\":\"Al\",\"gender\":0}}",
        &answer("\"openid\":\"oZq3fKd81Lxw0PbTn5RyVa2cMe\""),
    );
    assert_eq!(logins(&e)[0].0, "oZq3fKd81Lxw0PbTn5RyVa2cMe", "{e:?}");
    let (_, e) = run(
        "POST /api/dd/login HTTP/1.1\nhost: a\n\n{\"authCode\":\"5b4a39281706f5e4d3c2b1a09f8e7d6c\"}",
        &answer("\"userid\":\"0162\",\"name\":\"Al Al\""),
    );
    assert_eq!(logins(&e), [("0162", false, 1)], "{e:?}");
    // who is shown to others is no login name of a token either
    let t = jwt::tests::token(r#"{"nickname":"al","email":"al@x.example","sub":"auth0|9f8e"}"#);
    let (c, _) = run(
        &format!("GET / HTTP/1.1\nhost: a\nauthorization: Bearer {t}"),
        "HTTP/1.1 200 OK",
    );
    assert_eq!(c[0].name.as_deref(), Some("al@x.example"));
}

#[test]
fn the_label_of_a_key_is_not_its_owner() {
    let (_, e) = run(
        "POST /api/api-keys HTTP/1.1\nhost: a\ncookie: console_session=aa8e7d6c5b4a39281706\n\n{\"name\":\"nightly job\"}",
        &format!("HTTP/1.1 201 Created\n\n{{\"name\":\"nightly job\",\"key\":\"sk_{TOKEN}\"}}"),
    );
    assert!(!e.iter().any(|e| matches!(e, E::Owned { .. })), "{e:?}");
    assert!(e.iter().any(|e| matches!(e, E::Renewed { .. })), "{e:?}");
}

#[test]
fn a_socket_has_the_token_among_its_protocols_and_none_in_its_key() {
    use base64::Engine as _;
    let up = |protocols: &str| {
        let (c, _) = run(
            &format!(
                "GET /ws HTTP/1.1\nhost: a\nupgrade: websocket\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZTEyMw==\nsec-websocket-protocol: {protocols}"
            ),
            "HTTP/1.1 101 Switching Protocols",
        );
        c
    };
    assert!(up("chat.v2").is_empty());
    let packed = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(TOKEN);
    for p in [
        format!("bearer, {TOKEN}"),
        format!("chat, base64url.bearer.authorization.k8s.io.{packed}"),
    ] {
        let c = up(&p);
        let [c] = c.as_slice() else { panic!("{c:?}") };
        assert_eq!((c.kind, c.print), ("bearer", secret_print_of(TOKEN)), "{p}");
    }
}

#[test]
fn whoever_is_sent_on_came_in() {
    let to = |l: &str| {
        let (_, e) = run(
            "POST /login.do HTTP/1.1\nhost: a\n\nuser_name=al&user_password=x",
            &format!("HTTP/1.1 302 Found\nlocation: {l}\nset-cookie: JSESSIONID={TOKEN}"),
        );
        !logins(&e).is_empty()
    };
    assert!(to("http://a/login_redirect.do?sysparm_stack=no"));
    assert!(to("/login/success"));
    assert!(!to("/login.do?redirect=/home") && !to("/login/redirect?error=1"));
}

#[test]
fn the_head_of_an_answer_and_profiles_in_two_words_tell_who_asked() {
    let got = |path: &str, head: &str, body: &str| {
        let (_, e) = run(
            &format!("GET {path} HTTP/1.1\nhost: a\ncookie: JSESSIONID=aa8e7d6c5b4a39281706"),
            &format!("HTTP/1.1 200 OK{head}\n\n{body}"),
        );
        e
    };
    let e = got("/browse/A-1", "\nx-ausername: al", "<p>1</p>");
    assert_eq!(whoami(&e), ["al"]);
    let e = got("/browse/A-1", "\nx-ausername: anonymous", "<p>1</p>");
    assert!(whoami(&e).is_empty());
    // an address beside it is the same person's
    let e = got(
        "/rest/api/2/myself",
        "\nx-ausername: al",
        r#"{"emailAddress":"al@x.example"}"#,
    );
    assert_eq!(whoami(&e), ["al"]);
    assert!(e.contains(&E::SamePerson {
        names: vec!["al".into(), "al@x.example".into()]
    }));
    let e = got(
        "/api/mini/user/info",
        "",
        r#"{"data":{"mobile":"13800001111"}}"#,
    );
    assert_eq!(whoami(&e), ["13800001111"]);
    // the same text under a worse and a better key is known by the better one
    let e = got(
        "/userinfo",
        "",
        r#"{"sub":"auth0|9f8e","name":"al@x.example","email":"al@x.example"}"#,
    );
    assert_eq!(whoami(&e), ["al@x.example"]);
    let e = got(
        "/_api/web/currentuser",
        "",
        r#"{"LoginName":"i:0#.w|corp\\al"}"#,
    );
    assert_eq!(whoami(&e), ["corp\\al"]);
}

#[test]
fn a_session_in_a_body_and_a_sealed_ticket_are_presented() {
    let rows = "<r>1</r>".repeat(2000);
    let (c, _) = run(
        &format!(
            "POST /services/Soap/u/58.0 HTTP/1.1\nhost: a\n\n<?xml version=\"1.0\"?><e:Envelope><e:Header><SessionHeader><sessionId>00D9f!AQ.{TOKEN}</sessionId></SessionHeader></e:Header></e:Envelope>"
        ),
        &format!("HTTP/1.1 200 OK\n\n<?xml version=\"1.0\"?>{rows}"),
    );
    let print = secret_print_of(&format!("00D9f!AQ.{TOKEN}"));
    assert!(
        c.iter().any(|c| c.print == print && !sure_place(&c.place)),
        "{c:?}"
    );
    let ticket = "YIIHQgYGKwYBBQUCoIIHNjCCBzKgMDAu".repeat(12);
    let (c, _) = run(
        &format!("GET / HTTP/1.1\nhost: a\nauthorization: Negotiate {ticket}"),
        "HTTP/1.1 200 OK\nset-cookie: FedAuth=aa8e7d6c5b4a39281706",
    );
    assert_eq!((c[0].kind, c[0].name.as_deref()), ("negotiate", None));
}

#[test]
fn an_address_may_name_whose_password_it_is_sent() {
    let to = |path: &str| {
        let (_, e) = run(
            &format!("PUT {path} HTTP/1.1\nhost: a\n\n{{\"password\":\"x\"}}"),
            &format!("HTTP/1.1 200 OK\n\n{{\"auth\":{{\"client_token\":\"hvs.{TOKEN}\"}}}}"),
        );
        logins(&e).first().map(|l| l.0.to_owned())
    };
    assert_eq!(to("/v1/auth/userpass/login/al.b").as_deref(), Some("al.b"));
    for way in [
        "/auth/login/password",
        "/auth/login/step2",
        "/auth/login",
        "/auth/login/ldap",
    ] {
        assert_eq!(to(way), None, "{way}");
    }
}

#[test]
fn what_a_front_tells_of_others_is_not_the_caller() {
    let got = |heads: &str| {
        run(
            &format!("GET / HTTP/1.1\nhost: a\n{heads}"),
            "HTTP/1.1 200 OK",
        )
    };
    // whom the caller acts for
    let (_, e) = got("x-original-user: bo");
    assert_eq!(e, [E::OnBehalf { name: "bo".into() }]);
    // a certificate that nobody verified, however the front writes its headers
    let (c, _) = got("ssl_client_s_dn: CN=ida\nssl_client_verify: NONE");
    assert!(c.is_empty(), "{c:?}");
    let (c, _) = got("ssl_client_s_dn: CN=ida\nssl_client_verify: SUCCESS");
    assert_eq!(c[0].name.as_deref(), Some("ida"));
    let (c, _) = got("x-ssl-client-s-dn: uid=ida,ou=x");
    assert_eq!(c[0].kind, "mtls");
}

#[test]
fn another_whose_name_stands_in_the_login_did_not_come_in() {
    let to = |body: &str| {
        let (_, e) = run(
            &format!("POST /api/login HTTP/1.1\nhost: a\n\n{body}"),
            &format!("HTTP/1.1 200 OK\nset-cookie: JSESSIONID={TOKEN}\n\n{{\"ok\":true}}"),
        );
        logins(&e).first().map(|l| l.0.to_owned())
    };
    for key in ["inviterUsername", "lastUsername", "sponsorUsername"] {
        let body = format!(r#"{{"email":"ida@x.example","{key}":"bob","password":"Sommer12"}}"#);
        assert_eq!(to(&body).as_deref(), Some("ida@x.example"), "{key}");
    }
    assert_eq!(
        to("j_spring_security_username=al&passwort=Sommer12").as_deref(),
        Some("al")
    );
    assert_eq!(words::user_rank("targetusername"), None);
}

#[test]
fn a_number_that_is_masked_or_a_shop_s_names_nobody() {
    let got = |body: &str| {
        let (_, e) = run(
            "GET /api/mini/user/info HTTP/1.1\nhost: a\ncookie: JSESSIONID=aa8e7d6c5b4a39281706",
            &format!("HTTP/1.1 200 OK\n\n{body}"),
        );
        whoami(&e).first().map(|n| (*n).to_owned())
    };
    assert_eq!(
        got(r#"{"data":{"mobile":"+4915112345678"}}"#).as_deref(),
        Some("+4915112345678")
    );
    for no in [
        r#"{"data":{"mobile":"138****5678"}}"#,
        r#"{"data":{"phone":"see below"}}"#,
        r#"{"shop":{"phone":"4008001234"}}"#,
        r#"{"data":{"serviceHotline":{"tel":"4008001234"}}}"#,
        r#"{"contact":{"mobile":"13800001111"}}"#,
    ] {
        assert_eq!(got(no), None, "{no}");
    }
    let (_, e) = run(
        "POST /wx/auth/login_by_weixin HTTP/1.1\nhost: a\n\n{\"code\":\"0a3Zq3fKd81Lxw0PbTn5RyVa2cMe\"}",
        &format!(
            "HTTP/1.1 200 OK\n\n{{\"data\":{{\"token\":\"{TOKEN}\",\"mobile\":\"138****5678\"}}}}"
        ),
    );
    assert!(logins(&e).is_empty(), "{e:?}");
}

#[test]
fn the_way_in_behind_login_is_nobody() {
    for way in [
        "account",
        "challenge",
        "pwd",
        "mobile",
        "basic",
        "default",
        "phone",
        "email",
        "sms",
        "ldap",
        "unified",
    ] {
        let (_, e) = run(
            &format!("POST /api/login/{way} HTTP/1.1\nhost: a\n\n{{\"password\":\"Sommer12\"}}"),
            &format!("HTTP/1.1 200 OK\n\n{{\"token\":\"{TOKEN}\"}}"),
        );
        assert!(logins(&e).is_empty(), "{way} {e:?}");
    }
}

#[test]
fn a_token_about_another_in_the_body_is_not_the_callers() {
    let of = |who: &str| jwt::tests::token(&format!(r#"{{"preferred_username":"{who}"}}"#));
    for key in ["token", "ticket", "sessionId"] {
        let (c, _) = run(
            &format!(
                "POST /api/shares HTTP/1.1\nhost: a\nauthorization: Bearer {}\n\n{{\"{key}\":\"{}\"}}",
                of("al"),
                of("bo")
            ),
            "HTTP/1.1 200 OK",
        );
        assert_eq!(c[0].name.as_deref(), Some("al"));
        for c in c.iter().skip(1) {
            assert!(!sure_place(&c.place) && c.claim.is_none(), "{key} {c:?}");
            assert_eq!(c.name, None, "{key}");
        }
    }
}

#[test]
fn a_signed_text_that_may_be_no_credential_names_nobody() {
    let text = format!("ida@x.example:1790000000:{TOKEN}");
    let mut p = presented::Presented::default();
    let key = PrintKey::new([7; 16]);
    p.token("bearer", format!("{MAYBE}header:x-a"), &text, &key);
    p.token(
        "bearer",
        "header:authorization".into(),
        &format!("{text}0"),
        &key,
    );
    let names: Vec<_> = p.credentials.iter().map(|c| c.name.as_deref()).collect();
    assert_eq!(names, [None, Some("ida@x.example")]);
    assert_eq!(p.credentials[0].claim, None);
}
