//! Leaks from end to end: HTTP bytes in a capture, loaded by the program, clue files of every shape, the answer of `trace --json`.
//! What the solver's own test cannot see: records, spellings, pages, exports, accounts.

use crate::support::pack::{Zipped, zip};
use crate::support::people::{Person, person};
use crate::support::random::Random;
use crate::support::wire::{Wire, request, response};
use base64::Engine as _;
use sha2::Digest as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

const REGIONS: [&str; 5] = ["north", "south", "east", "west", "centre"];
const PAGE: usize = 20;
/// Rows of somebody's own that his leak must have.
const FEW: usize = 8;

struct Office {
    people: Vec<Person>,
    capture: Vec<u8>,
    /// For each account whom it received, in order.
    reads: BTreeMap<String, Vec<usize>>,
}

fn region(i: usize) -> usize {
    i % REGIONS.len()
}

fn json_rows(people: &[Person], ids: &[usize]) -> String {
    let rows: Vec<String> = ids
        .iter()
        .map(|i| {
            let p = &people[*i];
            format!(
                r#"{{"id":{},"name":"{}","idCard":"{}","mobile":"{}","email":"{}","region":"{}"}}"#,
                70_000 + i,
                p.name,
                p.cn_id,
                p.mobile,
                p.email,
                REGIONS[region(*i)]
            )
        })
        .collect();
    rows.join(",")
}

/// A request: target, customers in the answer, whether it is an export.
type Asked = (String, Vec<usize>, bool);

/// An office: clerks who page through lists, open single customers, take exports; one honest reader of a third of all.
fn office(seed: u64, twins: bool) -> Office {
    let mut r = Random::new(seed);
    let people: Vec<Person> = (0..1000).map(|_| person(&mut r)).collect();
    let mut w = Wire::new(Vec::new(), 1_790_000_000_000_000_000).unwrap();
    let mut reads: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut plans: Vec<(String, Vec<Asked>)> = Vec::new();
    for a in 0..24usize {
        let name = format!("clerk{a:02}");
        let mut plan = Vec::new();
        let home = r.below(5) as usize;
        let ops = if a == 0 { 17 } else { 6 + r.below(14) as usize };
        for _ in 0..ops {
            let of = if r.chance(60) {
                home
            } else {
                r.below(5) as usize
            };
            let list: Vec<usize> = (0..people.len()).filter(|i| region(*i) == of).collect();
            let pages = list.len() / PAGE;
            match if a == 0 { 0 } else { r.below(10) } {
                0..5 => {
                    let page = r.below(pages as u64) as usize;
                    let ids = list[page * PAGE..(page + 1) * PAGE].to_vec();
                    plan.push((
                        format!(
                            "/api/customers?region={}&page={page}&size={PAGE}",
                            REGIONS[of]
                        ),
                        ids,
                        false,
                    ));
                }
                5..9 => {
                    for _ in 0..5 {
                        let i = r.below(people.len() as u64) as usize;
                        plan.push((format!("/api/customers/{}", 70_000 + i), vec![i], false));
                    }
                }
                _ => {
                    let from = r.below(list.len() as u64 / 2) as usize;
                    let ids = list[from..from + 40].to_vec();
                    plan.push((
                        format!(
                            "/api/export/customers.csv?region={}&from={from}",
                            REGIONS[of]
                        ),
                        ids,
                        true,
                    ));
                }
            }
        }
        plans.push((name, plan));
    }
    if twins {
        let same = plans[5].1.clone();
        plans[6].1 = same;
    }
    for (a, (name, plan)) in plans.iter().enumerate() {
        let auth = format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(format!("{name}:pw-{a}-{seed}"))
        );
        let client = (Ipv4Addr::new(10, 20, 3, 10 + a as u8), 41_000 + a as u16);
        let mut c = w.open(client, (Ipv4Addr::new(10, 20, 0, 2), 80)).unwrap();
        for (target, ids, csv) in plan {
            w.now += 3_000_000_000 + r.below(40_000_000_000) as i64;
            let (kind, body) = if *csv {
                let mut t = String::from("id,name,idCard,mobile,email\n");
                for i in ids {
                    let p = &people[*i];
                    let _ = writeln!(
                        t,
                        "{},{},{},{},{}",
                        70_000 + i,
                        p.name,
                        p.cn_id,
                        p.mobile,
                        p.email
                    );
                }
                ("text/csv; charset=utf-8", t)
            } else if ids.len() == 1 {
                ("application/json", json_rows(&people, ids))
            } else {
                (
                    "application/json",
                    format!(r#"{{"total":200,"items":[{}]}}"#, json_rows(&people, ids)),
                )
            };
            let ask = request(
                "GET",
                target,
                "crm.example",
                &[("Authorization", &auth)],
                b"",
            );
            let answer = response("200 OK", &[("Content-Type", kind)], body.as_bytes());
            w.exchange(&mut c, &ask, &answer).unwrap();
            reads.entry(name.clone()).or_default().extend(ids);
        }
        w.close(&mut c).unwrap();
    }
    for list in reads.values_mut() {
        let mut seen = std::collections::BTreeSet::new();
        list.retain(|i| seen.insert(*i));
    }
    Office {
        people,
        capture: w.into_inner(),
        reads,
    }
}

