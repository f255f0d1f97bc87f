//! Small things of the interface, as an investigator meets them: what a key says that cannot help, what is not final, what is typed
//! wrong, what stands in no field of calls.

use crate::ui_demo::{open, rig};
use crate::ui_rig::Rig;
use leaktrace::ui::data::Item;
use leaktrace::ui::model::State;
use leaktrace::ui::nav::ScreenId;
use std::os::unix::fs::PermissionsExt as _;

fn screen(r: &Rig) -> ScreenId {
    r.m.top().unwrap().screen
}

fn servers(r: &Rig) -> Vec<u16> {
    let rows = r.m.top().unwrap().list.rows.iter();
    rows.map(|x| match &x.item {
        Item::Flow(f) => f.dport.unwrap(),
        other => panic!("{other:?}"),
    })
    .collect()
}

#[test]
fn flows_and_sources_are_filtered_by_their_own_fields() {
    let (mut r, _d) = rig((120, 36));
    r.keys(": `flows` Enter");
    let all = servers(&r).len();
    r.keys("/ `dport:8200` Enter");
    let few = servers(&r);
    assert!(!few.is_empty() && few.len() < all && few.iter().all(|p| *p == 8200));
    assert!(!r.text().contains("does not act here"), "{}", r.text());
    // a filter of calls is left aside, and that is told
    r.keys("/ C-u `method:GET` Enter");
    assert_eq!(servers(&r).len(), all);
    r.shows("does not act here");
    // what only flows have does not follow into calls: it would be refused there
    r.keys("/ C-u `app:http packets > 2` Enter Enter");
    assert_eq!(screen(&r), ScreenId::Calls);
    assert_eq!(r.m.top().unwrap().list.state, State::Ready);
    assert!(!r.m.top().unwrap().list.rows.is_empty());
    r.shows("is no filter of calls: taken off");
    // however one goes there: by number, by the palette, and back again with it
    for way in ["4", ": `findings` Enter", "1"] {
        r.keys(": `flows` Enter / C-u `app:http packets > 2` Enter");
        assert!(!servers(&r).is_empty());
        r.keys(way);
        assert_eq!(r.m.top().unwrap().list.state, State::Ready, "{way}");
        assert!(!r.text().contains("have no field"), "{way}: {}", r.text());
        r.shows("is no filter of calls: taken off");
        r.keys("u").shows("app:http packets > 2");
        r.keys("/ C-u Enter");
    }
    r.keys("1 : `sources` Enter / C-u `kind:pcap` Enter");
    assert_eq!(r.m.top().unwrap().list.rows.len(), 1, "{}", r.text());
    r.keys("/ C-u Enter +").shows("1 source");
}

#[test]
fn what_a_load_has_not_read_is_not_said_to_be_whole() {
    let (r, _dir) = rig((80, 24));
    let case = r.m.case_path.clone();
    r.shows("no call is cut, none has gaps");
    assert!(!r.text().contains("so far"), "{}", r.text());
    drop(r);
    let conn = rusqlite::Connection::open(&case).unwrap();
    conn.execute("UPDATE load SET state='loading'", []).unwrap();
    drop(conn);
    let mut r = open(&case, (120, 36));
    r.shows("so far nothing");
    r.shows("so far no call is cut");
    r.keys("6 T `account:wu.tao` Enter");
    r.shows("a load has not ended");
}

