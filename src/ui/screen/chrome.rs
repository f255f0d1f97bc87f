//! What every screen has: header, filter, status, keys, and what lies over it. In: the model. Out: cells.
//! Bounds: a line each.

use super::layout;
use crate::ui::keys;
use crate::ui::model::{MenuKind, Model, Overlay, PromptKind, State};
use crate::ui::nav::ScreenId;
use crate::ui::nav::input::Input;
use crate::ui::theme::Role;
use crate::ui::update;
use crate::ui::widget::canvas::Canvas;
use crate::ui::widget::doc;
use crate::ui::widget::safe_text::{SafeText, grouped};
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthChar as _;

/// Case, crumbs, numbers.
pub fn header(m: &Model, c: &mut Canvas<'_>, r: Rect) {
    let right = SafeText::new(&numbers(m));
    let left_of = c.put_right(
        r.x,
        r.right().saturating_sub(1),
        r.y,
        &right,
        if m.load.running() {
            Role::Partial
        } else {
            Role::Header
        },
    );
    let room = left_of.saturating_sub(2);
    let mut x = r.x + 1;
    if r.width >= 100 {
        x = c.say(x, r.y, room.saturating_sub(x), "leaktrace ", Role::Accent);
        x = c.say(x, r.y, room.saturating_sub(x), c.glyphs.v, Role::Border);
        x = c.say(x, r.y, room.saturating_sub(x), " case ", Role::Header);
    }
    let mut crumbs = vec![m.case.clone()];
    for f in &m.frames {
        let name = super::name(f.screen);
        crumbs.push(match f.screen {
            _ if f.title.is_empty() => name.into(),
            ScreenId::Call | ScreenId::Replay => format!("{name} {}", f.title).into(),
            _ => format!("{name} {}", f.title).into(),
        });
    }
    // Crumbs in the middle go first, then their own middles: the first and the last say most.
    let sep = format!(" {} ", c.glyphs.crumb);
    let width = |v: &[SafeText]| v.iter().map(|t| t.width() + 3).sum::<usize>();
    let space = usize::from(room.saturating_sub(x));
    while width(&crumbs) > space && crumbs.len() > 3 {
        crumbs.remove(2);
    }
    if width(&crumbs) > space {
        let n = crumbs.len().max(1);
        for t in &mut crumbs {
            *t = t.elide((space / n).saturating_sub(3).max(4), true, c.glyphs.dots);
        }
    }
    let last = crumbs.len().saturating_sub(1);
    for (i, t) in crumbs.iter().enumerate() {
        x = c.put(
            x,
            r.y,
            room.saturating_sub(x),
            t,
            if i == last { Role::Crumb } else { Role::Header },
        );
        if i < last {
            x = c.say(x, r.y, room.saturating_sub(x), &sep, Role::Border);
        }
    }
}

fn numbers(m: &Model) -> String {
    let calls = match (&m.overview, m.load.running()) {
        (_, true) => format!("{} calls so far", grouped(m.load.calls)),
        (_, false) if m.load.any && m.load.calls > 0 => format!("{} calls", grouped(m.load.calls)),
        (Some(o), false) if m.filter.now().is_empty() => format!("{} calls", grouped(o.calls)),
        _ => String::new(),
    };
    let load = match (m.load.running(), m.load.phase, m.load.percent()) {
        (true, 0, Some(p)) => format!("  [load {p}%]"),
        (true, 0, None) => "  [loading]".into(),
        (true, _, _) => "  [deciding facts]".into(),
        _ => String::new(),
    };
    format!("{calls}{load}")
}

/// The filter in force, or the line that is typed.
pub fn filter(m: &Model, c: &mut Canvas<'_>, r: Rect) {
    let x = c.say(r.x + 1, r.y, 2, "/ ", Role::Key);
    match &m.filter.edit {
        Some((i, _)) => {
            let bad = m.filter.error.as_ref().map(|e| e.1);
            line(
                c,
                Rect::new(x, r.y, r.right().saturating_sub(x + 1), 1),
                i,
                bad,
            );
        }
        None => {
            let (right, role) = right_of_filter(m);
            let end = c.put_right(x, r.right().saturating_sub(1), r.y, &right.into(), role);
            let w = end.saturating_sub(x + 1);
            if m.filter.applied.is_empty() {
                c.say(x, r.y, w, "no filter", Role::Dim);
            } else {
                let t = SafeText::new(&m.filter.applied).elide(usize::from(w), true, c.glyphs.dots);
                c.put(
                    x,
                    r.y,
                    w,
                    &t,
                    if m.filter.off {
                        Role::Dim
                    } else {
                        Role::Filter
                    },
                );
            }
        }
    }
}

