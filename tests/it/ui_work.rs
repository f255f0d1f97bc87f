//! What an investigator does in the interface, and what it says: taken back, refused, pasted, too long for a line.

use crate::ui_demo::{open, rig};
use crate::ui_rig::Rig;
use leaktrace::ui::data::Item;
use leaktrace::ui::model::Extra;
use leaktrace::ui::msg::Msg;
use leaktrace::ui::nav::ScreenId;

fn screen(r: &Rig) -> ScreenId {
    r.m.top().unwrap().screen
}

fn to_api(r: &mut Rig, api: &str) {
    r.keys("3 g");
    let rows = &r.m.top().unwrap().list.rows;
    let at = rows
        .iter()
        .position(|x| matches!(&x.item, Item::Api(a) if a.api == api));
    for _ in 0..at.unwrap_or_else(|| panic!("no {api}")) {
        r.keys("j");
    }
}

#[test]
fn what_was_refused_is_not_taken_back_and_takes_nothing_else_back() {
    let (mut r, _d) = rig((160, 50));
    to_api(&mut r, "GET api.shop.example/api/orders/{id}");
    r.keys("C n C-u `GET one order` Enter");
    r.shows("is named GET one order");
    to_api(&mut r, "PUT partner.example/inbox/weekly.csv");
    r.keys("m");
    to_api(&mut r, "GET api.shop.example/api/customers");
    // of two hosts: no merge
    r.keys("C g").shows("not written");
    r.keys("u");
    r.shows("mark taken off");
    to_api(&mut r, "GET one order");
    r.keys("u").shows("taken back: name");
    to_api(&mut r, "GET api.shop.example/api/orders/{id}");
}

#[test]
fn a_secret_alone_in_its_record_is_traced_as_the_value_that_it_is() {
    let (mut r, _d) = rig((120, 36));
    r.keys("/ `api:\"POST api.shop.example/login\" account:li.bo` Enter 4 Enter Tab e T");
    assert_eq!(screen(&r), ScreenId::Trace);
    let Extra::Trace(t) = &r.m.top().unwrap().extra else {
        panic!()
    };
    let hops: usize = t
        .result
        .as_ref()
        .unwrap()
        .trails
        .iter()
        .map(|t| t.hops.len())
        .sum();
    assert!(
        hops >= 2,
        "seen in front of the gateway and behind:\n{}",
        r.text()
    );
    assert!(!r.text().contains("nothing of it was seen"), "{}", r.text());
    r.safe();
}

#[test]
fn lines_that_are_pasted_for_a_trace_are_a_clue() {
    let csv = std::fs::read_to_string(crate::ui_demo::clue()).unwrap();
    let some: Vec<&str> = csv.lines().take(40).collect();
    // as terminals send it
    let text = some.join("\r");
    let (mut r, _d) = rig((120, 36));
    r.keys("6 Enter");
    r.msg(Msg::Paste(text.clone()));
    r.shows("40 pasted lines")
        .shows("Suspects, best first")
        .shows("wu.tao");
    let (mut r, _d) = rig((120, 36));
    r.keys("6");
    r.msg(Msg::Paste(text));
    r.shows("40 pasted lines");
    // one line goes where typed text goes
    let (mut r, _d) = rig((120, 36));
    r.keys("6 Enter");
    r.msg(Msg::Paste("17724879589\n".into()));
    r.shows("Trace what?").shows("17724879589");
    r.keys("Enter").shows("Sightings in time order");
}

#[test]
fn a_clue_that_is_not_there_is_said_to_be_missing_and_not_looked_for_as_text() {
    let (mut r, _d) = rig((80, 24));
    r.keys("6 Enter `./leaked-rows-2.csv` Enter");
    r.shows("there is no such file");
    r.keys("C-u `value:./leaked-rows-2.csv` Enter");
    assert_eq!(screen(&r), ScreenId::Trace);
    r.shows("nothing of it was seen");
}

#[test]
fn paths_that_begin_alike_are_chosen_by_tab_one_after_the_other() {
    let (mut r, d) = rig((80, 24));
    let folder = d.path().join("found");
    std::fs::create_dir(&folder).unwrap();
    for name in ["leak-a.csv", "leak-b.csv"] {
        std::fs::write(folder.join(name), "mobile\n17724879589\n").unwrap();
    }
    let begun = folder.join("l").to_string_lossy().into_owned();
    r.keys("6 Enter");
    r.msg(leaktrace::ui::msg::Msg::Paste(begun));
    r.keys("Tab");
    r.shows("leak-a.csv  leak-b.csv").shows("the next of these");
    // the first, the second, the first again, and the second for good
    for name in ["leak-a.csv ", "leak-b.csv ", "leak-a.csv ", "leak-b.csv "] {
        r.keys("Tab");
        let typed = r
            .text()
            .lines()
            .find(|l| l.contains("/found/"))
            .map(str::to_owned);
        assert!(
            typed.is_some_and(|l| l.contains(name)),
            "{name}: {}",
            r.text()
        );
    }
    r.keys("Enter");
    r.shows("Trace leak-b.csv");
}

