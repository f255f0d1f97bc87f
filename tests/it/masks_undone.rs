//! Masks that do not hide, found in captured bytes: clear values beside their masks, masks of two interfaces that together give a
//! number away, and honest masks that must not be told. The truth is what this file wrote.

use crate::support::people::{card, cn_id, mobile, person};
use crate::support::random::Random;
use crate::support::wire::{Wire, request, response};
use leaktrace::load::{LoadOptions, Progress, run};
use leaktrace::query::{Cx, Filter, read};

fn veil(v: &str, shown: impl Fn(usize) -> bool) -> String {
    let hide = |(i, c)| if shown(i) { c } else { '*' };
    v.chars().enumerate().map(hide).collect()
}

#[test]
fn planted_fakes_and_recoveries_are_found_and_honest_masks_are_not() {
    let mut r = Random::new(11);
    let people: Vec<(String, String, String)> = (0..40)
        .map(|_| (cn_id(&mut r), mobile(&mut r), card(&mut r)))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let capture = dir.path().join("masks.pcap");
    let mut w = Wire::new(
        std::fs::File::create(&capture).unwrap(),
        1_700_000_000_000_000_000,
    )
    .unwrap();
    let mut port = 40_000;
    let mut get = |user: &str, target: String, body: String| {
        port += 1;
        w.now += 1_000_000_000;
        let mut c = w
            .open(([10, 0, 0, 9].into(), port), ([10, 0, 1, 1].into(), 80))
            .unwrap();
        w.exchange(
            &mut c,
            &request(
                "GET",
                "crm.example",
                &target,
                &[("X-Forwarded-User", user)],
                b"",
            ),
            &response(
                "200 OK",
                &[("Content-Type", "application/json")],
                body.as_bytes(),
            ),
        )
        .unwrap();
        w.close(&mut c).unwrap();
    };
    for (i, (id, phone, bank)) in people.iter().enumerate() {
        let no = format!("C{:05}", 31 + i * 7);
        let name = person(&mut r).name;
        // one interface shows both ends of the number, another its middle, both beside the customer's number
        let ends = veil(id, |i| !(6..14).contains(&i));
        let middle = veil(id, |i| (6..14).contains(&i));
        get(
            "lin.mei",
            format!("/customers/{no}"),
            format!(r#"{{"customerNo":"{no}","idCard":"{ends}","status":"ACTIVE","city":"1001"}}"#),
        );
        let user = if i % 2 == 0 { "lin.mei" } else { "zhou.jie" };
        get(
            user,
            format!("/policies/{no}"),
            format!(
                r#"{{"holder":{{"idCard":"{middle}"}},"customerNo":"{no}","status":"ACTIVE","city":"1001"}}"#
            ),
        );
        // masked for the eye, whole in a field that the page does not show
        get(
            "zhou.jie",
            format!("/contacts/{no}"),
            format!(
                r#"{{"contactName":"{name}","mobile":"{}","mobileRaw":"{phone}"}}"#,
                veil(phone, |i| !(3..7).contains(&i))
            ),
        );
        // honest: everybody's card, four digits, and a list of other people's numbers
        get(
            "wang.li",
            format!("/cards/{no}"),
            format!(
                r#"{{"customerNo":"{no}","bankCard":"{}"}}"#,
                veil(bank, |i| i < 4 || i + 4 >= bank.len())
            ),
        );
        let other = &people[(i + 1) % people.len()].1;
        get(
            "wang.li",
            format!("/calls/{no}"),
            format!(
                r#"{{"from":{{"mobile":"{}"}},"to":{{"mobile":"{other}"}}}}"#,
                veil(phone, |i| !(3..7).contains(&i))
            ),
        );
    }
    let case = dir.path().join("masks.ltc");
    let options = LoadOptions {
        files: vec![capture],
        case: case.clone(),
        ..LoadOptions::default()
    };
    assert_eq!(run(&options, &Progress::default()).unwrap().calls, 200);
    let cx = Cx::open(&case, false).unwrap();
    let told: Vec<(String, String, String, usize)> = read::risks(&cx, &Filter::all())
        .unwrap()
        .into_iter()
        .filter(|r| r.rule.starts_with("mask-") && r.rule != "mask-differs")
        .map(|r| (r.rule, r.subject, r.why, r.calls.len()))
        .collect();
    let fake: Vec<_> = told.iter().filter(|t| t.0 == "mask-fake").collect();
    assert_eq!(fake.len(), 1, "{told:#?}");
    assert_eq!(fake[0].1, "cn-mobile on GET crm.example/contacts/{id}");
    assert!(
        fake[0].2.contains("40 of 40")
            && fake[0]
                .2
                .contains("masked in $.mobile, clear in $.mobileRaw"),
        "{}",
        fake[0].2
    );
    let undone: Vec<_> = told.iter().filter(|t| t.0 == "mask-recoverable").collect();
    assert_eq!(undone.len(), 1, "{told:#?}");
    // only who saw both halves: every second customer
    assert_eq!(undone[0].1, "cn-id for lin.mei");
    assert!(
        undone[0]
            .2
            .starts_with("the values of 20 subjects can be put together, one candidate is left: "),
        "{}",
        undone[0].2
    );
    assert!(undone[0].2.contains("6v8m4v in ") && undone[0].2.contains("6m8v4m in "));
    assert_eq!(undone[0].3, 40);
    for (id, ..) in &people {
        assert!(
            told.iter().all(|t| !t.2.contains(id.as_str())),
            "no value is named"
        );
    }
}