#[test]
fn what_is_wrong_with_the_case_file_stands_on_the_overview() {
    let (r, _dir) = rig((80, 24));
    let case = r.m.case_path.clone();
    drop(r);
    std::fs::set_permissions(&case, std::fs::Permissions::from_mode(0o644)).unwrap();
    open(&case, (80, 24)).shows("other users can read this case");
    std::fs::set_permissions(&case, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(!open(&case, (80, 24)).text().contains("other users"));
}

#[test]
fn a_masked_value_is_no_filter() {
    let (mut r, _d) = rig((80, 24));
    r.keys(": `findings` Enter l l +");
    r.shows("values are masked here");
    assert_eq!(r.m.filter.now(), "");
    r.keys("l +");
    assert!(
        r.m.filter.now().starts_with("where"),
        "{}",
        r.m.filter.now()
    );
}

#[test]
fn a_list_that_is_cut_is_not_said_to_be_sorted_whole() {
    let (mut r, _d) = rig((80, 24));
    r.keys(": `findings` Enter s");
    r.shows("among the first 20,000");
    r.keys("/ `class:jwt` Enter s");
    assert!(!r.text().contains("among the first"), "{}", r.text());
}

#[test]
fn a_mark_says_what_it_is_put_on() {
    let (mut r, _d) = rig((80, 24));
    r.keys("2 m").shows("marked account svc-report");
    r.keys("m").shows("mark taken off account svc-report");
    r.keys("a");
    assert!(!r.text().contains("completes a path"), "{}", r.text());
    r.keys("`seen` Enter").shows("noted on account svc-report");
    r.keys("# `odd` Enter")
        .shows("tagged odd: account svc-report");
    r.keys("T Esc 6 T").shows("completes a path");
}

#[test]
fn a_class_typed_wrong_is_told_with_the_nearest_and_what_it_can_become() {
    let (mut r, _d) = rig((120, 36));
    r.keys("4 / `class:cn`");
    r.shows("no data class is called cn; the nearest are");
    r.shows("Tab: class:cn-id");
    r.keys("Tab Enter");
    assert_eq!(r.m.filter.now(), "class:cn-id");
    // names are offered without a visit to the palette
    r.keys("/ C-u `account:su`").shows("Tab: account:sun.li");
}

#[test]
fn each_way_of_showing_times_in_a_replay_looks_different() {
    let (mut r, _d) = rig((80, 24));
    r.keys("5 j Enter j j j");
    assert_eq!(screen(&r), ScreenId::Replay);
    let rows = |r: &Rig| {
        r.text()
            .lines()
            .skip(3)
            .take(9)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let first = rows(&r);
    let mut seen = vec![first.clone()];
    loop {
        r.keys("t");
        let now = rows(&r);
        if now == first {
            break;
        }
        assert!(!seen.contains(&now), "{now}");
        seen.push(now);
    }
    assert_eq!(seen.len(), 3);
}

#[test]
fn a_key_that_does_nothing_here_says_what_it_is_for_and_where() {
    let (mut r, _d) = rig((120, 36));
    r.keys("2 x")
        .shows("x (body in hex) does nothing here: it is for calls (4)");
    // what two screens know is told of both
    r.keys("{")
        .shows("{ (previous record) does nothing here: it is for calls (4) and a trace (6)");
    r.keys("J").shows("J does nothing; F1 lists the keys");
}

#[test]
fn no_number_is_cut_where_panes_are_narrow() {
    for size in [(100, 30), (110, 30), (120, 36), (160, 50)] {
        let (r, _d) = rig(size);
        let text = r.text();
        for whole in [
            "4,502",
            "2,205",
            "marks       0  notes 0  tags 0",
            "all values found",
        ] {
            assert!(text.contains(whole), "{size:?}: {whole}\n{text}");
        }
    }
    // who called an API: a time has room or is left out
    for (size, times) in [
        ((60, 20), "LAST"),
        ((80, 24), "FIRST    LAST"),
        ((100, 30), "LAST"),
    ] {
        let (mut r, _d) = rig(size);
        let text = r.keys("3").text();
        let head = text.lines().find(|l| l.contains("RECORDS")).unwrap();
        assert!(
            head.contains(times) && !head.contains('…'),
            "{size:?}: {head}"
        );
    }
    // the classes of an API stand under their whole headings, and what fields hold them can be read
    let (mut r, _d) = rig((100, 30));
    r.keys("3")
        .shows("CLASS           CLEAR  MASKED  CALLS")
        .shows("csv:idCard");
}

#[test]
fn the_first_screen_says_that_there_are_others_at_any_width() {
    for (size, said) in [
        ((60, 20), "1-7 screens"),
        ((80, 24), "1-7 screens"),
        ((120, 36), "2 Accounts"),
    ] {
        let (r, _d) = rig(size);
        r.shows(said);
    }
    // what lies deeper has other things to say
    let (mut r, _d) = rig((80, 24));
    r.keys("2 Enter");
    assert!(!r.text().contains("1-7 screens"), "{}", r.text());
}

#[test]
fn a_risk_says_how_grave_it_is_and_which_calls_it_rests_on() {
    let (mut r, _d) = rig((120, 36));
    r.keys("?")
        .shows("Rule bulk-read (operation): high, 83 of 100 points.")
        .shows("It rests on 36 calls: Enter lists them.");
    r.keys("Esc j ?")
        .shows("It rests on 200 calls and more: Enter lists them.");
}

#[test]
fn a_verdict_has_its_confidence_in_a_word_too() {
    let (mut r, _d) = rig((120, 36));
    r.keys("6 Enter");
    r.msg(leaktrace::ui::msg::Msg::Paste(crate::ui_demo::clue()));
    r.keys("Enter").shows("0.92 (strong)");
}

#[test]
fn following_is_not_said_to_be_a_load_that_hangs() {
    use leaktrace::ui::msg::{LoadSnap, Msg};
    let (mut r, _d) = rig((100, 30));
    let mut load = LoadSnap {
        any: true,
        calls: 295,
        ..LoadSnap::default()
    };
    r.msg(Msg::Load(load.clone()));
    r.shows("[loading]").shows("reading 0 B/s");
    load.follow = true;
    r.msg(Msg::Load(load));
    r.shows("295 calls so far  [following]")
        .shows("following: what is added is read until you leave");
    assert!(!r.text().contains("0 B/s"), "{}", r.text());
}
