//! Archives of captures and logs through the real binary: what is in one is read as if it lay bare, is found again, and
//! hostile ones cost what they hold and no more. Archives are written here by hand and by the tools people use.

use crate::cli::text;
use crate::support::growth::at_most_double;
use crate::support::pack::{self, Zipped, tar, tar_file, tar_raw, zip};
use crate::support::recut::{Rec, pcap};
use crate::support::talk::talk;
use crate::tools::{Rig, fixture};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut w = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    w.write_all(bytes).unwrap();
    w.finish().unwrap()
}

fn log(lines: std::ops::Range<u32>) -> Vec<u8> {
    let line = |n| {
        format!(
            "10.0.0.{} - - [10/Oct/2023:13:55:36 +0000] \"GET /p/{n} HTTP/1.1\" 200 12 \"-\" \"curl\"\n",
            n % 250
        )
    };
    lines.map(line).collect::<String>().into_bytes()
}

/// A capture, one that is compressed by itself, a log, another tool's file, and what is none of these.
fn evidence() -> Vec<(&'static str, Vec<u8>)> {
    let read = |name| std::fs::read(fixture(name)).unwrap();
    vec![
        ("cap/http1.pcap", read("http1.pcap")),
        ("cap/talk.gz", gzip(&pcap(&talk(5, 3, 4, 3000)))),
        ("logs/access.log", log(0..300)),
        ("tools.har", read("tools.har")),
        ("README.txt", b"what the customer wrote".to_vec()),
        ("empty", Vec::new()),
    ]
}

/// Calls as rows, names of sources without what stands before the last `mark`.
fn calls(rig: &Rig) -> Vec<String> {
    let bare = |v: &mut Value| {
        let name = v.as_str().unwrap().rsplit('!').next().unwrap().to_owned();
        *v = json!(name);
    };
    let mut rows = rig.rows(&["calls"]);
    for row in &mut rows {
        bare(&mut row["source"]);
        for at in row["locators"].as_array_mut().unwrap() {
            bare(&mut at["source"]);
        }
    }
    let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    rows.sort();
    rows
}

/// What is said of sources: name, kind, hash, bytes, packets, lines, calls.
fn sources(sum: &Value) -> BTreeSet<String> {
    let of = |s: &Value| {
        let name = s["name"].as_str().unwrap().rsplit('!').next().unwrap();
        json!([
            name,
            s["kind"],
            s["sha256"],
            s["bytes"],
            s["packets"],
            s["lines"],
            s["calls"]
        ])
        .to_string()
    };
    let list = sum["sources"].as_array().unwrap();
    let files = list
        .iter()
        .filter(|s| !matches!(s["kind"].as_str(), Some("tar" | "zip")));
    files.map(of).collect()
}

fn diags<'a>(sum: &'a Value, name: &str) -> &'a Value {
    let list = sum["sources"].as_array().unwrap();
    let file = |s: &&Value| s["name"].as_str().unwrap().ends_with(&format!("/{name}"));
    let source = list.iter().find(file);
    &source.unwrap_or_else(|| panic!("no {name} in {sum}"))["diags"]
}

fn holds(rig: &Rig) {
    let out = rig.run(&["verify"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stdout));
}

/// A case of the same files, lying bare.
fn bare() -> (Rig, Value) {
    let rig = Rig::new();
    let mut files = Vec::new();
    for (name, bytes) in evidence() {
        rig.write(&format!("bare/{name}"), &bytes);
    }
    files.push(rig.at("bare").to_str().unwrap().to_owned());
    let (_, sum) = rig.load(&files.iter().map(String::as_str).collect::<Vec<_>>());
    (rig, sum)
}

fn members(deflate: bool) -> Vec<Zipped> {
    let all = evidence();
    let zipped = all.iter().map(|(n, b)| Zipped::new(n, b, deflate));
    zipped.collect()
}

fn as_tar() -> Vec<u8> {
    let all = evidence();
    let files: Vec<_> = all.iter().map(|(n, b)| (*n, b.as_slice())).collect();
    tar(&files)
}

