//! What the investigator writes, and the SQL views that he reads.

use super::case::{Folder, create, load};
use leaktrace::case::{info, journal, marks, open_notebook, open_read};

#[test]
fn any_change_of_the_journal_is_found() {
    let dir = Folder::new();
    let path = dir.path("a.ltc");
    drop(create(&path));
    let conn = open_notebook(&path).unwrap();
    info::set(&conn, "number", "2026-1").unwrap();
    info::set(&conn, "number", "2026-2").unwrap();
    assert!(info::set(&conn, "print_key", "x").is_err());
    let seq = journal::append(&conn, "reveal", &serde_json::json!({"what": "call:1"})).unwrap();
    assert_eq!(seq, 4);
    assert_eq!(journal::verify(&conn).unwrap(), (4, vec![]));
    for change in [
        "UPDATE journal SET at=at+1 WHERE seq=2",
        "UPDATE journal SET who=who||'x' WHERE seq=2",
        "UPDATE journal SET act='export' WHERE seq=2",
        "UPDATE journal SET detail=replace(detail,'2026','2025') WHERE seq=2",
        "UPDATE journal SET prev=zeroblob(32) WHERE seq=2",
        "UPDATE journal SET hash=zeroblob(32) WHERE seq=2",
        "UPDATE journal SET seq=9 WHERE seq=4",
        "UPDATE journal SET who=act, act=who WHERE seq=1",
        "DELETE FROM journal WHERE seq=1",
        "DELETE FROM journal WHERE seq=3",
        "DELETE FROM journal",
    ] {
        conn.execute_batch("BEGIN").unwrap();
        assert!(conn.execute(change, []).unwrap() > 0);
        assert!(!journal::verify(&conn).unwrap().1.is_empty(), "{change}");
        conn.execute_batch("ROLLBACK").unwrap();
    }
    // Its end, cut off: the case keeps number and hash of the last row apart from it.
    let all = journal::verify(&conn).unwrap();
    conn.execute_batch("BEGIN; DELETE FROM journal WHERE seq>=3")
        .unwrap();
    let (n, broken) = journal::verify(&conn).unwrap();
    assert_eq!((n, broken.len(), broken[0].seq), (2, 1, 4), "{broken:?}");
    conn.execute_batch("ROLLBACK").unwrap();
    // The kept head is evidence as well: taken away or changed it is told of.
    for change in [
        "DELETE FROM info WHERE key='journal_head'",
        // (a hash may be without any one digit: its last one is changed, whatever it is)
        "UPDATE info SET v=substr(v,1,length(v)-1)||CASE substr(v,-1) WHEN '0' THEN '1' ELSE '0' END WHERE key='journal_head'",
    ] {
        conn.execute_batch("BEGIN").unwrap();
        conn.execute(change, []).unwrap();
        assert_eq!(journal::verify(&conn).unwrap().1.len(), 1, "{change}");
        conn.execute_batch("ROLLBACK").unwrap();
    }
    // One row altered is one row named, whatever of it was altered.
    for column in [
        "at=at+1",
        "detail=detail||' '",
        "prev=zeroblob(32)",
        "hash=zeroblob(32)",
    ] {
        for seq in 1..=4 {
            conn.execute_batch("BEGIN").unwrap();
            let sql = format!("UPDATE journal SET {column} WHERE seq={seq}");
            conn.execute(&sql, []).unwrap();
            let broken = journal::verify(&conn).unwrap().1;
            let named: Vec<i64> = broken.iter().map(|b| b.seq).collect();
            let none = column.starts_with("prev") && seq == 1;
            assert_eq!(named, if none { vec![] } else { vec![seq] }, "{sql}");
            conn.execute_batch("ROLLBACK").unwrap();
        }
    }
    assert_eq!(journal::verify(&conn).unwrap(), all);
}

