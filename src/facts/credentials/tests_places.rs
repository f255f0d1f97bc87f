//! Credentials in places of their own, answers that shut out, and sessions that are switched.

use super::tests::*;
use super::*;
use crate::call::model::IdentityEvent as E;

fn places(c: &[CredentialSeen]) -> Vec<&str> {
    c.iter().map(|c| c.place.as_str()).collect()
}

#[test]
fn a_session_in_the_address_is_one() {
    let (_, e) = run(
        "POST /perform_login;jsessionid=0A1B2C3D4E5F60718293A4B5C6D7E8F9 HTTP/1.1\nhost: a\n\nj_username=al&j_password=x",
        "HTTP/1.1 302 Found\nlocation: /home;jsessionid=FFEEDDCCBBAA00112233445566778899",
    );
    assert_eq!(logins(&e), [("al", false, 1)], "{e:?}");
    let (c, _) = run(
        "GET /home;jsessionid=FFEEDDCCBBAA00112233445566778899?x=1 HTTP/1.1\nhost: a",
        "HTTP/1.1 200 OK",
    );
    assert_eq!(places(&c), ["path:session"]);
    assert_eq!(
        c[0].print,
        secret_print_of("FFEEDDCCBBAA00112233445566778899")
    );
    let (_, e) = run(
        "POST /start HTTP/1.1\nhost: a\n\nnick=al&secret=x1",
        "HTTP/1.1 302 Found\nlocation: /s/884b195658f3aa83ecaa35ed/inventory",
    );
    assert_eq!(logins(&e), [("al", false, 1)], "{e:?}");
    let (c, _) = run(
        "GET /s/884b195658f3aa83ecaa35ed/map HTTP/1.1\nhost: a",
        "HTTP/1.1 200 OK",
    );
    assert_eq!(places(&c), ["~path"]);
    // beside a session it is the number of a thing
    let (c, _) = run(
        "GET /s/884b195658f3aa83ecaa35ed/map HTTP/1.1\nhost: a\ncookie: sid=884b195658f3aa83ecaa35ee",
        "HTTP/1.1 200 OK",
    );
    assert_eq!(places(&c), ["cookie:sid"]);
    // and where anybody is sent it is no session
    let (_, e) = run(
        "POST /share HTTP/1.1\nhost: a\ncookie: sid=884b195658f3aa83ecaa35ee\n\nx=1",
        "HTTP/1.1 302 Found\nlocation: /p/884b195658f3aa83ecaa35ed",
    );
    assert!(e.is_empty(), "{e:?}");
}

