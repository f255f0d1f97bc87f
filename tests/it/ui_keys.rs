//! What keys do, on a case loaded from recorded traffic.

use crate::ui_demo::{clue, rig};
use leaktrace::ui::model::{Extra, Overlay};
use leaktrace::ui::nav::ScreenId;

fn screen(r: &crate::ui_rig::Rig) -> ScreenId {
    r.m.top().unwrap().screen
}

#[test]
fn drilling_down_adds_a_term_for_all_to_see_and_back_takes_it_off() {
    let (mut r, _d) = rig((120, 36));
    r.keys("2 Enter");
    assert_eq!(screen(&r), ScreenId::Calls);
    let f = r.m.filter.applied.clone();
    assert!(f.starts_with("account:"), "{f}");
    r.shows(&f);
    let only = r.m.top().unwrap().list.rows.len();
    assert!(only > 0);
    r.keys("Esc");
    assert_eq!(
        (screen(&r), r.m.filter.applied.as_str()),
        (ScreenId::Accounts, "")
    );
    r.keys("[");
    assert_eq!(
        (screen(&r), r.m.filter.applied.clone()),
        (ScreenId::Calls, f)
    );
    r.keys("]");
    assert_eq!(screen(&r), ScreenId::Accounts);
}

#[test]
fn the_filter_is_checked_on_each_key_and_the_last_valid_one_stays() {
    let (mut r, _d) = rig((120, 36));
    r.keys("4");
    let all = r.m.top().unwrap().list.total;
    r.keys("/ `method:POST`");
    let posts = r.m.top().unwrap().list.total;
    assert_ne!(all, posts);
    r.keys("` and acount:x`");
    r.shows("acount").shows("did you mean account");
    // The last text that parsed: here a bare word, searched for anywhere.
    assert_eq!(r.m.filter.applied, "method:POST and acount");
    r.keys("Esc");
    assert_eq!(r.m.filter.applied, "");
    assert_eq!(r.m.top().unwrap().list.total, all);
    r.keys("/ `method:POST` Enter C-t");
    assert_eq!((r.m.filter.now(), r.m.top().unwrap().list.total), ("", all));
    r.keys("C-t");
    assert_eq!(r.m.top().unwrap().list.total, posts);
    r.keys("u");
    assert_eq!(r.m.filter.now(), "");
    r.keys("C-r");
    assert_eq!(r.m.filter.now(), "method:POST");
    r.keys("/ C-u Up");
    r.shows("/ method:POST");
}

#[test]
fn the_cell_under_the_cursor_becomes_a_term() {
    let (mut r, _d) = rig((160, 50));
    r.keys("4 l +");
    assert!(
        r.m.filter.applied.starts_with("account:"),
        "{}",
        r.m.filter.applied
    );
    let with = r.m.filter.applied.clone();
    r.keys("u -");
    assert_eq!(r.m.filter.applied, format!("not {with}"));
    r.keys("*");
    assert!(r.m.filter.applied.starts_with("account:"));
}

#[test]
fn marks_notes_and_tags_are_kept_and_can_be_taken_back() {
    let (mut r, _d) = rig((120, 36));
    r.keys("4 j m a `start of the walk` Enter # `walk` Enter");
    r.keys("7").shows("start of the walk").shows("walk");
    assert_eq!(r.m.top().unwrap().list.rows.len(), 1);
    r.keys("u u u");
    r.keys("1 7").shows("no marks yet");
    r.keys("C-r");
    r.keys("1 7");
    assert_eq!(r.m.top().unwrap().list.rows.len(), 1);
    r.keys("Enter");
    assert_eq!(screen(&r), ScreenId::Call);
}

