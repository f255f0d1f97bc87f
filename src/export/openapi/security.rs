//! Ways in which callers prove who they are, as OpenAPI names them. In: credentials of calls. Out: security schemes. Bounds: one
//! scheme a kind and place; names of headers and cookies, never what stood in them.

use crate::case::ident;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Schemes by name.
#[derive(Default)]
pub struct Schemes(BTreeMap<String, Value>);

/// As many as one document should name.
const MOST: usize = 200;

impl Schemes {
    /// Notes the credentials of a call; gives the names of their schemes.
    pub fn seen(&mut self, ident: &[u8]) -> Vec<String> {
        let (credentials, _) = ident::decode(ident);
        let mut out = Vec::new();
        for c in credentials {
            let (place, name) = c.place.split_once(':').unwrap_or((c.place.as_str(), ""));
            let Some((id, scheme)) = scheme(c.kind, place, name) else {
                continue;
            };
            if self.0.len() >= MOST && !self.0.contains_key(&id) {
                continue;
            }
            self.0.insert(id.clone(), scheme);
            out.push(id);
        }
        out
    }

    /// All of them; `None` where there are none.
    pub fn document(self) -> Option<Value> {
        let all: Map<String, Value> = self.0.into_iter().collect();
        (!all.is_empty()).then_some(Value::Object(all))
    }
}

fn scheme(kind: &str, place: &str, name: &str) -> Option<(String, Value)> {
    // component names are of these characters alone
    let id = |suffix: &str| -> String {
        format!("{kind}-{suffix}")
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                    c
                } else {
                    '_'
                }
            })
            .take(100)
            .collect()
    };
    let authorization = matches!(place, "header") && name.eq_ignore_ascii_case("authorization")
        || place == "authorization";
    let http = |scheme: &str| Some((kind.to_owned(), json!({"type": "http", "scheme": scheme})));
    match kind {
        "basic" => http("basic"),
        "digest" => http("digest"),
        "ntlm" => http("ntlm"),
        "negotiate" => http("negotiate"),
        "mtls" => Some((kind.into(), json!({"type": "mutualTLS"}))),
        "jwt" if authorization => Some((
            kind.into(),
            json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
        )),
        "bearer" | "oauth" | "jwt" if authorization => http("bearer"),
        _ => {
            let at = match place {
                "header" => "header",
                "cookie" => "cookie",
                "query" => "query",
                _ => return None,
            };
            (!name.is_empty() && name.len() <= 128)
                .then(|| (id(name), json!({"type": "apiKey", "in": at, "name": name})))
        }
    }
}
