//! What lies over a screen: answers to `?`, menus, lines to type in, the palette. In: the model. Out: cells.
//! Bounds: never larger than the screen.

use super::chrome::line;
use super::layout;
use crate::ui::model::{MenuKind, Model, Overlay, PromptKind};
use crate::ui::theme::Role;
use crate::ui::update;
use crate::ui::widget::canvas::Canvas;
use crate::ui::widget::doc;
use crate::ui::widget::safe_text::{SafeText, grouped};
use ratatui::layout::Rect;

fn boxed(c: &mut Canvas<'_>, size: Rect, w: u16, h: u16, title: &str, note: &str) -> Rect {
    let (w, h) = (w.min(size.width), h.min(size.height));
    let r = Rect::new((size.width - w) / 2, (size.height - h) / 3, w, h);
    c.clear(r);
    c.pane(r, &title.into(), &note.into(), true);
    let i = layout::inside(r);
    Rect::new(i.x + 1, i.y, i.width.saturating_sub(2), i.height)
}

/// What lies over the screen.
pub fn overlay(m: &Model, c: &mut Canvas<'_>, size: Rect) {
    match &m.overlay {
        None => {}
        Some(Overlay::Text(d, pos, is_why)) => {
            let most = d
                .lines
                .iter()
                .map(|l| l.text().len())
                .max()
                .unwrap_or(0)
                .clamp(40, 96);
            let h = if *is_why {
                u16::try_from(d.lines.len() + 2).unwrap_or(u16::MAX).max(4)
            } else {
                size.height.saturating_sub(4)
            };
            let w = u16::try_from(most + 5)
                .unwrap_or(90)
                .min(size.width.saturating_sub(2));
            let r = boxed(
                c,
                size,
                w,
                h.min(size.height.saturating_sub(3)),
                d.title.as_str(),
                d.note.as_str(),
            );
            doc::draw(c, r, d, *pos, false, "");
        }
        Some(Overlay::Menu(kind, entries)) => {
            let title = match kind {
                MenuKind::Copy => "Copy",
                MenuKind::Export => "Export",
                MenuKind::Correct => "Correct this API",
                MenuKind::Finding(_) => "Correct this finding",
                MenuKind::Quit => "Leave leaktrace?",
            };
            let most = entries.iter().map(|(_, t)| t.len()).max().unwrap_or(0) + 8;
            let h = u16::try_from(entries.len() + 2).unwrap_or(9);
            let r = boxed(
                c,
                size,
                u16::try_from(most.clamp(44, 90)).unwrap_or(48),
                h,
                title,
                "",
            );
            for (i, (k, t)) in entries.iter().enumerate() {
                let y = r.y + u16::try_from(i).unwrap_or(0);
                if y < r.bottom() {
                    c.say(r.x, y, 2, &k.to_string(), Role::Key);
                    c.say(r.x + 3, y, r.width.saturating_sub(3), t, Role::Text);
                }
            }
        }
        Some(Overlay::Prompt(kind, input, error)) => {
            let (title, hint) = prompt_words(kind);
            let r = boxed(c, size, 90.min(size.width.saturating_sub(2)), 5, &title, "");
            line(c, Rect::new(r.x, r.y, r.width, 1), input, None);
            let offered = update::overlay::paths_offered(m, input.text());
            // the last parts tell them apart
            let names = offered.iter().map(|p| {
                let p = p.strip_suffix('/').unwrap_or(p);
                p.rsplit('/').next().unwrap_or(p)
            });
            let names = names.collect::<Vec<_>>().join("  ");
            let (text, role) = match error {
                Some(e) => (e.as_str(), Role::Error),
                None if offered.is_empty() => (hint, Role::Dim),
                None => (names.as_str(), Role::Text),
            };
            if r.height > 2 {
                let w = usize::from(r.width);
                let (one, rest) = SafeText::new(text).two_lines(w, w, c.glyphs.dots);
                let y = r.y + if rest.is_empty() { 2 } else { 1 };
                c.put(r.x, y, r.width, &one, role);
                c.put(
                    r.x,
                    r.y + 2,
                    r.width,
                    if rest.is_empty() { &one } else { &rest },
                    role,
                );
            }
        }
        Some(Overlay::Palette { input, hits, at }) => {
            let h = size.height.saturating_sub(6).clamp(6, 22);
            let note = grouped(hits.len() as u64);
            let r = boxed(
                c,
                size,
                96.min(size.width.saturating_sub(2)),
                h,
                "Palette",
                &note,
            );
            line(c, Rect::new(r.x, r.y, r.width, 1), input, None);
            let rows = usize::from(r.height.saturating_sub(1));
            let top = (at + 1).saturating_sub(rows);
            for (i, hit) in hits.iter().enumerate().skip(top).take(rows) {
                let y = r.y + 1 + u16::try_from(i - top).unwrap_or(0);
                let Some(cmd) = m.commands.get(*hit) else {
                    continue;
                };
                let (kind, rest) = cmd.text.split_at_checked(9).unwrap_or(("", &cmd.text));
                let x = c.say(r.x, y, 9, kind, Role::Dim);
                let t = SafeText::new(rest).elide(
                    usize::from(r.width.saturating_sub(9)),
                    true,
                    c.glyphs.dots,
                );
                c.put(x, y, r.width.saturating_sub(9), &t, Role::Text);
                if i == *at {
                    c.paint(Rect::new(r.x, y, r.width, 1), Role::Sel);
                }
            }
        }
    }
}

