//! What a person types or hands in.

use super::KEY;
use leaktrace::case::ids;
use leaktrace::detect::form::Form;
use leaktrace::detect::profile::Profile;
use leaktrace::detect::{self, Rules};
use leaktrace::facts::spec as specs;
use leaktrace::query::{lang, pattern};
use leaktrace::trace::clue as clues;
use leaktrace::trace::text as texts;
use leaktrace::ui::theme as themes;

/// A filter as typed; what is shown of it means the same.
pub fn filter(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(e) = lang::parse(&text) {
        let shown = e.to_string();
        let again =
            lang::parse(&shown).unwrap_or_else(|err| panic!("{text:?} shown as {shown:?}: {err}"));
        assert_eq!(again, e, "{text:?} shown as {shown:?}");
    }
    let _ = pattern::regex(&text, true);
    let _ = (
        lang::value::time(&text),
        lang::value::network(&text),
        lang::value::duration(&text),
        lang::value::size(&text),
    );
}

/// Text that is shown, masked, undone or looked up; rules as a user wrote them.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = leaktrace::call::text::visible(&text);
    for class in ["cn-id", "bank-card", "email", "name", "address", "password"] {
        let _ = detect::mask::show(class, &text);
        let n = detect::normal(Some(class), &text);
        assert_eq!(
            detect::normal(Some(class), &n),
            n,
            "the canonical form of {text:?} is stable"
        );
    }
    let _ = detect::lookup_prints(&KEY, &text);
    for step in 0..32 {
        let _ = detect::undo(Form(step), data);
    }
    let _ = Rules::with_texts(&[("rules.toml".into(), text.into_owned())]);
}

/// A file of values that are looked for; ids of calls, flows and records.
pub fn clue(data: &[u8]) {
    let mut typer =
        |name: Option<&str>, _: &[&str]| name.map(|n| (n.to_owned(), n.len().is_multiple_of(2)));
    let read = clues::read("clue", data, &mut typer, &mut |t: &str| {
        vec![(t.len() / 2, 7, "cn-mobile".to_owned(), true)]
    });
    if let Ok(clue) = &read {
        assert!(!clue.values.is_empty());
    }
    let text = String::from_utf8_lossy(data);
    let _ = clues::one(&text, &mut typer);
    let _ = (
        ids::parse_call(&text),
        ids::parse_flow(&text),
        ids::parse_record(&text),
    );
}

/// A theme as a user wrote it.
pub fn theme(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(parsed) = themes::parse("fuzzed", &text) {
        assert!(text.contains(&parsed.name) || text.contains('\\'));
    }
}

/// A description of an API as a user hands it in: routes begin at the root and stand there once.
pub fn spec(data: &[u8]) {
    let Ok(spec) = specs::parse(data, "spec") else {
        return;
    };
    assert!(!spec.operations.is_empty());
    for two in spec.operations.windows(2) {
        let key = |o: &specs::Operation| (o.route.clone(), o.method.clone());
        assert!(key(&two[0]) < key(&two[1]), "routes stand in order, once");
    }
    for o in &spec.operations {
        let _ = specs::matching::plain_route(&o.route);
    }
}

/// A profile of levels as a user wrote it.
pub fn profile(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(p) = Profile::parse(&text) {
        for class in p.classes().chain(["none"]) {
            assert!(p.level(class, 4) <= 4 && p.level(class, 0) <= 4);
        }
        let g = p.grading();
        for level in 0..=4 {
            assert!(g.of_call(level, 1) <= g.of_call(level, u32::MAX));
        }
    }
}

/// A value up to the first line feed, and a text in which it is looked for in every form.
pub fn look(data: &[u8]) {
    let at = data.iter().position(|b| *b == b'\n');
    let (value, text) = data.split_at(at.unwrap_or(data.len()));
    let value = String::from_utf8_lossy(value);
    let value: String = value.trim().chars().take(64).collect();
    for (from, len) in texts::in_text(&value, text) {
        assert!(from + len <= text.len(), "a place lies inside its text");
    }
}
