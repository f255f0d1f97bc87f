//! Exchanges as text, and what must be read from them.

use super::jwt::tests::token;
use super::*;
use crate::call::model::{Flags, MAYBE, RawBody, Stamp, Start};

fn message(text: &str) -> (Message, Vec<u8>) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let head = head.trim_end().replace('\n', "\r\n");
    let first = head.split("\r\n").next().unwrap().to_owned();
    let start = if let Some(s) = first.strip_prefix("HTTP/1.1 ") {
        Start::Response {
            status: s.get(..3).and_then(|s| s.parse().ok()),
        }
    } else {
        let m = first.find(' ').unwrap();
        let t = first.rfind(' ').unwrap();
        Start::Request {
            method: 0..m,
            target: m + 1..t,
        }
    };
    let mut headers = Vec::new();
    let mut at = first.len() + 2;
    for line in head.split("\r\n").skip(1) {
        let c = line.find(':').unwrap();
        headers.push((at..at + c, at + c + 1..at + line.len()));
        at += line.len() + 2;
    }
    let m = Message {
        start,
        head: head.into_bytes(),
        headers,
        trailers: vec![],
        version: (1, 1),
        body: RawBody::default(),
        first: Stamp::default(),
        last: Stamp::default(),
        seq: None,
        flags: Flags::default(),
    };
    (m, body.as_bytes().to_vec())
}

fn kind(body: &[u8]) -> &'static str {
    match body.first() {
        Some(b'{' | b'[') => "json",
        Some(b'<') if body.starts_with(b"<html") => "html",
        Some(b'<') => "xml",
        Some(b'-') => "multipart",
        Some(0) => "grpc",
        Some(_) if body.contains(&b'=') => "form",
        Some(_) => "text",
        None => "",
    }
}

const KEY: PrintKey = PrintKey::new([7; 16]);

pub fn run(req: &str, resp: &str) -> (Vec<CredentialSeen>, Vec<IdentityEvent>) {
    let (q, qb) = message(req);
    let (p, pb) = message(resp);
    extract(
        &CallView {
            req: Some(&q),
            resp: Some(&p),
            peer: None,
            req_body: &qb,
            req_kind: kind(&qb),
            resp_body: &pb,
            resp_kind: kind(&pb),
        },
        &KEY,
        &mut Memo::default(),
    )
}

pub fn logins(events: &[IdentityEvent]) -> Vec<(&str, bool, usize)> {
    events
        .iter()
        .filter_map(|e| match e {
            IdentityEvent::Login {
                name,
                service,
                issued,
                ..
            } => Some((name.as_str(), *service, issued.len())),
            _ => None,
        })
        .collect()
}

