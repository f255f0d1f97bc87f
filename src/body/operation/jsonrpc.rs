//! JSON-RPC 1.0, 1.1 and 2.0, single and in batches. In: a request. Out: its method. Bounds: those of [`super::top`].

use super::{Operation, Request, joined, top};

/// See [`super::KINDS`].
pub(super) fn operation(r: &Request<'_>) -> Option<Operation> {
    if r.body_kind != "json" {
        return None;
    }
    let t = r.top();
    let mut names = Vec::new();
    let mut version = "";
    for o in &t.objects {
        let v = version_of(o, r.media)?;
        version = version.max(v);
        match top::get_text(o, "method") {
            Some(m) => names.push(dispatched(o, &m).unwrap_or(m)),
            // the answer to a call of the server's, as the Language Server Protocol has it
            None if top::get(o, "result").or(top::get(o, "error")).is_some() => {}
            None => return None,
        }
    }
    if t.objects.is_empty() {
        return None;
    }
    let n = t.objects.len();
    Some(Operation {
        kind: "json-rpc",
        note: if t.batch {
            format!("JSON-RPC {version}, batch of {n}")
        } else {
            format!("JSON-RPC {version}")
        },
        name: joined(names),
    })
}

/// What a method that only says that something is called calls: `{"method": "call", "params": {"service": "s", "method": "m"}}`.
fn dispatched(o: &top::Object<'_>, method: &str) -> Option<String> {
    if !matches!(method, "call" | "execute" | "invoke") {
        return None;
    }
    let params: serde_json::Value = serde_json::from_slice(top::get(o, "params")?).ok()?;
    let of = |k: &str| params.get(k).and_then(serde_json::Value::as_str);
    let fits = |s: &&str| {
        (1..=64).contains(&s.len())
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    };
    let (service, method) = (of("service").filter(fits)?, of("method").filter(fits)?);
    Some(format!("{service}.{method}"))
}

/// Version that an object is a request of; `None` where it is none.
fn version_of(o: &top::Object<'_>, media: &str) -> Option<&'static str> {
    let string = |k: &str| top::get(o, k).and_then(top::string);
    match string("jsonrpc") {
        Some(b"2.0") => return Some("2.0"),
        Some(_) => return Some("1.x"),
        None => {}
    }
    string("method")?;
    if string("version") == Some(b"1.1") {
        return Some("1.1");
    }
    // version 1.0 says nothing of itself: it has these three keys and no other (some clients leave the parameters out)
    let list = |k: &str| top::get(o, k).is_some_and(|v| matches!(v.first(), Some(b'[' | b'{')));
    let known = |k: &&[u8]| matches!(*k, b"method" | b"params" | b"id");
    let plain = o.iter().all(|(k, _)| known(k)) && top::get(o, "id").is_some() && list("params");
    let named = matches!(media, "application/json-rpc" | "application/jsonrequest");
    (plain || named).then_some("1.0")
}
