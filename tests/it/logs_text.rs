//! Logs that stand in files as they come: padded, cut, in other charsets, among other lines, in two lines a call.

use crate::logs::read;
use leaktrace::call::model::{LogCall, LogYear};
use leaktrace::source::log::{Formats, LogKind, sniff, why_not};

const LINE: &str = "203.0.113.7 - amy [01/Mar/2026:02:00:00 +0000] \"GET /a?b=1 HTTP/1.1\" 200 97 \"-\" \"curl/8.1\"\n";

fn sniffed(bytes: &[u8]) -> LogKind {
    sniff(bytes, &Formats::default()).unwrap_or_else(|| panic!("no format"))
}

/// Kind, calls, and what else there is.
fn told(bytes: &[u8]) -> (String, Vec<LogCall>, Vec<String>) {
    let kind = sniffed(bytes);
    let (calls, diags) = read(bytes, &kind);
    (kind.name(), calls, diags)
}

#[test]
fn nothing_before_between_and_behind_lines_is_passed_over() {
    let log = LINE.repeat(3);
    for (n, bytes) in [
        [&[0; 300][..], log.as_bytes()].concat(),
        [log.as_bytes(), &[0; 5000], log.as_bytes()].concat(),
        [log.as_bytes(), &[0; 5000]].concat(),
    ]
    .into_iter()
    .enumerate()
    {
        let (kind, calls, diags) = told(&bytes);
        assert_eq!(kind, "combined");
        assert_eq!((calls.len(), diags.len()), (if n == 1 { 6 } else { 3 }, 0));
        for c in calls {
            let at = usize::try_from(c.offset).unwrap();
            let end = at + usize::try_from(c.len).unwrap();
            assert_eq!(&bytes[at..end], LINE.trim_end().as_bytes());
        }
    }
}

#[test]
fn a_rotated_log_with_much_nothing_before_it_is_loaded() {
    use leaktrace::load::{LoadOptions, Progress, run};
    let dir = tempfile::tempdir().unwrap();
    let log = [&vec![0; 3 << 20][..], LINE.repeat(3).as_bytes()].concat();
    std::fs::write(dir.path().join("a.log"), log).unwrap();
    let options = LoadOptions {
        files: vec![dir.path().join("a.log")],
        case: dir.path().join("t.ltc"),
        ..LoadOptions::default()
    };
    let summary = run(&options, &Progress::default()).unwrap();
    assert_eq!((summary.calls, summary.sources[0].skipped), (3, 0));
}

#[test]
fn lines_that_end_in_cr_alone_are_lines() {
    let log = LINE.repeat(5).replace('\n', "\r");
    let (kind, calls, diags) = told(log.as_bytes());
    assert_eq!(kind, "combined");
    assert_eq!((calls.len(), diags.len()), (5, 0));
    let (at, len) = (LINE.len() * 3, LINE.len() - 1);
    assert_eq!((calls[3].offset, calls[3].len), (at as u64, len as u64));
    // a CR before LF, or within a line of a log that has LF, ends nothing
    let log = LINE.repeat(2).replace('\n', "\r\n") + &LINE.replace("b=1", "b=\r1");
    assert_eq!(told(log.as_bytes()).1.len(), 3);
}

#[test]
fn a_line_in_a_cell_of_an_export_is_read() {
    let quoted = LINE.trim_end().replace('"', "\"\"");
    let splunk: String = (0..3)
        .map(|n| format!("2026-03-01T02:00:0{n}.000+0000,web1,\"{quoted}\",access_combined\n"))
        .collect();
    let with = format!("\"_time\",host,\"_raw\",sourcetype\n{splunk}");
    for text in [&with, &splunk] {
        let (kind, calls, diags) = told(text.as_bytes());
        assert_eq!((kind.as_str(), calls.len()), ("combined+csv", 3));
        assert_eq!(diags, Vec::<String>::new());
        let call = &calls[2];
        assert_eq!(call.uri.as_deref(), Some("/a?b=1"));
        assert_eq!(call.user_agent.as_deref(), Some("curl/8.1"));
        // the line tells its own time
        assert_eq!(call.ts, 1_772_330_400_000_000_000);
    }
    // an object that tells no time has that of its row; semicolons and tabs stand between as well
    for between in [",", ";", "\t"] {
        let object = r#""{""method"":""GET"",""path"":""/b"",""status"":200,""user"":""amy""}""#;
        let text = format!("@timestamp{between}@message\n2026-03-01 02:00:07.5{between}{object}\n");
        let (kind, calls, _) = told(text.as_bytes());
        assert_eq!((kind.as_str(), calls.len()), ("json+csv", 1), "{between}");
        let call = &calls[0];
        assert_eq!(
            (call.user.as_deref(), call.ts),
            (Some("amy"), 1_772_330_407_500_000_000)
        );
    }
}

