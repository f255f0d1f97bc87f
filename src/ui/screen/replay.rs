//! A session on its ladder: hosts side by side, calls as arrows, time running down. In: a timeline and a position.
//! Out: cells and two documents. Bounds: only visible steps are drawn.

use crate::query::read::compare::Changed;
use crate::replay::{Step, TimeMode, Timeline};
use crate::ui::model::{Extra, Film, Frame, Model, State};
use crate::ui::nav::{Jump, time};
use crate::ui::theme::Role;
use crate::ui::widget::canvas::Canvas;
use crate::ui::widget::doc::{Doc, Line};
use crate::ui::widget::safe_text::{SafeText, bytes, grouped, span};
use ratatui::layout::Rect;

/// Columns before the ladder: cursor, time, gap.
const LEFT: u16 = 24;
/// Changed fields of a call that are shown.
const CHANGES: usize = 8;
/// Least columns between two hosts.
const LANE: u16 = 24;

/// The first visible step so that `at` is on screen, with room round it.
pub fn scroll(top: usize, at: usize, n: usize, h: usize) -> usize {
    let h = h.max(1);
    let margin = (h / 5).min(4);
    let mut t = top;
    if at < t + margin {
        t = at.saturating_sub(margin);
    }
    if at + margin + 1 > t + h {
        t = (at + margin + 1).saturating_sub(h);
    }
    t.min(n.saturating_sub(h))
}

/// Place of each host from the left: those that only ask first, then in order of appearance.
pub fn order(t: &Timeline) -> Vec<usize> {
    let n = t.lanes().len();
    let asked: std::collections::BTreeSet<usize> = t.steps().iter().map(|s| s.to).collect();
    let mut left: Vec<usize> = (0..n).collect();
    left.sort_by_key(|i| (asked.contains(i), *i));
    let mut place = vec![0; n];
    for (at, lane) in left.iter().enumerate() {
        if let Some(p) = place.get_mut(*lane) {
            *p = at;
        }
    }
    place
}

/// Name of a host; its address as well where another one has the same name.
fn lane_name(t: &Timeline, i: usize) -> String {
    let Some(l) = t.lanes().get(i) else {
        return String::new();
    };
    let Some(h) = l.hosts.first() else {
        return l.addr.clone();
    };
    let twin = t
        .lanes()
        .iter()
        .enumerate()
        .any(|(k, o)| k != i && o.hosts.first() == Some(h));
    if twin && !l.addr.is_empty() {
        l.addr.clone()
    } else {
        h.clone()
    }
}

/// Draws the ladder.
pub fn draw(m: &Model, f: &Frame, c: &mut Canvas<'_>, r: Rect) {
    let Extra::Replay(film) = &f.extra else {
        return;
    };
    let focus = f.focus == 0;
    let Some(t) = &film.film else {
        let inner = c.pane(r, &"Ladder".into(), &SafeText::default(), focus);
        let text = match &film.state {
            State::Failed(e) => e.clone(),
            State::Cancelled => "cancelled; R reads it again".into(),
            State::NoCase => "there is no case file yet".into(),
            _ => "reading the session ...".into(),
        };
        c.say(
            inner.x + 1,
            inner.y,
            inner.width.saturating_sub(2),
            &text,
            Role::Dim,
        );
        return;
    };
    let note = format!(
        "times {}   long gaps {}",
        film.mode.name(),
        if film.clock.folded {
            "folded"
        } else {
            "as they were"
        }
    );
    // The day stands once above the times of day.
    let day = t.steps().first().and_then(|s| s.call.ts.get(..10));
    let title = format!("Ladder  {}", day.unwrap_or_default());
    let inner = c.pane(r, &title.trim_end().into(), &note.into(), focus);
    if inner.height < 3 || inner.width < 30 {
        return;
    }
    let lanes = t.lanes();
    let room = inner.width.saturating_sub(LEFT + 2);
    let shown = lanes
        .len()
        .clamp(1, usize::from(room / LANE).max(2))
        .min(12);
    let step = if shown > 1 {
        (room / u16::try_from(shown).unwrap_or(2)).clamp(12, 40)
    } else {
        room
    };
    let x_of =
        |i: usize| inner.x + LEFT + 1 + step / 4 + u16::try_from(i.min(shown)).unwrap_or(0) * step;
    for i in 0..lanes.len() {
        let at = film.order.get(i).copied().unwrap_or(i);
        if at >= shown {
            continue;
        }
        let name = lane_name(t, i);
        let t = SafeText::new(&name).elide(usize::from(step) - 2, true, c.glyphs.dots);
        let half = u16::try_from(t.width() / 2).unwrap_or(0);
        c.put(
            x_of(at).saturating_sub(half).max(inner.x + LEFT),
            inner.y,
            step,
            &t,
            Role::Crumb,
        );
    }
    c.say(inner.x + 3, inner.y, 12, "TIME", Role::Head);
    c.say(inner.x + 17, inner.y, 6, "GAP", Role::Head);
    let here = film.at;
    let h = usize::from(inner.height - 1);
    for (n, s) in t.steps().iter().enumerate().skip(film.top).take(h) {
        let y = inner.y + 1 + u16::try_from(n - film.top).unwrap_or(0);
        row(m, film, t, c, inner, y, s, n == here, &x_of, shown);
        if n == here {
            let role = if focus { Role::Sel } else { Role::SelDim };
            c.paint(Rect::new(inner.x + 1, y, inner.width - 1, 1), role);
        }
    }
    c.scrollbar(
        Rect::new(inner.x, inner.y + 1, inner.width, inner.height - 1),
        film.top as u64,
        h as u64,
        t.steps().len() as u64,
    );
}

