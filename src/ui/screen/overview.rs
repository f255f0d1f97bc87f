//! The first screen: what is here, what cannot be seen, when it happened, what stands out. In: the overview's data.
//! Out: five panes beside the ranked risks. Bounds: a few dozen lines.

use super::cells::account_in;
use super::layout::inside;
use crate::call::text::visible;
use crate::query::rows::SourceRow;
use crate::ui::data::OverviewData;
use crate::ui::model::{Frame, Model, State};
use crate::ui::nav::{Jump, ScreenId, term, time};
use crate::ui::theme::Role;
use crate::ui::widget::canvas::Canvas;
use crate::ui::widget::chart;
use crate::ui::widget::doc::{Doc, Line};
use crate::ui::widget::safe_text::{SafeText, bytes, grouped, many, span};
use ratatui::layout::Rect;

/// Columns of the names before values.
const LABEL: usize = 12;
/// Columns for a value from which on all of its words have room.
const WIDE: usize = 40;

/// The documents of panes 1 to 5; the second is drawn as a histogram.
pub fn docs(m: &Model, f: &Frame) -> Vec<Doc> {
    let panes = super::layout::of(m.size, f).panes;
    let width = |n: usize| {
        panes
            .get(n)
            .map_or(40, |r| usize::from(inside(*r).width.saturating_sub(2)))
    };
    let w = width(1);
    let Some(o) = &m.overview else {
        let mut d = Doc::new("What we can and cannot see");
        trouble(m, &mut d, w);
        let text = match (&f.list.state, m.load.running()) {
            (State::Failed(e), _) => e.clone(),
            (State::NoCase, false) => {
                "There is nothing in this case yet: leaktrace FILE... loads captures and logs."
                    .into()
            }
            (_, true) => "reading; the first numbers come in a moment".into(),
            _ => "reading ...".into(),
        };
        d.prose(&text, w, Role::Dim);
        return vec![
            d,
            Doc::new("Calls over time"),
            Doc::new("Top accounts"),
            Doc::new("Top APIs"),
            work(m, None),
        ];
    };
    let mut all = vec![
        coverage(m, o, w),
        when(o),
        accounts(m, o, width(3)),
        apis(m, o),
        work(m, Some(o)),
    ];
    // `?` on a line answers for that line, not for the list
    for l in all.iter_mut().flat_map(|d| &mut d.lines) {
        let name = l.spans.first().map_or("", |s| s.0.as_str().trim());
        l.why = l.why.take().or_else(|| {
            let said = super::facts::overview_meaning(name);
            (!said.is_empty()).then(|| said.to_owned())
        });
    }
    all
}

fn percent(n: u64, all: u64) -> String {
    if all == 0 {
        "0%".into()
    } else if n > 0 && n.saturating_mul(200) < all {
        "<1%".into()
    } else {
        format!("{:.0}%", n as f64 * 100.0 / all as f64)
    }
}

/// What could not be loaded stays to be read after the line that told it is gone.
fn trouble(m: &Model, d: &mut Doc, w: usize) {
    let Some(t) = &m.load.trouble else { return };
    let all = &m.load.troubles;
    if all.len() < 2 {
        return d.prose(t, w, Role::Error);
    }
    let said = format!(
        "{} files could not be loaded: ? says why",
        grouped(all.len() as u64)
    );
    let why: Vec<String> = all.iter().map(|t| visible(t).into_owned()).collect();
    for l in SafeText::new(&said).wrap(w) {
        let mut line = Line::new(l, Role::Error);
        line.why = Some(why.join("\n"));
        d.add(line);
    }
}

/// Said of a case that a killed load left behind, or into which another program loads.
const CUT_OFF: &str = "Every number is PARTIAL: a load has not ended. Wait for it, or load again where it was cut off.";

