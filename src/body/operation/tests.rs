//! Requests as clients send them, and what they ask for.

use super::{Operation, Request, dispatch, graphql, of};
use crate::body::sniff;

pub(crate) fn ask(
    method: &str,
    target: &str,
    content_type: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Operation> {
    with(method, target, content_type, headers, body, of)
}

fn with<T>(
    method: &str,
    target: &str,
    content_type: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    f: impl FnOnce(&Request<'_>) -> T,
) -> T {
    let media = content_type.split(';').next().unwrap().trim();
    let kind = sniff::kind(body, (!media.is_empty()).then_some(media));
    let all: Vec<(String, Vec<u8>)> = headers
        .iter()
        .map(|(n, v)| (n.to_lowercase(), v.as_bytes().to_vec()))
        .chain([("content-type".to_owned(), content_type.as_bytes().to_vec())])
        .collect();
    let find = |n: &str| all.iter().find(|(k, _)| k == n).map(|(_, v)| v.as_slice());
    f(&Request::new(
        method.as_bytes(),
        target.as_bytes(),
        media,
        "",
        &find,
        body,
        kind,
    ))
}

fn name(target: &str, content_type: &str, body: &str) -> Option<(&'static str, Option<String>)> {
    let method = if body.is_empty() { "GET" } else { "POST" };
    ask(method, target, content_type, &[], body.as_bytes()).map(|o| (o.kind, o.name))
}

const JSON: &str = "application/json; charset=utf-8";

fn some(kind: &'static str, n: &str) -> Option<(&'static str, Option<String>)> {
    Some((kind, (!n.is_empty()).then(|| n.to_owned())))
}

#[test]
fn graphql_is_named_by_its_operation() {
    let g = |body: &str| name("/graphql", JSON, body);
    assert_eq!(
        g(
            r#"{"operationName":"GetUser","variables":{"id":1},"query":"query GetUser($id: ID!) {\n user(id: $id) { name } }"}"#
        ),
        some("graphql", "GetUser")
    );
    // the name in the document alone, and one of several chosen
    assert_eq!(
        g(r#"{"query":"mutation Save { save { id } }"}"#),
        some("graphql", "Save")
    );
    assert_eq!(
        g(r#"{"operationName":"B","query":"query A{a} query B{b}"}"#),
        some("graphql", "B")
    );
    // no name: the top fields, aliases and fragments undone, in order of name
    assert_eq!(
        g(
            r#"{"query":"{ b:orders(first:10, f:{x:[1,2]}) @include(if:true) {id} ...F ... on Query @x { me {id} } } fragment F on Query { users {id} }"}"#
        ),
        some("graphql", "me,orders,users")
    );
    assert_eq!(
        g(r##"{"query":"# a } comment\n{ user(n: \"}{\", t: \"\"\" } \"\"\") { id } }"}"##),
        some("graphql", "user")
    );
    // batches: the same in any order, and one operation many times is that operation
    let batch = r#"[{"query":"query B{b}"},{"query":"query A{a}"},{"query":"query B{b}"}]"#;
    assert_eq!(g(batch), some("graphql", "A,B"));
    // persisted: hash or id alone, with a name where one is sent
    let hash = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38";
    assert_eq!(
        g(&format!(
            r#"{{"operationName":"Q","variables":{{}},"extensions":{{"persistedQuery":{{"version":1,"sha256Hash":"{hash}"}}}}}}"#
        )),
        some("graphql", "Q")
    );
    assert_eq!(
        g(&format!(
            r#"{{"variables":{{}},"extensions":{{"persistedQuery":{{"version":1,"sha256Hash":"{hash}"}}}}}}"#
        )),
        some("graphql", "persisted:ecf4edb46db4")
    );
    assert_eq!(
        g(r#"{"documentId":"users/list","variables":{}}"#),
        some("graphql", "persisted:users/list")
    );
    // a document on any path is one; a search on any path is not
    assert_eq!(
        name(
            "/api",
            JSON,
            r#"{"query":"query X { a }","variables":null}"#
        ),
        some("graphql", "X")
    );
    assert_eq!(
        name(
            "/search",
            JSON,
            r#"{"query":"query the database","page":1}"#
        ),
        None
    );
    assert_eq!(
        name("/search", JSON, r#"{"query":"mutation","id":"7"}"#),
        None
    );
    assert_eq!(name("/search", JSON, r#"{"id":"7","name":"x"}"#), None);
    // cut bodies give what stands before the cut
    assert_eq!(
        g(r#"{"query":"query Long { a b { c "#),
        some("graphql", "Long")
    );
}

#[test]
fn graphql_comes_in_other_ways_too() {
    assert_eq!(
        name("/graphql", "application/graphql", "query Plain { a }"),
        some("graphql", "Plain")
    );
    assert_eq!(
        name("/graphql?query=query%20Get%7Ba%7D", "", ""),
        some("graphql", "Get")
    );
    assert_eq!(
        name("/q?query=%7Buser%28id%3A1%29%7Bname%7D%7D", "", ""),
        some("graphql", "user")
    );
    assert_eq!(
        name(
            "/graphql?operationName=Op&extensions=%7B%22persistedQuery%22%3A%7B%22version%22%3A1%2C%22sha256Hash%22%3A%22abc%22%7D%7D",
            "",
            ""
        ),
        some("graphql", "Op")
    );
    assert_eq!(name("/search?query=users", "", ""), None);
    assert_eq!(
        name(
            "/graphql",
            "application/x-www-form-urlencoded",
            "query=%7Bme%7Bid%7D%7D"
        ),
        some("graphql", "me")
    );
    let upload = "--B\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{\"query\":\"mutation Up($f: Upload!) { up(file: $f) { id } }\",\"variables\":{\"f\":null}}\r\n--B\r\nContent-Disposition: form-data; name=\"map\"\r\n\r\n{\"0\":[\"variables.f\"]}\r\n--B\r\nContent-Disposition: form-data; name=\"0\"; filename=\"a.txt\"\r\n\r\nhello\r\n--B--\r\n";
    assert_eq!(
        name("/api/graphql", "multipart/form-data; boundary=B", upload),
        some("graphql", "Up")
    );
}

#[test]
fn kinds_of_operations_are_told() {
    let op = ask(
        "POST",
        "/graphql",
        JSON,
        &[],
        br#"{"query":"subscription { ticks }"}"#,
    )
    .unwrap();
    assert_eq!(op.note, "subscription of ticks");
    let ops = graphql::parse("query A { x } mutation { y }").unwrap();
    assert_eq!(
        ops.iter().map(|o| o.kind).collect::<Vec<_>>(),
        ["query", "mutation"]
    );
    // any text ends
    for junk in [
        "{",
        "{{{{",
        "query",
        "query(",
        "{...",
        "{... on",
        "fragment F on X {",
        "{a(",
        "\"",
        "\"\"\"",
        "{a:",
        "{a:}",
        "subscription S @",
    ] {
        let _ = graphql::parse(junk);
    }
}

#[test]
fn json_rpc_is_named_by_its_method() {
    let j = |body: &str| name("/rpc", JSON, body);
    assert_eq!(
        j(r#"{"jsonrpc":"2.0","method":"user.get","params":{"id":1},"id":7}"#),
        some("json-rpc", "user.get")
    );
    assert_eq!(
        j(r#"{"id":1,"params":["a"],"method":"sum"}"#),
        some("json-rpc", "sum")
    );
    assert_eq!(
        j(r#"{"version":"1.1","method":"m","params":[]}"#),
        some("json-rpc", "m")
    );
    assert_eq!(
        j(
            r#"[{"jsonrpc":"2.0","method":"b","id":1},{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"b","id":2}]"#
        ),
        some("json-rpc", "a,b")
    );
    // a method that says nothing names what it calls in its parameters
    assert_eq!(
        j(
            r#"{"jsonrpc":"2.0","method":"call","params":{"service":"common","method":"login","args":[]},"id":7}"#
        ),
        some("json-rpc", "common.login")
    );
    assert_eq!(
        j(r#"{"jsonrpc":"2.0","method":"call","params":{"model":"x"},"id":7}"#),
        some("json-rpc", "call")
    );
    // a REST body with a field of that name is none
    assert_eq!(j(r#"{"method":"alipay","amount":5}"#), None);
    assert_eq!(j(r#"{"method":"alipay","id":"5"}"#), None);
    assert_eq!(j(r#"[{"jsonrpc":"2.0","method":"b"},{"x":1}]"#), None);
}

#[test]
fn soap_is_named_by_its_action_or_its_first_element() {
    let env = |body: &str| {
        format!(
            r#"<?xml version="1.0"?><!-- x --><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header><a:Action xmlns:a="x">y</a:Action></soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"#
        )
    };
    let e = env("<m:GetUserRequest xmlns:m='urn:u'><m:id>1</m:id></m:GetUserRequest>");
    let a = |action: &str| {
        ask(
            "POST",
            "/ws",
            "text/xml; charset=utf-8",
            &[("SOAPAction", action)],
            e.as_bytes(),
        )
        .unwrap()
    };
    for (action, want) in [
        ("\"http://tempuri.org/IUsers/GetUser\"", "GetUser"),
        ("urn:GetUser", "GetUser"),
        ("\"http://x/svc#GetUser\"", "GetUser"),
        ("GetUser", "GetUser"),
        ("\"\"", "GetUserRequest"),
    ] {
        let op = a(action);
        assert_eq!(
            (op.kind, op.name.as_deref()),
            ("soap", Some(want)),
            "{action}"
        );
    }
    assert_eq!(
        a("\"urn:GetUser\"").note,
        "SOAP 1.1, action urn:GetUser, body element GetUserRequest"
    );
    let op = ask(
        "POST",
        "/ws",
        "application/soap+xml; charset=utf-8; action=\"urn:x/Del\"",
        &[],
        e.as_bytes(),
    )
    .unwrap();
    assert_eq!(op.name.as_deref(), Some("Del"));
    assert!(op.note.starts_with("SOAP 1.2"));
    // without any action, and as the first part of a message with attachments
    assert_eq!(name("/ws", "text/xml", &e), some("soap", "GetUserRequest"));
    let mtom = format!(
        "--b\r\nContent-Type: application/xop+xml\r\n\r\n{e}\r\n--b\r\nContent-ID: <a>\r\n\r\nbytes\r\n--b--"
    );
    assert_eq!(
        name("/ws", "multipart/related; boundary=b", &mtom),
        some("soap", "GetUserRequest")
    );
    // XML that is no envelope, whatever a header says
    assert_eq!(
        ask(
            "POST",
            "/x",
            "text/xml",
            &[("SOAPAction", "a")],
            b"<a><Envelope/></a>"
        ),
        None
    );
}

#[test]
fn xml_rpc_odata_and_grpc() {
    assert_eq!(
        name(
            "/RPC2",
            "text/xml",
            "<?xml version=\"1.0\"?>\n<methodCall>\n <methodName> users.get </methodName><params/></methodCall>"
        ),
        some("xml-rpc", "users.get")
    );
    assert_eq!(
        name(
            "/x",
            "text/xml",
            "<methods><methodCall><methodName>a</methodName></methodCall></methods>"
        ),
        None
    );
    assert_eq!(
        name("/odata/Customers('ALFKI')?$expand=Orders", "", ""),
        some("odata", "")
    );
    assert_eq!(
        name("/svc/Northwind.svc/$metadata", "", ""),
        some("odata", "")
    );
    assert_eq!(name("/v4/People?%24filter=a", "", ""), None);
    assert_eq!(
        ask("GET", "/People", "", &[("OData-Version", "4.0")], b"")
            .unwrap()
            .kind,
        "odata"
    );
    let batch = "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET Customers('A')?$top=1 HTTP/1.1\r\n\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\n\r\nPOST /odata/Orders HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}\r\n--c--\r\n--b--\r\n";
    assert_eq!(
        name("/odata/$batch", "multipart/mixed; boundary=b", batch),
        some("odata", "GET Customers,POST Orders")
    );
    assert_eq!(
        name(
            "/odata/$batch",
            JSON,
            r#"{"requests":[{"id":"1","method":"GET","url":"Customers('A')/Orders"}]}"#
        ),
        some("odata", "GET Customers/Orders")
    );
    for t in [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-web-text",
    ] {
        assert_eq!(name("/a.B/C", t, "\0\0\0\0\0"), some("grpc", ""), "{t}");
    }
    assert_eq!(name("/a.B/C", "application/grpcx", "\0\0\0\0\0"), None);
    assert_eq!(name("/plain", JSON, r#"{"a":1}"#), None);
}

#[test]
fn dispatch_fields_are_noted() {
    let seen = |target: &str, ct: &str, body: &str| {
        with("POST", target, ct, &[], body.as_bytes(), |r| {
            dispatch::seen(r, Some((br#"{"code":0,"data":{"id":1}}"#, "json")))
        })
    };
    assert_eq!(
        seen("/api.php?action=list&page=2", "", "").unwrap().fields,
        "query:action=list"
    );
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        seen("/x?v=1", form, "method=user%2Eget&app_key=1")
            .unwrap()
            .fields,
        "form:method=user.get"
    );
    assert_eq!(
        seen(
            "/x",
            JSON,
            r#"{"header":{"transCode":"200301","seq":"1"},"body":{}}"#
        )
        .unwrap()
        .fields,
        "$.header.transCode=200301"
    );
    assert_eq!(
        seen("/x", JSON, r#"{"service":"u","Method":"get","a b":1}"#)
            .unwrap()
            .fields,
        "$.Method=get\n$.service=u"
    );
    assert_eq!(seen("/x?action=a%20b&page=1", "", ""), None);
    // the print of what else is asked hangs on names, not on values or order
    let p = |t: &str| seen(t, "", "").unwrap().asked;
    assert_eq!(p("/x?action=a&b=1&c=2"), p("/x?c=3&action=z&b=4"));
    assert_ne!(p("/x?action=a&b=1"), p("/x?action=a&d=1"));
    let words: Vec<&str> = dispatch::words().collect();
    assert!(words.is_sorted(), "the table is searched by halves");
}

#[test]
fn json_of_aws_is_named_by_its_target() {
    let at = |target: &str| {
        ask(
            "POST",
            "/",
            "application/x-amz-json-1.1",
            &[("X-Amz-Target", target)],
            b"{}",
        )
        .and_then(|o| o.name)
    };
    assert_eq!(at("DynamoDB_20120810.GetItem").as_deref(), Some("GetItem"));
    assert_eq!(at("no target").as_deref(), None);
}