#[expect(
    clippy::too_many_arguments,
    reason = "one line of the ladder; a struct would only rename the arguments"
)]
fn row(
    m: &Model,
    film: &Film,
    t: &Timeline,
    c: &mut Canvas<'_>,
    r: Rect,
    y: u16,
    s: &Step,
    here: bool,
    x_of: &dyn Fn(usize) -> u16,
    shown: usize,
) {
    if here {
        c.glyph(r.x, y, c.glyphs.cursor, c.theme.style(Role::Accent));
    }
    let target = format!("call:{}", s.call.id);
    if m.marks.contains_key(&target) {
        c.say(r.x + 1, y, 1, c.glyphs.mark, Role::Mark);
    }
    let at = match film.mode {
        TimeMode::SinceStart => format!("+{}", span(s.at)),
        _ => time::row(&s.call.ts, false),
    };
    c.say(r.x + 3, y, 13, &at, Role::Dim);
    if let Some(g) = s.gap {
        let text = match film.mode {
            TimeMode::ToScale => scale(g, c.glyphs.bar),
            _ => span(g),
        };
        c.put_right(
            r.x + 16,
            r.x + 23,
            y,
            &text.into(),
            if g > 60_000_000_000 {
                Role::Warn
            } else {
                Role::Dim
            },
        );
    }
    let line = c.theme.style(Role::Border);
    for i in 0..shown {
        c.glyph(x_of(i), y, c.glyphs.v, line);
    }
    let place = |i: usize| film.order.get(i).copied().unwrap_or(i);
    let (from_at, to_at) = (place(s.from), place(s.to));
    // A host beyond the last line of life is named behind the arrow.
    let (from, to) = (
        from_at.min(shown.saturating_sub(1)),
        to_at.min(shown.saturating_sub(1)),
    );
    let (a, b) = (x_of(from).min(x_of(to)), x_of(from).max(x_of(to)));
    let level = s.call.level.unwrap_or("S0");
    let role = if level >= "S3" {
        Role::level(level)
    } else {
        Role::Text
    };
    let arrow = c.theme.style(if level >= "S3" {
        Role::SensHigh
    } else {
        Role::Accent
    });
    let what = format!(
        "{} {}",
        s.call.method.as_deref().unwrap_or("?"),
        s.call
            .uri
            .as_deref()
            .or(s.call.path.as_deref())
            .unwrap_or("")
    );
    let answer = answer_of(s);
    let right = to_at >= from_at;
    if b > a + 3 {
        for x in a + 1..b {
            c.glyph(x, y, c.glyphs.h, arrow);
        }
        if right {
            c.glyph(b - 1, y, c.glyphs.right, arrow);
        } else {
            c.glyph(a + 1, y, c.glyphs.left, arrow);
        }
        let room = usize::from(b - a).saturating_sub(5);
        let t = SafeText::new(&what).elide(room, true, c.glyphs.dots);
        c.put(a + 2, y, b - a - 3, &t, role);
    }
    let last = x_of(shown.saturating_sub(1)) + 2;
    let beyond = if to_at >= shown {
        format!("{}{} ", c.glyphs.right, lane_name(t, s.to))
    } else {
        String::new()
    };
    // a call that stays on its line of life is told beside it
    let x = if b > a + 3 {
        last
    } else {
        let behind = SafeText::new(&beyond).width() + answer.len() + 7;
        let room = usize::from(r.right().saturating_sub(b + 3)).saturating_sub(behind);
        let t = SafeText::new(&what).elide(room.max(8), true, c.glyphs.dots);
        c.put(b + 2, y, r.right().saturating_sub(b + 3), &t, role) + 2
    };
    if x < r.right() {
        // what came back says more than the name of the host that it came from
        let room = usize::from(r.right() - x).saturating_sub(answer.len() + 2);
        let beyond = SafeText::new(&beyond).elide(room, true, c.glyphs.dots);
        let x = c.put(x, y, r.right() - x, &beyond, Role::Dim);
        let x = c.say(
            x,
            y,
            r.right().saturating_sub(x),
            &answer,
            s.call.status.map_or(Role::Warn, Role::status),
        );
        if level >= "S1" && x + 4 < r.right() {
            c.say(x + 1, y, 2, level, Role::level(level));
        }
    }
}