#[test]
fn members_are_read_as_the_files_they_are() {
    let (plain, want) = bare();
    let want_calls = calls(&plain);
    assert!(want_calls.len() > 300, "{}", want_calls.len());
    let later: Vec<Zipped> = members(true)
        .into_iter()
        .map(|m| Zipped { flags: 8, ..m })
        .collect();
    let zstd = zstd::stream::encode_all(&as_tar()[..], 3).unwrap();
    for (name, bytes) in [
        ("a.tar", as_tar()),
        // names decide nothing
        ("a.zip", gzip(&as_tar())),
        ("no-name", zstd),
        ("s.zip", zip(&members(false))),
        ("d.zip", zip(&members(true))),
        ("later.zip", zip(&later)),
        ("d.zip.gz", gzip(&zip(&members(true)))),
        ("tar-in-zip", zip(&[Zipped::new("in.tar", &as_tar(), true)])),
        (
            "zip-in-tar",
            gzip(&tar(&[("x/in.zip", &zip(&members(true)))])),
        ),
        (
            "two",
            tar(&[
                ("a.tgz", &gzip(&as_tar())),
                ("b.zip", &zip(&members(false))),
            ]),
        ),
    ] {
        let rig = Rig::new();
        let path = rig.write(name, &bytes);
        let (code, sum) = rig.load(&[&path]);
        assert_eq!(code, 0, "{name}: {sum}");
        assert_eq!(sources(&sum), sources(&want), "{name}");
        assert!(calls(&rig) == want_calls, "{name}: other calls");
        holds(&rig);
        // a second time, and the same files bare, add nothing but the archive's own row
        let (code, again) = rig.load(&[&path, plain.at("bare/cap/talk.gz").to_str().unwrap()]);
        assert_eq!((code, sources(&again)), (0, sources(&want)), "{name}");
        assert_eq!(calls(&rig).len(), want_calls.len(), "{name}");
        let left = std::fs::read_dir(rig.at("")).unwrap().flatten();
        let mut left: Vec<_> = left.map(|e| e.file_name().into_string().unwrap()).collect();
        left.retain(|f| !f.starts_with("c.ltc") && f != "state");
        assert_eq!(left, [name], "something was written beside");
    }
    // the other way round: loaded bare before, the archive brings nothing new
    let path = plain.write("a.tgz", &gzip(&as_tar()));
    let (code, sum) = plain.load(&[&path]);
    assert_eq!((code, sources(&sum)), (0, sources(&want)));
    assert!(calls(&plain) == want_calls);
    let diags = diags(&sum, "a.tgz").to_string();
    assert_eq!(diags, r#"{"archive-no-evidence":2}"#);
}

#[test]
fn packets_are_cut_out_of_members_and_moved_archives_are_found() {
    let (plain, _) = bare();
    let packets = |rig: &Rig, more: &[&str]| {
        let out = rig.at("out.pcap");
        let args = [
            "export",
            "--format",
            "pcap",
            "--reveal",
            "-o",
            out.to_str().unwrap(),
        ];
        let run = rig.run(&[&args, more, &["proto = \"http/1.1\""]].concat());
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        let recs = crate::support::talk::recs(std::fs::read(out).unwrap());
        recs.into_iter()
            .map(|r| (r.ts, r.bytes))
            .collect::<BTreeSet<_>>()
    };
    let want = packets(&plain, &[]);
    assert!(want.len() > 150, "{}", want.len());
    for bytes in [gzip(&as_tar()), zip(&members(true))] {
        let rig = Rig::new();
        let path = rig.write("in/archive", &bytes);
        rig.load(&[&path]);
        assert!(packets(&rig, &[]) == want);
        std::fs::create_dir(rig.at("moved")).unwrap();
        std::fs::rename(&path, rig.at("moved/archive")).unwrap();
        assert_eq!(rig.run(&["verify"]).status.code(), Some(3));
        let moved = rig.at("moved");
        let there = ["--evidence", moved.to_str().unwrap()];
        let out = rig.run(&[&["verify"], &there[..]].concat());
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stdout));
        assert!(packets(&rig, &there) == want);
        // one member changed: it and the archive are named, what rests on it, and nothing of another member
        let mut other = evidence();
        other[2].1[0] ^= 1;
        let files: Vec<_> = other.iter().map(|(n, b)| (*n, b.as_slice())).collect();
        std::fs::write(&path, tar(&files)).unwrap();
        let said = text(&rig.run(&["verify"]).stdout);
        assert!(
            said.contains("archive!logs/access.log: its SHA-256"),
            "{said}"
        );
        let of = |kind: &str| said.lines().filter(|l| l.starts_with(kind)).count();
        assert_eq!(
            (of("source "), of("body "), of("finding "), of("flow ")),
            (2, 0, 0, 0),
            "{said}"
        );
        let ids = said
            .lines()
            .filter_map(|l| l.strip_prefix("call ")?.split('-').next());
        let sources: std::collections::BTreeSet<&str> = ids.collect();
        assert_eq!(sources.len(), 1, "{said}");
        // and one that is gone
        let less: Vec<_> = files.iter().copied().take(3).collect();
        std::fs::write(&path, tar(&less)).unwrap();
        let said = text(&rig.run(&["verify"]).stdout);
        let gone = "archive!tools.har: the archive has no such member now";
        assert!(said.contains(gone), "{said}");
    }
}