fn coverage(m: &Model, o: &OverviewData, w: usize) -> Doc {
    let mut d = Doc::new("What we can and cannot see");
    d.note = "Enter: flows, sources".into();
    trouble(m, &mut d, w);
    for said in &o.warnings {
        d.prose(said, w, Role::Warn);
    }
    // What a load of this interface has not finished yet stands below, with how far it is.
    if m.cut_off() {
        d.prose(CUT_OFF, w, Role::Partial);
    }
    // Of many files their number says more than any name; those with most calls stand for them.
    let mut files: Vec<&SourceRow> = o.sources.iter().collect();
    let shown = if files.len() > 4 {
        let all: u64 = files.iter().map(|s| s.bytes).fold(0, u64::saturating_add);
        d.add(
            Line::pair(
                "files",
                format!(
                    "{}, {}; most calls in",
                    grouped(files.len() as u64),
                    bytes(all)
                ),
                Role::Text,
            )
            .jump(Jump::screen(ScreenId::Sources)),
        );
        files.sort_by_key(|s| std::cmp::Reverse(s.calls));
        2
    } else {
        4
    };
    for s in files.iter().take(shown) {
        let hash = s
            .sha256
            .as_deref()
            .and_then(|h| h.get(..8))
            .filter(|_| m.size.0 >= 150)
            .map(|h| format!("  sha256 {h}.."))
            .unwrap_or_default();
        let label = if shown == 2 { "" } else { "file" };
        let live = m.load.running() && s.bytes == 0;
        let size = match (live, m.load.read) {
            (true, 0) => "reading".into(),
            (true, n) => format!("{} so far", bytes(n)),
            _ => format!("{}{hash}", bytes(s.bytes)),
        };
        // A name says more than its folder and than its size.
        let room = w.saturating_sub(LABEL);
        let fits = |name: &str, more: usize| SafeText::new(name).width() + more <= room;
        let with_size = size.len() + 1;
        let base = s.name.rsplit('/').next().unwrap_or(&s.name);
        let name = if fits(&s.name, with_size) || base.is_empty() {
            s.name.as_str()
        } else {
            base
        };
        let mut line = Line::pair(label, name.to_owned(), Role::Text)
            .name()
            .jump(Jump::screen(ScreenId::Sources));
        if fits(name, with_size) || room >= WIDE {
            line = line.right(size, Role::Dim);
        }
        d.add(line);
    }
    if o.sources.is_empty() {
        d.add(Line::pair("file", "none yet", Role::Dim));
    }
    let first = o.sources.iter().filter_map(|s| s.first.as_ref()).min();
    let last = o.sources.iter().filter_map(|s| s.last.as_ref()).max();
    if let (Some(a), Some(b)) = (first, last) {
        let span = time::range(a, b);
        // the line below every screen says which zone times are in
        let short = span.strip_suffix(" UTC").unwrap_or(&span).to_owned();
        let room = w.saturating_sub(LABEL);
        let span = if span.len() > room { short } else { span };
        d.add(Line::pair("span", span, Role::Text));
    }
    if let Some((title, date)) = &o.profile {
        let text = format!("{title}, {date}");
        d.add(Line::pair("levels by", text, Role::Text));
    }
    let packets: u64 = o.sources.iter().filter_map(|s| s.packets).sum();
    let lines: u64 = o.sources.iter().filter_map(|s| s.lines).sum();
    let skipped: u64 = o.sources.iter().map(|s| s.skipped).sum();
    let units: Vec<String> = [(packets, "packets"), (lines, "log lines")]
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, w)| format!("{} {w}", grouped(*n)))
        .collect();
    if !units.is_empty() {
        let more = if skipped > 0 {
            format!(", {} without a call", grouped(skipped))
        } else {
            String::new()
        };
        d.add(
            Line::pair("read", format!("{}{more}", units.join(", ")), Role::Text)
                .jump(Jump::screen(ScreenId::Sources)),
        );
    }
    // a second is what times in whole seconds leave open
    let far = o
        .sources
        .iter()
        .filter_map(|s| s.skew_ms)
        .filter(|ms| ms.abs() > 1000);
    if let Some(most) = far.clone().max_by_key(|ms| ms.abs()) {
        let which = if most < 0 { "behind" } else { "ahead of" };
        let text = format!(
            "{} of the logs off by a second or more, {} s {which} the captures at most",
            far.count(),
            most.unsigned_abs() / 1000
        );
        d.add(Line::pair("clocks", text, Role::Warn).jump(Jump::screen(ScreenId::Sources)));
    }
    let all: u64 = o.apps.iter().map(|a| a.bytes).fold(0, u64::saturating_add);
    let readable: Vec<String> = o
        .apps
        .iter()
        .filter(|a| a.opaque < a.flows)
        .take(4)
        .map(|a| {
            format!(
                "{} {}",
                a.app,
                percent(a.bytes.saturating_sub(a.opaque_bytes), all)
            )
        })
        .collect();
    if !readable.is_empty() {
        d.add(
            Line::pair("readable", readable.join("  "), Role::Text)
                .jump(Jump::screen(ScreenId::Flows)),
        );
    }
    let opaque: Vec<String> = o
        .apps
        .iter()
        .filter(|a| a.opaque > 0)
        .take(4)
        .map(|a| {
            format!(
                "{} {} ({})",
                a.app,
                percent(a.opaque_bytes, all),
                many(a.opaque, "flow")
            )
        })
        .collect();
    // what a load has not read yet may be anything
    let open = m.unended();
    let said = |text: &str| match open {
        true => (format!("so far {text}"), Role::Dim),
        false => (text.to_owned(), Role::Ok),
    };
    d.add(if opaque.is_empty() {
        let (text, role) = said("nothing");
        Line::pair("opaque", text, role)
    } else {
        Line::pair(
            "opaque",
            format!("{}  {} blind", opaque.join("  "), m.glyphs.left),
            Role::Warn,
        )
        .jump(Jump::screen(ScreenId::Flows))
    });
    let harm: Vec<(&str, u64)> = o
        .flags
        .iter()
        .filter(|(n, _)| {
            matches!(
                *n,
                "truncated" | "gap" | "one-sided" | "no-response" | "no-request" | "uncertain-pair"
            )
        })
        .map(|(n, k)| (*n, *k))
        .collect();
    if harm.is_empty() {
        let (text, role) = match open {
            // the whole sentence would be cut
            true => said("no call is cut"),
            false => said("no call is cut, none has gaps"),
        };
        d.add(Line::pair("damage", text, role));
    }
    for (n, k) in harm {
        d.add(Line::pair(n, many(k, "call"), Role::Warn).jump(Jump::To {
            screen: ScreenId::Calls,
            term: Some(format!("is:{n}")),
            title: n.into(),
        }));
    }
    let taps = || o.sources.iter().flat_map(|s| &s.taps);
    if let Some(apart) = taps().map(|t| t.skew_ns.saturating_abs()).max() {
        // each pair of sources is told from either side
        let again = taps().map(|t| t.calls).sum::<u64>() / 2;
        d.add(
            Line::pair(
                "taps",
                format!(
                    "{} {} in another capture too, clocks {} apart at most",
                    many(again, "call"),
                    if again == 1 { "stands" } else { "stand" },
                    span(apart)
                ),
                Role::Text,
            )
            .jump(Jump::screen(ScreenId::Sources)),
        );
    }
    if o.logs.0 + o.logs.1 > 0 {
        d.add(
            Line::pair(
                "logs",
                if w < LABEL + WIDE {
                    format!(
                        "{} joined calls, {} alone",
                        grouped(o.logs.1),
                        grouped(o.logs.0)
                    )
                } else {
                    format!(
                        "{} joined a captured call, {} {} alone",
                        many(o.logs.1, "line"),
                        grouped(o.logs.0),
                        if o.logs.0 == 1 { "stands" } else { "stand" }
                    )
                },
                Role::Text,
            )
            .jump(Jump::To {
                screen: ScreenId::Calls,
                term: Some("is:log-only".into()),
                title: "logs alone".into(),
            }),
        );
    }
    if m.load.running() {
        let share = m
            .load
            .percent()
            .map(|p| format!(" (now {p}%)"))
            .unwrap_or_default();
        let text = format!("Every number is PARTIAL until the load ends{share}.");
        d.prose(&text, w, Role::Partial);
    }
    d
}

