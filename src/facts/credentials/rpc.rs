//! Procedure calls (JSON-RPC, XML-RPC), whose parameters may have places instead of names. In: a request's body and its answer.
//! Out: the method, the parameters, a credential that each call shows anew. Bounds: bodies up to [`SMALL`] bytes, [`ARGS`] parameters.
//!
//! One address does everything there, so the method says what is done. A service without sessions is shown the caller's number and
//! password with every call (`execute_kw(db, 7, password, ...)`); the login by name tells whose number that is.

use super::attempt::secretive;
use super::fields::{self, Field};
use super::presented::secret_print;
use super::{CallView, jwt, words};
use crate::call::model::{CredentialSeen, MAYBE};
use crate::detect::print::PrintKey;
use memchr::memmem;

/// Longest body that is read: what logs in is short.
const SMALL: usize = 8 << 10;
/// Parameters that are looked at: who asks stands before what is asked for.
const ARGS: usize = 5;

/// A procedure call.
#[derive(Debug)]
pub struct Called {
    /// What is called: `user.login`, `common.login`.
    pub method: String,
    /// Its parameters, without what the protocol puts around them.
    pub given: Vec<Field>,
}

/// Reads a body; `None` where it is no procedure call.
pub fn read(body: &[u8], kind: &str) -> Option<Called> {
    let has = |w: &[u8]| memmem::find(body, w).is_some();
    let speaks = match kind {
        "json" => has(b"\"params\"") && has(b"\"method\""),
        "xml" => has(b"<methodCall"),
        _ => false,
    };
    if !speaks || body.len() > SMALL {
        return None;
    }
    let mut given = fields::read(body, kind);
    let text = |path: &str| {
        let f = given.iter().find(|f| f.path == path && f.text)?;
        (f.value.len() <= 64).then(|| f.value.clone())
    };
    let method = text("$.method").or_else(|| text("xml:methodName"))?;
    let only_calls = matches!(method.as_str(), "call" | "execute" | "invoke");
    let method = match text("$.params.method").filter(|_| only_calls) {
        Some(m) => m,
        None if only_calls => places(&given)
            .filter(|f| plain_word(f))
            .fold(method, joined),
        None => method,
    };
    let joins = only_calls && method.contains('/');
    given.retain(|f| !(joins && placed(f) && plain_word(f)));
    given.retain(|f| f.path.starts_with("$.params") || f.path.starts_with("xml"));
    given.retain(|f| !matches!(f.path.as_str(), "$.params.method" | "$.params.service"));
    given.retain(|f| f.path != "xml:methodName");
    Some(Called { method, given })
}

/// Whether a parameter may be a part of the method: `["session", "login", {...}]`.
fn plain_word(f: &Field) -> bool {
    f.text && f.value.len() <= 16 && f.value.bytes().all(|b| b.is_ascii_lowercase())
}

fn joined(method: String, f: &Field) -> String {
    format!("{method}/{}", f.value)
}

/// Parameters that stand at places, in order.
fn places(given: &[Field]) -> impl Iterator<Item = &Field> {
    given.iter().filter(|f| placed(f)).take(ARGS)
}

fn placed(f: &Field) -> bool {
    matches!(
        f.path.as_str(),
        "$.params[*]" | "$.params.args[*]" | "xml:string" | "xml:int" | "xml:i4"
    )
}

/// Whether a parameter is a number.
fn number(f: &Field) -> bool {
    (!f.text || matches!(f.path.as_str(), "xml:int" | "xml:i4"))
        && f.value != "0"
        && !f.value.is_empty()
        && f.value.len() <= 12
        && f.value.bytes().all(|b| b.is_ascii_digit())
}