#[test]
fn a_configuration_without_formats_is_no_format_string() {
    let text = "http { server { listen 80; } }".to_owned();
    let why = Formats::with(&[(text, "nginx".to_owned())]).unwrap_err().1;
    assert!(why.starts_with("neither a mapping"), "{why}");
}

#[test]
fn characters_of_two_bytes_need_no_mark() {
    for low in [true, false] {
        let units = LINE.repeat(3);
        let units = units.encode_utf16();
        let bytes: Vec<u8> = match low {
            true => units.flat_map(u16::to_le_bytes).collect(),
            false => units.flat_map(u16::to_be_bytes).collect(),
        };
        let (kind, calls, diags) = told(&bytes);
        assert_eq!(
            (kind.as_str(), calls.len(), diags.len()),
            ("combined", 3, 0)
        );
        assert_eq!(calls[2].user_agent.as_deref(), Some("curl/8.1"));
    }
}

#[test]
fn a_table_of_a_spreadsheet_in_china_is_read() {
    let table = "登录账号,目标资产,开始时间,结束时间,来源IP,命令\r\n\
                 zhangsan,核心库,2026-03-01 10:00:00,2026-03-01 10:05:00,203.0.113.7,ls -la\r\n";
    let (bytes, _, lost) = encoding_rs::GB18030.encode(table);
    assert!(!lost);
    for bytes in [table.as_bytes(), &bytes] {
        let (kind, calls, diags) = told(bytes);
        assert_eq!(
            (kind.as_str(), calls.len(), diags.len()),
            ("bastion-csv", 1, 0)
        );
        assert_eq!(calls[0].user.as_deref(), Some("zhangsan"));
        assert_eq!(calls[0].uri.as_deref(), Some("session://核心库"));
        assert_eq!(calls[0].end_ts.unwrap() - calls[0].ts, 300_000_000_000);
    }
}

#[test]
fn lines_among_others_are_found_and_the_others_counted() {
    let trace = "ValueError: bad\n  at x.y(z.py:1)\n".repeat(4);
    let log = format!("{LINE}{trace}").repeat(10);
    let (kind, calls, diags) = told(log.as_bytes());
    assert_eq!((kind.as_str(), calls.len(), diags.len()), ("text", 10, 80));
    assert_eq!(calls[9].user.as_deref(), Some("amy"));
    // a program that tells much of itself first
    let log = format!("{}{}", "loading a module\n".repeat(120), LINE.repeat(40));
    let (kind, calls, diags) = told(log.as_bytes());
    assert_eq!((kind.as_str(), calls.len(), diags.len()), ("text", 40, 120));
}

#[test]
fn other_text_is_no_log() {
    for text in [
        "2026-03-01 02:00:00 sshd[200]: Accepted publickey for amy from 10.0.0.1 port 200\n",
        "2026-03-01 02:00:00 INFO I GET the list of 200 users\n",
        "2026-03-01 02:00:00 status installed libc6:amd64 2.36-9\n",
        "2026-03-01 02:00:00 WARN Retrying GET /users for 500 ms\n",
        "name,phone,address,city,note,when,x\nAmy,13812345678,\"1, Road\",X,GET,2026-03-01 02:00:00,200\n",
        "GET /a HTTP/1.1\nHost: x\n\n",
        "curl -X GET http://x.example/a -H 'A: 200' # 2026-03-01 02:00:00\n",
        "- [x] 2026-03-01 02:00:00 write the tests of GET and POST | 200 | a | b | c\n",
    ] {
        let found = sniff(text.repeat(20).as_bytes(), &Formats::default());
        assert!(found.is_none(), "{text}: {}", found.unwrap().name());
    }
}

