//! Operations on one URL, gRPC-Web, events and forms: captures written here, loaded and asked for as others ask for them.

use crate::support::wire::{Wire, request, response};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

type Exchange = (Vec<u8>, Vec<u8>);

/// A case of these exchanges, each on a connection of its own, in the given order.
struct Made {
    dir: tempfile::TempDir,
}

impl Made {
    fn empty() -> Made {
        let dir = tempfile::tempdir().unwrap();
        Made { dir }
    }
    fn of(list: &[Exchange]) -> Made {
        let made = Made::empty();
        let mut w = Wire::new(Vec::new(), 1_790_000_000_000_000_000).unwrap();
        for ((ask, answer), n) in list.iter().zip(1..) {
            let client = (Ipv4Addr::new(10, 0, 0, 9), 40_000 + n);
            let mut c = w.open(client, (Ipv4Addr::new(10, 0, 0, 1), 80)).unwrap();
            w.exchange(&mut c, ask, answer).unwrap();
            w.close(&mut c).unwrap();
        }
        let capture = made.dir.path().join("a.pcap");
        std::fs::write(&capture, w.into_inner()).unwrap();
        made.run(&["load", capture.to_str().unwrap()], 0);
        made
    }
    fn case(&self) -> PathBuf {
        self.dir.path().join("a.ltc")
    }
    fn run(&self, args: &[&str], code: i32) -> String {
        let out = Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .arg("--case")
            .arg(self.case())
            .env("XDG_STATE_HOME", self.dir.path().join("state"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {err}");
        String::from_utf8(out.stdout).unwrap()
    }
    fn rows(&self, args: &[&str]) -> Vec<Value> {
        let text = self.run(&[args, &["--json"]].concat(), 0);
        text.lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }
    /// Name, kind and calls of every API.
    fn apis(&self) -> Vec<(String, String, u64)> {
        self.rows(&["apis"])
            .iter()
            .map(|r| {
                (
                    r["api"].as_str().unwrap().into(),
                    r["kind"].as_str().unwrap().into(),
                    r["calls"].as_u64().unwrap(),
                )
            })
            .collect()
    }
    fn ids(&self, filter: &str) -> Vec<String> {
        self.rows(&["calls", filter])
            .iter()
            .map(|r| r["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn json_call(target: &str, body: &str, answer: &str) -> Exchange {
    typed(
        target,
        "application/json",
        body.as_bytes(),
        "application/json",
        answer.as_bytes(),
    )
}

fn typed(target: &str, media: &str, body: &[u8], answer_media: &str, answer: &[u8]) -> Exchange {
    (
        request(
            "POST",
            "api.example",
            target,
            &[("Content-Type", media)],
            body,
        ),
        response("200 OK", &[("Content-Type", answer_media)], answer),
    )
}

fn get(target: &str, answer: &str) -> Exchange {
    (
        request("GET", "api.example", target, &[], b""),
        response(
            "200 OK",
            &[("Content-Type", "application/json")],
            answer.as_bytes(),
        ),
    )
}

#[test]
fn every_operation_on_one_url_is_an_api() {
    let mut list = vec![
        json_call(
            "/graphql",
            r#"{"query":"query GetUser{user{id}}"}"#,
            r#"{"data":{}}"#,
        ),
        json_call(
            "/graphql",
            r#"{"query":"mutation{save{id} close{id}}"}"#,
            r#"{"data":{}}"#,
        ),
        json_call(
            "/graphql",
            r#"[{"query":"query B{b}"},{"query":"query GetUser{user{id}}"}]"#,
            "[]",
        ),
        get(
            "/graphql?query=query+GetUser%7Buser%7Bid%7D%7D",
            r#"{"data":{}}"#,
        ),
        json_call(
            "/rpc",
            r#"{"jsonrpc":"2.0","method":"user.get","id":1}"#,
            "{}",
        ),
        json_call(
            "/rpc",
            r#"{"jsonrpc":"2.0","method":"user.list","id":1}"#,
            "{}",
        ),
        typed(
            "/RPC2",
            "text/xml",
            b"<methodCall><methodName>pay</methodName></methodCall>",
            "text/xml",
            b"<methodResponse/>",
        ),
        (
            request(
                "POST",
                "api.example",
                "/ws",
                &[
                    ("Content-Type", "text/xml"),
                    ("SOAPAction", "\"urn:x/GetUser\""),
                ],
                b"<s:Envelope xmlns:s='a'><s:Body><GetUserRequest/></s:Body></s:Envelope>",
            ),
            response(
                "200 OK",
                &[("Content-Type", "text/xml")],
                b"<s:Envelope xmlns:s='a'/>",
            ),
        ),
        get("/odata/Customers('ALFKI')/Orders", "{}"),
        get("/odata/Customers('ANATR')/Orders", "{}"),
        get("/odata/Orders(OrderID=1,Line='x')", "{}"),
    ];
    // a dispatcher: what is answered goes with the field
    for (action, answer) in [
        ("list", r#"{"rows":[{"id":1}]}"#),
        ("detail", r#"{"id":1,"name":"a"}"#),
        ("drop", r#"{"ok":true}"#),
        ("list", r#"{"rows":[]}"#),
    ] {
        list.push(get(&format!("/admin.php?action={action}&n=1"), answer));
    }
    list.push(get("/admin.php", "{}"));
    // no dispatcher: a way of paying
    for way in ["alipay", "wechat", "card", "card"] {
        list.push(json_call(
            "/pay",
            &format!(r#"{{"method":"{way}","amount":5}}"#),
            r#"{"code":0}"#,
        ));
    }
    let want: Vec<(String, String, u64)> = [
        ("GET api.example/admin.php", "rest", 1),
        ("GET api.example/admin.php#detail", "rpc", 1),
        ("GET api.example/admin.php#drop", "rpc", 1),
        ("GET api.example/admin.php#list", "rpc", 2),
        ("GET api.example/graphql#GetUser", "graphql", 1),
        ("GET api.example/odata/Customers({id})/Orders", "odata", 2),
        ("GET api.example/odata/Orders({id})", "odata", 1),
        ("POST api.example/RPC2#pay", "xml-rpc", 1),
        ("POST api.example/graphql#B,GetUser", "graphql", 1),
        ("POST api.example/graphql#GetUser", "graphql", 1),
        ("POST api.example/graphql#close,save", "graphql", 1),
        ("POST api.example/pay", "rest", 4),
        ("POST api.example/rpc#user.get", "json-rpc", 1),
        ("POST api.example/rpc#user.list", "json-rpc", 1),
        ("POST api.example/ws#GetUser", "soap", 1),
    ]
    .map(|(a, k, n)| (a.to_owned(), k.to_owned(), n))
    .into();
    for turn in 0..2 {
        if turn == 1 {
            list.reverse();
        }
        let made = Made::of(&list);
        let mut got = made.apis();
        got.sort();
        assert_eq!(got, want, "turn {turn}");
        let why = |name: &str| {
            let rows = made.rows(&["apis", &format!("api:\"{name}\"")]);
            let row = rows
                .iter()
                .find(|r| r["api"].as_str().unwrap().ends_with(name))
                .unwrap();
            row["why"].as_str().unwrap().to_owned()
        };
        assert_eq!(why("#close,save"), "mutation of close,save");
        assert_eq!(
            why("#detail"),
            "operation by query:action: 3 values, which are verbs, answers differ with it"
        );
        assert_eq!(made.ids("kind:graphql").len(), 4);
        assert_eq!(made.ids("api:*#GetUser").len(), 3, "two ways, and SOAP's");
    }
}

fn frame(flags: u8, m: &[u8]) -> Vec<u8> {
    [&[flags][..], &(m.len() as u32).to_be_bytes(), m].concat()
}

#[test]
fn grpc_web_has_its_status_its_messages_and_its_findings() {
    let person = b"\x0a\x1211010519491231002X\x12\x0d\x1a\x0b13812345678\x18\x2a\x22\x05hello";
    let body = [
        frame(0, person),
        frame(0, b""),
        frame(0x80, b"grpc-status:5\r\ngrpc-message:no\r\n"),
    ]
    .concat();
    let ask = frame(0, b"\x0a\x0213");
    let made = Made::of(&[
        typed(
            "/crm.v1.Customers/Get",
            "application/grpc-web+proto",
            &ask,
            "application/grpc-web+proto",
            &body,
        ),
        get("/plain", "{}"),
    ]);
    assert_eq!(
        made.apis().iter().find(|a| a.1 == "grpc").unwrap().0,
        "POST api.example/crm.v1.Customers/Get"
    );
    let id = &made.ids("grpc_status:5 proto:grpc")[0];
    assert_eq!(
        made.rows(&["calls"])
            .iter()
            .map(|r| r["grpc_status"].clone())
            .collect::<Vec<_>>(),
        [json!(5), Value::Null]
    );
    assert_eq!(
        made.rows(&["sql", "select count(*) n from calls where grpc_status=5"])[0]["n"],
        1
    );
    let shown = &made.rows(&["show", id])[0];
    let m = shown["messages"].as_array().unwrap();
    assert_eq!(m.len(), 4);
    assert_eq!(
        (&m[0]["dir"], &m[0]["n"], &m[0]["len"]),
        (&json!("req"), &json!(0), &json!(4))
    );
    assert_eq!(m[0]["json"], json!({"1": "13"}));
    assert_eq!(m[1]["json"]["4"], "hello");
    assert_eq!(m[1]["json"]["3"], 42);
    assert!(
        !m[1].to_string().contains("13812345678"),
        "values are masked"
    );
    assert_eq!(m[2]["json"], json!({}));
    assert_eq!(m[3]["text"], "grpc-status:5\r\ngrpc-message:no\r\n");
    let clear = &made.rows(&["show", id, "--reveal"])[0]["messages"][1];
    assert_eq!(
        clear["json"],
        json!({"1": "11010519491231002X", "2": {"3": "13812345678"}, "3": 42, "4": "hello"})
    );
    let places: Vec<String> = shown["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| {
            format!(
                "{} {} {}",
                f["dir"].as_str().unwrap(),
                f["where"].as_str().unwrap(),
                f["class"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(places, ["resp $[0].1 cn-id", "resp $[0].2.3 cn-mobile"]);
    // strings of messages are found as text, and everything holds when it is derived again
    assert_eq!(made.ids("body:hello"), std::slice::from_ref(id));
    made.run(&["verify"], 0);
    let lines = made.run(&["show", id], 0);
    assert!(lines.contains("resp 0 44 bytes  {"), "{lines}");
}

#[test]
fn events_and_forms_are_shown_and_searched() {
    let events = b"id: 1\nevent: add\ndata: {\"phone\":\"13812345678\"}\n\ndata: bye\n\n";
    let form = b"--b\r\nContent-Disposition: form-data; name=\"meta\"\r\nContent-Type: application/json\r\n\r\n{\"idCard\":\"11010519491231002X\"}\r\n--b--\r\n";
    let made = Made::of(&[
        typed(
            "/chat",
            "application/json",
            b"{}",
            "text/event-stream",
            events,
        ),
        typed(
            "/up",
            "multipart/form-data; boundary=b",
            form,
            "application/json",
            b"{}",
        ),
    ]);
    let id = &made.ids("api:*/chat")[0];
    let shown = &made.rows(&["show", id, "--reveal"])[0];
    // both came in one packet, the last of the answer
    let (ts, packet) = (&shown["end_ts"], &shown["locators"][0]["last"]);
    assert!(ts.is_string() && packet.is_u64());
    assert_eq!(
        shown["messages"],
        json!([
            {"n": 0, "dir": "resp", "ts": ts, "packet": packet, "len": 23, "sha256": shown["messages"][0]["sha256"], "event": "add", "id": "1", "json": {"phone": "13812345678"}},
            {"n": 1, "dir": "resp", "ts": ts, "packet": packet, "len": 3, "sha256": shown["messages"][1]["sha256"], "text": "bye"},
        ])
    );
    assert_eq!(shown["messages"][0]["sha256"].as_str().unwrap().len(), 64);
    let found: Vec<String> = made
        .rows(&["findings"])
        .iter()
        .map(|f| f["where"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, ["$[0].phone", "form:meta.idCard"]);
    made.run(&["verify"], 0);
}

#[test]
fn a_schema_names_fields_and_what_is_found_in_them() {
    let person = b"\x0a\x1211010519491231002X\x12\x0d\x1a\x0b13812345678\x18\x2a";
    let list = [typed(
        "/crm.v1.Customers/Get",
        "application/grpc-web",
        &frame(0, b"\x0a\x0213"),
        "application/grpc-web",
        &frame(0, person),
    )];
    let made = Made::of(&list);
    let proto = made.dir.path().join("crm.proto");
    std::fs::write(
        &proto,
        "syntax = \"proto3\"; package crm.v1; import \"types.proto\";
         service Customers { rpc Get (Ask) returns (Customer); }
         message Ask { string id = 1; } message Customer { string id_card = 1; repeated crm.Phone phones = 2; int32 age = 3; }",
    )
    .unwrap();
    std::fs::write(
        made.dir.path().join("types.proto"),
        "package crm; message Phone { string mobile = 3; }",
    )
    .unwrap();
    let proto = proto.to_str().unwrap();
    let named =
        json!({"id_card": "11010519491231002X", "phones": [{"mobile": "13812345678"}], "age": 42});
    // loaded without: numbers; shown with: names
    let id = &made.ids("proto:grpc")[0];
    let m = |extra: &[&str]| {
        made.rows(&[&["show", id, "--reveal"], extra].concat())[0]["messages"][1]["json"].clone()
    };
    assert_eq!(
        m(&[]),
        json!({"1": "11010519491231002X", "2": {"3": "13812345678"}, "3": 42})
    );
    assert_eq!(m(&["--proto", proto]), named);
    // loaded with: names everywhere, and kept in the case
    let other = Made::empty();
    let capture = made.dir.path().join("a.pcap");
    other.run(&["load", capture.to_str().unwrap(), "--proto", proto], 0);
    let found: Vec<String> = other
        .rows(&["findings"])
        .iter()
        .map(|f| f["where"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, ["$[0].id_card", "$[0].phones[0].mobile"]);
    let id = &other.ids("proto:grpc")[0];
    let shown = &other.rows(&["show", id, "--reveal"])[0];
    assert_eq!(shown["messages"][0]["json"], json!({"id": "13"}));
    assert_eq!(shown["messages"][1]["json"], named);
    other.run(&["verify"], 0);
    let wrong = made.dir.path().join("wrong.proto");
    std::fs::write(&wrong, "message A { B b = 1; }").unwrap();
    other.run(&["show", id, "--proto", wrong.to_str().unwrap()], 2);
}

/// Recorded from a real server and client, see tests/record/protobuf_grpc.py.
#[test]
fn recorded_grpc_is_what_its_client_got() {
    let fixture = |n: &str| format!("{}/tests/fixtures/{n}", env!("CARGO_MANIFEST_DIR"));
    let saved: Vec<(String, u64, Vec<String>)> =
        serde_json::from_slice(&std::fs::read(fixture("grpc.json")).unwrap()).unwrap();
    // the same types as text and as protoc's own output
    for schema in ["grpc.proto", "grpc.pb"] {
        let made = Made::empty();
        made.run(
            &["load", &fixture("grpc.pcap"), "--proto", &fixture(schema)],
            0,
        );
        let calls = made.rows(&["calls"]);
        assert_eq!(calls.len(), saved.len());
        for (row, (method, status, hashes)) in calls.iter().zip(&saved) {
            assert_eq!(
                row["api"],
                format!("POST 127.0.0.1:50999/crm.v1.Customers/{method}")
            );
            assert_eq!(
                (&row["proto"], &row["grpc_status"]),
                (&json!("grpc"), &json!(status))
            );
            let shown = &made.rows(&["show", row["id"].as_str().unwrap(), "--reveal"])[0];
            let answers: Vec<&Value> = shown["messages"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|m| m["dir"] == "resp")
                .collect();
            let got: Vec<&str> = answers
                .iter()
                .map(|m| m["sha256"].as_str().unwrap())
                .collect();
            assert_eq!(
                &got, hashes,
                "{method}: every message, also where it was compressed"
            );
            // each knows its packet, and when that came (the third of the stream stands in packet 20, as tshark tells)
            let packets: Vec<u64> = answers
                .iter()
                .map(|m| m["packet"].as_u64().unwrap())
                .collect();
            assert!(packets.is_sorted() && answers.iter().all(|m| m["ts"].is_string()));
            if answers.len() == 25 {
                assert_eq!(packets[..3], [18, 19, 20]);
                assert!(answers[0]["ts"].as_str() < answers[24]["ts"].as_str());
            }
            for m in answers {
                let json = &m["json"];
                assert_eq!(json["id_card"], "11010519491231002X");
                assert_eq!(json["phones"][1]["kind"], "home");
                let i = json["tel"].as_u64().unwrap() - 13_812_345_678;
                assert_eq!(json["born"]["seconds"], 1_000_000 + i);
                assert_eq!(json["score"], 39.5 + i as f64);
                assert_eq!(
                    json["tags"][0],
                    json!({"key": "a", "value": format!("b{i}")})
                );
            }
        }
        // each message: one card, two phones, and a number that is one
        let n: usize = saved.iter().map(|s| s.2.len()).sum();
        assert_eq!(made.rows(&["findings"]).len(), 4 * n);
        let get = &made.rows(&["apis", "api:*Get"])[0];
        assert_eq!(
            get["ok_ratio"], 0.5,
            "HTTP says 200 to both calls, gRPC does not"
        );
        assert_eq!(made.ids("is:error").len(), 1);
        made.run(&["verify"], 0);
    }
}