#[test]
fn a_value_that_is_too_short_is_told_in_the_interface_s_own_words() {
    let (mut r, _d) = rig((80, 24));
    r.keys("6 Enter x Enter");
    r.shows("too short to look for");
    assert!(!r.text().contains("--value"), "{}", r.text());
}

#[test]
fn an_address_that_was_traced_as_a_text_says_how_it_is_asked_for() {
    let (mut r, _d) = rig((80, 24));
    r.keys("6 Enter `203.0.113.99` Enter");
    r.shows("nothing of it was seen")
        .shows("address:203.0.113.99 asks");
    assert!(!r.text().contains("never seen leaving"), "{}", r.text());
}

#[test]
fn what_a_log_says_of_bytes_is_shown_and_what_nobody_says_is_no_zero() {
    let (mut r, _d) = rig((120, 36));
    r.keys("4 / `flags:log-only path:/health` Enter");
    r.shows("200       -        3     - S0 L");
    // what went in is not known: no filter is made of it
    r.keys("l l l l l =");
    assert_eq!(r.m.filter.applied, "flags:log-only path:/health");
    r.keys("l =");
    assert!(
        r.m.filter.applied.ends_with("resp_body_len:3"),
        "{}",
        r.m.filter.applied
    );
    r.keys("4 / C-u Enter");
    // the ends of a connection over IPv6 are told from their ports
    use leaktrace::call::text::end;
    assert_eq!(end("2001:db8::5", 80), "[2001:db8::5]:80");
    assert_eq!(end("10.0.0.1", 0), "10.0.0.1");
}

#[test]
fn what_is_under_the_cursor_leads_on_to_its_calls() {
    let (mut r, _d) = rig((160, 50));
    // a risk lists its calls as calls, and Enter on one of them opens it
    r.keys(": `screen risks` Enter");
    r.shows("GET /api/reports/customers?page=1&size=25");
    r.keys("Tab j j j j j j j Enter");
    r.shows("Call 56bd6b458fdc-");
    // a finding says whose call it is in, and in which packets
    let (mut r, _d) = rig((160, 50));
    r.keys(": `screen findings` Enter");
    r.shows("account     he.jun")
        .shows("api         POST api.shop.example/app/login")
        .shows("packets 22-33");
    // a session and a flow list what was called
    let (mut r, _d) = rig((160, 50));
    r.keys("5 j");
    r.shows("POST api.shop.example/login");
    r.keys(": `screen flows` Enter");
    r.shows("GET 10.20.1.14:8200/identities");
}

#[test]
fn a_trace_that_cannot_be_answered_says_why_where_its_answer_would_stand() {
    let (mut r, d) = rig((80, 24));
    let copy = d.path().join("copy.ltc");
    leaktrace::export::share::make(&d.path().join("demo.ltc"), &copy, b"correct horse").unwrap();
    let data = leaktrace::ui::data::case::CaseData::new(
        copy.clone(),
        Default::default(),
        Default::default(),
    );
    r = Rig::new(&copy, Box::new(data), r.m.size);
    r.keys("6 Enter `17724879589` Enter");
    r.shows("passphrase");
    assert!(!r.text().contains("Enter or T asks what to trace\n"));
    // nothing in it can be shown in clear, and nothing says that it is
    r.keys("4 e Enter r");
    r.shows("stays masked").shows("mask ON");
    assert!(!r.text().contains("IN CLEAR"), "{}", r.text());
}

#[test]
fn what_changes_the_drawing_of_a_trace_brings_it_forward() {
    let (mut r, _d) = rig((80, 24));
    r.keys(&format!("6 Enter `{}` Enter", crate::ui_demo::clue()));
    r.shows("Verdict");
    r.keys("}").shows("Path of row 2").shows("record 2 of 150");
    r.keys("v").shows("the ways of all records");
    assert_eq!(r.m.top().unwrap().focus, 1);
}

#[test]
fn what_is_said_is_readable_to_its_end_at_eighty_columns() {
    let (mut r, _d) = rig((80, 24));
    r.keys("2 D");
    r.shows("go to one of its calls: what was called on that credential is")
        .shows("taken away");
    // the keys are back with the next one
    r.keys("j").shows("Enter open");
    r.keys("/ `level>=S9`");
    r.shows("level wants a level").shows("critical");
}

#[test]
fn text_in_wide_characters_stays_in_sight_while_it_is_typed() {
    let (mut r, _d) = rig((80, 24));
    let long = "张".repeat(100);
    r.keys(&format!("4 a `{long}末` "));
    r.shows("张末");
}

