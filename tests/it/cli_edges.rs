//! Small things at the edge of the command line: what is mistyped, empty, closed or not finished, as an investigator meets it.

use crate::cli::{Loaded, loaded, text};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

/// Status, what was printed, what was said.
fn told(out: &Output) -> (i32, String, String) {
    (
        out.status.code().unwrap(),
        text(&out.stdout),
        text(&out.stderr),
    )
}

/// The demo case, copied so that it may be changed.
fn copied(name: &str) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let l = Loaded {
        state: dir.path().join("state"),
        case: dir.path().join(name),
        _dir: dir,
    };
    fs::copy(&loaded().case, &l.case).unwrap();
    fs::set_permissions(&l.case, Permissions::from_mode(0o600)).unwrap();
    l
}

#[test]
fn a_case_in_a_closed_folder_is_named_with_the_way_out() {
    const NOBODY: u32 = 65_534;
    let l = copied("c.ltc");
    let top = l.case.parent().unwrap().to_owned();
    let folder = top.join("closed");
    fs::create_dir(&folder).unwrap();
    let case = folder.join("c.ltc");
    fs::rename(&l.case, &case).unwrap();
    let lock = folder.join("c.ltc.lock");
    fs::write(&lock, b"").unwrap();
    let root = chown(&case, Some(NOBODY), None).is_ok();
    if root {
        chown(&lock, Some(NOBODY), None).unwrap();
    }
    fs::set_permissions(&top, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o555)).unwrap();
    let run = |args: &[&str]| {
        let mut c = Command::new(env!("CARGO_BIN_EXE_leaktrace"));
        c.args(args).arg("--case").arg(&case);
        c.env("XDG_STATE_HOME", top.join("nowhere"))
            .stdin(Stdio::null());
        if root {
            // modes do not bind root
            c.uid(NOBODY).gid(NOBODY);
        }
        c.output()
    };
    match run(&["calls", "--count"]) {
        Ok(out) => assert_eq!(told(&out).0, 0, "{:?}", told(&out)),
        Err(e) => {
            eprintln!("SKIPPED: another user cannot run the program where it lies: {e}");
            return;
        }
    }
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/gateway-access.log");
    let readable = top.join("access.log");
    fs::copy(log, &readable).unwrap();
    fs::set_permissions(&readable, Permissions::from_mode(0o644)).unwrap();
    for args in [
        &["info", "--number", "7"][..],
        &["calls", "--limit", "1", "--reveal"],
        &["correct", "undo"],
        &["index"],
        &["load", readable.to_str().unwrap()],
    ] {
        let (code, out, said) = told(&run(args).unwrap());
        assert_eq!((code, &*out), (4, ""), "{args:?}: {said}");
        assert!(said.contains("closed/c.ltc"), "{args:?}: {said}");
        assert!(
            said.contains("copy it to a writable folder"),
            "{args:?}: {said}"
        );
    }
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_is_asked_for_by_name_and_not_there_is_nothing_matched() {
    let l = loaded();
    for args in [
        &["show", "x"][..],
        &["replay", "x"],
        &["trace", "--account", "nobody"],
        &["trace", "--record", "x"],
        &["trace", "--host", "nowhere.example"],
        &["trace", "--value", "value-that-nobody-sent"],
    ] {
        let (code, _, said) = told(&l.run(args));
        assert_eq!(code, 1, "{args:?}: {said}");
    }
    let (_, out, said) = told(&l.run(&["trace", "--account", "wu.tap", "--json"]));
    assert_eq!(out, "");
    assert!(
        said.contains("no account wu.tap in this case; did you mean wu.tao?"),
        "{said}"
    );
    // nothing is written about nobody
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("r.html");
    let (code, _, _) = told(&l.run(&[
        "report",
        "--account",
        "nobody",
        "-o",
        page.to_str().unwrap(),
    ]));
    assert_eq!((code, page.exists()), (1, false));
}

#[test]
fn a_word_that_a_field_can_never_hold_is_told_with_the_nearest() {
    let l = loaded();
    for (filter, wanted) in [
        (
            "class:cn-idd",
            "no data class is called cn-idd; the nearest are cn-id",
        ),
        ("class in {cn-id,nope}", "no data class is called nope"),
        ("not class == nope", "no data class is called nope"),
        ("severity:hihg", "low medium high critical"),
        ("flags:truncatd", "the nearest are truncated"),
        (
            "dimension:acount",
            "account permission operation flow exposure masking",
        ),
        ("proto:htp/1.1", "http/1.1"),
        ("dir:out", "req resp"),
        ("level:S9", "S0 to S4"),
        ("is:nope", "no flag is called nope"),
    ] {
        for verb in ["calls", "apis", "findings"] {
            let (code, out, said) = told(&l.run(&[verb, filter]));
            assert_eq!((code, &*out), (2, ""), "{verb} {filter}: {said}");
            assert!(said.contains(wanted), "{verb} {filter}: {said}");
            assert!(said.ends_with("^\n"), "a caret below it: {said}");
        }
    }
    // a class that rules know and this evidence has not, any method, any pattern
    for filter in [
        "class:fr-nir",
        "method:BREW",
        "class:zz*",
        "proto:h3",
        "class != fr-nir",
    ] {
        let (code, _, said) = told(&l.run(&["calls", "--count", filter]));
        assert!(code < 2, "{filter}: {said}");
    }
}