#[test]
fn every_shape_of_login_is_bound_to_what_it_issued() {
    for (req, resp, want) in [
        (
            "POST /login HTTP/1.1\nHost: a\n\n{\"username\":\"alice\",\"password\":\"x\"}",
            "HTTP/1.1 200 OK\nSet-Cookie: sid=abcdef123456; Path=/\n\n{\"ok\":true}",
            "alice",
        ),
        (
            "POST /login HTTP/1.1\nHost: a\n\nuser=bob&pwd=x",
            "HTTP/1.1 302 Found\nLocation: /home\nSet-Cookie: JSESSIONID=A1B2C3D4E5\n\n",
            "bob",
        ),
        (
            "POST /api/auth HTTP/1.1\nHost: a\n\n{\"data\":{\"loginName\":\"carol\",\"passwd\":\"x\"}}",
            "HTTP/1.1 200 OK\n\n{\"code\":0,\"data\":{\"token\":\"0123456789abcdef\"}}",
            "carol",
        ),
        (
            "POST /graphql HTTP/1.1\nHost: a\n\n{\"query\":\"mutation L($u:String!,$p:String!){login(username:$u,password:$p){token}}\",\"variables\":{\"username\":\"dave\",\"password\":\"x\"}}",
            "HTTP/1.1 200 OK\n\n{\"data\":{\"login\":{\"token\":\"0123456789abcdef\"}}}",
            "dave",
        ),
        (
            "POST /soap/LoginService HTTP/1.1\nHost: a\n\n<E><userName>erin</userName><password>x</password></E>",
            "HTTP/1.1 200 OK\n\n<E><sessionId>0123456789abcdef</sessionId></E>",
            "erin",
        ),
        (
            "POST /oauth/token HTTP/1.1\nHost: a\n\ngrant_type=password&username=frank&password=x&client_id=web",
            "HTTP/1.1 200 OK\n\n{\"access_token\":\"opaque-12345678\",\"refresh_token\":\"r-12345678\"}",
            "frank",
        ),
        (
            "POST /session HTTP/1.1\nHost: a\n\n--b\nContent-Disposition: form-data; name=\"email\"\n\ng@x.com\n--b\nContent-Disposition: form-data; name=\"password\"\n\nx\n--b--",
            "HTTP/1.1 201 Created\nX-Auth-Token: 0123456789abcdef\n\n",
            "g@x.com",
        ),
        (
            "POST /graphql HTTP/1.1\nHost: a\n\n{\"query\":\"mutation O($h:String!,$p:String!){openSession(handle:$h,passphrase:$p){credential}}\",\"variables\":{\"h\":\"hugo\",\"p\":\"Winter2005$\"}}",
            "HTTP/1.1 200 OK\n\n{\"data\":{\"openSession\":{\"credential\":\"59647b6e670b10453f9b53919409cf1dd6ad8ffb\"}}}",
            "hugo",
        ),
        (
            "POST /services/Account.asmx HTTP/1.1\nSOAPAction: \"urn:x/LogOn\"\n\n<E><Operator>ida</Operator><Code>Sommer12</Code></E>",
            "HTTP/1.1 200 OK\n\n<E><Result>0</Result><Handle>9C4F5A6B7D8E9F0A1B2C3D4E</Handle></E>",
            "ida",
        ),
        (
            "POST /app/v3/sms/verify HTTP/1.1\nHost: a\n\n{\"phone\":\"13800001111\",\"smsCode\":\"493021\"}",
            "HTTP/1.1 200 OK\n\n{\"code\":0,\"data\":{\"sess\":\"kq3v1s9d0fT7wX2mB8nL\"}}",
            "13800001111",
        ),
    ] {
        let (_, e) = run(req, resp);
        let l = logins(&e);
        assert_eq!(l.len(), 1, "{req}: {e:?}");
        assert_eq!((l[0].0, l[0].1), (want, false), "{req}");
        assert!(l[0].2 >= 1);
    }
}

#[test]
fn failures_that_answer_200_are_failures() {
    for resp in [
        "HTTP/1.1 401 Unauthorized\n\n{\"error\":\"bad\"}",
        "HTTP/1.1 200 OK\n\n{\"code\":1001,\"msg\":\"密码错误\"}",
        "HTTP/1.1 200 OK\nSet-Cookie: PHPSESSID=abcdef123456\n\n{\"success\":false}",
        "HTTP/1.1 200 OK\nSet-Cookie: PHPSESSID=abcdef123456\n\n<html><input type=\"password\"></html>",
        "HTTP/1.1 302 Found\nLocation: /login?error=1\nSet-Cookie: sid=abcdef123456\n\n",
    ] {
        let (_, e) = run(
            "POST /login HTTP/1.1\nHost: a\n\nusername=alice&password=x",
            resp,
        );
        assert_eq!(
            e,
            vec![IdentityEvent::LoginFailed {
                name: "alice".into()
            }],
            "{resp}"
        );
    }
}