fn program(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_leaktrace"))
        .args(args)
        .output()
        .unwrap()
}

fn hex(b: &[u8]) -> String {
    b.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// The rows as a file of one of the shapes in which lists turn up.
fn shape(kind: usize, rows: &[Person], r: &mut Random) -> (&'static str, Vec<u8>) {
    let table = |d: &str, head: bool| {
        let mut t = String::new();
        if head {
            let _ = writeln!(t, "姓名{d}证件号{d}手机{d}邮箱");
        }
        for p in rows {
            let _ = writeln!(t, "{}{d}{}{d}{}{d}{}", p.name, p.cn_id, p.mobile, p.email);
        }
        t
    };
    let wide = |s: &str| -> String {
        s.chars()
            .map(|c| match c {
                '0'..='9' => char::from_u32(u32::from(c) + 0xfee0).unwrap(),
                c => c,
            })
            .collect()
    };
    match kind {
        0 => ("comma", table(",", true).into_bytes()),
        1 => ("tab, UTF-16", {
            let mut b = vec![0xff, 0xfe];
            b.extend(table("\t", false).encode_utf16().flat_map(u16::to_le_bytes));
            b
        }),
        2 => ("dashes", table("----", false).into_bytes()),
        3 => ("GBK", encoding(&table(",", true))),
        4 => ("JSON lines", {
            rows.iter()
                .map(|p| {
                    format!(
                        "{{\"user\":{{\"n\":\"{}\",\"tel\":\"{}\"}},\"idno\":\"{}\"}}\n",
                        p.name, p.mobile, p.cn_id
                    )
                })
                .collect::<String>()
                .into_bytes()
        }),
        5 => ("SQL", {
            let v: Vec<String> = rows
                .iter()
                .map(|p| format!("('{}','{}',NULL,'{}')", p.name, p.cn_id, p.mobile))
                .collect();
            format!(
                "-- dump\nINSERT INTO `customers` (`name`,`id_no`,`note`,`phone`) VALUES {};\n",
                v.join(",")
            )
            .into_bytes()
        }),
        6 => ("post", {
            let mut t = String::from(
                "Fresh customers of a shop, sample of the file, write me for the rest.\n\n",
            );
            for p in rows {
                let _ = writeln!(
                    t,
                    "{} his phone is {} and the number of the card of identity {} ok",
                    p.name, p.mobile, p.cn_id
                );
            }
            t.into_bytes()
        }),
        7 => ("spelt otherwise", {
            let mut t = String::from("tel;id\n");
            for p in rows {
                let m = &p.mobile;
                let _ = match r.below(3) {
                    0 => writeln!(
                        t,
                        "+86 {}-{}-{};{}",
                        &m[..3],
                        &m[3..7],
                        &m[7..],
                        p.cn_id.to_lowercase()
                    ),
                    1 => writeln!(t, "{};{}", wide(m), wide(&p.cn_id)),
                    _ => writeln!(t, "{} {} {};{}", &m[..3], &m[3..7], &m[7..], p.cn_id),
                };
            }
            t.into_bytes()
        }),
        8 => ("masked", {
            let mut t = String::from("name,phone,id\n");
            for p in rows {
                let _ = writeln!(
                    t,
                    "{},{}****{},{}********{}",
                    p.name,
                    &p.mobile[..3],
                    &p.mobile[7..],
                    &p.cn_id[..6],
                    &p.cn_id[14..]
                );
            }
            t.into_bytes()
        }),
        9 => ("hashed", {
            let mut t = String::from("phone_sha256,id_md5\n");
            for p in rows {
                let _ = writeln!(
                    t,
                    "{},{}",
                    hex(&sha2::Sha256::digest(p.mobile.as_bytes())),
                    hex(&<md5::Md5 as md5::Digest>::digest(p.cn_id.as_bytes()))
                );
            }
            t.into_bytes()
        }),
        10 => (
            "zip",
            zip(&[
                Zipped::new("list/readme.txt", b"", false),
                Zipped::new("list/a.csv", table(",", true).as_bytes(), true),
            ]),
        ),
        11 => ("workbook", workbook(rows)),
        _ => (
            "one value a line",
            rows.iter()
                .map(|p| format!("{}\n", p.mobile))
                .collect::<String>()
                .into_bytes(),
        ),
    }
}

fn encoding(text: &str) -> Vec<u8> {
    encoding_rs::GBK.encode(text).0.into_owned()
}

fn workbook(rows: &[Person]) -> Vec<u8> {
    let mut sheet = String::from("<worksheet><sheetData>");
    let cell = |v: &str| format!("<c t=\"inlineStr\"><is><t>{v}</t></is></c>");
    let _ = write!(
        sheet,
        "<row>{}{}{}</row>",
        cell("name"),
        cell("id"),
        cell("phone")
    );
    for p in rows {
        let _ = write!(
            sheet,
            "<row>{}{}<c><v>{}</v></c></row>",
            cell(&p.name),
            cell(&p.cn_id),
            p.mobile
        );
    }
    sheet.push_str("</sheetData></worksheet>");
    zip(&[
        Zipped::new("xl/workbook.xml", b"<workbook/>", false),
        Zipped::new("xl/worksheets/sheet1.xml", sheet.as_bytes(), true),
    ])
}

fn ask(case: &Path, clue: &Path, more: &[&str]) -> serde_json::Value {
    let mut args = vec![
        "trace",
        "--clue",
        clue.to_str().unwrap(),
        "--case",
        case.to_str().unwrap(),
        "--json",
    ];
    args.extend(more);
    let out = program(&args);
    let v: serde_json::Value = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stderr)));
    // Behind those who are named the others stand in the order of their scores.
    let named = set(&v);
    let scores: Vec<f64> = v["suspects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| !named.iter().any(|n| s["account"] == n.as_str()))
        .filter_map(|s| s["score"].as_f64())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    v
}

