//! Documents in every version, and hostile ones.

use super::*;
use proptest::prelude::*;

fn routes(text: &str) -> Vec<String> {
    parse(text.as_bytes(), "x")
        .unwrap()
        .operations
        .iter()
        .map(|o| format!("{} {}", o.method, o.route))
        .collect()
}

#[test]
fn openapi_of_every_version() {
    let two = r#"{"swagger":"2.0","info":{"title":"Shop"},"host":"API.shop.example:8443","basePath":"/v1/","paths":{"/users/{id}":{"get":{"operationId":"getUser"},"parameters":[]},"x-y":{"get":{}}}}"#;
    let s = parse(two.as_bytes(), "shop.json").unwrap();
    assert_eq!((s.kind.as_str(), s.title.as_str()), ("swagger 2.0", "Shop"));
    assert_eq!(s.hosts, ["api.shop.example:8443"]);
    assert_eq!(routes(two), ["GET /v1/users/{id}"]);
    assert_eq!(s.operations[0].name.as_deref(), Some("getUser"));
    let three = "openapi: 3.0.3\ninfo: {title: A}\nservers:\n  - url: https://{env}.example/{base}\n    variables: {env: {default: api}, base: {default: v2}}\n  - url: /alt\npaths:\n  /a/{x}:\n    get: {responses: {200: {description: ok}}}\n    post: {}\n  /b:\n    servers: [{url: 'https://b.example'}]\n    get: {}\n  /c:\n    $ref: '#/components/pathItems/c'\ncomponents:\n  pathItems:\n    c: {delete: {}}\n";
    assert_eq!(
        routes(three),
        [
            "GET /alt/a/{x}",
            "POST /alt/a/{x}",
            "DELETE /alt/c",
            "GET /b",
            "GET /v2/a/{x}",
            "POST /v2/a/{x}",
            "DELETE /v2/c"
        ]
    );
    assert_eq!(
        parse(three.as_bytes(), "a").unwrap().hosts,
        ["api.example", "b.example"]
    );
    let one =
        "openapi: \"3.1.0\"\nwebhooks: {x: {post: {}}}\npaths:\n  /tasks/{id}:cancel: {post: {}}\n";
    assert_eq!(routes(one), ["POST /tasks/{id}:cancel"]);
    assert!(parse(b"openapi: 4.0.0\npaths: {}", "x").is_err());
}

#[test]
fn postman_collections() {
    let c = r#"{"info":{"name":"C","schema":"https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
      "variable":[{"key":"v","value":"v3"}],
      "item":[{"name":"f","item":[{"name":"one","request":{"method":"GET","url":{"raw":"{{baseUrl}}/{{v}}/users/:id?x=1","path":["users",":id"]}}}]},
        {"name":"two","request":"https://api.example/ping"},
        {"name":"three","request":{"method":"POST","url":{"host":["api","example"],"path":["orders","{{orderId}}","pay"]}}}]}"#;
    assert_eq!(
        routes(c),
        [
            "POST /orders/{orderId}/pay",
            "GET /ping",
            "GET /v3/users/{id}"
        ]
    );
    let s = parse(c.as_bytes(), "c").unwrap();
    assert_eq!((s.kind.as_str(), s.hosts.len()), ("postman 2.1", 1));
}

#[test]
fn lists() {
    let l = "# routes\nGET /users/{id}\npost /users/:id/pay\nhttps://h.example/a/<int:id>?q=1\n/plain\n";
    assert_eq!(
        routes(l),
        [
            "* /a/{id}",
            "* /plain",
            "GET /users/{id}",
            "POST /users/{id}/pay"
        ]
    );
    assert!(parse(b"just some words", "x").is_err());
}

#[test]
fn hostile_documents_end_in_words() {
    // aliases that double
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for n in 1..12 {
        let list = vec![format!("*a{}", n - 1); 10].join(",");
        bomb.push_str(&format!("a{n}: &a{n} [{list}]\n"));
    }
    let e = parse(bomb.as_bytes(), "x").unwrap_err();
    assert!(e.contains("aliases"), "{e}");
    // one long text, many times
    let long = format!(
        "a: &a \"{}\"\nb: [{}]\n",
        "x".repeat(1 << 20),
        vec!["*a"; 2000].join(",")
    );
    assert!(parse(long.as_bytes(), "x").unwrap_err().contains("aliases"));
    // depth, in both forms, and by aliases
    for deep in [
        "[".repeat(5000),
        "{\"a\":".repeat(5000),
        "- ".repeat(5000),
        "{a: ".repeat(5000),
    ] {
        assert!(parse(deep.as_bytes(), "x").is_err());
    }
    let mut stairs = String::from("a0: &a0 [x]\n");
    for n in 1..200 {
        stairs.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    assert!(
        parse(stairs.as_bytes(), "x")
            .unwrap_err()
            .contains("deeper")
    );
    // rings
    let ring = "openapi: 3.0.0\npaths:\n  /a: {$ref: '#/paths/~1b'}\n  /b: {$ref: '#/paths/~1a'}\n";
    assert!(parse(ring.as_bytes(), "x").is_err());
    assert!(parse(&[0xff, 0xfe], "x").is_err());
    assert!(parse(b"", "x").is_err());
}

proptest! {
    #[test]
    fn no_text_breaks_it(s in "(openapi: 3\\.0\\.0\n)?[ -~\n&*{}\\[\\]:<>|'\"-]{0,300}") {
        let _ = parse(s.as_bytes(), "x");
    }
}