#[test]
fn a_log_without_times_is_read_where_its_form_is_known_and_else_says_so() {
    let log =
        "client 10.0.0.1 \"GET /a HTTP/1.1\" 200 5\nclient 10.0.0.2 \"POST /b HTTP/1.1\" 404 9\n";
    assert!(sniff(log.as_bytes(), &Formats::default()).is_none());
    let why = why_not(log.as_bytes(), &Formats::default()).unwrap();
    assert_eq!(why, "its lines are of the format text, but have no time");
    let log = "GET /a 200 5 - 1.204 ms\nPOST /b 404 9 - 0.120 ms\n";
    let (kind, calls, _) = told(log.as_bytes());
    assert_eq!((kind.as_str(), calls.len()), ("morgan", 2));
    assert!(calls[0].ts < calls[1].ts);
    assert!(calls.iter().all(|c| c.year == LogYear::Order));
    assert_eq!(why_not(b"nothing\nof this\n", &Formats::default()), None);
    // around them stands one
    let log = log.replace("GET", "2026-03-01T02:00:00.5Z stdout F GET");
    let log = log.replace("POST", "2026-03-01T02:00:00.5Z stdout F POST");
    assert_eq!(sniffed(log.as_bytes()).name(), "morgan+cri");
}

#[test]
fn a_call_of_two_lines_tells_where_both_stand() {
    let log = "[c6af9ac6-7b61] Started GET \"/a\" for 10.0.0.1 at 2026-03-01 02:00:00 +0000\n\
               [d6af9ac6-7b61] Started GET \"/b\" for 10.0.0.1 at 2026-03-01 02:00:00 +0000\n\
               [d6af9ac6-7b61] Completed 404 Not Found in 5ms (Views: 1.0ms)\n\
               [c6af9ac6-7b61] Completed 200 OK in 12ms (Views: 1.0ms)\n\
               [e6af9ac6-7b61] Started GET \"/c\" for 10.0.0.1 at 2026-03-01 02:00:00 +0000\n\
               [f6af9ac6-7b61] Completed 200 OK in 12ms (Views: 1.0ms)\n";
    let (kind, calls, diags) = told(log.as_bytes());
    assert_eq!(kind, "rails");
    // whose beginning is not there is no call, and one whose end is not there has no status
    let begins = |d: &String| d.starts_with("log-no-request 6:");
    assert!(diags.len() == 1 && diags.iter().all(begins), "{diags:?}");
    let got: Vec<_> = calls
        .iter()
        .map(|c| {
            let later = c.later.map(|l| {
                let at = usize::try_from(l.offset).unwrap();
                let end = at + usize::try_from(l.len).unwrap();
                (l.line, &log[at..end][..15])
            });
            (c.at.number, c.status, c.end_ts.map(|e| e - c.ts), later)
        })
        .collect();
    assert_eq!(
        got,
        [
            (2, Some(404), Some(5_000_000), Some((3, "[d6af9ac6-7b61]"))),
            (1, Some(200), Some(12_000_000), Some((4, "[c6af9ac6-7b61]"))),
            (5, None, None, None),
        ]
    );
    // two requests at a time under one name are not told apart
    let log = log
        .replace("[c6af9ac6-7b61] ", "")
        .replace("[d6af9ac6-7b61] ", "");
    let (_, calls, diags) = told(log.as_bytes());
    assert_eq!(calls.iter().filter(|c| c.status.is_some()).count(), 0);
    assert_eq!((calls.len(), diags.len()), (3, 3));
}

#[test]
fn a_time_that_something_else_tells_is_not_that_of_the_call() {
    // in a value
    let line = "Method: GET Path: /a?from=2020-01-01T00:00:00Z Status: 200 IP: 10.0.0.1\n";
    if let Some(kind) = sniff(line.repeat(20).as_bytes(), &Formats::default()) {
        let (calls, _) = read(line.repeat(20).as_bytes(), &kind);
        assert!(calls.iter().all(|c| c.year == LogYear::Order), "{calls:?}");
    }
    // in the text of a line before
    let log = "POST /b 404 9 - 0.120 ms\n".repeat(5)
        + "Loaded the report of 2020-01-01 00:00:00\n  GET /a 200 5 - 1.204 ms\n";
    let (_, calls, _) = told(log.as_bytes());
    assert!(calls.len() >= 5, "{calls:?}");
    assert!(calls.iter().all(|c| c.year == LogYear::Order), "{calls:?}");
}