#[test]
fn looks_that_there_are_not_are_told_without_a_terminal_too() {
    let l = loaded();
    for (args, wanted) in [
        (["--theme", "nope"], "nope"),
        (["--color", "pink"], "--color is one of: auto"),
    ] {
        for verb in [&["calls", "--limit", "1"][..], &["info"], &[]] {
            let (code, out, said) = told(&l.run(&[verb, &args].concat()));
            assert_eq!((code, &*out), (2, ""), "{verb:?} {args:?}: {said}");
            assert!(said.contains(wanted), "{said}");
        }
    }
    for args in [["--theme", "cb-safe"], ["--color", "never"]] {
        let out = l.run(&[&["calls", "--limit", "1"][..], &args].concat());
        assert_eq!(told(&out).0, 0, "{:?}", told(&out));
    }
}

#[test]
fn a_limit_of_nothing_prints_nothing_and_the_status_tells_whether_there_was_something() {
    let l = loaded();
    for verb in ["calls", "apis", "accounts", "sessions", "findings", "risks"] {
        for (filter, code) in [("method:GET", 0), ("host:nowhere.example", 1)] {
            for more in [&[][..], &["--json"]] {
                let out = l.run(&[&[verb, filter, "--limit", "0"][..], more].concat());
                assert_eq!(
                    (told(&out).0, &*told(&out).1),
                    (code, ""),
                    "{verb} {filter}"
                );
            }
            let out = l.run(&[verb, filter, "--limit", "0", "--count"]);
            assert_eq!(
                (told(&out).0, &*told(&out).1),
                (code, "0\n"),
                "{verb} {filter}"
            );
        }
    }
    let out = l.run(&["sql", "SELECT 1", "--limit", "0"]);
    assert_eq!((told(&out).0, &*told(&out).1), (0, ""));
}

#[test]
fn an_answer_from_a_case_whose_load_has_not_ended_says_so_itself() {
    let l = copied("cut.ltc");
    let whole = l.run(&["trace", "--account", "wu.tao", "--json"]);
    assert!(!text(&whole.stdout).contains("\"partial\""));
    let conn = rusqlite::Connection::open(&l.case).unwrap();
    conn.execute("UPDATE load SET state='loading'", []).unwrap();
    drop(conn);
    let cut = l.run(&["trace", "--account", "wu.tao", "--json"]);
    let cut: serde_json::Value = serde_json::from_slice(&cut.stdout).unwrap();
    assert_eq!(cut["partial"], true);
    let people = text(&l.run(&["trace", "--account", "wu.tao"]).stdout);
    assert!(
        people.contains("partial   a load has not ended"),
        "{people}"
    );
    let page = l.case.with_extension("md");
    let out = l.run(&["report", "-o", page.to_str().unwrap()]);
    assert_eq!(told(&out).0, 0, "{:?}", told(&out));
    assert!(fs::read_to_string(&page).unwrap().contains("had not ended"));
}

#[test]
fn an_export_of_nothing_leaves_the_file_that_was_there() {
    let l = copied("e.ltc");
    let file = l.case.with_file_name("out.csv");
    let path = file.to_str().unwrap();
    let export = |filter: &str| told(&l.run(&["export", "--format", "csv", "-o", path, filter]));
    let (code, _, said) = export("host:nowhere.example");
    assert_eq!((code, file.exists()), (1, false), "{said}");
    assert!(
        said.contains("no call is selected, so nothing was written"),
        "{said}"
    );
    assert_eq!(export("method:PUT").0, 0);
    let before = fs::read(&file).unwrap();
    let (code, _, said) = export("host:nowhere.example");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("stays as it was"), "{said}");
    assert_eq!(fs::read(&file).unwrap(), before);
    let (code, _, said) = told(&l.run(&["export", "--format", "csv", "-o", path, "--limit", "0"]));
    assert_eq!(
        (code, fs::read(&file).unwrap() == before),
        (1, true),
        "{said}"
    );
    // no half-written neighbour stays either
    let left = fs::read_dir(file.parent().unwrap()).unwrap();
    assert!(
        left.flatten()
            .all(|e| !e.file_name().to_string_lossy().contains(".part"))
    );
}

#[test]
fn words_for_people_count_one_thing_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let l = Loaded {
        state: dir.path().join("state"),
        case: dir.path().join("one.ltc"),
        _dir: dir,
    };
    let log = l.case.with_file_name("one.log");
    fs::write(
        &log,
        "10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 12 \"-\" \"curl/8\"\n",
    )
    .unwrap();
    let (code, _, said) = told(&l.run(&["load", log.to_str().unwrap()]));
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("1 source, 1 call, 1 account, 1 API, 0 findings"),
        "{said}"
    );
    let (_, out, _) = told(&l.run(&["info"]));
    assert!(
        out.contains("plain (levels as the rules have them)"),
        "{out}"
    );
    assert!(!out.contains("id="), "{out}");
}