#[test]
fn marks_are_put_taken_and_undone() {
    let dir = Folder::new();
    let path = dir.path("a.ltc");
    drop(create(&path));
    let conn = open_notebook(&path).unwrap();
    let all = || -> Vec<String> {
        marks::list(&conn, None)
            .unwrap()
            .iter()
            .map(|m| format!("{} {} {}", m.target, m.kind, m.v))
            .collect()
    };
    let first = marks::add(&conn, "call:a-1", "tag", "exit").unwrap();
    assert_eq!(marks::add(&conn, "call:a-1", "tag", "exit").unwrap(), first);
    marks::add(&conn, "account:bob", "note", "\u{202e}odd").unwrap();
    assert_eq!(all().len(), 2);
    assert!(marks::remove(&conn, "call:a-1", "tag", "exit").unwrap());
    assert!(!marks::remove(&conn, "call:a-1", "tag", "exit").unwrap());
    assert_eq!(all(), ["account:bob note \u{202e}odd"]);
    marks::undo(&conn).unwrap().unwrap();
    assert_eq!(all().len(), 2);
    marks::undo(&conn).unwrap().unwrap();
    assert_eq!(all(), ["call:a-1 tag exit"]);
    marks::undo(&conn).unwrap().unwrap();
    assert!(all().is_empty());
    assert_eq!(marks::undo(&conn).unwrap(), None);
    marks::save(&conn, "big", "filter", "size>1M").unwrap();
    assert_eq!(
        marks::saved(&conn).unwrap(),
        [("big".into(), "filter".into(), "size>1M".into())]
    );
    assert!(marks::forget(&conn, "big").unwrap());
    marks::correct(&conn, "account-name", "key:1", "bob").unwrap();
    marks::correct(&conn, "account-name", "key:1", "eve").unwrap();
    assert_eq!(
        marks::corrections(&conn)
            .unwrap()
            .iter()
            .map(|c| c.v.as_str())
            .collect::<Vec<_>>(),
        ["eve"]
    );
    assert!(info::is_stale(&conn).unwrap());
    assert!(marks::uncorrect(&conn, "account-name", "key:1").unwrap());
    assert!(journal::verify(&conn).unwrap().1.is_empty());
}

struct Starred;

impl leaktrace::case::views::Shown for Starred {
    fn target(&self, text: &str, _: &[u8]) -> String {
        text.replace("secret", "***")
    }
    fn findings(&self, call: i64) -> leaktrace::error::Result<String> {
        Ok(format!(
            r#"[{{"call":"c{call}","where":"$.a","masked":true,"locator":{{"source":"a","first":7}}}}]"#
        ))
    }
}

#[test]
fn sql_views_mask_and_base_tables_are_shut() {
    let dir = Folder::new();
    let path = dir.path("a.ltc");
    let case = create(&path);
    load(&case, "a", 0xab, 1..20);
    let mut read = open_read(&path).unwrap();
    leaktrace::case::views::install(&mut read.conn, false, Box::new(Starred)).unwrap();
    let row: (String, String, String, String, String) = read
        .conn
        .query_row(
            "SELECT id, uri, src, ts, proto FROM calls ORDER BY ts_ns LIMIT 1",
            [],
            |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)),
        )
        .unwrap();
    let want = (
        "abababababab-1",
        "/u/1?q=***",
        "10.0.0.1",
        "1970-01-01T00:00:00.000001000Z",
        "http/1.1",
    );
    assert_eq!(
        (
            row.0.as_str(),
            row.1.as_str(),
            row.2.as_str(),
            row.3.as_str(),
            row.4.as_str()
        ),
        want
    );
    for view in leaktrace::case::views::VIEWS {
        read.conn
            .query_row(&format!("SELECT count(*) FROM {view}"), [], |r| {
                r.get::<_, i64>(0)
            })
            .unwrap_or_else(|e| panic!("{view}: {e}"));
    }
    for shut in [
        "SELECT uri FROM call",
        "SELECT uri FROM main.call",
        "SELECT v FROM info",
        "SELECT c.uri FROM calls JOIN call c LIMIT 1",
        "SELECT (SELECT max(uri) FROM call) FROM calls",
        "WITH calls AS (SELECT uri FROM main.call) SELECT * FROM calls",
        "WITH lt_calls AS (SELECT uri FROM main.call) SELECT * FROM lt_calls",
        "SELECT * FROM (SELECT uri FROM main.call) AS calls",
        "SELECT sql FROM sqlite_temp_schema",
        "SELECT sql FROM temp.sqlite_master",
        "DELETE FROM call",
        "ATTACH '/tmp/x' AS y",
        "PRAGMA query_only=0",
        "CREATE TEMP VIEW calls2 AS SELECT * FROM call",
    ] {
        assert!(read.conn.prepare(shut).is_err(), "{shut}");
    }
    let mut read = open_read(&path).unwrap();
    leaktrace::case::views::install(&mut read.conn, true, Box::new(Starred)).unwrap();
    let uri: String = read
        .conn
        .query_row("SELECT uri FROM call WHERE unit=1", [], |r| r.get(0))
        .unwrap();
    assert_eq!(uri, "/u/1?q=secret");
}