#[test]
fn paths_and_states_of_other_programs_are_no_calls() {
    for text in [
        "{\"level\":\"info\",\"time\":\"2026-03-01T02:00:00Z\",\"msg\":\"done\",\"path\":\"/var/lib/x\",\"method\":\"nightly\"}\n",
        "{\"level\":\"warn\",\"time\":\"2026-03-01T02:00:01Z\",\"msg\":\"slow\",\"path\":\"/var/lib/y\",\"duration\":30}\n",
        "time=2026-03-01T02:00:00Z level=info msg=\"compaction done\" path=/data/01 method=full status=200\n",
        "date=2026-03-01 time=02:00:06 type=\"traffic\" srcip=203.0.113.8 srcport=60996 dstip=198.51.100.9 action=\"close\" service=\"HTTPS\"\n",
        "{\"ts\":\"2026-03-01T02:00:00Z\",\"op\":\"DELETE\",\"file\":\"/var/lib/a\",\"uid\":\"404\"}\n",
        "[1772330400,{\"cpu\":3.5,\"path\":\"/dev/sda\"}]\n",
        "[[1772330400.5,\"200\"],[1772330401.5,\"201\"]]\n",
        "--a6a4f03e-boundary--\nContent-Type: text/plain\n\nGET /a HTTP/1.1\n",
    ] {
        let found = sniff(text.repeat(20).as_bytes(), &Formats::default());
        assert!(found.is_none(), "{text}: {}", found.unwrap().name());
    }
    let table = "time\tpath\tvalue\tmethod\n2026-03-01 02:00:00\t/a/b\t200\tavg\n";
    if let Some(kind) = sniff(table.as_bytes(), &Formats::default()) {
        assert_eq!(read(table.as_bytes(), &kind).0.len(), 0);
    }
}

const NO_YEAR: &str = "<134>Mar  1 02:00:00 gw1 api-gw[22]: method=GET path=/k status=200 client=203.0.113.9\n\
     <134>Mar  1 02:00:05 gw1 api-gw[22]: method=POST path=/z status=500 client=203.0.113.9\n";

#[test]
fn a_year_that_no_line_tells_is_that_of_what_is_beside_it() {
    use leaktrace::load::{LoadOptions, Progress, run};
    let kind = sniffed(NO_YEAR.as_bytes());
    assert_eq!(kind.name(), "pairs+syslog");
    let dir = tempfile::tempdir().unwrap();
    let told = "Mar  1 01:59:00 gw1 kernel: booted 2024-03-01T01:58:59Z\n".to_owned() + NO_YEAR;
    let beside = "203.0.113.7 - - [28/Feb/2025:02:00:00 +0000] \"GET /a HTTP/1.1\" 200 97\n";
    let untimed = "GET /a 200 5 - 1.204 ms\nPOST /b 404 9 - 0.120 ms\n";
    for (name, files, want) in [
        ("alone", vec![NO_YEAR], ("1972", "unknown-year")),
        ("itself", vec![&told], ("2024", "assumed-year")),
        ("a log", vec![beside, NO_YEAR], ("2025", "assumed-year")),
        // one without any time says nothing of another
        ("no time", vec![untimed, NO_YEAR], ("1972", "unknown-year")),
    ] {
        let mut paths = Vec::new();
        for (n, text) in files.iter().enumerate() {
            paths.push(dir.path().join(format!("{n}-{name}.log")));
            std::fs::write(&paths[n], text).unwrap();
        }
        let options = LoadOptions {
            files: paths,
            case: dir.path().join(format!("{name}.ltc")),
            ..LoadOptions::default()
        };
        let summary = run(&options, &Progress::default()).unwrap();
        let source = summary.sources.last().unwrap();
        let first = source.first.as_deref().unwrap_or_default();
        assert!(
            first.starts_with(&format!("{}-03-01T02:00:00", want.0)),
            "{name}: {first}"
        );
        assert!(
            source.diags.contains_key(want.1),
            "{name}: {:?}",
            source.diags
        );
    }
}

#[test]
fn an_object_of_a_logger_is_found_between_traces_of_many_lines() {
    let call = |n: u32, ip: &str| {
        format!(
            "[2026-03-01 02:00:0{n}] production.INFO: handled {{\"method\":\"GET\",\"url\":\"/a/{n}\",\"ip\":\"{ip}\",\"status\":200}}\n"
        )
    };
    let trace = "#0 /app/x.php(3): run()\n#1 {main}\n\"}\nnext\n";
    let log = [
        call(0, "10.0.0.1").as_str(),
        trace,
        &call(1, "10.0.0.2"),
        trace,
    ]
    .concat();
    let (kind, calls, diags) = told(log.as_bytes());
    assert_eq!(
        (kind.as_str(), calls.len(), diags.len()),
        ("json+text", 2, 8)
    );
    // and objects alone
    let log = "starts\nnext\n{\"ts\":\"2026-03-01T02:00:00Z\",\"method\":\"GET\",\"path\":\"/a\",\"status\":200}\npanic: x\n";
    let (kind, calls, diags) = told(log.as_bytes());
    assert_eq!((kind.as_str(), calls.len(), diags.len()), ("json", 1, 3));
}

