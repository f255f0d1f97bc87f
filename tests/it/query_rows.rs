//! Filters and pages against what the unfiltered rows say: every filter must select exactly the rows that a reader of
//! the JSON would pick by hand.

use crate::cli::{loaded, text};
use leaktrace::query::read::{self, Cx, Page, Sort};
use leaktrace::query::{Filter, rows::CallRow};
use serde_json::Value;

fn all() -> Vec<Value> {
    loaded().rows(&["calls"])
}

fn s<'a>(v: &'a Value, k: &str) -> &'a str {
    v[k].as_str().unwrap_or("")
}

/// A filter and what it means for a row.
type Pick = (&'static str, fn(&Value) -> bool);

#[test]
fn filters_pick_what_their_words_say() {
    let rows = all();
    let picks: &[Pick] = &[
        ("status:404", |r| r["status"] == 404),
        ("status >= 400 method == POST", |r| {
            r["status"].as_i64() >= Some(400) && r["method"] == "POST"
        }),
        ("method:post", |r| r["method"] == "POST"),
        ("status in {401,403}", |r| {
            r["status"] == 401 || r["status"] == 403
        }),
        ("status:300..399", |r| {
            r["status"]
                .as_i64()
                .is_some_and(|n| (300..400).contains(&n))
        }),
        ("method != GET", |r| {
            !r["method"].is_null() && r["method"] != "GET"
        }),
        ("not method:GET", |r| r["method"] != "GET"),
        ("host:shop", |r| {
            s(r, "host").to_lowercase().contains("shop")
        }),
        ("host:api*shop", |r| {
            let h = s(r, "host");
            h.find("api").is_some_and(|i| h[i..].contains("shop"))
        }),
        ("host == api.shop.example", |r| {
            r["host"] == "api.shop.example"
        }),
        ("path:/API/customers", |r| {
            s(r, "path").to_lowercase().contains("/api/customers")
        }),
        ("path startswith /api", |r| s(r, "path").starts_with("/api")),
        ("path ~ /^.api.[a-z]+$/", |r| {
            s(r, "path")
                .strip_prefix("/api/")
                .is_some_and(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_lowercase()))
        }),
        ("account:acme-bi", |r| r["account"] == "acme-bi"),
        ("account:svc*", |r| s(r, "account").starts_with("svc")),
        ("account_conf > 0.9", |r| {
            r["account_conf"].as_f64() > Some(0.9)
        }),
        ("via:cookie", |r| r["account_via"] == "cookie"),
        ("level >= high", |r| s(r, "level") >= "S3"),
        ("sens:none", |r| r["level"] == "S0"),
        ("class:bank-card", |r| {
            r["classes"]
                .as_array()
                .unwrap()
                .contains(&"bank-card".into())
        }),
        ("class != email", |r| {
            !r["classes"].as_array().unwrap().contains(&"email".into())
        }),
        ("class", |r| !r["classes"].as_array().unwrap().is_empty()),
        ("kind:bank-card", |r| {
            r["classes"]
                .as_array()
                .unwrap()
                .contains(&"bank-card".into())
        }),
        ("records > 10", |r| r["records"].as_i64() > Some(10)),
        ("is:unmasked", |r| {
            r["flags"].as_array().unwrap().contains(&"unmasked".into())
        }),
        ("flags:log-only", |r| {
            r["flags"].as_array().unwrap().contains(&"log-only".into())
        }),
        ("is:log-only or is:masked", |r| {
            let f = r["flags"].as_array().unwrap();
            f.contains(&"log-only".into()) || f.contains(&"masked".into())
        }),
        ("proto:log", |r| r["proto"] == "log"),
        ("proto:http*", |r| s(r, "proto").starts_with("http")),
        ("src:10.20.8.0/24", |r| s(r, "src").starts_with("10.20.8.")),
        ("src not in 10.20.0.0/16", |r| {
            !s(r, "src").starts_with("10.20.")
        }),
        ("dport == 3000 or sport:3000", |r| {
            r["dport"] == 3000 || r["sport"] == 3000
        }),
        ("port:8000", |r| r["dport"] == 8000 || r["sport"] == 8000),
        ("size > 4kb", |r| {
            r["resp_content_len"].as_i64() > Some(4000)
        }),
        ("resp_content_len", |r| !r["resp_content_len"].is_null()),
        ("not resp_content_len", |r| r["resp_content_len"].is_null()),
        ("user_agent:curl", |r| {
            s(r, "user_agent").to_lowercase().contains("curl")
        }),
        ("type:json", |r| s(r, "resp_type").contains("json")),
        ("parent", |r| !r["parent"].is_null()),
        ("session", |r| !r["session"].is_null()),
        ("source:gateway", |r| s(r, "source").contains("gateway")),
        ("time < start+2s", |r| s(r, "ts") < "2026-11-23T19:08:57"),
        ("t in 19:09:05..19:09:06", |r| {
            ("2026-11-23T19:09:05".."2026-11-23T19:09:07").contains(&s(r, "ts"))
        }),
        ("t > 2026-11-23T19:09:10Z", |r| {
            s(r, "ts") >= "2026-11-23T19:09:11"
        }),
        ("api:\"GET /api/customers\"", |r| {
            s(r, "api").starts_with("GET ") && s(r, "api").contains("/api/customers")
        }),
        ("is:ok and (method:PUT or method:DELETE)", |r| {
            r["status"].as_i64().is_some_and(|n| n < 400)
                && ["PUT", "DELETE"].contains(&s(r, "method"))
        }),
    ];
    let cx = Cx::open(&loaded().case, false).unwrap();
    for (filter, wanted) in picks {
        let want: Vec<&str> = rows
            .iter()
            .filter(|r| wanted(r))
            .map(|r| s(r, "id"))
            .collect();
        let ids = read::call_ids(&cx, &Filter::parse(filter).unwrap(), &Page::default()).unwrap();
        let have: Vec<String> = ids
            .into_iter()
            .filter_map(|id| read::id_of(&cx, id).unwrap())
            .collect();
        assert_eq!(have, want, "{filter}");
    }
}

