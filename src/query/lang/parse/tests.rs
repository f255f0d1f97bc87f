use super::*;
use proptest::prelude::*;

fn fault(text: &str) -> (String, usize) {
    match parse(text) {
        Err(Error::Usage { msg, at }) => (msg, at.unwrap()),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_examples_of_the_language_parse_to_their_canonical_form() {
    for (text, canonical) in [
        ("", ""),
        ("password reset   # both words", "password reset"),
        (
            "account:svc-report sens >= high",
            "account:svc-report level >= high",
        ),
        (
            r#"api:"GET /v2/customers" status in {200,206} t in 12:20..12:26"#,
            r#"api:"GET /v2/customers" status in {200,206} time in 12:20..12:26"#,
        ),
        (
            "class in {bank-card,iban} dir == out dst not in 10.0.0.0/8",
            "class in {bank-card,iban} dir == out not dst in {10.0.0.0/8}",
        ),
        (
            r#"resp.body ~ /"ssn"\s*:/ records > 20 and not is:health"#,
            r#"resp.body ~ /"ssn"\s*:/ records > 20 not is:health"#,
        ),
        (
            "host:api.* method != GET dur > 2s",
            "host:api.* method != GET dur > 2s",
        ),
        (
            "record:$c-000051 conf >= 0.9",
            "record:$c-000051 conf >= 0.9",
        ),
        ("is:truncated or is:opaque", "is:truncated or is:opaque"),
        (
            "marked tag:walk t in $cursor+-30s",
            "marked tag:walk time in {$cursor+-30s}",
        ),
        (
            "header.x-forwarded-for:203.0.113.8 account != $known_bots",
            "header.x-forwarded-for:203.0.113.8 account != $known_bots",
        ),
        ("a && b || !c", "a b or not c"),
        ("a and (b or c)", "a (b or c)"),
        ("not (a b)", "not (a b)"),
        ("! ! x", "x"),
        ("status==404", "status == 404"),
        ("status:200..299", "status in 200..299"),
        ("/v2/customers", "\"/v2/customers\""),
        ("/card\\/no/i", "/card\\/no/i"),
        ("uri:/a?b=c&d=e", "uri:\"/a?b=c&d=e\""),
        ("\"account\"", "\"account\""),
        ("'it''s'", "it s"),
        ("http://x.test/", "\"http://x.test/\""),
        ("12:30", "\"12:30\""),
        ("path startswith /v1", "path startswith \"/v1\""),
        ("size > 10kb level:S4", "resp_content_len > 10kb level:S4"),
        ("$leaks ip:10.3.*", "$leaks ip:10.3.*"),
        ("(((a)))", "a"),
    ] {
        let e = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(e.to_string(), canonical, "{text}");
        assert_eq!(parse(canonical).unwrap(), e, "{canonical}");
    }
}

#[test]
fn errors_point_at_the_fault() {
    for (text, at, part) in [
        ("acount:x", 0, "did you mean account?"),
        ("a acount == x", 2, "did you mean account?"),
        ("status:abc", 7, "a number"),
        ("status contains 2", 16, "cannot be compared"),
        ("level > extreme", 8, "a level"),
        ("t > yesterday", 4, "a time"),
        ("src:10.0.0.0/64", 4, "an address"),
        ("(a", 0, "not closed"),
        ("a)", 1, "closes nothing"),
        ("a or", 4, "missing"),
        ("\"abc", 0, "not closed"),
        ("is:truncate", 3, "did you mean truncated?"),
        ("uri ~ /(/", 6, "pattern"),
        ("status in {}", 10, "empty"),
        ("status in {1", 10, "not closed"),
        ("host in a..b", 8, "no order"),
        ("account:", 8, "missing"),
        ("and", 0, "is an operator"),
    ] {
        let (msg, pos) = fault(text);
        assert!(msg.contains(part), "{text}: {msg}");
        assert_eq!(pos, at, "{text}: {msg}");
    }
}

#[test]
fn nesting_has_an_end() {
    let deep = "(".repeat(5000) + "a";
    assert!(fault(&deep).0.contains("nested"));
    let ok = "(".repeat(40) + "a" + &")".repeat(40);
    assert!(parse(&ok).is_ok());
    // Negations fold and do not nest.
    assert!(parse(&"!".repeat(10_001)).is_err());
    assert_eq!(
        parse(&("!".repeat(10_001) + "a")).unwrap().to_string(),
        "not a"
    );
}

#[test]
fn chips_come_and_go() {
    let e = parse("account:a level >= S3").unwrap();
    let e = e.and(Expr::term("host", Op::Eq, "a b").unwrap());
    assert_eq!(e.to_string(), "account:a level >= S3 host == \"a b\"");
    let again = e.clone().and(parse("level >= S3").unwrap());
    assert_eq!(again, e);
    assert_eq!(e.without(0).to_string(), "level >= S3 host == \"a b\"");
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[ -~é中\u{202e}\n]{0,12}".prop_map(Value::Text),
        "[a-z0-9 .*+\"]{1,8}".prop_filter_map("pattern", |p| {
            check_regex(&p, true).ok().map(|()| Value::Regex {
                pattern: p,
                fold: true,
            })
        }),
        "[a-z_][a-z0-9_-]{0,6}".prop_map(Value::Var),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    let text_field = prop_oneof![
        Just("uri"),
        Just("account"),
        Just("body"),
        Just("header.x-a"),
        Just("tag")
    ]
    .prop_map(|n| Field::by_name(n).unwrap());
    let leaf = prop_oneof![
        "[ -~é中]{0,10}".prop_map(|s| Expr::Text(Value::Text(s))),
        (text_field.clone(), value()).prop_map(|(field, value)| Expr::Cmp {
            field,
            op: Op::Has,
            value
        }),
        (text_field.clone(), proptest::collection::vec(value(), 1..3))
            .prop_map(|(field, set)| Expr::In { field, set }),
        (1i64..600).prop_map(|n| Expr::Cmp {
            field: Field::by_name("status").unwrap(),
            op: Op::Ge,
            value: Value::Text(n.to_string())
        }),
        text_field.prop_map(Expr::Has),
        Just(Expr::Is("gap".into())),
        Just(Expr::Saved("mine".into())),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4)
                .prop_map(|v| Expr::from_terms(v.into_iter().flat_map(Expr::into_terms).collect())),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|v| Expr::Or(
                v.into_iter()
                    .flat_map(|e| match e {
                        Expr::Or(v) => v,
                        e => vec![e],
                    })
                    .collect()
            )),
            inner.prop_map(Expr::negate),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_itself(e in expr()) {
        let text = e.to_string();
        prop_assert_eq!(parse(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?, e);
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_filter_like_text_panics(text in "(status|host|is|t|src|\\$|[ :=<>~!&|(){},.\"/'*é#-]|in|not|or|and|[a-z0-9]){0,24}") {
        if let Ok(e) = parse(&text) {
            let again = e.to_string();
            prop_assert_eq!(parse(&again).map_err(|e| TestCaseError::fail(format!("{text} -> {again}: {e}")))?, e);
        }
    }
}