/// A gap as space: one sign for each factor of ten above a millisecond.
fn scale(ns: i64, bar: &str) -> String {
    let ms = (ns / 1_000_000).max(0);
    let n = ms.checked_ilog10().map_or(0, |l| l as usize + 1);
    bar.repeat(n.min(7))
}

fn answer_of(s: &Step) -> String {
    let st = s
        .call
        .status
        .map_or_else(|| "no answer".to_string(), |n| n.to_string());
    match s.call.records {
        Some(n) if n > 0 => format!("{st}  {} rec", grouped(n)),
        _ => st,
    }
}

/// Running totals, and the call at the cursor.
pub fn docs(m: &Model, f: &Frame) -> Vec<Doc> {
    let Extra::Replay(film) = &f.extra else {
        return Vec::new();
    };
    let mut sums = Doc::new("Running totals at this step");
    let mut call = Doc::new("Call at the cursor");
    let Some(t) = &film.film else {
        return vec![sums, call];
    };
    let at = film.at;
    let (now, all) = (t.totals(at), t.sum());
    sums.note = format!(
        "step {}/{}",
        grouped(at as u64 + 1),
        grouped(t.steps().len() as u64)
    )
    .into();
    let of = |a: u64, b: u64| format!("{} / {}", grouped(a), grouped(b));
    sums.add(Line::pair("calls", of(now.calls, all.calls), Role::Text));
    sums.add(Line::pair(
        "records out",
        of(now.records, all.records),
        Role::Text,
    ));
    if all.people > 0 {
        sums.add(Line::pair("people", of(now.people, all.people), Role::Text));
    }
    sums.add(Line::pair(
        "bytes out",
        format!("{} / {}", bytes(now.bytes), bytes(all.bytes)),
        Role::Text,
    ));
    let first = all.first_high.and_then(|i| t.steps().get(i));
    sums.add(match first {
        Some(s) => Line::pair("first S3+", time::row(&s.call.ts, false), Role::SensHigh),
        None => Line::pair("first S3+", "none in this session", Role::Dim),
    });
    sums.add(Line::pair(
        "played",
        format!(
            "{} of {}",
            span(t.steps().get(at).map_or(0, |s| s.at)),
            span(t.steps().last().map_or(0, |s| s.at))
        ),
        Role::Text,
    ));
    let width = 30usize;
    let done = if all.calls > 1 {
        (at * width) / (t.steps().len() - 1).max(1)
    } else {
        width
    };
    sums.add(
        Line::pair("timeline", m.glyphs.bar.repeat(done), Role::Bar)
            .and(m.glyphs.h.repeat(width - done.min(width)), Role::Dim),
    );
    let Some(s) = t.steps().get(at) else {
        return vec![sums, call];
    };
    let c = &s.call;
    call.note = c.level.unwrap_or("S0").into();
    call.add(
        Line::new(
            format!(
                "{} {}",
                c.method.as_deref().unwrap_or("?"),
                c.uri.as_deref().unwrap_or("")
            ),
            Role::Crumb,
        )
        .jump(Jump::Call(c.id.clone())),
    );
    // What a reviewer asks of each call stands first: when, who, by what, what was asked, what came back.
    call.add(Line::pair("time", time::long(&c.ts), Role::Text));
    let sure = c
        .account_conf
        .map_or(String::new(), |n| format!("  {n:.2}"));
    call.add(Line::pair(
        "who",
        format!("{}{sure}", c.account.as_deref().unwrap_or("nobody known")),
        Role::Text,
    ));
    call.add(Line::pair(
        "by",
        s.credential
            .as_deref()
            .map_or("no credential", credential)
            .to_owned(),
        Role::Text,
    ));
    let asked = crate::replay::timeline::params(c);
    let asked: Vec<String> = asked
        .iter()
        .filter(|(k, v)| !of_the_route(c, k, v))
        .map(|(k, v)| format!("{}={v}", place(k)))
        .collect();
    let sent = c
        .req_content_len
        .filter(|n| *n > 0)
        .map(|n| format!("body {} ", bytes(n)))
        .unwrap_or_default();
    call.add(Line::pair(
        "parameters",
        format!("{sent}{}", asked.join(" ")),
        Role::Text,
    ));
    let took = s
        .took
        .map(|n| format!("  took {}", span(n)))
        .unwrap_or_default();
    call.add(Line::pair(
        "returned",
        format!(
            "{}  {}  {}{took}",
            answer_of(s),
            c.resp_content_len
                .or(c.resp_body_len)
                .map(bytes)
                .unwrap_or_default(),
            c.classes.join(" ")
        ),
        Role::Text,
    ));
    if let Some(h) = &c.host {
        call.add(Line::pair("host", h.clone(), Role::Text));
    }
    let read = f.show.as_deref().filter(|x| x.row.id == c.id);
    if let Some(d) = t.diff(at) {
        let bodies = film.changed.iter().filter(|_| read.is_some());
        let all: Vec<&Changed> = d.changed.iter().chain(bodies).collect();
        if d.same_api {
            for x in all.iter().take(CHANGES) {
                call.add(changed(x));
            }
            let more = all.len().saturating_sub(CHANGES);
            if more > 0 {
                let said = format!("and {} more fields", grouped(more as u64));
                call.add(Line::pair("", said, Role::Partial));
            }
            if all.is_empty() && read.is_some() {
                call.add(Line::pair(
                    "changed",
                    "nothing in target and bodies",
                    Role::Dim,
                ));
            }
        } else {
            call.add(Line::pair(
                "changed",
                "the first call of this API",
                Role::Dim,
            ));
        }
        if d.new_people + d.repeated > 0 {
            call.add(Line::pair(
                "people",
                format!(
                    "{} new, {} seen before",
                    grouped(d.new_people),
                    grouped(d.repeated)
                ),
                Role::Text,
            ));
        }
    }
    for n in m
        .mark_of(&format!("call:{}", c.id))
        .map(|r| r.notes.as_slice())
        .unwrap_or_default()
    {
        call.add(Line::pair("note", n.clone(), Role::Mark));
    }
    if let Some(s) = read {
        super::call::below(m, s, &mut call);
    }
    vec![sums, call]
}