#[test]
fn objects_of_many_lines_and_colours_in_them_are_read() {
    let entry = |n: u32, text: &str| {
        format!(
            "{{\n\t\"__REALTIME_TIMESTAMP\" : \"177233040{n}000000\",\n\t\"MESSAGE\" : \"{text}\"\n}}\n"
        )
    };
    let line = |ip: &str| {
        format!(
            "\\u001b[32mINFO\\u001b[0m: {ip}:5 - \\\"GET /a HTTP/1.1\\\" \\u001b[32m200 OK\\u001b[0m"
        )
    };
    let log = entry(0, &line("10.0.0.1")) + &entry(1, "started") + &entry(2, &line("10.0.0.2"));
    let (_, calls, _) = told(log.as_bytes());
    let got: Vec<_> = calls
        .iter()
        .map(|c| (c.status, c.ts / 1_000_000_000))
        .collect();
    assert_eq!(
        got,
        [(Some(200), 1_772_330_400), (Some(200), 1_772_330_402)]
    );
}

#[test]
fn entries_of_an_exported_journal_are_lines() {
    let entry = |n: u32, message: &[u8]| {
        let head = format!(
            "__CURSOR=s=6b1;i={n}\n__REALTIME_TIMESTAMP=177233040{n}000000\n_HOSTNAME=web1\n"
        );
        let long = (message.len() as u64).to_le_bytes();
        // what has colours in it is written with its length
        let message = match message.contains(&0x1b) {
            true => [b"MESSAGE\n", long.as_slice(), message].concat(),
            false => [b"MESSAGE=", message].concat(),
        };
        [head.as_bytes(), &message, b"\n_PID=812\n\n"].concat()
    };
    let log = [
        entry(0, b"INFO:     Started server process [812]"),
        entry(1, b"INFO:     10.0.0.1:5 - \"GET /a?b=1 HTTP/1.1\" 200 OK"),
        entry(2, b"\x1b[32mINFO\x1b[0m:     10.0.0.2:5 - \"\x1b[1mPOST /b HTTP/1.1\x1b[0m\" \x1b[31m401 Unauthorized\x1b[0m"),
    ]
    .concat();
    let (kind, calls, diags) = told(&log);
    assert_eq!((kind.as_str(), diags.len()), ("uvicorn+journal", 1));
    let got: Vec<_> = calls
        .iter()
        .map(|c| {
            (
                c.at.number,
                c.uri.as_deref(),
                c.status,
                c.ts / 1_000_000_000,
            )
        })
        .collect();
    let want = [
        (7, Some("/a?b=1"), Some(200), 1_772_330_401),
        (13, Some("/b"), Some(401), 1_772_330_402),
    ];
    assert_eq!(got, want);
    // from its own place an entry is read as it was
    let first = calls.first().unwrap();
    let place = usize::try_from(first.offset).unwrap()..;
    assert!(log.get(place).unwrap().starts_with(b"__CURSOR=s=6b1;i=1\n"));
}

#[test]
fn a_journal_is_no_log_by_the_order_of_words_alone() {
    let entry = "__CURSOR=s\n__REALTIME_TIMESTAMP=1772330400000000\nMESSAGE=(root) CMD (curl -s GET /a 200)\n\n";
    assert!(sniff(entry.repeat(5).as_bytes(), &Formats::default()).is_none());
}

#[test]
fn a_column_of_targets_may_hold_the_request_line() {
    let log = "Time,RemoteIP,Requester,Operation,RequestURI,HTTPStatus\n[01/Mar/2026:02:00:00 +0000],10.0.0.1,amy,REST.GET.OBJECT,GET /a?b=1 HTTP/1.1,200\n";
    let (_, calls, _) = told(log.as_bytes());
    let got: Vec<_> = calls
        .iter()
        .map(|c| (c.method.as_deref(), c.uri.as_deref(), c.user.as_deref()))
        .collect();
    assert_eq!(got, [(Some("GET"), Some("/a?b=1"), Some("amy"))]);
}