#[test]
fn pages_follow_the_cursor_both_ways() {
    let (mut r, _d) = rig((120, 36));
    r.keys("4");
    let first = r.text();
    for _ in 0..60 {
        r.keys("C-d C-d C-d");
    }
    let l = &r.m.top().unwrap().list;
    assert!(l.base > 0, "rows far behind are let go");
    assert!(l.rows.len() <= 1400);
    for _ in 0..60 {
        r.keys("C-u C-u C-u");
    }
    r.keys("g");
    assert_eq!(r.text(), first);
    r.keys("G");
    let l = &r.m.top().unwrap().list;
    let leaktrace::ui::model::Total::Exact(n) = l.total else {
        panic!("{:?}", l.total)
    };
    assert_eq!(l.base + l.cursor as u64 + 1, n);
}

#[test]
fn a_session_replays_step_by_step_and_by_itself() {
    let (mut r, _d) = rig((120, 36));
    r.keys("5 s s Enter");
    assert_eq!(screen(&r), ScreenId::Replay);
    let at = |r: &crate::ui_rig::Rig| match &r.m.top().unwrap().extra {
        Extra::Replay(f) => (
            f.at,
            f.film.as_ref().unwrap().steps().len(),
            f.clock.playing,
        ),
        _ => panic!(),
    };
    let (a, n, _) = at(&r);
    assert_eq!(a, 0);
    if n > 2 {
        r.keys(". .");
        assert_eq!(at(&r).0, 2);
        r.keys(",");
        assert_eq!(at(&r).0, 1);
    }
    r.ticks = 100_000;
    r.keys("> > > > > > Space");
    let (a, n, playing) = at(&r);
    assert_eq!(
        (a + 1, playing),
        (n, false),
        "it plays to its end and stops"
    );
}

#[test]
fn leaving_asks_and_a_second_ctrl_c_does_not() {
    let (mut r, _d) = rig((80, 24));
    r.keys("q");
    assert!(matches!(r.m.overlay, Some(Overlay::Menu(..))));
    r.keys("n");
    assert_eq!(r.m.ended, None);
    r.keys("q q");
    assert_eq!(r.m.ended, Some(0));
    let (mut r, _d) = rig((80, 24));
    r.keys("C-c C-c");
    assert_eq!(r.m.ended, Some(130));
}

#[test]
fn copies_say_how_many_bytes_went_and_to_where() {
    let (mut r, _d) = rig((120, 36));
    // a line of a log has no request to send again
    r.keys("4 y c").shows("its request was not captured");
    r.keys("e l y y");
    assert_eq!(r.copied.len(), 1);
    r.shows("B by OSC 52");
    r.keys("y r");
    assert!(r.copied[1].starts_with("{\"id\""), "{}", r.copied[1]);
    r.keys("y c");
    assert!(
        r.copied[2].contains("\ncurl -q ") && r.copied[2].contains(" -X "),
        "{}",
        r.copied[2]
    );
    r.keys("y l");
    assert!(r.copied[3].contains("demo-data/"), "{}", r.copied[3]);
}

#[test]
fn sql_reads_the_masked_views_and_nothing_else() {
    let (mut r, _d) = rig((120, 36));
    r.keys("; C-u `SELECT method, count(*) AS n FROM calls GROUP BY 1 ORDER BY 2 DESC` Enter")
        .shows("GET");
    r.keys("; C-u `SELECT data FROM pack` Enter")
        .shows("only the masked views");
    r.keys("; C-u `DELETE FROM mark` Enter");
    assert!(r.m.top().unwrap().list.rows.is_empty());
}

#[test]
fn every_hint_in_the_last_line_changes_something() {
    use crossterm::event::{KeyCode, KeyModifiers};
    // The longest session.
    const FILM: &str = "5 l l l l s g Enter";
    for at in ["1", "2", "4", "4 Enter", FILM] {
        let (mut r, _d) = rig((160, 50));
        r.keys(at);
        let hints = leaktrace::ui::keys::hints(&leaktrace::ui::update::contexts(&r.m));
        assert!(hints.len() > 4, "{at}");
        let names_itself = hints.iter().any(|(_, what)| *what == "replay");
        assert_eq!(names_itself, at != FILM, "{at}");
        for (k, what) in hints {
            let (mut r, _d) = rig((160, 50));
            r.keys(at);
            // In the middle of a film there is a step to either side.
            if at == FILM {
                r.keys(".");
            }
            let before = r.buffer();
            let code = match k.as_str() {
                "Enter" => KeyCode::Enter,
                "Tab" => KeyCode::Tab,
                "Space" => KeyCode::Char(' '),
                k => KeyCode::Char(k.chars().next().unwrap()),
            };
            r.press(code, KeyModifiers::NONE);
            assert!(r.buffer() != before, "{at}: {k} ({what}) did nothing");
        }
    }
}

