//! Help, made from the table of keys. In: contexts. Out: a text. Bounds: none.

use crate::ui::keys::{BINDINGS, Ctx};
use crate::ui::theme::Role;
use crate::ui::widget::doc::{Doc, Line};

/// The keys of a place first, then all the others.
pub fn keys(here: &[Ctx]) -> Doc {
    let mut d = Doc::new("Keys");
    d.note = "j k scroll, any other key closes".into();
    let rest = Ctx::ALL.iter().copied().filter(|c| !here.contains(c));
    for (c, ours) in here
        .iter()
        .map(|c| (*c, true))
        .chain(rest.map(|c| (c, false)))
    {
        if BINDINGS.iter().all(|b| b.ctx != c) {
            continue;
        }
        let note = if ours { "" } else { "  (not here)" };
        d.add(Line::new(format!("{}{note}", c.title()), Role::TitleFocus));
        for b in BINDINGS.iter().filter(|b| b.ctx == c) {
            let names: Vec<String> = b.keys.iter().map(|k| k.name()).collect();
            d.add(
                Line::new(format!("  {:<14}", names.join(" ")), Role::Key).and(b.help, Role::Text),
            );
        }
        d.add(Line::default());
    }
    d.add(Line::new("Filter", Role::TitleFocus));
    for (what, means) in [
        (
            "password reset",
            "both words, anywhere: target, headers, decoded bodies",
        ),
        (
            "account:NAME level >= S3",
            "a space is \"and\"; also and, or, not, ( )",
        ),
        (
            "status in {200,206} size > 10k",
            "sets, ranges a..b, units k M, ms s m",
        ),
        (
            "path ~ /orders\\/[0-9]+/",
            "regular expressions in linear time",
        ),
        (
            "time in 12:20..12:26",
            "also -15m, start+5m, end-1h, $cursor+-30s",
        ),
        ("is:truncated or is:sensitive", "flags; Tab completes names"),
        (
            "value:V   record:ID",
            "calls that carry a value in any form, or a record",
        ),
    ] {
        d.add(Line::new(format!("  {what:<34}"), Role::Key).and(means, Role::Text));
    }
    d
}

/// Reasons for a fact.
pub fn why(reasons: &[String], w: usize) -> Doc {
    let mut d = Doc::new("Why");
    d.note = "? for the keys, any other key closes".into();
    for r in reasons {
        let first = d.lines.len();
        d.prose(r, w.saturating_sub(2), Role::Text);
        for (i, l) in d.lines.iter_mut().enumerate().skip(first) {
            l.spans.insert(
                0,
                (
                    if i == first { "- ".into() } else { "  ".into() },
                    Role::Accent,
                ),
            );
        }
    }
    d
}