fn right_of_filter(m: &Model) -> (String, Role) {
    let Some(f) = m.top() else {
        return (String::new(), Role::Dim);
    };
    if m.filter.off {
        return ("filter off (Ctrl-t)".into(), Role::Warn);
    }
    if !m.filter.applied.is_empty() && !f.screen.filters(&m.filter.applied) {
        return ("does not act here".into(), Role::Dim);
    }
    let noun = crate::ui::model::kind_of(f.screen).map(|k| k.noun());
    match (noun, &f.list.state) {
        (_, State::Failed(_)) => ("failed".into(), Role::Error),
        (Some(n), State::Ready)
            if f.screen != ScreenId::Overview && f.screen != ScreenId::Trace =>
        {
            (super::counted(m, &f.list, n), Role::Dim)
        }
        _ => (String::new(), Role::Dim),
    }
}

/// A typed line with its cursor; what does not parse is lit from its first byte on.
fn line(c: &mut Canvas<'_>, r: Rect, i: &Input, bad: Option<usize>) {
    let at = i.cursor();
    let (before, behind) = i.text().split_at_checked(at).unwrap_or((i.text(), ""));
    let w = usize::from(r.width);
    // Long lines scroll so that the cursor stays on screen.
    let head = SafeText::new(before);
    let cut = head.width().saturating_sub(w.saturating_sub(2));
    let bad_at = bad
        .map(|b| SafeText::new(i.text().get(..b.min(i.text().len())).unwrap_or(i.text())).width());
    let mut gone = 0;
    let shown: String = head
        .as_str()
        .chars()
        .skip_while(|ch| {
            let over = gone < cut;
            gone += ch.width().unwrap_or(0);
            over
        })
        .collect();
    let mut x = c.put(r.x, r.y, r.width, &shown.into(), Role::Filter);
    let caret = x;
    let tail = SafeText::new(behind);
    x = c.put(x, r.y, r.right().saturating_sub(x), &tail, Role::Filter);
    if let Some(b) = bad_at {
        let from = r.x
            + u16::try_from(b.saturating_sub(cut))
                .unwrap_or(0)
                .min(r.width.saturating_sub(1));
        let end = x.max(from + 1).min(r.right());
        c.paint(
            Rect::new(from, r.y, end.saturating_sub(from), 1),
            Role::FilterError,
        );
    }
    if caret < r.right() {
        c.paint(Rect::new(caret, r.y, 1, 1), Role::Sel);
        if caret == x {
            c.say(caret, r.y, 1, " ", Role::Filter);
            c.paint(Rect::new(caret, r.y, 1, 1), Role::SelCell);
        }
    }
}

/// How times and values are shown.
fn shown_how(m: &Model) -> SafeText {
    let mask = if m.revealed.is_some() {
        "IN CLEAR"
    } else {
        "mask ON"
    };
    let mouse = if m.mouse { "  mouse on" } else { "" };
    SafeText::new(&format!("UTC  {mask}{mouse}"))
}

/// What just happened, or what is wrong with the filter that is typed, as the lines that it takes at a width: on the status line and,
/// where that is too short, on the line below it, which then has no keys.
fn said(m: &Model, width: u16) -> Option<(SafeText, SafeText, Role)> {
    let (text, role) = match (&m.filter.edit, &m.filter.error, &m.status) {
        (Some(_), Some((msg, at)), _) => {
            let text = SafeText::new(&format!("at {}: {msg}", at + 1));
            (text, Role::Error)
        }
        (None, _, Some((t, true))) => (t.clone(), Role::Error),
        (None, _, Some((t, false))) => (t.clone(), Role::Ok),
        _ => return None,
    };
    let (all, right) = (usize::from(width), shown_how(m).width());
    let (one, rest) = text.two_lines(
        all.saturating_sub(right + 4),
        all.saturating_sub(2),
        m.glyphs.dots,
    );
    Some((one, rest, role))
}

/// One line about what just happened; else where the reader stands.
pub fn status(m: &Model, c: &mut Canvas<'_>, r: Rect) {
    let right = shown_how(m);
    let end = c.put_right(
        r.x,
        r.right().saturating_sub(1),
        r.y,
        &right,
        if m.revealed.is_some() {
            Role::Reveal
        } else {
            Role::Dim
        },
    );
    let w = end.saturating_sub(r.x + 3);
    let x = r.x + 1;
    if let Some((t, _, role)) = said(m, r.width) {
        c.put(x, r.y, w, &t, role);
        return;
    }
    if m.filter.edit.is_some() {
        if !m.filter.offers.is_empty() {
            let text = format!("Tab: {}", m.filter.offers.join("  "));
            c.put(x, r.y, w, &SafeText::new(&text), Role::Dim);
        }
        return;
    }
    let Some(f) = m.top() else { return };
    let mut parts: Vec<String> = Vec::new();
    if m.load.running() {
        parts.push(match m.load.phase {
            0 => format!(
                "reading{} {}/s",
                m.load
                    .percent()
                    .map(|p| format!(" {p}%"))
                    .unwrap_or_default(),
                crate::ui::widget::safe_text::bytes(m.load.rate)
            ),
            _ => "deciding accounts, templates and findings".into(),
        });
        parts.push("numbers are partial".into());
    } else if m.cut_off() {
        parts.push("numbers are partial: a load has not ended".into());
    }
    match &f.extra {
        crate::ui::model::Extra::Replay(p) => {
            if let Some(t) = &p.film {
                let play = if p.clock.playing { "playing" } else { "paused" };
                parts.push(format!(
                    "step {}/{}  {}  [{play}]",
                    p.at + 1,
                    t.steps().len(),
                    p.clock.speed_name()
                ));
            }
            parts.push("offline: nothing is ever sent".into());
        }
        _ => {
            let n = m.marks.values().filter(|r| r.mark).count();
            if n > 0 {
                parts.push(format!("{n} marked"));
            }
            if !m.undo.is_empty() {
                parts.push(format!("undo {}", m.undo.len()));
            }
            if !f.find.is_empty() {
                parts.push(format!("find: {} (n N)", f.find));
            }
        }
    }
    c.put(
        x,
        r.y,
        w,
        &SafeText::new(&parts.join(" | ")),
        if m.load.running() {
            Role::Partial
        } else {
            Role::Dim
        },
    );
}