fn when(o: &OverviewData) -> Doc {
    let mut d = Doc::new("Calls over time");
    // One line, so that Enter has a place to stand: the busiest sensitive slot.
    if let Some(i) = o
        .minutes
        .iter()
        .enumerate()
        .max_by_key(|(_, b)| (b.hot, b.all))
        .map(|(i, _)| i)
    {
        let step = match (o.minutes.first(), o.minutes.get(1)) {
            (Some(a), Some(b)) => b.t - a.t,
            _ => 60_000_000_000,
        };
        if let Some(b) = o.minutes.get(i) {
            let iso = |ns: i64| {
                jiff::Timestamp::from_nanosecond(i128::from(ns))
                    .map(|t| t.to_string())
                    .unwrap_or_default()
            };
            let mut l = Line::new("", Role::Dim).jump(Jump::To {
                screen: ScreenId::Calls,
                term: Some(format!("time in {}..{}", iso(b.t), iso(b.t + step))),
                title: time::axis(b.t, chart::span(&o.minutes)),
            });
            l.why = Some(super::facts::overview_meaning("time").into());
            d.add(l);
        }
    }
    d
}

/// Columns of an account's risk, records and level.
const NUMBERS: usize = 3 + 9 + 3;
/// Columns of its name, and of the bar, at most.
const NAME: usize = 16;
const BAR: usize = 6;