#[test]
fn the_first_sensitive_call_says_that_it_went_round_the_end() {
    let (mut r, _d) = rig((80, 24));
    r.keys("4 e");
    assert!(r.m.status.is_none());
    r.keys("E").shows("round the end");
}

#[test]
fn a_call_is_copied_as_the_whole_command_that_it_was_with_its_secrets_hidden() {
    let (mut r, _d) = rig((120, 36));
    r.keys("/ `api:\"POST api.shop.example/login\" account:li.bo` Enter 4 y c");
    let text = r.copied.pop().unwrap();
    assert!(
        text.contains("--data-raw 'username=li.bo&password="),
        "{text}"
    );
    assert!(
        text.contains("-H 'Content-Type: application/x-www-form-urlencoded'"),
        "{text}"
    );
    assert!(!text.contains("X6FQS2Q"), "the password is hidden: {text}");
    r.shows("by OSC 52");
}

#[test]
fn files_that_could_not_be_loaded_are_all_named() {
    let (mut r, _d) = rig((80, 24));
    let mut load = r.m.load.clone();
    load.troubles = vec!["a.bin: empty".into(), "b.bin: neither this nor that".into()];
    load.trouble = Some("2 files could not be loaded".into());
    r.msg(Msg::Load(load));
    r.keys("Tab ?");
    r.shows("a.bin: empty")
        .shows("b.bin: neither this nor that");
}

#[test]
fn a_trace_that_was_asked_while_a_load_went_on_says_so_and_is_asked_again_at_its_end() {
    let (mut r, _d) = rig((120, 36));
    let mut load = r.m.load.clone();
    (load.any, load.phase) = (true, 0);
    r.msg(Msg::Load(load.clone()));
    r.keys("6 Enter `17724879589` Enter");
    r.shows("Sightings in time order so far");
    load.phase = 2;
    r.msg(Msg::Load(load));
    assert!(!r.text().contains("so far"), "{}", r.text());
    r.shows("Sightings in time order");
}

#[test]
fn a_statement_is_put_right_where_it_stands() {
    let (mut r, _d) = rig((120, 36));
    r.keys("; C-u `SELECT acount FROM calls` Enter");
    r.shows("no such column: acount");
    r.keys(";").shows("SELECT acount FROM calls");
    r.keys("C-u `SELECT account FROM calls LIMIT 3` Enter");
    r.shows("SQL  1/3   SELECT account FROM calls LIMIT 3");
}

#[test]
fn names_of_files_are_whole_at_eighty_columns_and_accounts_by_address_keep_it() {
    let (mut r, _d) = rig((80, 24));
    r.shows("gateway-access.log").shows("shop.pcap.zst");
    r.shows("2026-11-23 19:08:55..19:09:26");
    r.shows("no call is cut, none has gaps");
    r.keys("4");
    r.shows("@10.20.8.41");
    let (mut r, _d) = rig((160, 50));
    r.keys("3");
    r.shows("unattributed@10.20.5.66");
}

#[test]
fn exports_say_what_they_write_and_that_a_folder_is_missing() {
    let (mut r, d) = rig((80, 24));
    r.keys("X b");
    r.shows("Write bundle of all calls to").shows("./demo.tar");
    let gone = d.path().join("gone/calls.tar");
    r.keys(&format!("C-u `{}` Enter", gone.display()));
    r.shows("cannot write into");
    r.keys("/ `account:wu.tao` Enter X c");
    r.shows("Write csv of account:wu.tao to");
}

#[test]
fn a_mark_that_was_set_before_the_source_had_its_name_stays_on_its_call() {
    let (r, d) = rig((120, 36));
    let path = d.path().join("demo.ltc");
    let conn = leaktrace::case::open_notebook(&path).unwrap();
    leaktrace::case::marks::add(&conn, "call:s1-22", "mark", "").unwrap();
    drop(conn);
    let data = leaktrace::ui::data::case::CaseData::new(
        path.clone(),
        Default::default(),
        Default::default(),
    );
    let mut r = Rig::new(&path, Box::new(data), r.m.size);
    r.keys("4 / `id:s1-22` Enter");
    let line = |r: &Rig| {
        let t = r.text();
        t.lines()
            .find(|l| l.contains("POST /app/login"))
            .unwrap()
            .to_owned()
    };
    assert!(line(&r).contains("▸*"), "{}", r.text());
    r.keys("m");
    assert!(!line(&r).contains("▸*"), "{}", r.text());
    r.keys("7").shows("no marks yet");
}