/// Says which parameters of a login are the name and the password, where only their places do: `[name, password]`,
/// `[database, name, password]`, `[name, password, code]`.
pub fn name_places(given: &mut [Field]) {
    if given.iter().any(|f| words::password(&f.key)) {
        return;
    }
    let texts: Vec<usize> = given
        .iter()
        .enumerate()
        .filter(|(_, f)| placed(f))
        .take(ARGS)
        .filter(|(_, f)| f.text && !number(f) && !f.value.is_empty())
        .map(|(i, _)| i)
        .collect();
    let value = |i: &usize| given.get(*i).map_or("", |f| f.value.as_str());
    let pair = match texts.as_slice() {
        [n, s] => Some((*n, *s)),
        [a, b, c, ..] => {
            let code = value(c).len() < 6 || value(c).bytes().all(|b| b.is_ascii_digit());
            let first =
                !value(b).contains('@') && (code || !secretive(value(c)) && secretive(value(b)));
            Some(if first { (*a, *b) } else { (*b, *c) })
        }
        _ => None,
    };
    let Some((name, secret)) = pair else { return };
    for (at, key) in [(name, "username"), (secret, "password")] {
        if let Some(f) = given.get_mut(at) {
            key.clone_into(&mut f.key);
        }
    }
}

/// The same of a message whose fields have numbers for names, at a place where people come in: the first two texts of one message,
/// where it has no more than three.
pub fn name_numbers(given: &mut [Field]) {
    let above = |f: &Field| f.path.rsplit_once(['.', ':']).map_or(0, |(p, _)| p.len());
    let texts = |at: usize| {
        given
            .iter()
            .enumerate()
            .filter(move |(_, f)| f.text && !f.value.is_empty() && above(f) == at)
            .map(|(i, _)| i)
            .collect::<Vec<usize>>()
    };
    let Some(first) = given.iter().find(|f| f.text && !f.value.is_empty()) else {
        return;
    };
    let pair = match texts(above(first)).as_slice() {
        [n, s] | [n, s, _] => (*n, *s),
        _ => return,
    };
    let fits = |i: usize, longest: usize| {
        given.get(i).is_some_and(|f| {
            let secret = f.value.len() >= 24 && words::random(&f.value);
            f.value.len() <= longest
                && !secret
                && !f.value.contains(char::is_whitespace)
                && !jwt::looks(&f.value)
        })
    };
    if !fits(pair.0, 128) || !fits(pair.1, 64) {
        return;
    }
    for (at, key) in [(pair.0, "username"), (pair.1, "password")] {
        if let Some(f) = given.get_mut(at) {
            key.clone_into(&mut f.key);
        }
    }
}

fn print_of(number: &str, secret: &str, key: &PrintKey) -> u64 {
    secret_print(key, &format!("rpc\0{number}\0{secret}"))
}

/// What a login that answers with a number lets its caller show from then on: that number and the password.
pub fn handed(v: &CallView<'_>, given: &[Field], key: &PrintKey) -> Option<(String, u64)> {
    if v.resp_body.len() > SMALL {
        return None;
    }
    let secret = given.iter().find(|f| f.key == "password")?;
    let told = fields::read(v.resp_body, v.resp_kind);
    let one = told
        .iter()
        .find(|f| matches!(f.path.as_str(), "$.result" | "xml:int" | "xml:i4") && number(f))?;
    let fault = told.iter().any(|f| f.value == "faultCode");
    (!fault).then(|| {
        let print = print_of(&one.value, &secret.value, key);
        (format!("{MAYBE}rpc"), print)
    })
}

/// The number and the password that a call shows, as a credential that counts where a login let them in.
pub fn presented(given: &[Field], key: &PrintKey, seen: &mut Vec<CredentialSeen>) {
    let args: Vec<&Field> = places(given).collect();
    for pair in args.windows(2) {
        if let [n, s] = pair
            && number(n)
            && s.text
            && !number(s)
            && (4..=128).contains(&s.value.len())
        {
            seen.push(CredentialSeen {
                kind: "basic",
                place: format!("{MAYBE}rpc"),
                print: print_of(&n.value, &s.value, key),
                name: None,
                claim: None,
                service: false,
            });
            return;
        }
    }
}
