//! Secrets in clear: passwords, keys and tokens in a request target or in an unencrypted body. In: calls. Out: one risk per API and place.
//! Bounds: linear after sorting by API.

use super::{CALLS, Risk, SECRET_REQ, SECRET_RESP, SECRET_TARGET, View, severity};

/// APIs through which secrets passed readably.
pub fn find(v: &View<'_>) -> Vec<Risk> {
    let mut out = Vec::new();
    for (bit, place) in [
        (SECRET_TARGET, "the request target"),
        (SECRET_REQ, "a request body"),
        (SECRET_RESP, "a response body"),
    ] {
        // A target is written into logs, histories and referers, so encryption does not help it; a body is as safe as its connection.
        let list = v.sorted(|c| {
            (c.secrets & bit != 0 && (bit == SECRET_TARGET || !c.tls)).then_some(c.api)
        });
        for group in list.chunk_by(|a, b| a.0 == b.0) {
            let Some((api, _, _)) = group.first() else {
                continue;
            };
            let calls: Vec<u32> = group.iter().map(|(_, _, i)| *i).collect();
            let lines = || calls.iter().filter_map(|i| v.calls.get(*i as usize));
            let bits = lines().fold(0u64, |b, c| b | (c.clear & v.levels.secret));
            let names: Vec<&str> = (0..64u8)
                .filter(|c| bits & (1 << c) != 0)
                .map(|c| v.class(c))
                .collect();
            let outside = lines().any(|c| {
                [c.src, c.dst].iter().any(|a| {
                    v.addrs
                        .get(*a as usize)
                        .is_some_and(|a| !v.inside.has_bits(*a))
                })
            });
            let keys = names
                .iter()
                .any(|n| matches!(*n, "private-key" | "cloud-key"));
            let mut score: f64 = match bit {
                SECRET_TARGET => 60.0,
                SECRET_RESP => 55.0,
                // A login form over an unencrypted connection inside: common, and still readable by everybody on the way.
                _ => 35.0,
            };
            if outside {
                score += 20.0;
            }
            if keys {
                score += 15.0;
            }
            out.push(Risk {
                rule: "secret-in-clear",
                dimension: "exposure",
                severity: severity(score),
                subject: v.api(*api).to_owned(),
                why: format!(
                    "{} in {place} of {} calls{}{}",
                    if names.is_empty() {
                        "a credential".to_owned()
                    } else {
                        names.join(", ")
                    },
                    calls.len(),
                    if bit == SECRET_TARGET {
                        "; targets are kept in logs and histories"
                    } else {
                        ", not encrypted"
                    },
                    if outside {
                        "; an outside address took part"
                    } else {
                        ""
                    }
                ),
                score,
                span: v.span(&calls),
                calls: calls.into_iter().take(CALLS).collect(),
                account: super::super::calls::NONE,
            });
        }
    }
    out
}
