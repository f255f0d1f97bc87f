//! WebSockets on which somebody comes in by a message, since browsers cannot send a header with them: `{"type": "auth", "token": ...}`,
//! GraphQL's `connection_init`, Socket.IO's `40{"token": ...}`, STOMP's `CONNECT`, a call of a procedure `login`. In: one message.
//! Out: what it presents, what it says of the socket. Bounds: messages up to [`SMALL`] bytes; the socket itself stands as a credential
//! that all of its messages present, so that they are whose it was let in for.

use super::fields::{self, Field, read};
use super::presented::{Presented, secret_print};
use super::{CallView, attempt, jwt, rpc, verdict, words};
use crate::call::model::{CredentialSeen, IdentityEvent, Ts};
use crate::detect::print::PrintKey;
use memchr::memmem;
use std::net::IpAddr;

/// Longest message that is read: what lets in is short.
const SMALL: usize = 8 << 10;

/// A message of a socket.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// What tells its socket from all others: time of its upgrade, client, server.
    pub socket: (Ts, (IpAddr, u16), (IpAddr, u16)),
    /// Whether the client sent it.
    pub sent: bool,
    /// Its content.
    pub body: &'a [u8],
}

/// Reads a message of a socket whose upgrade showed `seen`.
pub fn message(
    said: &Said<'_>,
    key: &PrintKey,
    seen: &mut Vec<CredentialSeen>,
    events: &mut Vec<IdentityEvent>,
) {
    let known = |c: &CredentialSeen| {
        c.name.is_some()
            || super::sure_place(&c.place)
                && c.place
                    .strip_prefix("cookie:")
                    .is_none_or(words::session_name)
    };
    if seen.iter().any(known) {
        return;
    }
    let (ts, client, server) = said.socket;
    let own = secret_print(key, &format!("{ts:?} {client:?} {server:?}"));
    let issued = || vec![("socket".to_owned(), own)];
    if said.body.len() <= SMALL {
        if said.sent {
            let given = sent(said.body);
            for c in tokens(&given, key) {
                seen.push(c);
            }
            let asked = attempt::of(&given);
            if seen.iter().any(|c| c.place.starts_with("message:")) {
                events.push(IdentityEvent::Renewed { issued: issued() });
            } else if let Some(name) = asked.name
                && asked.password
                && !(asked.guessed || asked.changes || asked.twice)
            {
                let issued = issued();
                events.push(IdentityEvent::Begun { name, issued });
            }
        } else if lets_in(said.body) {
            events.push(IdentityEvent::Renewed { issued: issued() });
        }
    }
    seen.push(CredentialSeen {
        kind: "socket",
        place: "socket".into(),
        print: own,
        name: None,
        claim: None,
        service: false,
    });
}

/// The fields of a message that may let somebody in.
fn sent(body: &[u8]) -> Vec<Field> {
    let has = |w: &[u8]| memmem::find(body, w).is_some();
    let speaks = [
        &b"oken"[..],
        b"uthorization",
        b"ogin",
        b"auth",
        b"pass",
        b"Pass",
        b"pwd",
        b"resume",
        b"jwt",
    ];
    if !speaks.iter().any(|w| has(w)) {
        return Vec::new();
    }
    if body.starts_with(b"CONNECT\n") || body.starts_with(b"STOMP\n") {
        let mut out = Vec::new();
        let text = String::from_utf8_lossy(body);
        for (k, v) in text
            .lines()
            .skip(1)
            .take(32)
            .map_while(|l| l.split_once(':'))
        {
            let plain = words::plain(k);
            out.push(Field {
                path: format!("$.{k}"),
                key: plain,
                value: v.trim().to_owned(),
                text: true,
            });
        }
        return out;
    }
    // Engine.IO's and Socket.IO's numbers of kinds stand before the document
    let digits = body
        .iter()
        .take(4)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let document = body.get(digits..).unwrap_or_default();
    if let Some(mut called) = rpc::read(document, "json") {
        let method = words::plain(&called.method);
        if ["login", "signin", "logon", "auth"]
            .iter()
            .any(|w| method.contains(w))
        {
            rpc::name_places(&mut called.given);
        }
        return called.given;
    }
    match document.first() {
        Some(b'{' | b'[') => read(document, "json"),
        _ => Vec::new(),
    }
}