#[test]
fn tokens_in_headers_of_answers_in_text_and_in_bodies() {
    let (_, e) = run(
        "POST /api/auth/sign_in HTTP/1.1\nhost: a\n\n{\"email\":\"a@b.c\",\"password\":\"x\"}",
        "HTTP/1.1 200 OK\naccess-token: 8fK2mPq9LxWz31Tb\nclient: Zk39dkLq02\n\n{\"data\":{}}",
    );
    assert_eq!(logins(&e).len(), 1, "{e:?}");
    let (_, e) = run(
        "GET /api/x HTTP/1.1\nhost: a\naccess-token: 8fK2mPq9LxWz31Tb",
        "HTTP/1.1 200 OK\naccess-token: QfK2mPq9LxWz31Tc\n\n{}",
    );
    assert!(matches!(e.as_slice(), [E::Renewed { .. }]), "{e:?}");
    let (_, e) = run(
        "POST /api/token HTTP/1.1\nhost: a\n\n{\"email\":\"a@b.c\",\"password\":\"x\"}",
        "HTTP/1.1 200 OK\n\n12|8fK2mPq9LxWz31TbQ0e8",
    );
    assert_eq!(logins(&e), [("a@b.c", false, 1)], "{e:?}");
    let t = super::jwt::tests::token(r#"{"sub":"u1","email":"a@b.c"}"#);
    let (c, _) = run(
        &format!(
            "POST /v1/accounts:lookup?key=AIzaXq29fkLmW03dPz7e HTTP/1.1\nhost: a\n\n{{\"idToken\":\"{t}\"}}"
        ),
        "HTTP/1.1 200 OK\n\n{\"users\":[]}",
    );
    assert_eq!(c[0].name.as_deref(), Some("a@b.c"), "{c:?}");
    let (_, e) = run(
        "POST /v1/accounts:signUp?key=AIzaXq29fkLmW03dPz7e HTTP/1.1\nhost: a\n\n{\"returnSecureToken\":true}",
        &format!("HTTP/1.1 200 OK\n\n{{\"idToken\":\"{t}\"}}"),
    );
    assert_eq!(logins(&e).len(), 1, "{e:?}");
}

#[test]
fn a_certificate_that_nobody_verified_names_nobody() {
    for (verify, n) in [("SUCCESS", 1), ("FAILED:self signed", 0), ("NONE", 0)] {
        let (c, _) = run(
            &format!(
                "GET / HTTP/1.1\nhost: a\nx-ssl-client-s-dn: CN=al,O=x\nx-ssl-client-verify: {verify}"
            ),
            "HTTP/1.1 200 OK",
        );
        assert_eq!(c.len(), n, "{verify}");
    }
}

#[test]
fn answers_that_shut_out_with_success() {
    let get = "GET /app/info HTTP/1.1\nhost: a\nx-token: 8fK2mPq9LxWz31TbQ0e8";
    for (body, no) in [
        (r#"{"code":40101,"msg":"登录已过期","data":null}"#, true),
        (r#"{"code":401,"message":"unauthorized"}"#, true),
        (r#"{"ok":false,"error":"Token expired"}"#, true),
        (r#"{"status":"error","error":"login_required"}"#, true),
        (r#"{"code":0,"data":{"tokens":3}}"#, false),
        (r#"{"id":401,"name":"login room"}"#, false),
    ] {
        let (_, e) = run(get, &format!("HTTP/1.1 200 OK\n\n{body}"));
        assert_eq!(e.contains(&E::Refused), no, "{body} {e:?}");
    }
}

#[test]
fn whoever_becomes_somebody_else_says_whom() {
    let to = |n: &str| Some(E::Switched { to: Some(n.into()) });
    for (line, body, want) in [
        ("POST /api/agents/84596/become", "", to("84596")),
        ("POST /admin/users/j.doe/impersonate", "", to("j.doe")),
        ("GET /login/impersonate?username=bob", "", to("bob")),
        ("GET /orders?_switch_user=bob", "", to("bob")),
        ("POST /impersonate", r#"{"userId":"77"}"#, to("77")),
        (
            "GET /logout/impersonate",
            "",
            Some(E::Switched { to: None }),
        ),
        (
            "POST /api/agents/unbecome",
            "",
            Some(E::Switched { to: None }),
        ),
        ("DELETE /impersonation", "", Some(E::Switched { to: None })),
        (
            "GET /orders?_switch_user=_exit",
            "",
            Some(E::Switched { to: None }),
        ),
        ("GET /orders/7", "", None),
    ] {
        let req = format!("{line} HTTP/1.1\nhost: a\ncookie: sid=884b195658f3aa83\n\n{body}");
        let (_, e) = run(&req, "HTTP/1.1 200 OK");
        let got = e.iter().find(|e| matches!(e, E::Switched { .. })).cloned();
        assert_eq!(got, want, "{line} {e:?}");
        assert!(!e.contains(&E::Logout), "{line}");
    }
}

#[test]
fn a_first_step_names_whom_the_second_lets_in() {
    let begun = |req: &str, resp: &str| {
        let (_, e) = run(req, resp);
        e.iter().any(|e| matches!(e, E::Begun { .. }))
    };
    let flow = "HTTP/1.1 200 OK\n\n{\"flow\":\"8fK2mPq9LxWz31TbQ0e8\"}";
    let id = "POST /signin/identifier HTTP/1.1\nhost: a\n\n{\"identifier\":\"a@b.c\"}";
    assert!(begun(id, flow));
    assert!(begun(
        "POST /webauthn/login/begin HTTP/1.1\nhost: a\n\n{\"username\":\"al\"}",
        "HTTP/1.1 200 OK\nset-cookie: wa_state=8fK2mPq9LxWz31TbQ0e8\n\n{\"publicKey\":{}}",
    ));
    assert!(!begun(
        id,
        "HTTP/1.1 200 OK\n\n{\"error\":\"no such user\",\"id\":\"8fK2mPq9LxWz31TbQ0e8\"}"
    ));
    // somebody who is known asks about another
    assert!(!begun(
        "POST /auth/lookup HTTP/1.1\nhost: a\nx-token: 9fK2mPq9LxWz31TbQ0e8\n\n{\"email\":\"a@b.c\"}",
        flow,
    ));
    let (c, e) = run(
        "POST /signin/challenge HTTP/1.1\nhost: a\n\n{\"flow\":\"8fK2mPq9LxWz31TbQ0e8\",\"kind\":\"password\",\"response\":\"Sommer12\"}",
        "HTTP/1.1 200 OK\nset-cookie: SSID2=9fK2mPq9LxWz31TbQ0e8\n\n{\"next\":\"/home\"}",
    );
    assert!(logins(&e).is_empty(), "{e:?}");
    assert!(matches!(e.as_slice(), [E::Renewed { .. }]), "{e:?} {c:?}");
    // a second step that went wrong hands nothing out
    let (_, e) = run(
        "POST /v1/auth/verify HTTP/1.1\nhost: a\n\n{\"txn\":\"8fK2mPq9LxWz31TbQ0e8\",\"otp\":\"000000\"}",
        "HTTP/1.1 200 OK\nset-cookie: sid=9fK2mPq9LxWz31TbQ0e8\n\n{\"status\":\"FAIL\"}",
    );
    assert!(e.is_empty(), "{e:?}");
}

#[test]
fn keys_in_the_place_of_names_and_names_in_security_headers() {
    let (c, _) = run(
        "GET /v1/charges HTTP/1.1\nhost: a\nauthorization: Basic c2tfbGl2ZV9rQ2FvMXU5d2RUbGFUczVycWVBSXBnZXQ6",
        "HTTP/1.1 200 OK",
    );
    assert_eq!((c[0].kind, &c[0].name), ("api-key", &None));
    let (c, _) = run(
        "POST /bot801116897:AAvzXrW-NwDK6yOzgUbnD1XL-B7zfc1b7BS/getUpdates HTTP/1.1\nhost: a",
        "HTTP/1.1 200 OK",
    );
    assert_eq!((c[0].kind, c[0].place.as_str()), ("api-key", "path:key"));
    let soap = |p: &str| {
        format!(
            "POST /ws HTTP/1.1\nhost: a\n\n<e:Envelope><e:Header><s:Security><s:UsernameToken><s:Username>al</s:Username><s:Password>{p}</s:Password></s:UsernameToken></s:Security></e:Header></e:Envelope>"
        )
    };
    let (c, e) = run(&soap("right"), "HTTP/1.1 200 OK\n\n<e:Envelope/>");
    assert_eq!(c[0].name.as_deref(), Some("al"), "{c:?}");
    assert!(!e.contains(&E::Refused), "{e:?}");
    let (d, e) = run(
        &soap("wrong"),
        "HTTP/1.1 500 Error\n\n<e:Envelope><e:Fault><faultcode>w:FailedAuthentication</faultcode></e:Fault></e:Envelope>",
    );
    assert!(e.contains(&E::Refused) && d[0].print != c[0].print, "{e:?}");
}

#[test]
fn an_answer_about_the_caller_hands_out_the_next_token() {
    let t = super::jwt::tests::token(r#"{"id":"7"}"#);
    let (_, e) = run(
        &format!("GET /api/user HTTP/1.1\nhost: a\nauthorization: Token {t}"),
        &format!("HTTP/1.1 200 OK\n\n{{\"user\":{{\"email\":\"a@b.c\",\"token\":\"{t}x\"}}}}"),
    );
    assert!(e.iter().any(|e| matches!(e, E::Renewed { .. })), "{e:?}");
}

#[test]
fn a_code_shown_on_a_screen_is_sent_in_from_a_session() {
    let shown = |req: &str, resp: &str| {
        let (c, e) = run(req, resp);
        let code = c.iter().find(|c| c.claim.as_deref() == Some("user_code"));
        (code.map(|c| c.print), e)
    };
    let id = "0f8e7d6c-5b4a-3928-1706-f5e4d3c2b1a0";
    let (asked, e) = shown(
        &format!("GET /passport/qrcode/{id}/state HTTP/1.1\nhost: a"),
        "HTTP/1.1 200 OK\nset-cookie: SESSDATA=9f8e7d6c5b4a39281706\n\n{\"code\":0}",
    );
    assert!(asked.is_some() && e.iter().any(|e| matches!(e, IdentityEvent::Renewed { .. })));
    let (sent, _) = shown(
        &format!(
            "POST /passport/qrcode/confirm HTTP/1.1\nhost: a\ncookie: SESSDATA=aa8e7d6c5b4a39281706\n\n{{\"qrcode_key\":\"{id}\"}}"
        ),
        "HTTP/1.1 200 OK\n\n{\"code\":0}",
    );
    assert_eq!(sent, asked);
    // a picture for anything but coming in lets nobody in
    let (paid, _) = shown(
        &format!("GET /pay/qrcode/{id}/state HTTP/1.1\nhost: a"),
        "HTTP/1.1 200 OK\n\n{\"paid\":false}",
    );
    assert_eq!(paid, None);
}

#[test]
fn a_key_that_somebody_makes_is_theirs_and_a_refusal_is_one_anywhere() {
    let made = |path: &str| {
        let (_, e) = run(
            &format!(
                "POST {path} HTTP/1.1\nhost: a\nauthorization: Basic aWRhOlNvbW1lcjEy\n\n{{\"name\":\"k\"}}"
            ),
            "HTTP/1.1 200 OK\n\n{\"id\":\"Zq3fKd81Lxw0PbT\",\"api_key\":\"9f8e7d6c5b4a39281706\"}",
        );
        e.iter().any(|e| matches!(e, IdentityEvent::Renewed { .. }))
    };
    assert!(made("/_security/api_key") && !made("/api/serviceaccounts/7/keys"));
    let (_, e) = run(
        "PUT /-/doc/ida HTTP/1.1\nhost: a\n\n{\"_id\":\"org.doc:ida71\",\"name\":\"ida\",\"password\":\"no\"}",
        "HTTP/1.1 401 Unauthorized\n\n{\"ok\":false}",
    );
    assert!(
        e.iter()
            .any(|e| matches!(e, IdentityEvent::LoginFailed { .. })),
        "{e:?}"
    );
    let (_, e) = run(
        "POST / HTTP/1.1\nhost: a\nx-amz-target: X.RespondToAuthChallenge\n\n{\"Session\":\"9f8e7d6c5b4a39281706f5e4d3c2b1a0\",\"ChallengeResponses\":{\"USERNAME\":\"ida\",\"SMS_MFA_CODE\":\"000000\"}}",
        "HTTP/1.1 400 Bad Request\n\n{\"__type\":\"CodeMismatchException\"}",
    );
    assert!(
        e.iter()
            .any(|e| matches!(e, IdentityEvent::LoginFailed { .. })),
        "{e:?}"
    );
    let (_, e) = run(
        "POST /web/session/destroy HTTP/1.1\nhost: a\ncookie: session_id=9f8e7d6c5b4a39281706\n\n{}",
        "HTTP/1.1 200 OK\n\n{\"result\":null}",
    );
    assert!(e.contains(&IdentityEvent::Logout));
}

#[test]
fn sessions_that_are_kept_cookies_of_any_name_and_names_in_the_query() {
    let who = |req: &str, resp: &str| {
        let (_, e) = run(req, resp);
        logins(&e)
            .first()
            .map(|(n, _, handed)| ((*n).to_owned(), *handed))
    };
    let went = "HTTP/1.1 302 Found\nlocation: /bank/accounts.do;jsessionid=6A8DD445DB38771FAB23F1909C52141A\n\n";
    let ida = || Some(("ida".to_owned(), 1));
    assert_eq!(
        who(
            "POST /bank/j_security_check;jsessionid=6A8DD445DB38771FAB23F1909C52141A HTTP/1.1\nhost: a\n\nj_username=ida&j_password=Sommer12",
            went,
        ),
        ida()
    );
    assert_eq!(
        who(
            "POST /user/login HTTP/1.1\nhost: a\n\nuser_name=ida&password=Sommer12",
            "HTTP/1.1 302 Found\nlocation: /\nset-cookie: i_like_tea=9f8e7d6c5b4a3928\nset-cookie: lang=en-US\n\n",
        ),
        ida()
    );
    assert_eq!(
        who(
            "POST /login.do HTTP/1.1\nhost: a\n\nuser_name=ida&user_password=Sommer12&no_log_user_password=true",
            "HTTP/1.1 302 Found\nlocation: /nav.do\nset-cookie: JSESSIONID=9f8e7d6c5b4a39281706\n\n",
        ),
        ida()
    );
    assert_eq!(
        who(
            "GET /webgui?sap-client=100&sap-user=ida&sap-password=Sommer12 HTTP/1.1\nhost: a",
            "HTTP/1.1 200 OK\nset-cookie: SAP_SESSIONID_P=9f8e7d6c5b4a39281706\n\n<html>x</html>",
        ),
        ida()
    );
    assert_eq!(
        who(
            "POST /station/unlock HTTP/1.1\nhost: a\ncookie: ws=9f8e7d6c5b4a39281706\n\n{\"badge\":\"71860364\",\"pin\":\"0000\"}",
            "HTTP/1.1 200 OK\n\n{\"unlocked\":false}",
        ),
        None
    );
}
