//! What every screen has: header, filter, status, keys. In: the model. Out: cells.
//! Bounds: a line each.

use crate::ui::keys;
use crate::ui::model::{Model, Overlay, State};
use crate::ui::nav::ScreenId;
use crate::ui::nav::input::Input;
use crate::ui::theme::Role;
use crate::ui::update;
use crate::ui::widget::canvas::Canvas;
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
        (true, 0, _) if m.load.follow => "  [following]".into(),
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
        return ("the filter does not act here".into(), Role::Dim);
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
pub(super) fn line(c: &mut Canvas<'_>, r: Rect, i: &Input, bad: Option<usize>) {
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
            // nothing may come for hours, and that is no fault
            0 if m.load.follow => "following: what is added is read until you leave".into(),
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
    if root && !numbers {
        // whoever sees the first screen only must learn that there are others
        x = put(c, x, "1-7", "screens");
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