#[test]
fn a_kept_cookie_is_bound_and_an_administrator_is_not_renamed() {
    let (_, e) = run(
        "POST /login HTTP/1.1\nCookie: JSESSIONID=A1B2C3D4E5; lang=en\n\nj_username=alice&j_password=x",
        "HTTP/1.1 302 Found\nLocation: /\n\n",
    );
    assert_eq!(logins(&e), vec![("alice", false, 1)]);
    // one address that does everything says in its query what it does
    let form = "POST /index.php?r=site/login HTTP/1.1\nCookie: PHPSESSID=3f9a0c1e7b2d4856a0b1c2d3\n\nF%5Busername%5D=alice&F%5Bpassword%5D=x";
    let (_, e) = run(
        form,
        "HTTP/1.1 302 Found\nLocation: /index.php?r=site/index\n\n",
    );
    assert!(
        matches!(e.as_slice(), [IdentityEvent::Login { sure: true, .. }]),
        "{e:?}"
    );
    let (_, e) = run(form, "HTTP/1.1 200 OK\n\n<html>Incorrect password</html>");
    assert!(matches!(e.as_slice(), [IdentityEvent::LoginFailed { .. }]));
    let (_, e) = run(
        "GET /index.php?r=site/logout HTTP/1.1\nCookie: PHPSESSID=3f9a0c1e7b2d4856a0b1c2d3\n\n",
        "HTTP/1.1 302 Found\nLocation: /\n\n",
    );
    assert_eq!(e, vec![IdentityEvent::Logout]);
    let (_, e) = run(
        "POST /api/users HTTP/1.1\nAuthorization: Bearer abcdefgh12345678\n\n{\"username\":\"new\",\"password\":\"x\"}",
        "HTTP/1.1 201 Created\n\n{\"id\":1,\"token\":\"0123456789abcdef\"}",
    );
    assert!(logins(&e).is_empty(), "{e:?}");
}