#[test]
fn what_is_not_known_is_null_in_rows() {
    let dir = tempfile::tempdir().unwrap();
    let l = Loaded {
        state: dir.path().join("state"),
        case: dir.path().join("ping.ltc"),
        _dir: dir,
    };
    // an echo request over IPv4 (raw): no ports
    let packet = [
        0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 8, 0, 0, 0, 0, 1, 0, 1,
    ];
    let mut pcap = Vec::new();
    for n in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 101, 1, 0, 28, 28] {
        pcap.extend(n.to_le_bytes());
    }
    pcap.extend(packet);
    let file = l.case.with_file_name("ping.pcap");
    fs::write(&file, pcap).unwrap();
    let _ = l.run(&["load", file.to_str().unwrap()]);
    let flow = l.rows(&["flows"]).remove(0);
    assert_eq!(flow["transport"], "icmp", "{flow}");
    assert!(flow["sport"].is_null() && flow["dport"].is_null(), "{flow}");
    let demo = loaded();
    assert!(
        demo.rows(&["flows"])
            .iter()
            .all(|f| f["sport"].as_u64() > Some(0))
    );
    for verb in [
        "apis", "accounts", "calls", "sessions", "risks", "flows", "sources",
    ] {
        for row in demo.rows(&[verb, "--limit", "300"]) {
            for (k, v) in row.as_object().unwrap() {
                assert_ne!(v, "", "{verb} {k}: {row}");
            }
        }
    }
}

#[test]
fn a_statement_that_would_write_is_told_so() {
    let (code, _, said) = told(&loaded().run(&["sql", "DELETE FROM call"]));
    assert_eq!(code, 2);
    assert!(said.contains("only a SELECT is run here"), "{said}");
    let (code, _, said) = told(&loaded().run(&["calls", "--max-mem", "much", "--limit", "1"]));
    assert_eq!(code, 2, "{said}");
}

/// `2>&1 | head`: whoever read what is said has gone.
#[test]
fn work_goes_on_where_nobody_hears_what_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("empty.pcap");
    fs::write(&file, b"").unwrap();
    let (unread, said) = std::io::pipe().unwrap();
    drop(unread);
    let status = Command::new(env!("CARGO_BIN_EXE_leaktrace"))
        .args(["load", "--case"])
        .arg(dir.path().join("a.ltc"))
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(said)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(4));
}

#[test]
fn an_empty_answer_and_a_mistyped_verb_are_said() {
    let l = copied("empty-answers.ltc");
    let said = |args: &[&str]| told(&l.run(args));
    assert_eq!(
        said(&["calls", "account:nobody"]),
        (
            1,
            String::new(),
            "leaktrace: nothing matches account:nobody\n".into()
        )
    );
    // programs are told by the status alone
    assert_eq!(
        said(&["calls", "account:nobody", "--json"]),
        (1, String::new(), String::new())
    );
    assert_eq!(
        said(&["calls", "account:nobody", "--count"]),
        (1, "0\n".into(), String::new())
    );
    let (code, _, err) = said(&["sql", "select 1 where 0"]);
    assert_eq!(
        (code, err.as_str()),
        (1, "leaktrace: the statement gives no rows\n")
    );
    let (code, _, err) = said(&["acounts", "account:wu.tao"]);
    assert_eq!(code, 4, "{err}");
    assert!(
        err.contains("no verb is called acounts; did you mean accounts?"),
        "{err}"
    );
    // evidence that is missing is not taken for a verb
    let (code, _, err) = said(&["gone.pcap"]);
    assert!(code == 4 && !err.contains("verb"), "{code} {err}");
}

#[test]
fn trails_do_not_bury_the_verdict() {
    let l = loaded();
    let clue = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/leaked-rows.csv");
    let out = text(&l.run(&["trace", "--clue", clue]).stdout);
    assert!(out.contains("confidence 0.92 (strong)"), "{out}");
    assert_eq!(out.matches("\ntrail     ").count(), 5);
    assert!(
        out.contains("145 more trails not listed here: --limit 150 lists all"),
        "{out}"
    );
    let way: Vec<&str> = out.lines().filter(|l| l.contains(" -> ")).collect();
    assert!(
        !way.is_empty() && way.iter().all(|l| l.len() <= 80),
        "{way:?}"
    );
    assert!(
        way[0].starts_with("    1  2026-11-23 19:09:04.072  10.20.1.14 -> 10.20.1.13 "),
        "{}",
        way[0]
    );
    let all = text(&l.run(&["trace", "--clue", clue, "--limit", "150"]).stdout);
    assert_eq!(all.matches("\ntrail     ").count(), 150);
    assert!(!all.contains("not listed here"));
}