#[test]
fn the_class_of_a_finding_is_corrected_by_key_and_taken_back() {
    let (mut r, d) = rig((120, 36));
    let case = d.path().join("demo.ltc");
    let api = "GET api.shop.example/api/customers/{id}";
    let classes = || {
        let conn = rusqlite::Connection::open(&case).unwrap();
        let mut stmt = conn
            .prepare(
                "SELECT c.name FROM field_class f JOIN class c ON c.id=f.class_id JOIN api a ON a.id=f.api_id \
                 JOIN term t ON t.id=f.field_id WHERE a.name=?1 AND t.v='$.mobile' AND f.accept=1",
            )
            .unwrap();
        let rows = stmt.query_map([api], |r| r.get::<_, String>(0)).unwrap();
        rows.collect::<Result<Vec<_>, _>>().unwrap()
    };
    assert_eq!(classes(), ["cn-mobile"]);
    r.keys(&format!("/ `api:\"{api}\" account:wu.tao` Enter 4 Enter"));
    for _ in 0..40 {
        r.keys("e");
        let f = r.m.top().unwrap();
        let line = &f.docs[f.focus - 1].lines[f.pos[f.focus].cursor];
        if line.found.iter().any(|h| h.field == "$.mobile") {
            break;
        }
    }
    r.keys("C").shows("Correct this finding");
    r.keys("n").shows("holds no cn-mobile");
    assert!(classes().is_empty());
    r.keys("u").shows("taken back");
    assert_eq!(classes(), ["cn-mobile"]);
    // what no value has the form of is refused, and nothing is left to be taken back
    r.keys("C x `bank-card` Enter").shows("not written");
    assert_eq!(classes(), ["cn-mobile"]);
    r.keys("u").shows("undone: filter");
    r.safe();
}

#[test]
fn a_trace_is_drawn_into_a_file_by_its_export_key() {
    let (mut r, d) = rig((120, 36));
    let clue = crate::ui_demo::clue();
    r.keys(&format!("6 Enter `{}` Enter X", clue));
    for name in ["mermaid", "dot", "svg", "json"] {
        r.shows(&format!("{name}: the ways drawn"));
    }
    let out = d.path().join("ways.svg");
    r.keys(&format!("s C-u `{}` Enter", out.display()));
    r.shows("movements").shows("sha256");
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.contains("150 records over"), "{text}");
    let case = rusqlite::Connection::open(d.path().join("demo.ltc")).unwrap();
    let told: String = case
        .query_row(
            "SELECT detail FROM journal WHERE act='export' ORDER BY seq DESC",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert!(told.contains("graph svg"), "{told}");
    // one record's way
    r.keys("v X").shows("svg: the path drawn");
    r.keys("Esc");
}

#[test]
fn escape_on_the_first_level_takes_no_key_that_follows() {
    let (mut r, _d) = rig((80, 24));
    r.keys("Esc");
    assert!(!r.text().contains("Leave leaktrace?"), "{}", r.text());
    r.keys("2");
    assert_eq!(screen(&r), ScreenId::Accounts);
    // who goes on working instead of answering stays, and the key is done
    r.keys("q 3");
    assert_eq!(screen(&r), ScreenId::Apis);
    assert!(r.m.ended.is_none());
    r.keys("q q");
    assert_eq!(r.m.ended, Some(0));
}

#[test]
fn a_call_whose_request_carries_the_data_shows_its_request_first() {
    let (mut r, _d) = rig((80, 24));
    r.keys("/ `method:PUT` Enter 4 g");
    r.shows("Request").shows("cn-mobile");
    r.keys("Enter").shows("Request").shows("PUT /");
    r.keys("e").shows("cn-mobile");
}

#[test]
fn why_answers_for_the_line_under_the_cursor_and_not_for_the_list() {
    let (mut r, _d) = rig((120, 36));
    let first = "Rule bulk-read (operation)";
    r.keys("1 ?").shows(first);
    r.keys("Esc Tab ?").shows("named by the SHA-256");
    assert!(!r.text().contains(first), "{}", r.text());
    r.keys("Esc Tab ?").shows("the dark part those of level S3");
}

#[test]
fn nothing_is_denied_of_a_case_whose_load_has_not_ended() {
    let (r, _dir) = rig((80, 24));
    let case = r.m.case_path.clone();
    drop(r);
    let conn = rusqlite::Connection::open(&case).unwrap();
    conn.execute_batch(
        "UPDATE load SET state='loading'; DELETE FROM risk; DELETE FROM call_fact; DELETE FROM api; DELETE FROM account;",
    )
    .unwrap();
    drop(conn);
    let mut r = open(&case, (80, 24));
    r.shows("Every number is PARTIAL");
    r.shows("numbers are partial: a load has not ended");
    for key in ["3", "2", "1"] {
        r.keys(key);
        r.shows("so far: a load has not ended");
        assert!(!r.text().contains("in this case"), "{}", r.text());
    }
}