/// A conversation in files of a few packets.
fn rotated() -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let recs: Vec<Rec> = talk(9, 4, 5, 4000);
    let parts = recs.chunks(recs.len().div_ceil(6)).enumerate();
    // names that do not sort by time
    let files = parts.map(|(n, part)| (format!("cap{}", (n * 5) % 7), pcap(part)));
    (pcap(&recs), files.collect())
}

#[test]
fn rotated_captures_in_an_archive_are_one_stream() {
    let (whole, parts) = rotated();
    let one = Rig::new();
    one.load(&[&one.write("whole", &whole)]);
    let told = |rig: &Rig| {
        let rows = rig.rows(&["calls"]);
        let mut list: Vec<String> = rows
            .iter()
            .map(|r| json!([r["ts"], r["uri"], r["resp_sha256"], r["flags"], r["src"]]).to_string())
            .collect();
        list.sort();
        list
    };
    let files: Vec<_> = parts
        .iter()
        .map(|(n, b)| (n.as_str(), b.as_slice()))
        .collect();
    let zipped: Vec<_> = files.iter().map(|(n, b)| Zipped::new(n, b, true)).collect();
    assert_eq!(told(&one).len(), 20);
    for (name, bytes) in [("t", gzip(&tar(&files))), ("z", zip(&zipped))] {
        let rig = Rig::new();
        let (code, sum) = rig.load(&[&rig.write(name, &bytes)]);
        assert_eq!((code, sum["sources"].as_array().unwrap().len()), (0, 7));
        assert_eq!(told(&rig), told(&one), "{name}");
        // half of them bare, half in the archive
        let rig = Rig::new();
        let bare: Vec<_> = parts[..3].iter().map(|(n, b)| rig.write(n, b)).collect();
        let archive = rig.write(name, &bytes);
        let mut given: Vec<&str> = bare.iter().map(String::as_str).collect();
        given.push(&archive);
        rig.load(&given);
        assert_eq!(told(&rig), told(&one), "{name}");
    }
}

