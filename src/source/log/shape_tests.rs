//! What lines say whose writer is not known, and lines that say nothing.

use super::*;

fn told(line: &str) -> Result<String, NoCall> {
    let mut draft = Draft::new(false);
    read(line.as_bytes(), false, &mut draft)?;
    let c = draft.finish(&LogZone(None), None)?;
    let text = |t: &Option<String>| t.clone().unwrap_or_else(|| "-".to_owned());
    let number = |n: Option<i64>| n.map_or("-".to_owned(), |n| n.to_string());
    Ok(format!(
        "{} {} {} {} {} user={} sent={} took={} ua={}",
        text(&c.method),
        text(&c.host),
        text(&c.uri),
        number(c.status.map(i64::from)),
        c.src.map_or("-".to_owned(), |a| a.to_string()),
        text(&c.user),
        number(c.resp_body_len.and_then(|n| i64::try_from(n).ok())),
        number(c.end_ts.map(|e| (e - c.ts) / 1000)),
        text(&c.user_agent),
    ))
}

#[test]
fn pieces_are_what_they_look_like() {
    for (line, want) in [
        (
            r#"2026-03-01 02:00:00,123 INFO x.access: 10.0.0.1 [01/Mar/2026:02:00:00 +0000] "GET /a HTTP/1.1" 200 97 "-" "curl/8.1""#,
            "GET - /a 200 10.0.0.1 user=- sent=97 took=- ua=curl/8.1",
        ),
        // a time span belongs to the line that a logger wrote
        (
            "2026-03-01T02:00:00Z info: POST /a?b=c 404 12ms",
            "POST - /a?b=c 404 - user=- sent=- took=12000 ua=-",
        ),
        (
            "[2026-03-01 02:00:00] 10.0.0.1 amy GET /a 200 12 1.5s",
            "GET - /a 200 10.0.0.1 user=amy sent=12 took=1500000 ua=-",
        ),
        // a number without a unit may be anything
        (
            "2026-03-01T02:00:00Z GET /a 200 12",
            "GET - /a 200 - user=- sent=- took=- ua=-",
        ),
        (
            r#"10.0.0.1 - amy [01/Mar/2026:02:00:00 +0000] api.example "GET /a HTTP/1.1" 200 5"#,
            "GET api.example /a 200 10.0.0.1 user=amy sent=5 took=- ua=-",
        ),
        (
            "01/Mar/2026:02:00:00 +0000|10.0.0.1|PUT|http://api.example/a|201|7|a b (c)|okhttp/4.9",
            "PUT api.example /a 201 10.0.0.1 user=- sent=7 took=- ua=okhttp/4.9",
        ),
        (
            r#"2026-03-01T02:00:00Z "GET /a HTTP/1.1" status=204 user=amy client_ip=10.0.0.1 duration_ms=3"#,
            "GET - /a 204 10.0.0.1 user=amy sent=- took=- ua=-",
        ),
        (
            "2026-03-01 02:00:00.000 HTTP GET /weather responded 200 in 12.5 ms",
            "GET - /weather 200 - user=- sent=- took=12500 ua=-",
        ),
        // others stand between method and target
        (
            r#"[01/Mar/2026:02:00:00 +0000] 200 GET shop.example "/a?b=1" from=10.0.0.1 bytes=5"#,
            "GET shop.example /a?b=1 200 10.0.0.1 user=- sent=5 took=- ua=-",
        ),
        (
            r#"1772330400 miss 0.001484 10.0.0.1 POST 404 5 "http://shop.example/a?b=1" 10.0.0.1"#,
            "POST shop.example /a?b=1 404 10.0.0.1 user=- sent=- took=- ua=-",
        ),
        // of numbers beside each other the status is one that there is
        (
            r#"10.0.0.1:5 [01/Mar/2026:02:00:00.123] web app/s1 0/0/1 200 123 GET /a "shop.example""#,
            "GET - /a 200 10.0.0.1 user=- sent=- took=- ua=-",
        ),
        (
            "2026-03-01T02:00:00Z 10.0.0.1 GET /a 123 200",
            "GET - /a 200 10.0.0.1 user=- sent=- took=- ua=-",
        ),
        (
            r#"1772330400.101 0.012 200 10.0.0.1 GET shop.example "/a" "curl/8.1" 512"#,
            "GET shop.example /a 200 10.0.0.1 user=- sent=- took=- ua=curl/8.1",
        ),
        // quotes and columns hold what is decoded
        (
            r#"[01/Mar/2026:02:00:00 +0000] 7 GET "/a b" "?c=1" 404 5 10.0.0.1"#,
            "GET - /a b?c=1 404 10.0.0.1 user=- sent=- took=- ua=-",
        ),
        (
            "2026-03-01T02:00:00Z\t10.0.0.1\tshop.example\tGET\t/a b\tc=1&d=2\t200\t5",
            "GET shop.example /a b?c=1&d=2 200 10.0.0.1 user=- sent=5 took=- ua=-",
        ),
        (
            "[Sun Mar  1 02:00:00 2026] 10.0.0.1:5 [404]: GET /a",
            "GET - /a 404 10.0.0.1 user=- sent=- took=- ua=-",
        ),
        (
            r#"INFO:aiohttp.access:10.0.0.1 [01/Mar/2026:02:00:00 +0000] "GET /a HTTP/1.1" 200 5"#,
            "GET - /a 200 10.0.0.1 user=- sent=5 took=- ua=-",
        ),
    ] {
        assert_eq!(told(line).as_deref(), Ok(want), "{line}");
    }
}