#[test]
fn the_clue_leads_to_a_verdict() {
    let (mut r, _d) = rig((120, 36));
    r.keys("6 Enter");
    r.msg(leaktrace::ui::msg::Msg::Paste(clue()));
    r.keys("Enter");
    r.shows("Suspects, best first").shows("verdict");
}

#[test]
fn values_in_clear_are_logged_and_hidden_again_when_the_call_is_left() {
    let (mut r, dir) = rig((120, 36));
    r.keys("4 / `class:cn-id records > 2` Enter Enter");
    let masked = r.text();
    assert!(masked.contains("****"), "{masked}");
    r.keys("r").shows("IN CLEAR");
    let clear = r.text();
    assert_ne!(clear, masked);
    assert!(!clear.contains("\"idCard\": \"110105********"), "{clear}");
    // Forward to another place and back: masked.
    r.keys("2 [").shows("mask ON").shows("****");
    r.keys("r").shows("IN CLEAR");
    r.keys("Tab Tab Esc").shows("mask ON");
    let conn = leaktrace::case::open_read(&dir.path().join("demo.ltc"))
        .unwrap()
        .conn;
    let n: i64 = conn
        .query_row(
            "SELECT count(*) FROM journal WHERE act = 'reveal'",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!(n, 2, "each reveal has its row");
}

/// A correction is a key: an account gets a name, becomes another one, loses a call, and all of it can be taken back.
#[test]
fn accounts_are_corrected_by_a_key_and_the_correction_stays() {
    let (mut r, _d) = rig((120, 36));
    let accounts = |r: &mut crate::ui_rig::Rig| -> Vec<(String, u64)> {
        r.keys("2");
        let rows = &r.m.top().unwrap().list.rows;
        let name = |i: &leaktrace::ui::data::Item| match i {
            leaktrace::ui::data::Item::Account(a) => (a.account.clone(), a.calls),
            _ => panic!("no account"),
        };
        rows.iter().map(|row| name(&row.item)).collect()
    };
    let before = accounts(&mut r);
    let (first, second) = (before[0].clone(), before[1].clone());
    r.keys("A C-u `Zoe` Enter");
    let named = accounts(&mut r);
    assert!(named.contains(&("Zoe".into(), first.1)), "{named:?}");
    r.keys("u");
    assert_eq!(accounts(&mut r), before);
    r.keys(&format!("A C-u `{}` Enter", second.0));
    let merged = accounts(&mut r);
    assert!(
        merged.contains(&(second.0.clone(), first.1 + second.1)),
        "{merged:?}"
    );
    assert_eq!(merged.len(), before.len() - 1);
    // decided again from the evidence, it is still so
    leaktrace::load::correct::decide(&r.m.case_path, &Default::default(), |c| {
        leaktrace::case::info::set_stale(c, true)
    })
    .unwrap();
    assert_eq!(accounts(&mut r), merged);
    r.keys("u");
    assert_eq!(accounts(&mut r), before);
    // a call of it that is not its own
    r.keys("2 g Enter g D Esc");
    let less = accounts(&mut r);
    let now = less.iter().find(|a| a.0 == first.0).map_or(0, |a| a.1);
    assert!(now < first.1, "{less:?}");
    r.keys("u");
    assert_eq!(accounts(&mut r), before);
}

#[test]
fn a_film_is_of_an_account_a_flow_or_a_trail() {
    let (mut r, _d) = rig((120, 36));
    let film = |r: &crate::ui_rig::Rig| match &r.m.top().unwrap().extra {
        Extra::Replay(f) => f.film.clone().expect("a film"),
        _ => panic!("no replay: {}", r.text()),
    };
    // R on an account: what it did, in order, with five facts of each call in sight
    r.keys("2 R");
    let t = film(&r);
    let who = t.steps()[0].call.account.clone().unwrap();
    assert!(
        t.steps()
            .iter()
            .all(|s| s.call.account.as_deref() == Some(&who))
    );
    let text = r.text();
    for fact in ["time ", "who ", "by ", "parameters ", "returned "] {
        assert!(text.contains(fact), "{fact}: {text}");
    }
    assert!(text.contains(&who));
    // gaps as they were, and folded again
    r.shows("long gaps folded");
    r.keys("f");
    r.shows("long gaps as they were");
    // R on a hop: the calls of that trail
    r.keys("6 T");
    r.keys("`17724879589` Enter");
    r.keys("R");
    let t = film(&r);
    assert!(
        t.steps().len() > 5
            && t.steps()
                .iter()
                .any(|s| s.call.dst.as_deref() == Some("198.51.100.23"))
    );
}

#[test]
fn a_report_is_written_by_a_key_and_stands_in_the_journal() {
    let (mut r, d) = rig((120, 36));
    r.keys("2 W");
    r.shows("Report on account ");
    r.keys("C-u");
    let out = d.path().join("r.md");
    r.keys(&format!("`{}`", out.to_str().unwrap()));
    r.keys("Enter");
    r.shows("report ");
    let page = std::fs::read_to_string(&out).unwrap();
    assert!(page.contains("receive, and what did it send on?"), "{page}");
    let conn = leaktrace::case::open_read(&r.m.case_path).unwrap().conn;
    let last = leaktrace::case::journal::list(&conn)
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(last.act, "export");
    assert!(
        last.detail.contains("report markdown") && last.detail.contains("\"answer\""),
        "{}",
        last.detail
    );
    // a name that asks for no form is told of, and the prompt stays
    r.keys("W C-u");
    r.keys("`x.doc`");
    r.keys("Enter");
    r.shows("OUT.html or OUT.md");
}

#[test]
fn every_format_is_in_the_menu_and_a_call_is_exported_alone() {
    let (mut r, d) = rig((120, 36));
    r.keys("4 Enter");
    let id = match &r.m.top().unwrap().extra {
        Extra::Call { id } => id.clone(),
        _ => panic!(),
    };
    r.keys("X");
    let text = r.text();
    for e in leaktrace::export::EXPORTERS {
        assert!(
            text.contains(&format!("{} {}:", e.key(), e.name()))
                || text.contains(&format!("{}  {}:", e.key(), e.name())),
            "{}: {text}",
            e.name()
        );
    }
    let keys: std::collections::BTreeSet<char> = leaktrace::export::EXPORTERS
        .iter()
        .map(|e| e.key())
        .collect();
    assert_eq!(keys.len(), leaktrace::export::EXPORTERS.len(), "a key each");
    let out = d.path().join("one.jsonl");
    r.keys("j C-u");
    r.keys(&format!("`{}`", out.to_str().unwrap()));
    r.keys("Enter");
    let rows = std::fs::read_to_string(&out).unwrap();
    assert_eq!(rows.lines().count(), 1);
    assert!(rows.contains(&id));
}

#[test]
fn a_kind_of_evidence_is_left_out_and_counted_again() {
    let (mut r, _dir) = rig((160, 50));
    r.keys(&format!("T `{}` Enter", clue()));
    let told = r.text();
    assert!(
        told.contains("bit  columns:") && told.contains("wu.tao"),
        "{told}"
    );
    assert!(!told.contains("left out"));
    r.keys(": `evidence leave columns out` Enter");
    let told = r.text();
    assert!(told.contains("left out    columns"), "{told}");
    assert!(!told.contains("bit  columns:"), "{told}");
    r.keys(": `evidence count columns again` Enter");
    let told = r.text();
    assert!(
        told.contains("bit  columns:") && !told.contains("left out"),
        "{told}"
    );
}

#[test]
fn a_suspect_s_reads_stand_beside_the_leaked_rows() {
    for size in [(80, 24), (160, 50)] {
        let (mut r, _d) = rig(size);
        r.keys("6 Enter");
        r.msg(leaktrace::ui::msg::Msg::Paste(clue()));
        r.keys("Enter");
        r.shows("wu.tao");
        // the leaker read every row, and Enter opens the call that delivered the first
        r.keys("o");
        assert_eq!(screen(&r), ScreenId::Reads);
        r.shows("Leaked rows beside the reads of wu.tao: 150 of 150 read")
            .shows("READ AT")
            .shows("Row 1");
        assert!(!r.text().contains("not read"), "{}", r.text());
        assert!(!r.text().contains("17724879589"), "masked:\n{}", r.text());
        r.safe();
        r.keys("j Enter");
        assert_eq!(screen(&r), ScreenId::Call);
        r.keys("q q");
        assert_eq!(screen(&r), ScreenId::Trace);
        // the third read some of them; rows that it did not read are there and say so
        r.keys("j j o");
        r.shows("Leaked rows beside the reads of acme-bi: 41 of 150 read");
        let rows = &r.m.top().unwrap().list.rows;
        let unread = rows
            .iter()
            .filter(|r| matches!(&r.item, leaktrace::ui::data::Item::Read(x) if x.reads == 0))
            .count();
        assert_eq!((rows.len(), unread), (150, 109));
        r.keys("l l s G");
        r.shows("not read")
            .shows("acme-bi got no answer with this row");
        r.keys("Enter").shows("never delivered");
        // back in the history and forward again
        r.keys("[");
        assert_eq!(screen(&r), ScreenId::Trace);
        r.keys("]");
        r.shows("41 of 150 read");
    }
}

#[test]
fn a_film_tells_which_fields_of_the_bodies_changed() {
    use leaktrace::ui::model::State;
    let (mut r, _d) = rig((160, 50));
    r.keys("4 / `account:wu.tao api:\"GET api.shop.example/api/customers/{id}\"` Enter R");
    assert_eq!(screen(&r), ScreenId::Replay);
    let film = |r: &crate::ui_rig::Rig| match &r.m.top().unwrap().extra {
        Extra::Replay(f) => f.clone(),
        _ => panic!(),
    };
    assert_eq!(film(&r).state, State::Ready);
    // the second call of the API that reads a customer
    let f = film(&r);
    let steps = f.film.as_ref().unwrap().steps().to_vec();
    let at = steps
        .iter()
        .position(|s| {
            s.like.is_some()
                && s.call.api.as_deref() == Some("GET api.shop.example/api/customers/{id}")
        })
        .unwrap();
    for _ in 0..at {
        r.keys(".");
    }
    let f = film(&r);
    let id = f.changed.iter().find(|c| c.field == "$.idCard").unwrap();
    assert_eq!((id.part, id.values), ("response", 1));
    assert!(id.before.as_ref().unwrap().contains("********"), "{id:?}");
    assert!(
        f.changed
            .iter()
            .all(|c| c.before != c.now || c.now.as_ref().is_some_and(|v| v.contains('*')))
    );
    r.shows("got $.idCard");
    let lines: Vec<String> = r.m.top().unwrap().docs[1]
        .lines
        .iter()
        .map(|l| l.text())
        .collect();
    let at = lines
        .iter()
        .position(|l| l.contains("response as the client saw it"))
        .unwrap();
    assert!(
        lines[at..]
            .iter()
            .any(|l| l.contains("\"idCard\"") && l.contains("****")),
        "{lines:?}"
    );
    // five fields are in sight
    for field in ["time", "who", "by", "parameters", "returned"] {
        r.shows(field);
    }
    r.safe();
    // an earlier call's fields never stand beside another one
    r.keys(",");
    let back = film(&r);
    assert_ne!(back.changed, f.changed);
}

#[test]
fn a_specification_is_taken_from_the_palette() {
    let (mut r, d) = rig((160, 50));
    r.keys("3");
    assert!(
        !r.text().contains(" DOC"),
        "no column without a specification:\n{}",
        r.text()
    );
    let spec = d.path().join("routes.txt");
    std::fs::write(&spec, "GET /api/customers/{id}\nGET /api/never\n").unwrap();
    r.keys(": `spec take` Enter `/no/such/file` Enter");
    r.shows("there is no such file");
    r.keys(&format!("C-u `{}` Enter", spec.display()));
    r.shows("1 specification kept").shows(" DOC").shows("yes");
    let never = r.m.top().unwrap().list.rows.iter().any(
        |x| matches!(&x.item, leaktrace::ui::data::Item::Api(a) if a.api.contains("/api/never") && a.calls == 0),
    );
    assert!(never, "what nobody called is listed");
}

#[test]
fn subjects_are_asked_for_from_the_palette() {
    let (mut r, _d) = rig((120, 36));
    r.keys(": `trace an address` Enter");
    r.shows("Trace what?").shows("address:");
    r.keys("`10.20.5.66` Enter");
    assert_eq!(screen(&r), ScreenId::Trace);
    // what it saw, took and sent on stands beside its sightings
    r.shows("address 10.20.5.66")
        .shows("taken")
        .shows("sent on");
    r.keys("o").shows("nothing is known to have leaked here");
}

#[test]
fn apis_are_corrected_by_the_menu_and_each_correction_is_taken_back() {
    let (mut r, _d) = rig((160, 50));
    let names = |r: &mut crate::ui_rig::Rig| -> Vec<String> {
        r.keys("3");
        let name = |i: &leaktrace::ui::data::Item| match i {
            leaktrace::ui::data::Item::Api(a) => a.api.clone(),
            _ => panic!("no API"),
        };
        let mut all: Vec<String> =
            r.m.top()
                .unwrap()
                .list
                .rows
                .iter()
                .map(|x| name(&x.item))
                .collect();
        all.sort();
        all
    };
    let to =
        |r: &mut crate::ui_rig::Rig, api: &str| {
            r.keys("3 g");
            let at =
                r.m.top().unwrap().list.rows.iter().position(
                    |x| matches!(&x.item, leaktrace::ui::data::Item::Api(a) if a.api == api),
                );
            for _ in 0..at.unwrap_or_else(|| panic!("no {api}")) {
                r.keys("j");
            }
        };
    let before = names(&mut r);
    let orders = "GET api.shop.example/api/orders/{id}";
    // the menu opens, says what it does, and closes without doing anything
    to(&mut r, orders);
    r.keys("C")
        .shows("pin:")
        .shows("split:")
        .shows("name it otherwise");
    r.keys("Esc");
    assert_eq!(names(&mut r), before);
    to(&mut r, orders);
    r.keys("C n C-u `GET api.shop.example/api/orders/{number}` Enter");
    let now = names(&mut r);
    assert!(
        now.iter().any(|n| n.ends_with("/orders/{number}")) && !now.contains(&orders.to_owned()),
        "{now:?}"
    );
    r.keys("u");
    assert_eq!(names(&mut r), before);
    to(&mut r, orders);
    r.keys("C s `*` Enter");
    let now = names(&mut r);
    assert!(now.len() > before.len(), "{now:?}");
    r.keys("u");
    assert_eq!(names(&mut r), before);
    to(&mut r, orders);
    r.keys("C p");
    assert_eq!(names(&mut r), before, "a pin changes nothing now");
    r.keys("u");
    // merging wants others, and says so
    to(&mut r, "GET api.shop.example/api/customers");
    r.keys("C g").shows("mark the others first");
    to(&mut r, "GET api.shop.example/api/whoami");
    r.keys("m");
    to(&mut r, "GET api.shop.example/api/customers");
    r.keys("C g");
    let now = names(&mut r);
    assert_eq!(now.len() + 1, before.len(), "{now:?}");
    r.keys("u");
    assert_eq!(names(&mut r), before);
}