fn accounts(m: &Model, o: &OverviewData, w: usize) -> Doc {
    let mut d = Doc::new("Top accounts by risk");
    d.note = format!("{} in all", grouped(o.n_accounts)).into();
    let most = o
        .accounts
        .iter()
        .map(|a| a.records)
        .max()
        .unwrap_or(0)
        .max(1);
    // a number that is cut is wrong: where the room is small the bar goes, then the end of the name
    let bar = w.saturating_sub(NAME + 1 + NUMBERS).min(BAR);
    let name = w.saturating_sub(NUMBERS + bar + 1).clamp(8, NAME);
    for a in &o.accounts {
        let n = (a.records as f64 * bar as f64 / most as f64).ceil() as usize;
        let mut l = Line::new(account_in(&a.account, name, m.glyphs.dots), Role::Text)
            .and(
                format!("{:>3.0}", a.risk),
                if a.risk >= 70.0 {
                    Role::SensHigh
                } else {
                    Role::Dim
                },
            )
            .and(format!("{:>8} ", grouped(a.records)), Role::Dim)
            .and("#".repeat(n.min(bar)), Role::BarSens)
            .right(a.level, Role::level(a.level))
            .jump(Jump::calls("account", &a.account));
        l.why = Some(a.why.clone());
        d.add(l);
    }
    if o.accounts.is_empty() {
        d.add(Line::new(none(m), Role::Dim));
    }
    d
}

/// Said where a list is empty: of a load that has not ended nothing is denied.
fn none(m: &Model) -> &'static str {
    match m.unended() {
        true => "none so far",
        false => "none",
    }
}

fn apis(m: &Model, o: &OverviewData) -> Doc {
    let mut d = Doc::new("Top APIs");
    d.note = format!("{} in all", grouped(o.n_apis)).into();
    for a in &o.apis {
        let mut l = Line::new(a.api.clone(), Role::Text)
            .right(
                format!("{:>7} {}", grouped(a.calls), a.level),
                Role::level(a.level),
            )
            .jump(Jump::To {
                screen: ScreenId::Calls,
                term: Some(term("api", &a.api)),
                title: a.api.clone(),
            });
        l.why = Some(super::facts::why_api(a).join("\n"));
        d.add(l);
    }
    if o.apis.is_empty() {
        d.add(Line::new(none(m), Role::Dim));
    }
    d
}

fn work(m: &Model, o: Option<&OverviewData>) -> Doc {
    let mut d = Doc::new("Your work");
    let n = |f: &dyn Fn(&crate::ui::data::MarkRow) -> u64| m.marks.values().map(f).sum::<u64>();
    d.add(
        Line::pair(
            "marks",
            format!(
                "{}  notes {}  tags {}",
                n(&|r| u64::from(r.mark)),
                n(&|r| r.notes.len() as u64),
                n(&|r| r.tags.len() as u64)
            ),
            Role::Text,
        )
        .jump(Jump::screen(ScreenId::Marks)),
    );
    let reveals = o.map_or(0, |o| o.reveals);
    d.add(Line::pair(
        "reveals",
        if reveals == 0 {
            "0 (masked view)".into()
        } else {
            grouped(reveals)
        },
        Role::Text,
    ));
    d.add(
        Line::pair("findings", "all values found", Role::Dim)
            .jump(Jump::screen(ScreenId::Findings)),
    );
    d.add(Line::pair(
        "undo",
        if m.undo.is_empty() {
            "nothing".into()
        } else {
            many(m.undo.len() as u64, "change")
        },
        Role::Dim,
    ));
    if let Some((Some(num), who)) = o.map(|o| (&o.info.0, &o.info.1)) {
        d.add(Line::pair(
            "case",
            format!("{num}  {}", who.as_deref().unwrap_or("")),
            Role::Text,
        ));
    }
    let name = m
        .case_path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    d.add(Line::pair("case file", name, Role::Dim));
    d
}

/// Draws the histogram's pane.
pub fn histogram(m: &Model, f: &Frame, c: &mut Canvas<'_>, r: Rect) {
    if r.width == 0 {
        return;
    }
    let note = SafeText::new(&format!("{} all  {} S3+", c.glyphs.bar, c.glyphs.bar_hot));
    // what the bars mean needs the room more than the title does
    let title = if r.width < 36 {
        "Calls"
    } else {
        "Calls over time"
    };
    c.pane(r, &title.into(), &note, f.focus == 2);
    let inner = inside(r);
    let Some(o) = &m.overview else { return };
    let mut room = inner;
    if inner.height > 6 {
        room.height -= 1;
        if let Some(b) = o
            .minutes
            .iter()
            .max_by_key(|b| (b.hot, b.all))
            .filter(|b| b.hot > 0)
        {
            let mut t = format!(
                "most S3+ {}: {} of {}",
                time::axis(b.t, chart::span(&o.minutes)),
                grouped(b.hot),
                grouped(b.all)
            );
            if t.len() + 10 < usize::from(inner.width) {
                t.push_str(" (Enter)");
            }
            c.say(
                inner.x + 1,
                inner.bottom() - 1,
                inner.width.saturating_sub(2),
                &t,
                if f.focus == 2 {
                    Role::Accent
                } else {
                    Role::Dim
                },
            );
        }
    }
    let chosen = o.minutes.iter().max_by_key(|b| (b.hot, b.all)).map(|b| b.t);
    chart::histogram(c, room, &o.minutes, chosen);
}