#[test]
fn presented_credentials_of_all_kinds() {
    let jwt = token(r#"{"sub":"7","preferred_username":"alice"}"#);
    let (c, e) = run(
        &format!(
            "GET /x?api_key=abcd1234efgh5678 HTTP/1.1\nCookie: lang=en; _ga=GA1.2.3.4; sid=abcdef123456; t={jwt}\nAuthorization: Basic Ym9iOnB3\nX-API-Key: k-123456\nX-Forwarded-User: carol\nX-On-Behalf-Of: dave\n"
        ),
        "HTTP/1.1 200 OK\n\n",
    );
    let got: Vec<_> = c
        .iter()
        .map(|c| (c.kind, c.place.as_str(), c.name.as_deref()))
        .collect();
    assert_eq!(
        got,
        vec![
            ("jwt", "cookie:t", Some("alice")),
            ("basic", "header:authorization", Some("bob")),
            ("cookie", "cookie:sid", None),
            ("api-key", "header:x-api-key", None),
            ("api-key", "query:api_key", None),
        ]
    );
    assert!(e.contains(&IdentityEvent::Fronted {
        name: "carol".into(),
        place: "header:x-forwarded-user".into()
    }));
    assert!(e.contains(&IdentityEvent::OnBehalf {
        name: "dave".into()
    }));
    let (c, _) = run(
        "GET / HTTP/1.1\nAuthorization: Digest username=\"zoe\", realm=\"r\", nonce=\"n1\"\n",
        "HTTP/1.1 200 OK\n\n",
    );
    let (d, _) = run(
        "GET / HTTP/1.1\nAuthorization: Digest username=\"zoe\", realm=\"r\", nonce=\"n2\"\n",
        "HTTP/1.1 200 OK\n\n",
    );
    assert_eq!(c[0].print, d[0].print);
}

#[test]
fn renewal_logout_and_profile() {
    let (c, e) = run(
        "POST /oauth/token HTTP/1.1\n\ngrant_type=refresh_token&refresh_token=r-12345678",
        "HTTP/1.1 200 OK\n\n{\"access_token\":\"opaque-99999999\"}",
    );
    assert_eq!(c[0].place, "form:refresh_token");
    assert!(
        matches!(&e[..], [IdentityEvent::Renewed { issued }] if issued.len() == 1),
        "{e:?}"
    );
    let (_, e) = run(
        "POST /oauth/token HTTP/1.1\nAuthorization: Basic YmlsbGluZzpz\n\ngrant_type=client_credentials",
        "HTTP/1.1 200 OK\n\n{\"access_token\":\"opaque-77777777\"}",
    );
    assert_eq!(logins(&e), vec![("billing", true, 1)]);
    let (_, e) = run(
        "POST /logout HTTP/1.1\nCookie: sid=abcdef123456\n",
        "HTTP/1.1 204 No Content\nSet-Cookie: sid=; Max-Age=0\n\n",
    );
    assert_eq!(e, vec![IdentityEvent::Logout]);
    let (_, e) = run(
        "GET /api/users/me HTTP/1.1\nCookie: sid=abcdef123456\n",
        "HTTP/1.1 200 OK\n\n{\"data\":{\"id\":4,\"username\":\"alice\",\"email\":\"a@x.com\"}}",
    );
    assert!(e.contains(&IdentityEvent::WhoAmI {
        name: "alice".into(),
        sure: true
    }));
    let (_, e) = run(
        "GET /api/users/7 HTTP/1.1\nCookie: sid=abcdef123456\n",
        "HTTP/1.1 200 OK\n\n{\"data\":{\"id\":4,\"username\":\"bob\"}}",
    );
    assert!(e.is_empty(), "{e:?}");
}

#[test]
fn authorization_code_with_id_token_names_the_owner() {
    let id = token(r#"{"sub":"7","preferred_username":"alice","email":"a@x.com"}"#);
    let (c, e) = run(
        "POST /oauth/token HTTP/1.1\n\ngrant_type=authorization_code&code=abcd1234efgh5678ijkl&client_id=web",
        &format!(
            "HTTP/1.1 200 OK\n\n{{\"access_token\":\"opaque-99999999\",\"id_token\":\"{id}\"}}"
        ),
    );
    assert_eq!(c[0].kind, "oauth");
    assert_eq!(logins(&e)[0].0, "alice");
}

#[test]
fn who_signs_each_request_anew_is_one_key() {
    let key = |authorization: &str| {
        let (c, _) = run(
            &format!("GET /x HTTP/1.1\nAuthorization: {authorization}\n\n"),
            "HTTP/1.1 200 OK\n\n",
        );
        let [c] = c.as_slice() else { panic!("{c:?}") };
        (c.kind, c.print)
    };
    for (a, b) in [
        (
            "OSS shop-7f3:kq3v1s9d0fT7wX2mB8nLp4==",
            "OSS shop-7f3:Zt5b2n8k1cR6yU0jH3gFw9==",
        ),
        (
            "Signature keyId=\"shop-7f3\",algorithm=\"hs2019\",signature=\"kq3v1s9d\"",
            "Signature keyId=\"shop-7f3\",algorithm=\"hs2019\",signature=\"Zt5b2n8k\"",
        ),
        (
            "Hawk id=\"shop-7f3\", ts=\"1353832234\", mac=\"6R4rV5iE\"",
            "Hawk id=\"shop-7f3\", ts=\"1353832299\", mac=\"aK2pQ9xW\"",
        ),
        (
            "TC3-HMAC-SHA256 Credential=shop-7f3/2026-01-02/cvm/tc3_request, SignedHeaders=host, Signature=72e4",
            "TC3-HMAC-SHA256 Credential=shop-7f3/2026-01-03/cvm/tc3_request, SignedHeaders=host, Signature=99ab",
        ),
        (
            "SDK-HMAC-SHA256 Access=shop-7f3, SignedHeaders=host;x-sdk-date, Signature=72e4",
            "SDK-HMAC-SHA256 Access=shop-7f3, SignedHeaders=host;x-sdk-date, Signature=99ab",
        ),
        (
            "OAuth oauth_consumer_key=\"app\",oauth_token=\"shop-7f3\",oauth_nonce=\"a1\",oauth_signature=\"kq3v%3D\"",
            "OAuth oauth_consumer_key=\"app\",oauth_token=\"shop-7f3\",oauth_nonce=\"b2\",oauth_signature=\"Zt5b%3D\"",
        ),
        (
            "WECHATPAY2-SHA256-RSA2048 mchid=\"shop-7f3\",nonce_str=\"a1\",signature=\"kq3v1s9d\",timestamp=\"1\"",
            "WECHATPAY2-SHA256-RSA2048 mchid=\"shop-7f3\",nonce_str=\"b2\",signature=\"Zt5b2n8k\",timestamp=\"2\"",
        ),
        (
            "bce-auth-v1/shop-7f3/2026-01-02T03:04:05Z/1800/host/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "bce-auth-v1/shop-7f3/2026-01-02T03:04:09Z/1800/host/60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
        ),
    ] {
        assert_eq!(key(a), key(b), "{a}");
        assert_eq!(key(a), ("api-key", secret_print_of("shop-7f3")), "{a}");
    }
    assert_eq!(key("Custom kq3v1s9d0fT7wX2mB8nLp4").0, "bearer");
    // in headers of their own: the key beside its signature, short as it is
    for (signed, found) in [
        (
            "X-Ca-Signature: kq3v1s9d0fT7wX2mB8nLp4==\nX-Ca-Key: 20417733",
            1,
        ),
        ("AppId: erp\nSign: 9f86d081884c7d659a2feaa0c55ad015", 1),
        ("X-Ca-Key: 20417733", 0),
        (
            "Idempotency-Key: 20417733\nX-Signature: kq3v1s9d0fT7wX2mB8nLp4==",
            0,
        ),
    ] {
        let (c, _) = run(
            &format!("GET /x HTTP/1.1\n{signed}\n\n"),
            "HTTP/1.1 200 OK\n\n",
        );
        let keys = c.iter().filter(|c| c.kind == "api-key").count();
        assert_eq!(keys, found, "{signed}: {c:?}");
    }
}

/// Pages that lead on by a script, or say that it worked, and keep the cookie from before.
#[test]
fn a_login_that_answers_with_a_page_binds_the_kept_cookie() {
    let form = "POST /denglu.do HTTP/1.1\nCookie: PHPSESSID=3f9a0c1e7b2d4856a0b1c2d3\n\nyonghuming=alice&mima=x1";
    for page in [
        "<html><script>location.href='/guahao/keshi'</script>",
        "<html><script>alert(\"登录成功\");window.location = \"main.do\";</script>",
        "<html><script>parent.location.replace('index.do')</script>",
        "<html><head><meta http-equiv=\"refresh\" content=\"0;url=/home\"></head>",
        "登录成功",
        "success",
    ] {
        let (_, e) = run(form, &format!("HTTP/1.1 200 OK\n\n{page}"));
        assert_eq!(logins(&e), vec![("alice", false, 1)], "{page}");
    }
    for page in [
        "<html><script>alert('用户名或密码错误');history.go(-1)</script>",
        "<html><script>alert('验证码不对');location.href='/denglu.do'</script>",
        "<html><script>top.location='/login.jsp?e=1'</script>",
        "<html><meta http-equiv=refresh content='0;url=denglu.do'>",
        "<html><p>Please try again</p>",
        "fail",
    ] {
        let (_, e) = run(form, &format!("HTTP/1.1 200 OK\n\n{page}"));
        assert!(logins(&e).is_empty(), "{page}: {e:?}");
    }
}

/// Who sends in a code names nobody; the answer that hands out the session does.
#[test]
fn a_code_for_a_session_is_whose_the_answer_says() {
    let ask = "POST /api/wx/login HTTP/1.1\n\n{\"code\":\"0a3Kq3v1s9d0fT7wX2mB8nLp4\"}";
    let answer = |name: &str| {
        format!(
            "HTTP/1.1 200 OK\n\n{{\"code\":200,\"data\":{{{name}\"token\":\"9f86d081884c7d659a2feaa0c55ad015\"}}}}"
        )
    };
    let (_, e) = run(ask, &answer("\"openid\":\"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o\","));
    let l = logins(&e);
    assert_eq!(l.len(), 1, "{e:?}");
    assert_eq!((l[0].0, l[0].1), ("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", false));
    for resp in [
        answer(""),
        "HTTP/1.1 200 OK\n\n{\"errcode\":40029,\"errmsg\":\"invalid code\",\"openid\":\"o1\"}"
            .into(),
    ] {
        assert!(logins(&run(ask, &resp).1).is_empty(), "{resp}");
    }
}

pub fn secret_print_of(secret: &str) -> u64 {
    super::presented::secret_print(&KEY, secret)
}

/// A login whose words nobody knows, at a place of logins, that keeps the cookie.
#[test]
fn unknown_words_at_a_login_bind_the_kept_cookie() {
    for (form, page) in [
        (
            "gonghao=alice&kouling=V2ludGVyMjAwMyQ%3D",
            "{\"result\":\"success\",\"url\":\"index.action\"}",
        ),
        ("gonghao=alice&kouling=V2ludGVyMjAwMyQ%3D", "1"),
        (
            "mail=alice&geheim=Winter2003%24",
            "<html><head><meta http-equiv='refresh' content='1; URL=/account/orders'></head><body>Signed in</body></html>",
        ),
    ] {
        let (_, e) = run(
            &format!(
                "POST /account/signin.action HTTP/1.1\nCookie: JSESSIONID=3F9A0C1E7B2D4856A0B1C2D3\n\n{form}"
            ),
            &format!("HTTP/1.1 200 OK\n\n{page}"),
        );
        assert_eq!(
            logins(&e),
            vec![("alice", false, 1)],
            "{form} {page}: {e:?}"
        );
        assert!(matches!(
            e.as_slice(),
            [IdentityEvent::Login { sure: true, .. }]
        ));
    }
}

/// Somebody whose wrong password looks like none was refused all the same.
#[test]
fn wrong_passwords_are_tries_whatever_they_look_like() {
    for page in [
        "{\"result\":\"fail\"}",
        "0",
        "<html>We could not sign you in.<script>location='/account/login?again=1'</script></html>",
    ] {
        let (_, e) = run(
            "POST /account/login HTTP/1.1\nCookie: JSESSIONID=3F9A0C1E7B2D4856A0B1C2D3\n\nmail=alice&geheim=zzz",
            &format!("HTTP/1.1 200 OK\n\n{page}"),
        );
        assert!(
            matches!(e.as_slice(), [IdentityEvent::LoginFailed { .. }]),
            "{page}: {e:?}"
        );
    }
}

/// The hash of a password tells the name beside it, whatever else a head of the message holds; and the session that it hands
/// out is known again under a header of any name.
#[test]
fn a_name_beside_a_hash_in_a_part_of_the_message() {
    let body = "{\"head\":{\"txCode\":\"EB0001\",\"chnl\":\"APP\"},\"body\":{\"khh\":\"018707594937174449\",\"dlmm\":\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"}}";
    let (_, e) = run(
        &format!("POST /ebank/login HTTP/1.1\n\n{body}"),
        "HTTP/1.1 200 OK\n\n{\"head\":{\"respCode\":\"0000\"},\"body\":{\"hhid\":\"60303ae22b998861bce3b28f33eec1be758a213c\"}}",
    );
    assert_eq!(logins(&e), vec![("018707594937174449", false, 1)], "{e:?}");
    let (c, _) = run(
        "GET /x HTTP/1.1\nHost: a\nUser-Agent: Mozilla/5.0_abc0123456789def\nhhid: 60303ae22b998861bce3b28f33eec1be758a213c\nIf-None-Match: 60303ae22b998861bce3b28f33eec1be758a2100\n\n",
        "HTTP/1.1 200 OK\n\n",
    );
    assert_eq!(c.len(), 1, "{c:?}");
    assert_eq!(
        c[0].print,
        secret_print_of("60303ae22b998861bce3b28f33eec1be758a213c")
    );
    assert!(c[0].place.starts_with(MAYBE));
}