/// Tokens in a message.
fn tokens(given: &[Field], key: &PrintKey) -> Vec<CredentialSeen> {
    let mut out = Presented::default();
    for f in given.iter().filter(|f| f.text && f.value.len() >= 16) {
        let named = words::token(&f.key)
            || matches!(f.key.as_str(), "authorization" | "auth" | "resume" | "jwt");
        let secret = f.value.strip_prefix("Bearer ").unwrap_or(&f.value);
        if named && (jwt::looks(secret) || words::random(secret)) {
            out.token("oauth", format!("message:{}", f.path), secret, key);
        }
    }
    out.credentials
}

/// Whether a message of the server may say that a login went well.
fn lets_in(body: &[u8]) -> bool {
    let has = |w: &[u8]| memmem::find(body, w).is_some();
    let speaks = [
        &b"auth"[..],
        b"ogin",
        b"ogged",
        b"result",
        b"uccess",
        b"\"ok\"",
        b"CONNECTED\n",
    ];
    if !speaks.iter().any(|w| has(w)) {
        return false;
    }
    let view = CallView {
        req: None,
        resp: None,
        peer: None,
        req_body: &[],
        req_kind: "",
        resp_body: body,
        resp_kind: "json",
    };
    let no = |f: &Field| f.value == "false" && matches!(f.key.as_str(), "result" | "authorized");
    !verdict::says_failed(&view) && !fields::read(body, "json").iter().any(no)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: (IpAddr, u16) = (IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 80);
    const SOCKET: (Ts, (IpAddr, u16), (IpAddr, u16)) = (1, END, END);

    const KEY: PrintKey = PrintKey::new([7; 16]);

    fn run(sent: bool, body: &str) -> (Vec<CredentialSeen>, Vec<IdentityEvent>) {
        let (mut seen, mut events) = (Vec::new(), Vec::new());
        let said = Said {
            socket: SOCKET,
            sent,
            body: body.as_bytes(),
        };
        message(&said, &KEY, &mut seen, &mut events);
        (seen, events)
    }

    #[test]
    fn messages_that_let_in() {
        let token = "9f8e7d6c5b4a39281706f5e4d3c2b1a0";
        for body in [
            format!(r#"{{"type":"auth","token":"{token}"}}"#),
            format!(
                r#"{{"type":"connection_init","payload":{{"Authorization":"Bearer {token}"}}}}"#
            ),
            format!(r#"40{{"token":"{token}"}}"#),
            format!("CONNECT\naccept-version:1.2\nAuthorization:Bearer {token}\n\n\0"),
        ] {
            let (seen, events) = run(true, &body);
            assert_eq!(seen[0].print, secret_print(&KEY, token), "{body}");
            assert!(
                matches!(events[..], [IdentityEvent::Renewed { .. }]),
                "{body}"
            );
        }
        for body in [
            r#"{"id":1,"method":"login","params":{"user":"ida","password":"x9y8z7"}}"#,
            r#"{"id":1,"method":"user.login","params":["ida","x9y8z7"]}"#,
            "CONNECT\nlogin:ida\npasscode:x9\n\n\0",
        ] {
            let (_, events) = run(true, body);
            let [IdentityEvent::Begun { name, .. }] = &events[..] else {
                panic!("{body}: {events:?}");
            };
            assert_eq!(name, "ida");
        }
        let yes = |b| !run(false, b).1.is_empty();
        assert!(yes(r#"{"id":1,"result":{"ok":true}}"#) && yes(r#"{"type":"auth_ok"}"#));
        assert!(!yes(
            r#"{"id":1,"error":{"code":4,"message":"login failed"}}"#
        ));
        assert!(!yes(r#"{"id":1,"result":false}"#) && !yes(r#"{"text":"hello"}"#));
    }

    #[test]
    fn what_is_said_on_a_socket_lets_nobody_in() {
        for body in [
            r#"{"type":"msg","text":"my password is secret and the token broke"}"#,
            r#"{"type":"join","token":"lobby"}"#,
            r#"{"author":"bob","text":"x"}"#,
            r#"{"type":"invite","user":"bob"}"#,
        ] {
            let (seen, events) = run(true, body);
            assert!(events.is_empty() && seen.len() == 1, "{body}: {events:?}");
        }
        // a socket that was opened within a session is that session's
        let mut seen = vec![CredentialSeen {
            kind: "cookie",
            place: "cookie:sid".into(),
            print: 1,
            name: None,
            claim: None,
            service: false,
        }];
        let said = Said {
            socket: SOCKET,
            sent: true,
            body: br#"{"type":"auth","token":"9f8e7d6c5b4a39281706f5e4d3c2b1a0"}"#,
        };
        message(&said, &KEY, &mut seen, &mut Vec::new());
        assert_eq!(seen.len(), 1);
    }
}