fn load(dir: &Path, o: &Office, name: &str) -> std::path::PathBuf {
    let (file, case) = (
        dir.join(format!("{name}.pcap")),
        dir.join(format!("{name}.ltc")),
    );
    std::fs::write(&file, &o.capture).unwrap();
    let out = program(&[
        "load",
        file.to_str().unwrap(),
        "--case",
        case.to_str().unwrap(),
    ]);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    case
}

fn set(v: &serde_json::Value) -> Vec<String> {
    let list = v["verdict"]["set"].as_array().unwrap();
    list.iter()
        .map(|x| x.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn leaks_in_every_shape_are_traced_to_who_took_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut by_pick: BTreeMap<bool, (u32, u32)> = BTreeMap::new();
    let mut said = 0;
    for world in 0..4u64 {
        let o = office(900 + world, false);
        let case = load(dir.path(), &o, &format!("w{world}"));
        let mut r = Random::new(7 + world);
        for kind in 0..13usize {
            let k = 1 + (kind + world as usize) % 3;
            let mut who: Vec<String> = Vec::new();
            while who.len() < k {
                let a = format!("clerk{:02}", 1 + r.below(23));
                if !who.contains(&a) && o.reads[&a].len() >= 40 {
                    who.push(a);
                }
            }
            who.sort();
            let pick = ["all", "share", "region", "stretch"][r.below(4) as usize];
            let mut ids: Vec<usize> = Vec::new();
            for a in &who {
                let own = &o.reads[a];
                let some: Vec<usize> = match pick {
                    "share" => own.iter().copied().filter(|_| r.chance(50)).collect(),
                    "region" => own
                        .iter()
                        .copied()
                        .filter(|i| region(*i) == region(own[0]))
                        .collect(),
                    "stretch" => own[own.len() / 4..own.len() * 3 / 4].to_vec(),
                    _ => own.clone(),
                };
                ids.extend(some);
            }
            ids.sort_unstable();
            ids.dedup();
            let mut rows: Vec<Person> = ids.iter().map(|i| o.people[*i].clone()).collect();
            for n in 0..ids.len() * 3 / 10 {
                rows.push(if n % 2 == 0 {
                    person(&mut r)
                } else {
                    o.people[r.below(1000) as usize].clone()
                });
            }
            r.shuffle(&mut rows);
            let (name, bytes) = shape(kind, &rows, &mut r);
            let clue = dir.path().join("clue");
            std::fs::write(&clue, bytes).unwrap();
            let got = ask(&case, &clue, &[]);
            // Who took hardly anything that the others did not take as well cannot be told by anybody.
            let alone = |a: &String| {
                let of = |b: &String| o.reads[b].iter().copied().collect::<BTreeSet<_>>();
                let others: BTreeSet<usize> = who.iter().filter(|b| *b != a).flat_map(of).collect();
                let own = of(a).into_iter().filter(|i| !others.contains(i));
                own.filter(|i| pick != "region" || region(*i) == region(o.reads[a][0]))
                    .count()
            };
            if who.iter().any(|a| alone(a) < FEW) {
                continue;
            }
            let e = by_pick.entry(pick == "region").or_default();
            e.1 += 1;
            let picked = |v: &serde_json::Value| v.to_string().contains("whose region is ");
            if pick == "region" && picked(&got["suspects"]) {
                said += 1;
                let without = ask(&case, &clue, &["--without", "selection"]);
                assert!(!picked(&without["suspects"]), "{without}");
            }
            if set(&got) == who {
                e.0 += 1;
            } else {
                println!(
                    "  {name}, {pick}: {who:?} got {:?} {} clue {}",
                    set(&got),
                    got["verdict"]["confidence"],
                    got["clue"]
                );
            }
            assert!(
                got["clue"]["matched_rows"].as_u64().unwrap() >= ids.len() as u64 * 95 / 100,
                "{name}: {}",
                got["clue"]
            );
        }
    }
    let share = |region: bool| {
        let (good, all) = by_pick[&region];
        println!("end to end, region {region}: {good} of {all}");
        f64::from(good) / f64::from(all)
    };
    assert!(share(false) >= 0.95 && share(true) >= 0.95);
    assert!(said > 4, "{said}");
}

#[test]
fn twins_tie_strangers_are_nobody_and_evidence_can_be_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let o = office(950, true);
    let case = load(dir.path(), &o, "t");
    let clue = dir.path().join("clue.csv");
    let write = |rows: &[Person]| {
        let mut t = String::from("name,mobile\n");
        for p in rows {
            let _ = writeln!(t, "{},{}", p.name, p.mobile);
        }
        std::fs::write(&clue, t).unwrap();
    };
    let mut r = Random::new(5);
    let mut rows: Vec<Person> = o.reads["clerk05"]
        .iter()
        .map(|i| o.people[*i].clone())
        .collect();
    r.shuffle(&mut rows);
    write(&rows);
    let v = ask(&case, &clue, &[]);
    assert_eq!(
        v["verdict"]["ties"],
        serde_json::json!([["clerk05", "clerk06"]]),
        "{}",
        v["verdict"]
    );
    assert_eq!(set(&v).len(), 1);
    // What was delivered after the leak was out explains nothing: before all of it there is nobody.
    let early = ask(&case, &clue, &["--published", "2020-01-01T00:00:00Z"]);
    assert_eq!(early["verdict"]["none"], true, "{}", early["verdict"]);
    let kept = ask(
        &case,
        &clue,
        &["--published", "2020-01-01T00:00:00Z", "--without", "time"],
    );
    assert_eq!(set(&kept).len(), 1);
    // A planted record names one of the two.
    let canary = dir.path().join("canary.csv");
    std::fs::write(&canary, format!("{},clerk06\n", rows[0].mobile)).unwrap();
    let planted = ask(&case, &clue, &["--canary", canary.to_str().unwrap()]);
    assert_eq!(set(&planted), ["clerk06"], "{}", planted["verdict"]);
    assert_eq!(planted["verdict"]["ties"], serde_json::json!([]));
    let evidence = planted["suspects"][0]["evidence"].as_array().unwrap();
    assert!(
        evidence
            .iter()
            .any(|e| e["kind"] == "canary" && e["bits"] == 60.0),
        "{evidence:?}"
    );
    assert_eq!(
        program(&[
            "trace",
            "--value",
            "x",
            "--without",
            "luck",
            "--case",
            case.to_str().unwrap()
        ])
        .status
        .code(),
        Some(2)
    );
    // People of this world at random, and strangers.
    for n in 0..4 {
        let rows: Vec<Person> = (0..60)
            .map(|_| {
                if n % 2 == 0 {
                    o.people[r.below(1000) as usize].clone()
                } else {
                    person(&mut r)
                }
            })
            .collect();
        write(&rows);
        let v = ask(&case, &clue, &[]);
        assert_eq!(v["verdict"]["none"], true, "{}", v["verdict"]);
    }
}

