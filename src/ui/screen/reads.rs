//! The leaked rows beside what one account read of them. In: rows of the trace object. Out: the title, and of the row under the cursor
//! what leaked and every call that delivered it. Bounds: the calls that the row lists.

use crate::ui::data::Item;
use crate::ui::model::{Extra, Frame, Model, State};
use crate::ui::nav::{Jump, time};
use crate::ui::theme::Role;
use crate::ui::widget::doc::{Doc, Line};
use crate::ui::widget::safe_text::{SafeText, grouped};

/// Title of the list.
pub fn title(f: &Frame) -> SafeText {
    let Extra::Reads(v) = &f.extra else {
        return "Reads".into();
    };
    let (read, of, more) = v.count;
    let who = &v.asked.account;
    if f.list.state != State::Ready {
        return format!("Leaked rows beside the reads of {who}").into();
    }
    let cut = match more {
        0 => String::new(),
        n => format!(", {} not listed", grouped(n)),
    };
    format!(
        "Leaked rows beside the reads of {who}: {} of {} read{cut}",
        grouped(read),
        grouped(of)
    )
    .into()
}

/// The row under the cursor.
pub fn docs(_: &Model, f: &Frame) -> Vec<Doc> {
    let mut d = Doc::new("Row");
    let (Extra::Reads(v), Some(Item::Read(r))) = (&f.extra, f.list.here().map(|r| &r.item)) else {
        d.add(Line::new("nothing under the cursor", Role::Dim));
        return vec![d];
    };
    d.title = format!("Row {}", grouped(r.row)).into();
    d.note = match r.reads {
        0 => "not read".into(),
        1 => "read once".into(),
        n => format!("read {} times", grouped(n)).into(),
    };
    for c in &r.values {
        let name = match (&c.column, &c.class) {
            (Some(n), _) => n.as_str(),
            (None, Some(k)) => k.as_str(),
            (None, None) => "value",
        };
        let (said, role) = match c.read {
            Some("clear") => ("read as it leaked", Role::Text),
            Some(_) => ("read masked or hashed alone", Role::Warn),
            None if r.reads > 0 => ("not in what was read", Role::Warn),
            None => ("", Role::Dim),
        };
        d.add(
            Line::pair(name, format!("{:<24}  ", c.value), Role::Text)
                .and(said, role)
                .row(),
        );
    }
    if r.calls.is_empty() {
        let said = format!("{} got no answer with this row", v.asked.account);
        d.add(Line::new(said, Role::Warn));
    }
    for c in &r.calls {
        d.add(
            Line::pair("read", time::long(&c.ts), Role::Text)
                .and(
                    format!("  {}  {}  ", c.api.as_deref().unwrap_or("-"), c.place),
                    Role::Text,
                )
                .and(
                    format!(
                        "{}, {} {}",
                        c.form,
                        c.locator.source,
                        grouped(c.locator.first)
                    ),
                    Role::Dim,
                )
                .row()
                .jump(Jump::Call(c.call.clone())),
        );
    }
    let more = r.reads.saturating_sub(r.calls.len() as u64);
    if more > 0 {
        d.add(Line::pair(
            "and",
            format!("{} more reads", grouped(more)),
            Role::Partial,
        ));
    }
    vec![d]
}
