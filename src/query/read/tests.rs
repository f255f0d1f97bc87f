use super::mask;
use super::*;
use crate::case::Case;
use crate::detect::form::{Form, Step};

fn empty() -> (tempfile::TempDir, Cx) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.ltc");
    let classes = [("cn-id", 3, "id"), ("email", 2, "mail")];
    drop(Case::create_or_open(&path, &classes, false).unwrap());
    let cx = Cx::open(&path, false).unwrap();
    (dir, cx)
}

#[test]
fn an_empty_case_has_no_rows_and_no_faults() {
    let (_dir, cx) = empty();
    let all = Filter::all();
    assert!(calls(&cx, &all, &Page::first(10)).unwrap().is_empty());
    assert_eq!(count(&cx, &all, None).unwrap(), 0);
    assert!(apis(&cx, &all).unwrap().is_empty());
    assert!(accounts(&cx, &all).unwrap().is_empty());
    assert!(sessions(&cx, &all).unwrap().is_empty());
    assert!(risks(&cx, &all).unwrap().is_empty());
    assert!(flows(&cx, &all).unwrap().is_empty());
    assert!(sources(&cx, &all).unwrap().is_empty());
    assert_eq!(find_call(&cx, "9f2c41ab03de-1").unwrap(), None);
    assert!(show(&cx, 1).unwrap().is_none());
    let h = histogram(&cx, &all, 10).unwrap();
    assert_eq!(h.slots.iter().flatten().sum::<u64>(), 0);
    let f = Filter::parse("account:x level >= S2 tag:y body:z value:1").unwrap();
    assert!(accounts(&cx, &f).unwrap().is_empty());
}

#[test]
fn values_are_hidden_where_they_stand() {
    let (_dir, cx) = empty();
    let hit = |range, form, masked| mask::Hit {
        range,
        class: 1,
        form,
        masked,
    };
    let text = b"a=joe@x.test&b=QUJD&c=jo**@x";
    let out = mask::text(
        &cx,
        text,
        vec![
            hit(15..19, Form::PLAIN.then(Step::Base64), false),
            hit(2..12, Form::PLAIN, false),
            hit(22..28, Form::PLAIN.then(Step::Mask), true),
            // Lies inside the first, reaches beyond it.
            hit(8..14, Form::PLAIN, false),
            // Outside.
            hit(100..120, Form::PLAIN, false),
        ],
    );
    assert_eq!(out, "a=j***@x.test***=***&c=jo**@x");
}

#[test]
fn a_path_hides_what_its_target_hides() {
    let (_dir, cx) = empty();
    let hit = |from: usize, to: usize| mask::Hit {
        range: from..to,
        class: 1,
        form: Form::PLAIN,
        masked: false,
    };
    let uri = "/u/joe%40x.test/z?q=ann@x.test";
    let (u, p) = mask::target(
        &cx,
        uri,
        Some("/u/joe@x.test/z"),
        vec![hit(3, 15), hit(20, 30)],
    );
    assert!(!u.contains("joe%40x") && !u.contains("ann@"), "{u}");
    assert!(!p.unwrap().contains("joe@x"));
    // A path that was made in another way is still hidden.
    let (_, p) = mask::target(&cx, uri, Some("other"), vec![hit(3, 15)]);
    assert_eq!(p.as_deref(), Some("***"));
}