/// A copy for others says as much of what somebody picked by as its case does, also where numbers stand without quotes: what hides
/// one is no JSON any more.
#[test]
fn a_copy_tells_a_region_that_was_picked() {
    let dir = tempfile::tempdir().unwrap();
    let mut o = office(900, false);
    let bare = regex::bytes::Regex::new("\"mobile\":\"([0-9]{11})\"").unwrap();
    o.capture = bare
        .replace_all(&o.capture, &b"\"mobile\": $1 "[..])
        .into_owned();
    let case = load(dir.path(), &o, "c");
    let (copy, secret) = (dir.path().join("copy.ltc"), dir.path().join("secret"));
    std::fs::write(&secret, "correct horse battery staple\n").unwrap();
    let secret = secret.to_str().unwrap();
    let out = program(&[
        "share",
        "-o",
        copy.to_str().unwrap(),
        "--case",
        case.to_str().unwrap(),
        "--passphrase-file",
        secret,
    ]);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let clue = dir.path().join("clue.csv");
    let picked = |v: &serde_json::Value| -> Vec<String> {
        let suspects = v["suspects"].as_array().unwrap();
        suspects
            .iter()
            .flat_map(|s| s["evidence"].as_array().unwrap())
            .filter(|e| e["kind"] == "selection")
            .map(|e| format!("{} {}", e["bits"], e["text"]))
            .collect()
    };
    let mut said = 0;
    for (name, own) in o.reads.iter().skip(1).take(8) {
        let mut t = String::from("name,mobile\n");
        for p in own.iter().filter(|i| region(**i) == region(own[0])) {
            let _ = writeln!(t, "{},{}", o.people[*p].name, o.people[*p].mobile);
        }
        std::fs::write(&clue, t).unwrap();
        let here = picked(&ask(&case, &clue, &[]));
        let there = picked(&ask(&copy, &clue, &["--passphrase-file", secret]));
        assert_eq!(here, there, "{name}");
        said += here.len();
    }
    assert!(said > 4, "{said}");
}