/// A credential without its kind where its place says the same: `cookie cookie:sid #1f` is `cookie:sid #1f`.
fn credential(c: &str) -> &str {
    match c.split_once(' ') {
        Some((kind, rest)) if rest.starts_with(&format!("{kind}:")) => rest,
        _ => c,
    }
}

/// The name of a parameter as places are written elsewhere: the third segment of a path is `path:3`.
fn place(name: &str) -> String {
    match name.strip_prefix('/') {
        Some(n) if n.parse::<usize>().is_ok() => format!("path:{n}"),
        _ => name.to_owned(),
    }
}

/// A field that differs from the call before of the same API.
fn changed(x: &Changed) -> Line {
    let show = |v: &Option<String>| v.clone().unwrap_or_else(|| "-".into());
    let (a, b) = (show(&x.before), show(&x.now));
    // two values may look alike behind their masks
    let other = if a == b { " (another one)" } else { "" };
    let many = match x.values {
        1 => String::new(),
        n => format!("  and {} more", grouped(n - 1)),
    };
    let part = match x.part {
        "request" => "sent ",
        "response" => "got ",
        _ => "",
    };
    let field = if x.field.is_empty() {
        "body".to_owned()
    } else {
        place(&x.field)
    };
    Line::pair(
        "changed",
        format!("{part}{field}  {a} > {b}{other}{many}"),
        Role::Text,
    )
}

/// Whether a segment of a path is a word of its API, and no parameter.
fn of_the_route(c: &crate::query::rows::CallRow, key: &str, value: &str) -> bool {
    let Some(n) = key.strip_prefix('/').and_then(|n| n.parse::<usize>().ok()) else {
        return false;
    };
    let route = c.api.as_deref().and_then(|a| a.split_once(' '));
    // the host stands before the first segment
    route.is_some_and(|(_, r)| r.split('/').nth(n) == Some(value))
}
