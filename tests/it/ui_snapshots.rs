//! Every screen as it looks at three sizes, on the recorded demonstration. Change them by running the tests with
//! `INSTA_UPDATE=always` and reading the difference.

use crate::ui_demo::{clue, rig};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (160, 50)];

fn all(name: &str, script: &str) {
    for size in SIZES {
        let (mut r, _d) = rig(size);
        r.keys(script);
        snap(name, size, &r);
    }
}

fn snap(name: &str, size: (u16, u16), r: &crate::ui_rig::Rig) {
    r.safe();
    // A key that nobody named, and a credential, are told by a print under the case's own random key.
    let text = regex::Regex::new("(key:|#)[0-9a-f]{8}")
        .unwrap()
        .replace_all(&r.text(), "$1........")
        .into_owned();
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(format!("{name}-{}x{}", size.0, size.1), text);
    });
}

#[test]
fn overview() {
    all("overview", "1");
}
#[test]
fn accounts() {
    all("accounts", "2");
}
#[test]
fn apis() {
    all("apis", "3");
}
#[test]
fn calls() {
    all("calls", "4 / `is:sensitive records > 2` Enter j j");
}
#[test]
fn call() {
    all("call", "4 / `is:sensitive records > 2` Enter Enter");
}
#[test]
fn sessions() {
    all("sessions", "5");
}
#[test]
fn replay() {
    all("replay", "5 l l l l s g Enter . . .");
}
#[test]
fn trace() {
    for size in SIZES {
        let (mut r, _d) = rig(size);
        r.keys("6 Enter");
        r.msg(leaktrace::ui::msg::Msg::Paste(clue()));
        r.keys("Enter");
        snap("trace-clue", size, &r);
        r.keys("j o j");
        snap("trace-reads", size, &r);
    }
    all("trace-empty", "6");
}
#[test]
fn marks() {
    all("marks-empty", "7");
}
#[test]
fn lists_behind_the_overview() {
    all("findings", ": `screen findings` Enter");
    all("risks", ": `screen risks` Enter");
    all("flows", ": `screen flows` Enter");
    all("sources", ": `screen sources` Enter");
}
#[test]
fn what_lies_over() {
    all("help", "4 F1");
    all("why", "2 ?");
    all("filter-error", "4 / `acount:x`");
    all("no-match", "4 / `account:nobody` Enter");
    all("leave", "q");
}