#[test]
fn sentences_are_no_requests() {
    for line in [
        "2026-03-01 02:00:00 I GET the list of 200 users",
        "2026-03-01 02:00:00 GET /a",
        "2026-03-01 02:00:00 could not GET /a because the server at port 443 said 500 times no",
        "2026-03-01 02:00:00 DELETE FROM users WHERE id = 200",
        "GET /a 200",
        "2026-03-01 02:00:00 get /a 200",
        "Mar  1 02:00:00 web sshd[200]: Accepted publickey for amy from 10.0.0.1 port 200",
        "2026-03-01 02:00:00,000 INFO  [main] o.s.Server - Started in 200 ms",
        "id,name,when,a,b,c\n1,GET,2026-03-01 02:00:00,200,x,y",
        "<p>GET /a HTTP/1.1</p>",
        "[Sun Mar  1 02:00:00 2026] amy: GET /admin gives 500 for 10.0.0.5",
        "2026-03-01 02:00:00 10.0.0.5 WARN retry GET /v1/x after 503 from upstream",
        r#"2. look for `10.0.0.1 - - [01/Mar/2026:02:00:00 +0000] "GET /a HTTP/1.1" 200 5`"#,
        "2026-03-01 02:00:00 GET 3 of the /a 200",
        "\u{0}",
        "\"GET",
        "",
    ] {
        assert!(told(line).is_err(), "{line}: {:?}", told(line));
    }
}

#[test]
fn only_a_sure_request_tells_what_a_file_is_of_which_most_is_other() {
    let weak = b"2026-03-01T02:00:00Z GET /a 200 5ms";
    let sure = br#"2026-03-01T02:00:00Z "GET /a HTTP/1.1" 200 5ms"#;
    assert!(read(weak, true, &mut Draft::new(false)).is_err());
    assert!(read(weak, false, &mut Draft::new(false)).is_ok());
    assert!(read(sure, true, &mut Draft::new(false)).is_ok());
    // who asked right before it, and when
    let who = b"[Sun Mar  1 02:00:00 2026] 10.0.0.1:5 [404]: GET /a";
    let far = b"2026-03-01T02:00:00Z 10.0.0.1 was late so we sent GET /a and got 200";
    assert!(read(who, true, &mut Draft::new(false)).is_ok());
    assert!(read(far, true, &mut Draft::new(false)).is_err());
}

#[test]
fn any_bytes_are_survived_in_time() {
    let line = br#"a=1 [01/Mar/2026:02:00:00 +0000] "GET /\" HTTP/1.1" 200 5 "x" <a id="b">c</a> | , ; ms"#;
    for n in 0..line.len() {
        for from in [0, n] {
            let part = line
                .get(from..if from == 0 { n } else { line.len() })
                .unwrap();
            let _ = read(part, false, &mut Draft::new(false));
        }
    }
    let begin = std::time::Instant::now();
    for unit in [
        "\"",
        "[",
        "a=\"",
        "<a>",
        "1",
        "2026-03-01 02:00:00 ",
        "|",
        "GET /a ",
        "\u{4e2d}",
    ] {
        let long = unit.repeat(1_000_000 / unit.len());
        let _ = read(long.as_bytes(), false, &mut Draft::new(false));
    }
    assert!(begin.elapsed().as_secs() < 20);
}

#[test]
fn who_stands_before_a_thread_and_a_host_before_who_asks() {
    let read = |line: &str| {
        let mut draft = Draft::new(false);
        read(line.as_bytes(), false, &mut draft).unwrap();
        let c = draft.finish(&LogZone(None), None).unwrap();
        (c.user, c.host, c.resp_body_len)
    };
    let some = |t: &str| Some(t.to_owned());
    let line = "[01/Mar/2026:02:00:00 +0000] amy http-nio-8090-exec-5 203.0.113.7 GET /a HTTP/1.1 200 23ms 512 - curl/8";
    assert_eq!(read(line), (some("amy"), None, Some(512)));
    // no thread: what stands there is the writer's
    let line = "[01/Mar/2026:02:00:00 +0000] INFO web1 203.0.113.7 GET /a HTTP/1.1 200 23ms 512";
    assert_eq!(read(line).0, None);
    let line = "[notice] 2026-03-01T02:00:00.123456Z couchdb@127.0.0.1 <0.1.0> abc123 api.example:5984 203.0.113.7 undefined GET /db?x=1 200 ok 23";
    assert_eq!(
        (read(line).0, read(line).1),
        (None, some("api.example:5984"))
    );
    let line = r#"api.example - [2026-03-01T02:00:00.123Z] "GET /a HTTP/1.1" 200 0 512 "-" "curl/8" "203.0.113.7:51234" "10.0.0.9:61001""#;
    assert_eq!(read(line).1, some("api.example"));
}
