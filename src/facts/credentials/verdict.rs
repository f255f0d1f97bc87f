//! Whether an answer says that a login worked. In: one call. Out: yes or no. Bounds: [`super::PARSE`] bytes of a body.
//!
//! Many servers answer a wrong password with 200; what they say then has a few shapes: a flag that is false, an error that
//! is not empty, a code that is none of success, a sentence of refusal at the top.

use super::fields::{self, Field};
use super::{CallView, PARSE};
use crate::call::model::Message;
use memchr::memmem;

/// Whether the redirect leads back to a login.
pub fn to_login(resp: &Message) -> bool {
    resp.header("location").is_some_and(|l| {
        let l = String::from_utf8_lossy(l).to_ascii_lowercase();
        refused_place(&l) && !l.contains("code=")
    })
}

/// Whether an address in small letters is one where the refused are sent. Who came in is sent on from `/login_redirect`,
/// `/login/success`.
fn refused_place(l: &str) -> bool {
    let no = ["error", "fail", "denied", "invalid"];
    let path = l.split(['?', '#']).next().unwrap_or_default();
    let on = ["redirect", "success", "done", "complete", "welcome"];
    if on.iter().any(|w| last(path).contains(w)) && !no.iter().any(|w| l.contains(w)) {
        return false;
    }
    [
        "login", "signin", "error", "fail", "denied", "denglu", "logon",
    ]
    .iter()
    .any(|w| l.contains(w))
}

/// Whether the answer says that the login failed though its status does not.
pub fn says_failed(v: &CallView<'_>) -> bool {
    let body = v
        .resp_body
        .get(..v.resp_body.len().min(PARSE))
        .unwrap_or_default();
    let has = |w: &str| memmem::find(body, w.as_bytes()).is_some();
    match v.resp_kind {
        "json" => fields::read(body, "json").iter().any(refuses),
        "html" | "xml" => {
            has("type=\"password\"")
                || has("type='password'")
                || has("type=password")
                || body.len() < 4096 && failure_word(&String::from_utf8_lossy(body))
        }
        _ => body.len() < 4096 && failure_word(&String::from_utf8_lossy(body)),
    }
}

/// Longest answer that is read for whether it lets its caller in no more: such are short, and all short ones are looked at.
const SHUT_OUT: usize = 512;

/// Whether an answer of success says that what was presented is not let in: it ran out, or nobody knows it.
pub fn says_shut_out(v: &CallView<'_>) -> bool {
    let body = v.resp_body;
    if v.resp_kind != "json"
        || body.len() > SHUT_OUT
        || ![
            "401", "oken", "ession", "ogin", "auth", "AUTH", "TOKEN", "SESSION", "LOGIN", "SIGN",
            "igned", "登", "会话", "认证",
        ]
        .iter()
        .any(|w| memmem::find(body, w.as_bytes()).is_some())
    {
        return false;
    }
    let told = fields::read(body, "json");
    let code = |f: &Field| {
        let digits = f.value.bytes().all(|b| b.is_ascii_digit());
        f.value.starts_with("401")
            && (3..=6).contains(&f.value.len())
            && digits
            && (f.key.contains("code") || f.key.contains("err") || f.key == "status")
    };
    told.iter().any(|f| {
        let says = matches!(
            f.key.as_str(),
            "message"
                | "msg"
                | "error"
                | "errmsg"
                | "detail"
                | "reason"
                | "err"
                | "errormessage"
                | "code"
                | "errorcode"
                | "errcode"
        );
        code(f) || says && f.text && shut_out_word(&f.value)
    })
}

/// Whether a sentence says that somebody is not let in, or no more.
fn shut_out_word(text: &str) -> bool {
    let t = super::words::plain(text);
    let of = [
        "token",
        "session",
        "credential",
        "登录",
        "登陆",
        "会话",
        "认证",
    ];
    let gone = [
        "expired",
        "invalid",
        "revoked",
        "terminated",
        "notfound",
        "unknown",
        "过期",
        "失效",
        "无效",
        "超时",
        "失败",
    ];
    t.len() <= 200 && of.iter().any(|w| t.contains(w)) && gone.iter().any(|w| t.contains(w))
        || [
            "loginrequired",
            "invalidauth",
            "notauthed",
            "notauthenticated",
            "notloggedin",
            "notloggedon",
            "notsignedin",
            "signinrequired",
            "authenticationrequired",
            "pleasesignin",
            "notlogin",
            "nosession",
            "pleaselogin",
            "unauthenticated",
            "未登录",
            "未登陆",
            "请登录",
            "请重新登录",
        ]
        .iter()
        .any(|w| t.contains(w))
}