#[test]
fn text_is_found_in_targets_headers_and_bodies() {
    let l = loaded();
    for filter in ["idCard", "resp.body:idCard", "body ~ /\"idCard\"\\s*:/"] {
        let rows = l.rows(&["calls", filter, "--limit", "20"]);
        assert!(!rows.is_empty(), "{filter}");
        for r in &rows {
            let shown = text(&l.run(&["show", s(r, "id"), "--json"]).stdout);
            assert!(shown.contains("idCard"), "{filter}");
        }
    }
    let rows = l.rows(&["calls", "req.header.user-agent:report-job", "--limit", "5"]);
    assert!(
        rows.iter()
            .all(|r| s(r, "user_agent").contains("report-job"))
            && !rows.is_empty()
    );
    let n = |f: &str| l.rows(&["calls", f]).len();
    assert_eq!(
        n("header.authorization") + n("not header.authorization"),
        all().len()
    );
    let found = l.rows(&["findings", "class:bank-card dir:resp"]);
    assert!(found.iter().any(|f| f["class"] == "bank-card"));
}

#[test]
fn rows_of_groups_agree_with_the_calls_they_are_made_of() {
    let l = loaded();
    // The summary tables and the same made from calls must agree.
    for verb in ["apis", "accounts", "sessions"] {
        let (a, b) = (l.rows(&[verb]), l.rows(&[verb, "status or not status"]));
        for (a, b) in a.iter().zip(&b) {
            let id = format!("{verb} {}", a.as_object().unwrap().values().next().unwrap());
            for key in [
                "calls",
                "level",
                "ok_ratio",
                "first",
                "start",
                "addresses",
                "max_records",
            ] {
                assert_eq!(a[key], b[key], "{id}: {key}");
            }
            let classes = |r: &Value| -> Vec<(String, u64)> {
                let list = r["classes"].as_array().cloned().unwrap_or_default();
                list.iter()
                    .map(|c| (s(c, "class").to_owned(), c["calls"].as_u64().unwrap()))
                    .collect()
            };
            assert_eq!(classes(a), classes(b), "{id}");
        }
        assert_eq!(a.len(), b.len());
    }
    let rows = all();
    for a in l.rows(&["accounts", "status >= 400"]) {
        let n = rows
            .iter()
            .filter(|r| r["account"] == a["account"] && r["status"].as_i64() >= Some(400))
            .count();
        assert_eq!(a["calls"].as_u64(), Some(n as u64), "{}", a["account"]);
    }
    let risk = &l.rows(&["risks"])[0];
    let one = risk["calls"][0].as_str().unwrap();
    let again = l.rows(&["risks", &format!("id:{one}")]);
    assert!(again.contains(risk));
    let flows: u64 = l
        .rows(&["flows", "app:http"])
        .iter()
        .map(|f| f["calls"].as_u64().unwrap())
        .sum();
    assert!(flows > 0);
}

