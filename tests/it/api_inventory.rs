//! Templates, specifications, corrections and the exported inventory through the real binary.

use crate::cli::text;
use crate::tools::Rig;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A HAR of calls: method, URL, status, answer.
fn har(calls: &[(&str, &str, u16, Value)]) -> Vec<u8> {
    let entries: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(i, (method, url, status, answer))| {
            let body = answer.to_string();
            json!({
                "startedDateTime": format!("2026-03-01T10:{:02}:{:02}.000Z", i / 60 % 60, i % 60),
                "time": 5.0,
                "request": {"method": method, "url": url, "httpVersion": "HTTP/1.1",
                    "headers": [{"name": "Authorization", "value": "Bearer q8Zr1xV5kT2mW9pL4nB7sD3f"}],
                    "queryString": [], "cookies": [], "headersSize": -1, "bodySize": 0},
                "response": {"status": status, "statusText": "", "httpVersion": "HTTP/1.1",
                    "headers": [{"name": "Content-Type", "value": "application/json"}], "cookies": [],
                    "content": {"size": body.len(), "mimeType": "application/json", "text": body},
                    "redirectURL": "", "headersSize": -1, "bodySize": body.len()},
                "cache": {}, "timings": {"send": 0, "wait": 5, "receive": 0}
            })
        })
        .collect();
    json!({"log": {"version": "1.2", "creator": {"name": "t", "version": "1"}, "entries": entries}})
        .to_string()
        .into_bytes()
}

fn get(url: &str, answer: Value) -> (&'static str, String, u16, Value) {
    ("GET", url.to_owned(), 200, answer)
}