/// Whether one leaf of an answer says no.
fn refuses(f: &Field) -> bool {
    let (key, value) = (f.key.as_str(), f.value.trim());
    let fine = matches!(
        value.to_ascii_lowercase().as_str(),
        "" | "0" | "false" | "ok" | "success" | "none" | "no error" | "200"
    ) || value.bytes().all(|b| b == b'0');
    if key.contains("err") && !key.contains("terr") || key.contains("fehler") || key == "fault" {
        return !fine;
    }
    if f.path.contains(".error.") || f.path.starts_with("$.errors[") {
        return true;
    }
    if key.contains("success")
        || matches!(
            key,
            "ok" | "succeed" | "succeeded" | "authenticated" | "loggedin" | "valid" | "passed"
        )
    {
        return matches!(value, "false" | "0" | "no" | "N" | "n");
    }
    let top = f.path.matches('.').count() == 1;
    if top && matches!(key, "unlocked" | "granted" | "allowed" | "accepted") {
        return value == "false";
    }
    let code = matches!(
        key,
        "code"
            | "retcode"
            | "statuscode"
            | "resultcode"
            | "rc"
            | "ret"
            | "respcode"
            | "returncode"
            | "bizcode"
    );
    if code && !fine {
        let done = matches!(value, "20000" | "2000") || value.eq_ignore_ascii_case("success");
        return !(done || value == "1" && key == "code");
    }
    if top
        && value.starts_with('-')
        && value.len() > 1
        && value.bytes().skip(1).all(|b| b.is_ascii_digit())
    {
        return true;
    }
    let says = matches!(
        key,
        "message" | "msg" | "detail" | "status" | "result" | "reason" | "retmsg"
    );
    (says || top && f.text) && value.len() < 300 && failure_word(value)
}

fn failure_word(text: &str) -> bool {
    let t = text.to_lowercase();
    matches!(t.trim(), "nok" | "ko" | "no" | "error")
        || [
            "invalid",
            "incorrect",
            "wrong",
            "fail",
            "denied",
            "unauthor",
            "not match",
            "mismatch",
            "locked",
            "bad credential",
            "bad password",
            "bad login",
            "rejected",
            "not found",
            "no such",
            "not known",
            "does not exist",
            "fehlgeschlagen",
            "falsch",
            "ungültig",
            "错误",
            "失败",
            "不正确",
            "不存在",
            "锁定",
            "无效",
        ]
        .iter()
        .any(|w| t.contains(w))
}

/// Whether an answer without a new credential still says that the login worked.
pub fn says_done(v: &CallView<'_>) -> bool {
    let Some(resp) = v.resp else { return false };
    match resp.status() {
        Some(302 | 303) => true,
        Some(204) => true,
        Some(200..=299) => v.resp_kind == "json" && !v.resp_body.is_empty(),
        _ => false,
    }
}

/// Longest page that is read for where it sends the browser.
const PAGE: usize = 4096;

/// Whether a page or a word says that a login worked: it says so, or sends the browser on by a script or a refresh, and to
/// another place than the login.
pub fn page_leads_on(v: &CallView<'_>) -> bool {
    if v.resp_kind == "json"
        || v.resp_body.len() > PAGE
        || !v
            .resp
            .and_then(Message::status)
            .is_some_and(|s| (200..300).contains(&s))
    {
        return false;
    }
    let text = String::from_utf8_lossy(v.resp_body).to_lowercase();
    if matches!(text.trim(), "ok" | "success" | "true" | "1") {
        return true;
    }
    if failure_word(&text) {
        return false;
    }
    let asked = v.req.and_then(Message::target).unwrap_or_default();
    let asked = String::from_utf8_lossy(asked).to_lowercase();
    match sent_to(&text) {
        Some(to) => !refused_place(to) && last(to) != last(&asked),
        None => ["登录成功", "登陆成功", "login success"]
            .iter()
            .any(|w| text.contains(w)),
    }
}

/// Where a page in small letters sends the browser: `location.href = '...'`, `location.replace("...")`, a refresh.
fn sent_to(text: &str) -> Option<&str> {
    let script = text.match_indices("location").find_map(|(at, w)| {
        let rest = text.get(at + w.len()..)?;
        let rest = [".href", ".replace", ".assign"]
            .iter()
            .find_map(|p| rest.strip_prefix(p))
            .unwrap_or(rest);
        let rest = rest.trim_start().strip_prefix(['=', '('])?.trim_start();
        rest.strip_prefix(['\'', '"'])?.split(['\'', '"']).next()
    });
    script.or_else(|| {
        let (_, rest) = text.split_once("http-equiv")?;
        let (_, to) = rest.split_once("url=")?;
        let to = to.trim_start_matches(['\'', '"']);
        to.split(['\'', '"', '>', ' ']).next()
    })
}

/// Last segment of an address without its query.
fn last(address: &str) -> &str {
    let path = address.split(['?', '#', ';']).next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}
