//! Grading profiles: levels of a loaded case under another standard, kept over loads, told with their date.

use super::ui_rig::Rig;
use crate::support::bank;
use leaktrace::load::correct::With;
use leaktrace::load::{LoadOptions, Progress, run};
use leaktrace::query::{Cx, Filter, Page, read};
use leaktrace::ui::data::case::CaseData;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn leaktrace(args: &[&str], case: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leaktrace"))
        .args(args)
        .arg("--case")
        .arg(case)
        .env("XDG_STATE_HOME", case.parent().unwrap())
        .output()
        .unwrap()
}

/// Levels by class and mask of findings, and the number of calls by level.
fn levels(case: &Path) -> (BTreeMap<(String, bool), String>, BTreeMap<String, u64>) {
    let cx = Cx::open(case, false).unwrap();
    let mut findings = BTreeMap::new();
    read::findings(&cx, &Filter::all(), &mut |f| {
        let level = findings
            .entry((f.class.clone(), f.masked))
            .or_insert_with(|| f.level.to_string());
        assert_eq!(level, &f.level.to_string(), "{} has two levels", f.class);
        Ok(true)
    })
    .unwrap();
    let mut calls = BTreeMap::new();
    for c in read::calls(&cx, &Filter::all(), &Page::default()).unwrap() {
        *calls
            .entry(c.level.unwrap_or("none").to_string())
            .or_default() += 1;
    }
    (findings, calls)
}

fn load(capture: PathBuf, case: &Path, profile: Option<&str>) {
    let options = LoadOptions {
        files: vec![capture],
        case: case.to_owned(),
        profile: profile.map(str::to_owned),
        ..LoadOptions::default()
    };
    run(&options, &Progress::default()).unwrap();
}

#[test]
fn a_case_is_graded_by_another_standard_and_back() {
    let bank = bank::make(5, 600);
    let dir = tempfile::tempdir().unwrap();
    let (capture, case) = (dir.path().join("bank.pcap"), dir.path().join("bank.ltc"));
    std::fs::write(&capture, &bank.capture).unwrap();
    load(capture.clone(), &case, None);
    let plain = levels(&case);
    let level = |l: &(BTreeMap<(String, bool), String>, _), class: &str, masked| {
        l.0.get(&(class.to_owned(), masked))
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(level(&plain, "cn-id", false), "S3");
    assert_eq!(level(&plain, "cn-mobile", false), "S2");

    // the same case under a standard of banks: nothing is read again
    let out = leaktrace(&["calls", "--count", "--profile", "jrt-0197-2020"], &case);
    assert!(out.status.success(), "{out:?}");
    let bank_levels = levels(&case);
    assert_eq!(level(&bank_levels, "cn-id", false), "S2");
    assert_eq!(level(&bank_levels, "password", false), "S3");
    assert!(!bank_levels.1.contains_key("S4"), "{:?}", bank_levels.1);

    // it holds for what is loaded later, and is told with its date
    load(capture.clone(), &case, None);
    assert_eq!(levels(&case), bank_levels);
    let out = leaktrace(&["info", "--json"], &case);
    let info: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(info["profile"]["id"], "jrt-0197-2020");
    assert_eq!(info["profile"]["date"], "2020-09-23");
    let html = dir.path().join("r.html");
    assert!(
        leaktrace(&["report", "-o", html.to_str().unwrap()], &case)
            .status
            .success()
    );
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("JR/T 0197-2020") && page.contains("2020-09-23"));

    // a file of one's own: masked values as high as clear ones, many records in one call higher
    let own = dir.path().join("own.toml");
    std::fs::write(
        &own,
        "id='own'\ntitle='Own'\ndate='2026-01-01'\nmasked=0\nseveral=2\nseveral_rise=0\nmany=2\nmany_rise=1\ndefault=2\n",
    )
    .unwrap();
    load(capture.clone(), &case, Some(own.to_str().unwrap()));
    let cx = Cx::open(&case, false).unwrap();
    let mut risen = 0;
    for c in read::calls(&cx, &Filter::all(), &Page::default()).unwrap() {
        if !c.classes.is_empty() {
            let want = if c.records.unwrap_or(0) >= 2 {
                "S3"
            } else {
                "S2"
            };
            assert_eq!(c.level, Some(want), "{:?}", c.classes);
            risen += u64::from(want == "S3");
        }
    }
    drop(cx);

    load(capture, &case, Some("plain"));
    assert_eq!(levels(&case), plain);
    assert!(risen > 0);

    let out = leaktrace(&["apis", "--profile", "jrt"], &case);
    assert_eq!(out.status.code(), Some(2));
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(told.contains("gbt-43697-2024"), "{told}");
}

#[test]
fn rules_are_edited_while_a_case_is_open() {
    let bank = bank::make(6, 200);
    let dir = tempfile::tempdir().unwrap();
    let (capture, case) = (dir.path().join("bank.pcap"), dir.path().join("bank.ltc"));
    std::fs::write(&capture, &bank.capture).unwrap();
    load(capture, &case, None);
    let count = || {
        let mut n = [0u64; 2];
        let cx = Cx::open(&case, false).unwrap();
        read::findings(&cx, &Filter::all(), &mut |f| {
            n[usize::from(f.class == "email")] += 1;
            Ok(true)
        })
        .unwrap();
        n
    };
    let [others, mails] = count();
    assert!(others > 0 && mails > 0);
    let rules = dir.path().join("rules.toml");
    std::fs::write(&rules, "[[class]]\nid = \"email\"\nenabled = false\n").unwrap();
    let data = CaseData::new(case.clone(), With::default());
    let mut r = Rig::new(&case, Box::new(data), (160, 50));
    let by_palette = |r: &mut Rig, command: &str, text: &str| {
        r.keys(&format!(": `{command}` Enter"));
        if !text.is_empty() {
            r.keys(&format!("`{text}` Enter"));
        }
        r.text()
    };
    let told = by_palette(&mut r, "rules search again", rules.to_str().unwrap());
    assert!(told.contains("email +0 -"), "{told}");
    assert_eq!(count(), [others, 0]);
    // a correction afterwards is decided with the same rules, and the built-in ones bring all back
    let told = by_palette(&mut r, "levels by JR/T", "");
    assert!(told.contains("JR/T 0197-2020"), "{told}");
    assert_eq!(count(), [others, 0]);
    r.keys(": `rules search again` Enter C-u Enter");
    let told = r.text();
    assert!(told.contains("email +"), "{told}");
    assert_eq!(count(), [others, mails]);
}