#[test]
fn pages_join_to_the_whole_in_every_order_and_direction() {
    let cx = Cx::open(&loaded().case, false).unwrap();
    for (filter, sort) in [
        ("", Sort::Time),
        ("level >= S2", Sort::Time),
        ("account:acme-bi", Sort::Size),
        ("status", Sort::Account),
        ("records > 0", Sort::Records),
        ("method:POST", Sort::Dur),
    ] {
        let filter = Filter::parse(filter).unwrap();
        for desc in [false, true] {
            let base = Page {
                sort,
                desc,
                ..Page::default()
            };
            let whole = read::call_ids(&cx, &filter, &base).unwrap();
            assert_eq!(whole.len() as u64, read::count(&cx, &filter, None).unwrap());
            assert!(whole.len() > 10);
            let (mut forth, mut at) = (Vec::new(), None);
            loop {
                let page = Page {
                    limit: 97,
                    after: at,
                    ..base
                };
                let ids = read::call_ids(&cx, &filter, &page).unwrap();
                let Some(last) = ids.last() else { break };
                at = Some(*last);
                forth.extend(ids);
            }
            assert_eq!(forth, whole, "{sort:?} {desc}");
            let mut back = vec![*whole.last().unwrap()];
            loop {
                let page = Page {
                    limit: 89,
                    before: back.first().copied(),
                    ..base
                };
                let ids = read::call_ids(&cx, &filter, &page).unwrap();
                if ids.is_empty() {
                    break;
                }
                back.splice(0..0, ids);
            }
            assert_eq!(back, whole, "back {sort:?} {desc}");
        }
    }
}

#[test]
fn a_histogram_counts_every_call_once() {
    let cx = Cx::open(&loaded().case, false).unwrap();
    for text in ["", "level >= S3"] {
        let filter = Filter::parse(text).unwrap();
        let h = read::histogram(&cx, &filter, 60).unwrap();
        let sum: u64 = h.slots.iter().flatten().sum();
        assert_eq!(sum, read::count(&cx, &filter, None).unwrap(), "{text}");
    }
}

#[test]
fn values_and_records_lead_to_every_call_that_carries_them() {
    let l = loaded();
    let finding = l
        .rows(&["findings", "class:cn-id dir:resp", "--limit", "30"])
        .into_iter()
        .find(|f| f["class"] == "cn-id" && !f["record"].is_null())
        .unwrap();
    let record = s(&finding, "record");
    let calls = l.rows(&["calls", &format!("record:\"{record}\"")]);
    assert!(calls.iter().any(|c| c["id"] == finding["call"]), "{record}");
    let clear = l.rows(&[
        "findings",
        &format!("id:{}", s(&finding, "call")),
        "--reveal",
    ]);
    let same = clear
        .iter()
        .find(|f| f["where"] == finding["where"])
        .unwrap();
    let by_value = l.rows(&["calls", &format!("value:{}", s(same, "value"))]);
    assert!(by_value.iter().any(|c| c["id"] == finding["call"]));
}

#[test]
fn old_ids_and_rows_by_id_resolve() {
    let cx = Cx::open(&loaded().case, false).unwrap();
    let ids = read::call_ids(&cx, &Filter::all(), &Page::first(50)).unwrap();
    let rows: Vec<CallRow> = read::call_rows(&cx, &ids).unwrap();
    for row in rows {
        assert_eq!(read::find_call(&cx, &row.id).unwrap(), Some(row.rowid));
    }
}
