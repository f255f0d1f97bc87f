use super::super::func;
use super::super::lang::field::FIELDS;
use super::*;
use rusqlite::Connection;

/// A case that knows two classes and one saved filter.
struct Fake;

impl Names for Fake {
    fn classes(&self) -> Result<Vec<(u8, String)>> {
        Ok(vec![(0, "cn-id".into()), (5, "email".into())])
    }
    fn saved(&self, name: &str) -> Result<Option<(String, String)>> {
        Ok(match name {
            "mine" => Some(("filter".into(), "status >= 400".into())),
            "bots" => Some(("list".into(), "[\"a\",\"b c\"]".into())),
            "lines" => Some(("list".into(), "1\n2, 3".into())),
            "loop" => Some(("filter".into(), "$loop".into())),
            _ => None,
        })
    }
    fn span(&self) -> Result<Span> {
        Ok(Span {
            first: 1_000,
            last: 2_000,
            cursor: None,
        })
    }
    fn marked(&self, _: &str, _: Option<&str>) -> Result<Vec<i64>> {
        Ok(vec![3, 1, 3])
    }
    fn holders(&self, _: &str) -> Result<Holders> {
        Ok(Holders {
            bodies: vec![7],
            calls: vec![8],
        })
    }
}

fn case() -> Connection {
    let make = || {
        let c = Connection::open_in_memory().unwrap();
        for sql in crate::case::open::MIGRATIONS {
            c.execute_batch(sql).unwrap();
        }
        c
    };
    let conn = make();
    func::install(&conn, make(), func::Ranks::default(), Default::default()).unwrap();
    // As a reader has it: a deep tree is refused.
    conn.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_EXPR_DEPTH, 200)
        .unwrap();
    conn
}

fn compiled(text: &str, scope: Scope) -> Result<Where> {
    compile(&super::super::lang::parse(text)?, scope, &Fake)
}

fn runs(conn: &Connection, text: &str, scope: Scope) {
    let w = compiled(text, scope).unwrap_or_else(|e| panic!("{text}: {e}"));
    let from = match scope {
        Scope::Calls => "call c LEFT JOIN call_fact f ON f.call_id=c.id",
        Scope::Flows => "flow c",
        Scope::Sources => "source c",
    };
    let sql = format!("SELECT count(*) FROM {from} WHERE {}", w.sql);
    let n = conn
        .prepare(&sql)
        .and_then(|mut s| {
            s.query_row(rusqlite::params_from_iter(&w.params), |r| {
                r.get::<_, i64>(0)
            })
        })
        .unwrap_or_else(|e| panic!("{text}: {e}\n{sql}"));
    assert_eq!(n, 0);
}

#[test]
fn every_field_runs_with_every_comparison_it_takes() {
    let conn = case();
    for d in FIELDS {
        let value = match d.ty {
            Ty::Text | Ty::Word => "a*b",
            Ty::Num | Ty::Real => "5",
            Ty::Size => "10kb",
            Ty::Dur => "2s",
            Ty::Level => "high",
            Ty::Time => "start+5m",
            Ty::Addr => "10.0.0.0/8",
            Ty::Bool => "true",
        };
        let name = if d.name.ends_with("header") {
            format!("{}.x-y", d.name)
        } else {
            d.name.to_owned()
        };
        let mut texts = vec![
            name.clone(),
            format!("not {name}"),
            format!("{name}:{value}"),
            format!("{name} == {value}"),
            format!("{name} != {value}"),
            format!("{name} in {{{value},{value}}}"),
            format!("{name} not in {{{value}}}"),
        ];
        match d.ty {
            Ty::Text | Ty::Word => {
                texts.push(format!("{name} contains {value}"));
                texts.push(format!("{name} startswith {value}"));
                texts.push(format!("{name} ~ /x+/i"));
                texts.push(format!("{name}:$bots"));
            }
            Ty::Addr => texts.push(format!("{name} in 10.0.0.1..10.0.0.9")),
            Ty::Bool => {}
            _ => {
                for op in ["<", "<=", ">", ">="] {
                    texts.push(format!("{name} {op} {value}"));
                }
                // A call's findings have many beliefs, which make no range.
                if d.name != "conf" {
                    texts.push(format!("{name} in {value}..{value}"));
                }
            }
        }
        for scope in [Scope::Calls, Scope::Flows, Scope::Sources] {
            for text in &texts {
                if d.scopes & scope as u8 != 0 {
                    runs(&conn, text, scope);
                } else {
                    assert!(compiled(text, scope).is_err(), "{text}");
                }
            }
        }
    }
}

#[test]
fn flags_text_lists_and_saved_filters_run() {
    let conn = case();
    for (name, _) in super::super::lang::field::IS_WORDS {
        runs(&conn, &format!("is:{name}"), Scope::Calls);
    }
    for (_, name) in crate::call::model::Flags::NAMES {
        runs(&conn, &format!("is:{name}"), Scope::Calls);
    }
    runs(&conn, "password \"two words\" /re+/i", Scope::Calls);
    runs(&conn, "word", Scope::Flows);
    runs(&conn, "word", Scope::Sources);
    runs(&conn, "is:opaque", Scope::Flows);
    runs(
        &conn,
        "$mine account != $bots status in {$lines}",
        Scope::Calls,
    );
    // A thousand terms make no deep tree.
    let many: Vec<String> = (0..1000).map(|n| format!("status:{n}")).collect();
    runs(&conn, &many.join(" or "), Scope::Calls);
    runs(
        &conn,
        &format!(
            "status in {{{}}}",
            (0..1000)
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .join(",")
        ),
        Scope::Calls,
    );
    let deep = format!("{}a{}", "(b or (c ".repeat(20), "))".repeat(20));
    runs(&conn, &deep, Scope::Calls);
}

#[test]
fn what_cannot_be_answered_is_said() {
    for (text, part) in [
        ("$nothing", "no saved filter"),
        ("account:$nothing", "no list"),
        ("$loop", "back to itself"),
        ("time > $cursor", "on a screen"),
        ("account ~ $bots", "cannot be compared"),
    ] {
        let e = compiled(text, Scope::Calls).unwrap_err();
        assert!(e.to_string().contains(part), "{text}: {e}");
    }
}

#[test]
fn text_reaches_sql_as_parameters_alone() {
    let evil = "'); DROP TABLE call; --";
    let w = compiled(
        &format!("uri:\"{evil}\" account:\"{evil}\" \"{evil}\""),
        Scope::Calls,
    )
    .unwrap();
    assert!(!w.sql.contains("DROP"), "{}", w.sql);
    assert!(compiled("header.x';--:1", Scope::Calls).is_err());
    assert_eq!(w.sql.matches('?').count(), w.params.len());
}

#[test]
fn costs_are_told() {
    for (text, cost) in [
        ("account:a", Cost::Index),
        ("uri:a", Cost::Scan),
        ("resp.body:a", Cost::Bodies),
        ("account:a or x", Cost::Bodies),
    ] {
        assert_eq!(compiled(text, Scope::Calls).unwrap().cost, cost, "{text}");
    }
}