/// The keys that do something here.
pub fn keys(m: &Model, c: &mut Canvas<'_>, r: Rect) {
    let (mut x, end) = (r.x + 1, r.right().saturating_sub(1));
    if let Some((_, rest, role)) = said(m, r.width)
        && !rest.is_empty()
    {
        c.put(x, r.y, end.saturating_sub(x), &rest, role);
        return;
    }
    let put = |c: &mut Canvas<'_>, x: u16, k: &str, t: &str| {
        let x = c.say(x, r.y, end.saturating_sub(x), k, Role::Key);
        c.say(
            x,
            r.y,
            end.saturating_sub(x),
            &format!(" {t}"),
            Role::KeyText,
        ) + 2
    };
    let over: &[(&str, &str)] = match (&m.overlay, &m.filter.edit) {
        (Some(Overlay::Text(..)), _) => &[("j/k", "scroll"), ("any other key", "closes")],
        (Some(Overlay::Menu(..)), _) => &[("letter", "chooses"), ("Esc", "closes")],
        (Some(Overlay::Prompt(kind, input, _)), _)
            if update::overlay::takes_path(kind)
                && !update::overlay::paths_offered(m, input.text()).is_empty() =>
        {
            &[
                ("Enter", "done"),
                ("Tab", "the next of these"),
                ("Esc", "closes"),
            ]
        }
        (Some(Overlay::Prompt(kind, ..)), _) if update::overlay::takes_path(kind) => &[
            ("Enter", "done"),
            ("Up", "last one"),
            ("Tab", "completes a path"),
            ("Esc", "closes"),
        ],
        (Some(Overlay::Prompt(..)), _) => {
            &[("Enter", "done"), ("Up", "last one"), ("Esc", "closes")]
        }
        (Some(Overlay::Palette { .. }), _) => &[
            ("type", "to find"),
            ("Up/Down", "choose"),
            ("Enter", "go"),
            ("Esc", "closes"),
        ],
        (None, Some(_)) => &[
            ("Enter", "apply"),
            ("Tab", "complete"),
            ("Up", "earlier"),
            ("Esc", "as before"),
        ],
        (None, None) => &[],
    };
    if m.filter.edit.is_some() && m.filter.error.is_some() && !m.filter.offers.is_empty() {
        // the line above says what is wrong; what it can become is not hidden by that
        let text = SafeText::new(&format!("Tab: {}", m.filter.offers.join("  ")));
        c.put(x, r.y, end.saturating_sub(x), &text, Role::Dim);
        return;
    }
    if !over.is_empty() {
        for (k, t) in over {
            x = put(c, x, k, t);
        }
        return;
    }
    let root = m.frames.len() == 1;
    let numbers = m
        .top()
        .is_some_and(|f| root && f.screen == ScreenId::Overview)
        && r.width >= 110;
    if numbers {
        for s in super::SCREENS.iter().filter(|s| s.key.is_some()) {
            let k = s.key.map(String::from).unwrap_or_default();
            x = put(c, x, &k, s.name);
        }
    }
    // the way out and the way to all other keys are told at any width
    let hints = keys::hints(&update::contexts(m));
    let back = if root { "leave" } else { "back" };
    let mut fixed: Vec<(&str, &str)> = Vec::new();
    for (k, t) in &hints {
        match k.as_str() {
            "?" if !numbers => fixed.insert(0, ("?", t)),
            "q" => fixed.push(("q", back)),
            _ => {}
        }
    }
    let wide = |(k, t): &(&str, &str)| u16::try_from(k.len() + t.len() + 3).unwrap_or(20);
    let keep: u16 = fixed.iter().map(wide).sum();
    for (k, t) in &hints {
        if fixed.iter().any(|(f, _)| f == k) {
            continue;
        }
        if numbers && !matches!(k.as_str(), "Enter" | "/" | "?" | ":" | "Tab") {
            continue;
        }
        let w = u16::try_from(k.len() + t.len() + 3).unwrap_or(20);
        if x + w > end.saturating_sub(keep) {
            break;
        }
        x = put(c, x, k, t);
    }
    let mut at = (end + 1).saturating_sub(keep);
    for f in &fixed {
        put(c, at, f.0, f.1);
        at += wide(f);
    }
}

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