fn prompt_words(k: &PromptKind) -> (String, &'static str) {
    match k {
        PromptKind::Note(t) => (
            format!("Note on {t}"),
            "kept in the case file, with its time and your name",
        ),
        PromptKind::Tag(t) => (format!("Tag on {t}"), "one or more words"),
        PromptKind::Account(a) => (
            format!("Who {a} is"),
            "a name; that of another account makes them one person",
        ),
        PromptKind::Find => (
            "Find in this pane".into(),
            "n and N walk through what is found",
        ),
        PromptKind::Sql => (
            "SQL, read-only".into(),
            "calls apis accounts sessions findings risks flows sources diags fields classes marks acts",
        ),
        PromptKind::Trace => (
            "Trace what?".into(),
            "value, record:ID, account:NAME, or clue file (Tab finds files)",
        ),
        PromptKind::Report(q) => (
            match q {
                Some(q) => format!("Report on {} to", update::question_name(q)),
                None => "Report on what is here to".into(),
            },
            "OUT.html or OUT.md; values masked; the journal keeps that it was written",
        ),
        PromptKind::Export(format, true, what) => (
            format!("Write {format} of {what} to"),
            "holds values IN CLEAR; the journal keeps that it was written",
        ),
        PromptKind::Export(format, false, what) => (
            format!("Write {format} of {what} to"),
            "values stay masked; the journal keeps that it was written",
        ),
        PromptKind::Graph(format, all) => (
            match all {
                true => format!("Draw the ways of all records as {format} to"),
                false => format!("Draw the path on show as {format} to"),
            },
            "addresses, APIs and accounts, no values; the journal keeps that it was written",
        ),
        PromptKind::Class(h) => (
            format!("What {} is, not {}", h.field, h.class),
            "a data class, such as phone or bank-card; u takes it back",
        ),
        PromptKind::Split(_) => (
            "Values to set apart".into(),
            "between spaces; * for all; u takes it back",
        ),
        PromptKind::Rename(_) => ("Another name for this API".into(), "u takes it back"),
        PromptKind::Rules => (
            "Files of rules (TOML), blanks between; none for the built-in rules".into(),
            "the difference is told and kept in the journal",
        ),
        PromptKind::Spec => (
            "File with a specification".into(),
            "OpenAPI, Postman or a list of routes; kept in the case, which is decided again",
        ),
        PromptKind::Save => ("Name for this filter".into(), "the palette offers it again"),
    }
}