fn load(rig: &Rig, name: &str, calls: &[(&'static str, String, u16, Value)], more: &[&str]) {
    let calls: Vec<(&str, &str, u16, Value)> = calls
        .iter()
        .map(|(m, u, s, v)| (*m, u.as_str(), *s, v.clone()))
        .collect();
    let file = rig.write(name, &har(&calls));
    let (code, _) = rig.load(&[&[file.as_str()], more].concat());
    assert_eq!(code, 0);
}

/// APIs by name.
fn apis(rig: &Rig) -> BTreeMap<String, Value> {
    rig.rows(&["apis"])
        .into_iter()
        .map(|r| (r["api"].as_str().unwrap().to_owned(), r))
        .collect()
}

fn names(rig: &Rig) -> Vec<String> {
    apis(rig).into_keys().collect()
}

fn shop() -> Vec<(&'static str, String, u16, Value)> {
    let mut calls = Vec::new();
    for id in 1..=6 {
        calls.push(get(
            &format!("http://shop.example/v1/users/{id}"),
            json!({"id": id, "mobile": format!("1390013800{id}"), "state": if id % 2 == 0 { "active" } else { "closed" }, "at": "2026-01-02T03:04:05Z"}),
        ));
        calls.push(get(
            &format!("http://shop.example/v1/users/{id}/orders?page={id}"),
            json!({"items": [{"no": format!("ORD-2026-{id:05}"), "total": 1.5}], "next": null}),
        ));
    }
    calls.push(get("http://shop.example/v1/users/me", json!({"id": 1})));
    calls.push(get(
        "http://shop.example/v1/users/export",
        json!({"file": "x"}),
    ));
    calls.push(get("http://shop.example/v1/reports/daily", json!({"a": 1})));
    calls.push(get(
        "http://shop.example/v1/reports/weekly",
        json!({"b": 1}),
    ));
    calls
}

#[test]
fn identifiers_that_answers_hand_out_decide_a_fold() {
    // two words that nothing else tells from routes
    let names_of = |handed: bool| {
        let rig = Rig::new();
        let list = if handed {
            json!({"items": [{"slug": "harbour"}, {"slug": "lantern"}]})
        } else {
            json!({"items": []})
        };
        load(
            &rig,
            "a.har",
            &[
                get("http://h.example/offering", list),
                get(
                    "http://h.example/offering/harbour",
                    json!({"x": 1, "text": "a"}),
                ),
                get(
                    "http://h.example/offering/lantern",
                    json!({"x": 2, "text": "b"}),
                ),
            ],
            &[],
        );
        apis(&rig)
    };
    let with = names_of(true);
    let folded = &with["GET h.example/offering/{id}"];
    assert_eq!(folded["calls"], 2);
    let why = folded["why"].as_str().unwrap();
    assert!(
        why.contains("handed out by other answers ($.items.slug)"),
        "{why}"
    );
}

#[test]
fn answers_that_differ_keep_routes_apart() {
    let rig = Rig::new();
    load(
        &rig,
        "a.har",
        &[
            get(
                "http://h.example/coupons/harbour",
                json!({"file": "x", "rows": 3, "type": "y"}),
            ),
            get(
                "http://h.example/coupons/lantern",
                json!({"count": 1, "sum": 4}),
            ),
            get(
                "http://h.example/tags/harbour",
                json!({"id": 1, "posts": 3}),
            ),
            get(
                "http://h.example/tags/lantern",
                json!({"id": 2, "posts": 4}),
            ),
        ],
        &[],
    );
    assert_eq!(
        names(&rig),
        [
            "GET h.example/coupons/harbour",
            "GET h.example/coupons/lantern",
            "GET h.example/tags/{id}"
        ]
    );
}

#[test]
fn specifications_tell_documented_undocumented_and_never_called() {
    let rig = Rig::new();
    load(&rig, "a.har", &shop(), &[]);
    assert!(apis(&rig).values().all(|r| r["documented"].is_null()));
    let spec = rig.write(
        "shop.yaml",
        b"openapi: 3.1.0\ninfo: {title: Shop, version: '1'}\nservers: [{url: 'https://shop.example/v1'}]\npaths:\n  /users/{userId}:\n    get: {responses: {'200': {description: ok}}}\n    delete: {responses: {'204': {description: gone}}}\n  /users/{userId}/orders:\n    get: {responses: {'200': {description: ok}}}\n  /reports/{period}:\n    get: {responses: {'200': {description: ok}}}\n",
    );
    // given to a case that is loaded
    let rows = rig.rows(&["apis", "--spec", &spec]);
    let by: BTreeMap<&str, &Value> = rows
        .iter()
        .map(|r| (r["api"].as_str().unwrap(), r))
        .collect();
    let documented = |name: &str| by[name]["documented"].clone();
    assert_eq!(documented("GET shop.example/v1/users/{id}"), true);
    assert_eq!(documented("GET shop.example/v1/users/{id}/orders"), true);
    assert_eq!(documented("GET shop.example/v1/users/me"), false);
    assert_eq!(documented("GET shop.example/v1/users/export"), false);
    let never = by["DELETE shop.example/v1/users/{id}"];
    assert_eq!(
        (
            never["calls"].clone(),
            never["documented"].clone(),
            never["state"].clone(),
            never["first"].clone()
        ),
        (json!(0), json!(true), Value::Null, Value::Null)
    );
    assert_eq!(never["spec"], "shop.yaml");
    // counted apart, filtered, kept over another load, and in the journal with its hash
    assert_eq!(rig.rows(&["apis", "documented:false"]).len(), 2);
    // words are its values where nothing else is
    assert_eq!(documented("GET shop.example/v1/reports/{id}"), true);
    assert!(rig.rows(&["calls", "documented:true"]).len() >= 12);
    let unseen = rig.rows(&["apis", "documented:unseen"]);
    assert_eq!(unseen.len(), 1, "{unseen:?}");
    load(
        &rig,
        "b.har",
        &[get("http://shop.example/v1/users/77", json!({"id": 77}))],
        &[],
    );
    assert_eq!(
        apis(&rig)["GET shop.example/v1/users/{id}"]["documented"],
        true
    );
    let out = rig.run(&[
        "sql",
        "--reveal",
        "--json",
        "SELECT detail FROM journal WHERE act='spec'",
    ]);
    let said = text(&out.stdout);
    assert!(
        said.contains("sha256") && said.contains("shop.yaml"),
        "{said}"
    );
    // twice is once
    rig.rows(&["apis", "--spec", &spec]);
    let out = rig.run(&[
        "sql",
        "--reveal",
        "--json",
        "SELECT count(*) AS n FROM spec",
    ]);
    assert!(
        text(&out.stdout).contains("\"n\":1"),
        "{}",
        text(&out.stdout)
    );
    let out = rig.run(&["apis", "--spec", &rig.write("bad.yaml", b"just: words")]);
    assert_eq!(out.status.code(), Some(2));
}

#[test]
fn a_specification_while_loading_is_evidence_for_folds() {
    let rig = Rig::new();
    let spec = rig.write("routes.txt", b"GET /store/{town}\nGET /store/list\n");
    let calls = [
        get("http://10.0.0.3:8080/store/harbour", json!({"a": 1})),
        get("http://10.0.0.3:8080/store/list", json!({"b": 1})),
    ];
    load(&rig, "a.har", &calls, &["--spec", &spec]);
    let all = apis(&rig);
    let folded = &all["GET 10.0.0.3:8080/store/{id}"];
    assert_eq!(folded["documented"], true);
    assert!(
        folded["why"]
            .as_str()
            .unwrap()
            .contains("by the specification routes.txt")
    );
    assert_eq!(all["GET 10.0.0.3:8080/store/list"]["documented"], true);
}

#[test]
fn corrections_apply_at_once_and_survive_reload_and_a_later_load() {
    let rig = Rig::new();
    load(&rig, "a.har", &shop(), &[]);
    let correct = |args: &[&str]| {
        let out = rig.run(&[&["correct"], args].concat());
        (out.status.code().unwrap(), text(&out.stderr))
    };
    let has = |name: &str| names(&rig).iter().any(|n| n == name);
    // split: one value apart, then all
    assert_eq!(
        correct(&["split", "GET shop.example/v1/users/{id}", "3"]).0,
        0
    );
    assert!(has("GET shop.example/v1/users/3") && has("GET shop.example/v1/users/{id}"));
    // what no call has there is kept for later loads, and told
    let (code, said) = correct(&["split", "GET shop.example/v1/users/{id}", "4", "nobody"]);
    assert!(
        code == 0 && said.contains("no call here has nobody so far"),
        "{said}"
    );
    let (code, said) = correct(&["undo"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(apis(&rig)["GET shop.example/v1/users/{id}"]["calls"], 5);
    assert_eq!(apis(&rig)["GET shop.example/v1/users/3/orders"]["calls"], 1);
    // merge
    let (code, said) = correct(&[
        "merge",
        "GET shop.example/v1/reports/daily",
        "GET shop.example/v1/reports/weekly",
    ]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(apis(&rig)["GET shop.example/v1/reports/{id}"]["calls"], 2);
    let why = apis(&rig)["GET shop.example/v1/reports/{id}"]["why"].to_string();
    assert!(why.contains("by the investigator"), "{why}");
    // rename, twice
    assert_eq!(
        correct(&["rename", "GET shop.example/v1/users/me", "whoami"]).0,
        0
    );
    assert_eq!(correct(&["rename", "whoami", "who am I"]).0, 0);
    assert!(has("who am I") && !has("whoami"));
    // pin: names that come later may not fold what is pinned
    assert_eq!(correct(&["pin", "GET shop.example/v1/users/export"]).0, 0);
    // a later load
    let later = [
        get("http://shop.example/v1/users/3", json!({"id": 3})),
        get("http://shop.example/v1/users/99", json!({"id": 99})),
        get("http://shop.example/v1/reports/daily", json!({"a": 2})),
        get("http://shop.example/v1/users/me", json!({"id": 1})),
    ];
    load(&rig, "b.har", &later, &[]);
    let all = apis(&rig);
    assert_eq!(all["GET shop.example/v1/users/3"]["calls"], 2);
    assert_eq!(all["GET shop.example/v1/users/{id}"]["calls"], 6);
    assert_eq!(all["GET shop.example/v1/reports/{id}"]["calls"], 3);
    assert_eq!(all["who am I"]["calls"], 2);
    assert!(all.contains_key("GET shop.example/v1/users/export"));
    assert_eq!(rig.rows(&["correct", "list"]).len(), 4);
    // undo, one after the other
    for _ in 0..5 {
        assert_eq!(correct(&["undo"]).0, 0);
    }
    assert_eq!(correct(&["undo"]).0, 1);
    let all = apis(&rig);
    assert_eq!(all["GET shop.example/v1/users/{id}"]["calls"], 8);
    assert!(
        all.contains_key("GET shop.example/v1/reports/daily")
            && all.contains_key("GET shop.example/v1/users/me")
    );
    // what makes no sense is refused
    for bad in [
        &["pin", "GET nowhere/x"][..],
        &["split", "GET shop.example/v1/users/me", "x"],
        &[
            "merge",
            "GET shop.example/v1/users/me",
            "GET shop.example/v1/reports/daily",
        ],
        &["rename", "GET shop.example/v1/users/me", " "],
    ] {
        assert_eq!(correct(bad).0, 2, "{bad:?}");
    }
    let (_, verified) = (0, rig.run(&["verify", "--json"]));
    assert_eq!(
        verified.status.code(),
        Some(0),
        "{}",
        text(&verified.stdout)
    );
}

fn exported(rig: &Rig, name: &str) -> (PathBuf, Value) {
    let out = rig.at(name);
    let done = rig.run(&["export", "--format", "openapi", "-o", out.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let doc = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    (out, doc)
}

#[test]
fn the_inventory_is_a_valid_openapi_document_without_values() {
    let rig = Rig::new();
    load(&rig, "a.har", &shop(), &[]);
    let (path, doc) = exported(&rig, "one.json");
    let op = &doc["paths"]["/v1/users/{userId}"]["get"];
    assert_eq!(op["parameters"][0]["schema"], json!({"type": "integer"}));
    let schema = &op["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(schema["properties"]["mobile"]["x-data-class"], "cn-mobile");
    assert_eq!(schema["properties"]["at"]["format"], "date-time");
    assert_eq!(
        schema["properties"]["state"]["enum"],
        json!(["active", "closed"])
    );
    assert_eq!(schema["required"], json!(["at", "id", "mobile", "state"]));
    let orders = &doc["paths"]["/v1/users/{userId}/orders"]["get"];
    assert_eq!(orders["parameters"][1]["name"], "page");
    assert!(
        op["security"].is_array() && doc["components"]["securitySchemes"].is_object(),
        "{doc}"
    );
    let whole = std::fs::read_to_string(&path).unwrap();
    for value in ["1390013800", "q8Zr1xV5kT2mW9pL4nB7sD3f", "ORD-2026"] {
        assert!(!whole.contains(value), "{value}");
    }
    let (again, _) = exported(&rig, "two.json");
    assert_eq!(whole, std::fs::read_to_string(again).unwrap());
    validate(&path);
}

#[test]
fn the_inventory_of_the_demo_is_valid_too() {
    let rig = Rig::new();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-data");
    let (code, _) = rig.load(&[demo.to_str().unwrap()]);
    assert!(matches!(code, 0 | 3));
    let (path, doc) = exported(&rig, "demo.json");
    assert!(doc["paths"].as_object().unwrap().len() > 5);
    validate(&path);
}

/// By another program's rules: `openapi-spec-validator`, installed once beside the build.
fn validate(path: &Path) {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi-venv");
    let tool = venv.join("bin/openapi-spec-validator");
    if !tool.exists() {
        let made = Command::new("python3")
            .args(["-m", "venv"])
            .arg(&venv)
            .output();
        let pip = Command::new(venv.join("bin/pip"))
            .args([
                "-q",
                "--disable-pip-version-check",
                "install",
                "openapi-spec-validator",
            ])
            .output();
        let ok = made.is_ok_and(|o| o.status.success()) && pip.is_ok_and(|o| o.status.success());
        if !ok {
            eprintln!(
                "SKIPPED: {} is not checked, openapi-spec-validator cannot be installed",
                path.display()
            );
            return;
        }
    }
    let out = Command::new(tool).arg(path).output().unwrap();
    assert!(
        out.status.success(),
        "{}{}",
        text(&out.stdout),
        text(&out.stderr)
    );
}