#[test]
fn archives_come_through_a_pipe_and_into_a_followed_folder() {
    let (plain, want) = bare();
    for bytes in [gzip(&as_tar()), zip(&members(true))] {
        let rig = Rig::new();
        let path = rig.write("piped", &bytes);
        let run = || {
            let file = std::fs::File::open(&path).unwrap();
            let out = rig.command(&["load", "--json", "-"]).stdin(file).output();
            let out = out.unwrap();
            let sum: Value = serde_json::from_slice(&out.stdout).unwrap();
            (out.status.code(), sources(&sum))
        };
        assert_eq!(run(), (Some(0), sources(&want)));
        assert!(calls(&rig) == calls(&plain));
        holds(&rig);
        assert_eq!(run(), (Some(0), sources(&want)), "a second time");
        assert_eq!(calls(&rig).len(), calls(&plain).len());
    }
    let rig = Rig::new();
    std::fs::create_dir(rig.at("spool")).unwrap();
    let mut child = rig
        .command(&[
            "load",
            "--json",
            "--follow",
            rig.at("spool").to_str().unwrap(),
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    rig.write("spool/came.zip", &zip(&members(true)));
    let begin = Instant::now();
    let there = || {
        let out = rig.run(&["sql", "SELECT count(*) AS n FROM calls", "--json"]);
        let n = serde_json::from_slice::<Value>(&out.stdout).ok();
        n.and_then(|v| v["n"].as_u64()).unwrap_or(0) as usize
    };
    while there() < calls(&plain).len() && begin.elapsed() < Duration::from_secs(40) {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(200));
    }
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    let out = child.wait_with_output().unwrap();
    let sum: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(sources(&sum), sources(&want));
    holds(&rig);
}

#[test]
fn secrets_given_later_open_captures_in_archives() {
    let rig = Rig::new();
    let tls = std::fs::read(fixture("tls.pcap")).unwrap();
    let path = rig.write(
        "a.tgz",
        &gzip(&tar(&[("x", &log(0..3)), ("tls.pcap", &tls)])),
    );
    let (_, sum) = rig.load(&[&path]);
    assert_eq!(sum["calls"], 3);
    let (code, sum) = rig.load(&[&path, "--keylog", &fixture("tls.keys")]);
    assert_eq!(code, 0);
    assert!(sum["calls"].as_u64().unwrap() > 10, "{sum}");
    assert_eq!(
        rig.rows(&["calls", "tls = true"]).len() as u64 + 3,
        sum["calls"]
    );
    holds(&rig);
}

#[test]
fn names_are_text_and_nothing_is_written_by_them() {
    let (rig, good) = (Rig::new(), pcap(&talk(1, 1, 1, 50)));
    let other = pcap(&talk(2, 1, 1, 50));
    let names = [
        "../../../../../../tmp/leaktrace-escaped.pcap",
        "/tmp/leaktrace-absolute.pcap",
        "same",
        "same",
        "c.ltc",
        "esc\x1b[31m\u{202e}.pcap",
        "",
    ];
    let all: Vec<Vec<u8>> = (0..7).map(|n| pcap(&talk(n, 1, 1, 50))).collect();
    let files: Vec<_> = names
        .iter()
        .zip(&all)
        .map(|(n, b)| (*n, b.as_slice()))
        .collect();
    let zipped: Vec<_> = files.iter().map(|(n, b)| Zipped::new(n, b, true)).collect();
    let mut forms = vec![("z", zip(&zipped))];
    // a header without a name is the end of a tar's sums, so that one is left out
    forms.push(("t", gzip(&tar(&files[..6]))));
    for (form, bytes) in forms {
        let rig = Rig::new();
        let out = rig.run(&["load", &rig.write(form, &bytes)]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let rows = rig.rows(&["sources"]);
        let members = rows.iter().filter(|r| r["kind"] == "pcap").count();
        assert_eq!(
            members,
            if form == "z" { 7 } else { 6 },
            "equal names are two sources"
        );
        let nameless = |r: &&Value| r["name"].as_str().unwrap().ends_with("!#7");
        assert_eq!(rows.iter().filter(nameless).count(), members - 6);
        let shown = rig.run(&["sources"]);
        let shown = [shown.stdout, shown.stderr, out.stderr].concat();
        assert!(!shown.contains(&0x1b) && !text(&shown).contains('\u{202e}'));
        holds(&rig);
        for escaped in [
            "/tmp/leaktrace-escaped.pcap",
            "/tmp/leaktrace-absolute.pcap",
        ] {
            assert!(!Path::new(escaped).exists());
        }
    }
    // links and devices are counted
    let tar = [
        tar_raw(b"dir/", b'5', b"00000000000\0", b""),
        tar_raw(b"soft", b'2', b"00000000000\0", b""),
        tar_raw(b"hard", b'1', b"00000000000\0", b""),
        tar_raw(b"tty", b'3', b"00000000000\0", b""),
        tar_file("good", &good),
        vec![0; 1024],
    ]
    .concat();
    let link = Zipped {
        mode: 0o120_777,
        ..Zipped::new("soft", b"good", false)
    };
    let linked = zip(&[link, Zipped::new("good", &other, true)]);
    let (code, sum) = rig.load(&[&rig.write("t", &tar), &rig.write("z", &linked)]);
    assert_eq!(code, 0);
    assert_eq!(diags(&sum, "t"), &json!({"archive-no-file": 3}));
    assert_eq!(diags(&sum, "z"), &json!({"archive-no-file": 1}));
}

#[test]
fn what_of_a_zip_cannot_be_read_is_counted_by_its_reason() {
    let rig = Rig::new();
    let good = |n: u32| log(n * 10..n * 10 + 5);
    let m = |n: u32| Zipped::new(&format!("m{n}"), &good(n), true);
    let list = [
        m(0),
        Zipped { flags: 1, ..m(1) },
        Zipped { method: 99, ..m(2) },
        Zipped { method: 12, ..m(3) },
        Zipped {
            local: Some(b"else".to_vec()),
            ..m(4)
        },
        Zipped {
            hidden: true,
            ..m(5)
        },
        Zipped {
            hidden: true,
            ..m(8)
        },
        Zipped { crc: 1, ..m(6) },
        m(7),
    ];
    let path = rig.write("z", &zip(&list));
    let (code, sum) = rig.load(&[&path]);
    assert_eq!(code, 3);
    let want = json!({"archive-encrypted": 2, "archive-mismatch": 1, "archive-unlisted": 2, "archive-unsupported": 1});
    assert_eq!(diags(&sum, "z"), &want);
    assert_eq!(sum["calls"], 20);
    assert_eq!(diags(&sum, "z!m6"), &json!({"log-unreadable": 1}));
    holds(&rig);
    let (_, again) = rig.load(&[&path]);
    assert_eq!(
        (again["calls"].clone(), again["sources"].clone()),
        (sum["calls"].clone(), sum["sources"].clone())
    );

    // every entry of the directory names the same bytes (a bomb): they are read once
    let one = Zipped::new("m", &log(0..2000), true);
    let local = zip(std::slice::from_ref(&one));
    let local = local[..30 + 1 + one.stored.len()].to_vec();
    let dir: Vec<u8> = (0..2000).flat_map(|_| pack::entry(&one, 0)).collect();
    let rig = Rig::new();
    let (code, sum) = rig.load(&[&rig.write("z", &pack::end(local, &dir, 2000))]);
    assert_eq!(code, 0);
    assert_eq!(diags(&sum, "z"), &json!({"archive-overlap": 1999}));
    assert_eq!(sum["calls"], 2000);
}

#[test]
fn cut_and_damaged_archives_give_what_is_whole() {
    let names: Vec<String> = (0..8).map(|n| format!("part-{n}.log")).collect();
    let logs: Vec<Vec<u8>> = (0..8).map(|n| log(n * 100..n * 100 + 100)).collect();
    let files: Vec<_> = names
        .iter()
        .map(String::as_str)
        .zip(logs.iter().map(Vec::as_slice))
        .collect();
    let zipped = |flags| -> Vec<_> {
        let all = files.iter().map(|(n, b)| Zipped::new(n, b, true));
        all.map(|m| Zipped { flags, ..m }).collect()
    };
    for (name, whole) in [
        ("t", tar(&files)),
        ("tgz", gzip(&tar(&files))),
        ("z", zip(&zipped(0))),
        ("zl", zip(&zipped(8))),
    ] {
        let mut before = 0;
        for tenth in [1, 3, 5, 8, 10] {
            let cut = whole.len() * tenth / 10 - if tenth == 10 { 30 } else { 0 };
            let rig = Rig::new();
            let path = rig.write(name, &whole[..cut]);
            let out = rig.run(&["load", "--json", &path]);
            let said = text(&out.stderr);
            assert!(!said.contains("panicked"), "{said}");
            let code = out.status.code();
            let Ok(sum) = serde_json::from_slice::<Value>(&out.stdout) else {
                assert!(code == Some(4) && tenth == 1, "{name} {tenth}: {said}");
                continue;
            };
            let calls = sum["calls"].as_u64().unwrap();
            // a tar without a part of the zeros at its end is whole and says so
            let cut_or_damaged = said.contains("archive-cut") || said.contains("archive-damaged");
            assert!(
                cut_or_damaged || name == "t" && tenth == 10,
                "{name} {tenth}: {said}"
            );
            assert!(
                code == Some(3) || !cut_or_damaged,
                "{name} {tenth}: {code:?}"
            );
            // deflated bytes are not spread evenly, but whole members before the cut are there
            assert!(
                calls >= before && calls >= (tenth as u64 * 8 / 10).saturating_sub(1) * 100,
                "{name} {tenth}: {calls}"
            );
            before = calls;
            holds(&rig);
            // a second time nothing is added
            let (_, again) = rig.load(&[&path]);
            assert_eq!(again["calls"], sum["calls"], "{name} {tenth}");
            assert_eq!(again["sources"], sum["sources"], "{name} {tenth}");
        }
        // the last bytes of a compressed one hold some lines
        assert!(
            before == 800 || name == "tgz" && before > 750,
            "{name}: {before}"
        );
    }
    // a damaged header costs its member
    let mut bytes = tar(&files);
    let second = 512 + logs[0].len().next_multiple_of(512);
    bytes[second] ^= 0xff;
    let rig = Rig::new();
    let (code, sum) = rig.load(&[&rig.write("t", &bytes)]);
    assert_eq!((code, sum["calls"].as_u64()), (3, Some(700)));
    assert_eq!(diags(&sum, "t"), &json!({"archive-damaged": 1}));
}

#[test]
fn bombs_and_depth_are_bounded() {
    let rig = Rig::new();
    let good = log(0..7);
    // zeros: no evidence, told by their beginning
    let zeros = vec![0; 40 << 20];
    let flat = zip(&[
        Zipped::new("zeros", &zeros, true),
        Zipped::new("log", &good, true),
    ]);
    // an archive of zeros inside one: it would take a file without a name
    let inner = tar(&[
        ("zeros", &zeros),
        ("log", &good),
        ("zeros", &zeros),
        ("zeros", &zeros),
    ]);
    let inner = gzip(&[&inner[..], &inner].concat());
    let outer = zip(&[
        Zipped::new("in.tgz", &gzip(&inner), true),
        Zipped::new("log", &log(7..9), true),
    ]);
    let mut deep = tar(&[("log", &log(20..30))]);
    for n in 0..4 {
        let bare = log(100 + n..101 + n);
        deep = tar(&[("in", &deep), ("log", &bare)]);
    }
    let files = [
        rig.write("flat", &flat),
        rig.write("outer", &outer),
        rig.write("deep", &deep),
    ];
    let begin = Instant::now();
    let (code, sum) = rig.load(&files.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(
        begin.elapsed() < Duration::from_secs(60),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(code, 0, "{sum}");
    assert_eq!(diags(&sum, "flat"), &json!({"archive-no-evidence": 1}));
    assert_eq!(
        diags(&sum, "outer!in.tgz"),
        &json!({"archive-no-evidence": 6})
    );
    // of four levels around it three are opened: two archives inside the outermost
    assert_eq!(diags(&sum, "deep!in!in"), &json!({"archive-deep": 1}));
    assert_eq!(sum["calls"], 7 + 2 + 3);
    // what is compressed as a whole and grows beyond its bound is cut, and said
    let rig = Rig::new();
    let long: Vec<u8> = log(0..1).repeat(1_000_000);
    let bomb = gzip(&gzip(&tar(&[("log", &long)])));
    let bomb = tar(&[("a.tar", &bomb), ("log", &good)]);
    let out = rig.run(&[
        "load",
        "--json",
        "--before",
        "2001-01-01",
        &rig.write("b", &bomb),
    ]);
    let sum: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(diags(&sum, "b!a.tar")["archive-bomb"], 1, "{sum}");
}

/// An archive of a size.
type Make = Box<dyn Fn(usize) -> Vec<u8>>;

/// Time to load an archive.
fn took(name: &str, bytes: &[u8]) -> Duration {
    let rig = Rig::new();
    let path = rig.write(name, bytes);
    let begin = Instant::now();
    let out = rig.run(&["load", &path]);
    assert!(
        matches!(out.status.code(), Some(0 | 3 | 4)),
        "{}",
        text(&out.stderr)
    );
    begin.elapsed()
}

#[test]
fn twice_as_much_takes_at_most_twice_as_long() {
    let tiny = Zipped::new("m", b"x", false);
    let local = zip(std::slice::from_ref(&tiny))[..32].to_vec();
    let forms: [(&str, Make); 6] = [
        (
            "headers of a tar",
            Box::new(|n| tar_file("m", b"").repeat(n * 4)),
        ),
        (
            "junk in a tar",
            Box::new(|n| [tar_file("m", b"x"), vec![b'j'; n << 12]].concat()),
        ),
        (
            "long names",
            Box::new(|n| tar_raw(b"l", b'L', b"00000000000\0", b"").repeat(n * 4)),
        ),
        (
            "members without a directory",
            Box::new(move |n| local.repeat(n * 10)),
        ),
        (
            "an overlapping directory",
            Box::new(move |n| {
                let head = zip(std::slice::from_ref(&tiny))[..32].to_vec();
                let dir = pack::entry(&tiny, 0).repeat(n * 10);
                pack::end(head, &dir, u16::MAX)
            }),
        ),
        (
            "deflated without a length",
            Box::new(|n| {
                let m = Zipped {
                    flags: 8,
                    ..Zipped::new("m", b"xyz", true)
                };
                let one = zip(std::slice::from_ref(&m));
                one[..30 + 1 + m.stored.len()].repeat(n * 10)
            }),
        ),
    ];
    for (name, make) in forms {
        let sizes = (&*make(1500), &*make(3000));
        at_most_double(name, sizes, 0.05, |bytes| took("a", bytes));
    }
}

#[test]
fn archives_of_the_tools_people_use_are_read() {
    let (plain, want) = bare();
    let want_calls = calls(&plain);
    let rig = Rig::new();
    let long = format!("bare/{}/{}", "d".repeat(120), "名".repeat(60));
    for (name, bytes) in evidence() {
        let path = if name == "tools.har" {
            &long
        } else {
            &format!("bare/{name}")
        };
        rig.write(path, &bytes);
    }
    let sh = |line: &str| {
        let out = Command::new("sh")
            .arg("-c")
            .arg(line)
            .current_dir(rig.at(""))
            .output();
        out.unwrap().status.success()
    };
    let mut made = Vec::new();
    for form in ["v7", "oldgnu", "gnu", "ustar", "posix"] {
        let line = format!("tar --format={form} -cf {form}.tar bare");
        // v7 and ustar cannot hold the long name: they say so and leave it out
        if sh(&line) || matches!(form, "v7" | "ustar") && rig.at(&format!("{form}.tar")).exists() {
            made.push(format!("{form}.tar"));
        } else {
            eprintln!("SKIPPED: tar --format={form}");
        }
    }
    for (ext, how) in [("gz", "z"), ("bz2", "j"), ("xz", "J")] {
        let name = format!("c.tar.{ext}");
        match sh(&format!("tar -c{how}f {name} bare")) {
            true => made.push(name),
            false => eprintln!("SKIPPED: tar -{how}"),
        }
    }
    for (name, line) in [
        ("i.zip", "zip -qr i.zip bare"),
        ("stored.zip", "zip -qr0 stored.zip bare"),
        // to a pipe: sizes stand behind the members, in 64 bits
        ("piped.zip", "zip -qr - bare | cat > piped.zip"),
    ] {
        match sh(line) {
            true => made.push(name.to_owned()),
            false => eprintln!("SKIPPED: {line}"),
        }
    }
    let python = "import zipfile,tarfile,os,sys\n\
        files=[os.path.join(r,f) for r,d,fs in os.walk('bare') for f in fs]\n\
        class S:\n\x20def __init__(s): s.f=open('py-stream.zip','wb')\n\x20def write(s,b): return s.f.write(b)\n\x20def flush(s): s.f.flush()\n\
        for name,to in (('py.zip','py.zip'),('py-stream.zip',S())):\n\
        \x20with zipfile.ZipFile(to,'w',zipfile.ZIP_DEFLATED) as z:\n\
        \x20\x20for f in files:\n\
        \x20\x20\x20with z.open(f,'w',force_zip64=True) as o: o.write(open(f,'rb').read())\n\
        for n,f in (('u',tarfile.USTAR_FORMAT),('g',tarfile.GNU_FORMAT),('p',tarfile.PAX_FORMAT)):\n\
        \x20try:\n\
        \x20\x20with tarfile.open('py-'+n+'.tar','w',format=f) as t: t.add('bare')\n\
        \x20except ValueError: os.remove('py-'+n+'.tar')\n";
    rig.write("make.py", python.as_bytes());
    if sh("python3 make.py") {
        made.extend(["py.zip", "py-stream.zip", "py-g.tar", "py-p.tar"].map(str::to_owned));
    } else {
        eprintln!("SKIPPED: python3 is missing");
    }
    if made.is_empty() {
        eprintln!("SKIPPED: neither tar nor zip nor python3");
    }
    for name in made {
        let case = Rig::new();
        let (code, sum) = case.load(&[rig.at(&name).to_str().unwrap()]);
        assert_eq!(code, 0, "{name}: {sum}");
        let short = matches!(name.as_str(), "v7.tar" | "ustar.tar");
        let list = sum["sources"].as_array().unwrap();
        let kinds: BTreeSet<_> = list.iter().filter_map(|s| s["kind"].as_str()).collect();
        assert_eq!(kinds.contains("har"), !short, "{name}");
        if !short {
            let of = |sum: &Value| -> BTreeSet<String> {
                let list = sum["sources"].as_array().unwrap();
                list.iter().map(|s| s["sha256"].to_string()).collect()
            };
            assert!(of(&want).is_subset(&of(&sum)), "{name}: {sum}");
            let member = format!("/{name}!{long}");
            let named = |s: &Value| s["name"].as_str().unwrap().ends_with(&member);
            assert!(list.iter().any(named), "{name}: {sum}");
            assert_eq!(calls(&case).len(), want_calls.len(), "{name}");
        }
        holds(&case);
    }
}

/// The program where no file may grow beyond some blocks of 512 bytes.
fn limited(rig: &Rig, blocks: u32, args: &[&str]) -> std::process::Output {
    let own = rig.command(args);
    let mut shell = Command::new("sh");
    // a signal comes before the error where it is not left out
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    shell.arg("-c").arg(script).arg(own.get_program());
    shell.args(own.get_args());
    for (key, value) in own.get_envs() {
        match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        };
    }
    if let Some(dir) = own.get_current_dir() {
        shell.current_dir(dir);
    }
    shell.output().unwrap()
}

#[test]
fn a_full_disk_is_no_word_about_evidence() {
    let rig = Rig::new();
    let path = rig.write("a.tgz", &gzip(&tar(&[("s.log", &log(0..9000))])));
    let out = limited(&rig, 200, &["load", "--json", &path]);
    let said = text(&out.stdout) + &text(&out.stderr);
    assert_eq!(out.status.code(), Some(4), "{said}");
    assert!(
        said.contains("cannot be unpacked: File too large"),
        "{said}"
    );
    let (code, sum) = rig.load(&[&path]);
    assert_eq!((code, sum["calls"].as_u64()), (0, Some(9000)));
    let out = limited(&rig, 200, &["verify"]);
    let said = text(&out.stdout) + &text(&out.stderr);
    assert!(!matches!(out.status.code(), Some(0 | 3)), "{said}");
    assert!(
        said.contains("File too large") && !said.contains("SHA-256 is another"),
        "{said}"
    );
    holds(&rig);
}

#[test]
fn archives_side_by_side_share_one_bound() {
    // each unpacks to less than the floor of the rule for bombs, all of them to more
    let one = |n| gzip(&gzip(&tar(&[("log", &log(n..n + 1).repeat(400_000))])));
    let [a, b, c, d] = [1, 2, 3, 4].map(one);
    let files = tar(&[("a", &a), ("b", &b), ("c", &c), ("d", &d)]);
    assert!(files.len() < 20_000, "{}", files.len());
    let rig = Rig::new();
    let path = rig.write("b", &files);
    let out = rig.run(&["load", "--json", "--before", "2001-01-01", &path]);
    let sum: Value = serde_json::from_slice(&out.stdout).unwrap();
    // the third is cut, for the fourth no room is left
    assert_eq!(diags(&sum, "b!b"), &json!({}), "{sum}");
    assert_eq!(diags(&sum, "b!c")["archive-bomb"], 1, "{sum}");
    assert_eq!(diags(&sum, "b")["archive-bomb"], 1, "{sum}");
}

#[test]
fn equal_members_of_one_load_are_read_once() {
    let both = |n: u32| {
        let own = log(n..n + 3);
        zip(&[
            Zipped::new("s.log", &log(0..3), true),
            Zipped::new("own.log", &own, true),
        ])
    };
    let rig = || {
        let rig = Rig::new();
        let (a, b) = (rig.write("a.zip", &both(20)), rig.write("b.zip", &both(50)));
        (rig, a, b)
    };
    let (plain, a, b) = rig();
    let (code, sum) = plain.load(&[&a, &b]);
    assert_eq!((code, sum["calls"].as_u64()), (0, Some(9)));
    let members = |sum: &Value| sum["sources"].as_array().unwrap().len();
    assert_eq!(members(&sum), 5);
    // one of them through a pipe
    let (piped, a, b) = rig();
    let file = std::fs::File::open(&b).unwrap();
    let out = piped
        .command(&["load", "--json", &a, "-"])
        .stdin(file)
        .output();
    let sum: Value = serde_json::from_slice(&out.unwrap().stdout).unwrap();
    assert_eq!(
        (sum["calls"].as_u64(), members(&sum)),
        (Some(9), 5),
        "{sum}"
    );
    holds(&piped);
    // both while files are followed
    let (followed, a, b) = rig();
    let child = followed
        .command(&["load", "--json", "--follow", &a, &b])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    let there = || {
        let out = followed.run(&["sql", "SELECT count(*) AS n FROM calls", "--json"]);
        let n = serde_json::from_slice::<Value>(&out.stdout).ok();
        n.and_then(|v| v["n"].as_u64()).unwrap_or(0)
    };
    while there() < 9 && begin.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    let out = child.wait_with_output().unwrap();
    let sum: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(
        (sum["calls"].as_u64(), members(&sum)),
        (Some(9), 5),
        "{sum}"
    );
}

#[test]
fn ends_of_a_zip_that_lie_hide_no_member() {
    let list: Vec<_> = (0..5u32)
        .map(|n| Zipped::new(&format!("m{n}"), &log(n * 10..n * 10 + 2), true))
        .collect();
    let whole = zip(&list);
    let empty = pack::end(Vec::new(), &[], 0);
    let at = whole.len() - 22;
    // an end that lists nothing, behind the true one and in its place
    let behind = [&whole[..], &empty].concat();
    let instead = [&whole[..at], &empty].concat();
    // one of five
    let mut few = whole.clone();
    few[at + 8..at + 12].copy_from_slice(&[1, 0, 1, 0]);
    for (bytes, code, want) in [
        (whole, 0, json!({})),
        (behind, 0, json!({"archive-mismatch": 1})),
        (instead, 3, json!({"archive-cut": 1, "archive-mismatch": 1})),
        (few, 0, json!({"archive-mismatch": 1})),
    ] {
        let rig = Rig::new();
        let (said, sum) = rig.load(&[&rig.write("z", &bytes)]);
        assert_eq!(diags(&sum, "z"), &want);
        assert_eq!((said, sum["calls"].as_u64()), (code, Some(10)), "{want}");
        holds(&rig);
    }
}
