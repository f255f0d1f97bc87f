//! Actions. In: what a key means. Out: changes. Bounds: none.

use super::{ask, correct, docs, film, filter, go, list, overlay, palette, report, step, work};
use crate::trace::Question;
use crate::trace::subject::Kind;
use crate::ui::data::Item;
use crate::ui::effect::Effect;
use crate::ui::keys::Action as A;
use crate::ui::model::{BodyMode, Extra, MenuKind, Model, Overlay, PromptKind, State};
use crate::ui::msg::Timer;
use crate::ui::nav::{Asked, Jump, ScreenId, term, with_term};
use crate::ui::screen::{facts, help, layout};

/// Does it.
pub fn act(m: &mut Model, a: A) {
    match a {
        A::Up
        | A::Down
        | A::Top
        | A::Bottom
        | A::HalfUp
        | A::HalfDown
        | A::PageUp
        | A::PageDown => step::step(m, a),
        A::Left | A::Right => step::sideways(m, a == A::Right),
        A::Enter => enter(m),
        A::Back => back(m),
        A::HistoryBack => go::walk(m, true),
        A::HistoryForward => go::walk(m, false),
        A::Screen(n) => go::to_screen(m, screen_of(n)),
        A::OnlyMarked => go::to_screen(m, ScreenId::Marks),
        A::NextPane => step::pane(m, true),
        A::PrevPane => step::pane(m, false),
        A::Zoom => {
            let alone = m.top().is_some_and(|f| {
                let shown = layout::of(m.size, f).panes;
                !f.zoom && shown.iter().filter(|r| r.width > 0).count() < 2
            });
            if alone {
                return m.say("this pane has the whole screen already");
            }
            if let Some(f) = m.frames.last_mut() {
                f.zoom = !f.zoom;
            }
            list::settle(m);
            docs::refresh(m);
        }
        A::Filter => filter::open(m),
        A::FilterToggle => filter::toggle(m),
        A::Find => overlay::prompt(m, PromptKind::Find, ""),
        A::FindNext => step::find(m, true),
        A::FindPrev => step::find(m, false),
        A::Include => by_cell(m, Cell::With),
        A::Exclude => by_cell(m, Cell::Without),
        A::Only => by_cell(m, Cell::Only),
        A::Palette => palette::open(m),
        A::Sql => {
            // what is on show, so that it can be put right
            let text = match m.top().map(|f| &f.extra) {
                Some(Extra::Sql(t)) => t.clone(),
                _ => "SELECT * FROM calls LIMIT 50".into(),
            };
            overlay::prompt(m, PromptKind::Sql, &text);
        }
        A::Mark => work::mark(m),
        A::NextMark => step::next_mark(m, true),
        A::PrevMark => step::next_mark(m, false),
        A::Note => work::note(m, false),
        A::Tag => work::note(m, true),
        A::IsAccount => work::is_account(m),
        A::NotAccount => work::not_account(m),
        A::NextRecord => step::record(m, true),
        A::Whole => step::whole(m),
        A::Fold => step::fold(m),
        A::PrevRecord => step::record(m, false),
        A::NextSensitive => step::sensitive(m, true),
        A::PrevSensitive => step::sensitive(m, false),
        A::TimeMode => time_mode(m),
        A::Pretty => body(
            m,
            if m.body == BodyMode::Pretty {
                BodyMode::Raw
            } else {
                BodyMode::Pretty
            },
        ),
        A::Hex => body(
            m,
            if m.body == BodyMode::Hex {
                BodyMode::Pretty
            } else {
                BodyMode::Hex
            },
        ),
        A::Wrap => {
            m.wrap = !m.wrap;
            docs::refresh(m);
            m.say(if m.wrap {
                "long lines are broken"
            } else {
                "long lines are cut"
            });
        }
        A::Trace => trace(m),
        A::Reads => reads(m),
        A::Replay => replay(m),
        A::Reveal => reveal(m),
        A::Copy => work::copy_menu(m),
        A::Export => work::export_menu(m),
        A::Correct => correct::menu(m),
        A::Sort => list::sort(m, false),
        A::SortReverse => list::sort(m, true),
        A::Why => why(m),
        A::Help => help_text(m),
        A::Mouse => {
            m.mouse = !m.mouse;
            m.outbox.push(Effect::Mouse(m.mouse));
            m.say(if m.mouse {
                "mouse on: click selects, wheel scrolls"
            } else {
                "mouse off: the terminal selects text"
            });
        }
        A::Undo => work::undo(m),
        A::Redo => work::redo(m),
        A::Play | A::Step | A::StepBack | A::Faster | A::Slower | A::FoldGaps => film::film(m, a),
        A::Report => report::prompt(m),
        A::Redraw => m.outbox.push(Effect::Redraw),
        A::Suspend => m.outbox.push(Effect::Suspend),
        A::Cancel => cancel(m),
    }
}

/// Screen of a number key.
pub fn screen_of(n: u8) -> ScreenId {
    match n {
        1 => ScreenId::Overview,
        2 => ScreenId::Accounts,
        3 => ScreenId::Apis,
        4 => ScreenId::Calls,
        5 => ScreenId::Sessions,
        6 => ScreenId::Trace,
        _ => ScreenId::Marks,
    }
}

/// Ctrl-c: stops what is being read; a second time leaves.
pub fn cancel(m: &mut Model) {
    if m.arm {
        m.ended = Some(130);
        m.outbox.push(Effect::Quit(130));
        return;
    }
    m.arm = true;
    m.armed = m.fresh();
    m.outbox.push(Effect::After(2000, Timer::Disarm(m.armed)));
    let reading = m.frames.iter().any(|f| !f.pending.is_empty());
    if reading {
        m.outbox.push(Effect::Cancel);
    }
    m.say(if reading {
        "cancelled; Ctrl-c again leaves"
    } else {
        "nothing is running; Ctrl-c again leaves"
    });
}

/// Esc: back, and on the first level nothing that would take the next key.
pub fn escape(m: &mut Model) {
    let first = m.frames.len() < 2;
    let inner = m.top().is_some_and(|f| f.zoom || !f.find.is_empty());
    if first && !inner {
        return m.say("this is the first level; q leaves");
    }
    back(m);
}

fn back(m: &mut Model) {
    if m.top().is_some_and(|f| f.zoom) {
        if let Some(f) = m.frames.last_mut() {
            f.zoom = false;
        }
        list::settle(m);
        return docs::refresh(m);
    }
    if let Some(f) = m.frames.last_mut().filter(|f| !f.find.is_empty()) {
        f.find.clear();
        return;
    }
    if !go::pop(m) {
        m.overlay = Some(Overlay::Menu(
            MenuKind::Quit,
            vec![
                ('q', "leave (the case keeps everything)".into()),
                ('n', "stay".into()),
            ],
        ));
    }
}

fn enter(m: &mut Model) {
    let Some(f) = m.top() else { return };
    let j = if f.focus > 0 {
        f.docs
            .get(f.focus - 1)
            .and_then(|d| d.lines.get(f.pos.get(f.focus)?.cursor))
            .and_then(|l| l.jump.clone())
    } else if let Extra::Replay(r) = &f.extra {
        r.film
            .as_ref()
            .and_then(|t| t.steps().get(r.at))
            .map(|s| Jump::Call(s.call.id.clone()))
    } else if f.screen == ScreenId::Trace && f.list.rows.is_empty() {
        return trace_prompt(m);
    } else {
        f.list.here().and_then(|r| facts::jump(&r.item))
    };
    match j {
        Some(j) => go::jump(m, j),
        None if f.focus > 0 && f.screen == ScreenId::Calls => {
            match f.list.here().map(|r| &r.item) {
                Some(Item::Call(c)) => {
                    let id = c.id.clone();
                    go::jump(m, Jump::Call(id));
                }
                _ => m.say("no call under the cursor"),
            }
        }
        None => {
            let why = (f.focus == 0)
                .then(|| f.list.here().and_then(|r| facts::closed(&r.item)))
                .flatten();
            let none = if f.focus == 0 && f.list.rows.is_empty() {
                "the list is empty"
            } else {
                "nothing to open here"
            };
            m.say(why.unwrap_or_else(|| none.into()));
        }
    }
}

#[derive(Clone, Copy)]
enum Cell {
    With,
    Without,
    Only,
}

fn by_cell(m: &mut Model, how: Cell) {
    let Some(f) = m.top() else { return };
    let Some((field, value)) = f
        .list
        .here()
        .and_then(|r| r.cells.get(f.list.col))
        .and_then(|c| c.fact.clone())
    else {
        return m
            .say("the column under the cursor is no field of the filter; h and l choose another");
    };
    if field == "value" {
        return m.say("values are masked here, and rows are selected by clear ones: T traces this one, / value:... takes it typed");
    }
    let t = term(field, &value);
    let now = m.filter.now().to_string();
    let next = match how {
        Cell::With => with_term(&now, &t),
        Cell::Without => with_term(&now, &format!("not {t}")),
        Cell::Only => t,
    };
    filter::set(m, &next);
}

fn time_mode(m: &mut Model) {
    if let Some(Extra::Replay(r)) = m.frames.last_mut().map(|f| &mut f.extra) {
        r.mode = r.mode.next();
        let name = r.mode.name();
        return m.say(format!("times {name}"));
    }
    m.dates = !m.dates;
    m.dates_chosen = true;
    list::recell(m);
    m.say(if m.dates {
        "times with their date, UTC"
    } else {
        "times of day, UTC"
    });
}

fn body(m: &mut Model, mode: BodyMode) {
    m.body = mode;
    docs::refresh(m);
    m.say(match mode {
        BodyMode::Pretty => "body: pretty",
        BodyMode::Raw => "body: as it came",
        BodyMode::Hex => "body: hex",
    });
}

fn trace(m: &mut Model) {
    let Some(f) = m.top() else { return };
    let item = match &f.extra {
        Extra::Replay(r) => r
            .film
            .as_ref()
            .and_then(|t| t.steps().get(r.at))
            .and_then(|s| s.call.account.clone())
            .map(Question::Account),
        _ => None,
    };
    let q = item.or_else(|| match f.list.here().map(|r| &r.item) {
        Some(Item::Account(a)) if f.focus == 0 => Some(Question::Account(a.account.clone())),
        Some(Item::Suspect(s)) if f.focus == 0 => Some(Question::Account(s.account.clone())),
        Some(Item::Session(s)) if f.focus == 0 => Some(Question::Account(s.account.clone())),
        Some(Item::Finding(x)) if f.focus == 0 => x.record.clone().map(Question::Record),
        Some(Item::Api(a)) if f.focus == 0 => Some(Question::Subject(Kind::Api, a.api.clone())),
        Some(Item::Flow(x)) if f.focus == 0 => Some(match &x.client_print {
            Some(print) => Question::Subject(Kind::Device, print.clone()),
            None => Question::Subject(Kind::Address, x.src.clone()),
        }),
        _ => None,
    });
    // A line of a body with a record on it, or a call with findings.
    let q = q.or_else(|| {
        let line = f
            .docs
            .get(f.focus.checked_sub(1)?)?
            .lines
            .get(f.pos.get(f.focus)?.cursor)?;
        match &line.jump {
            Some(Jump::Trace(q)) => Some(q.clone()),
            _ => None,
        }
    });
    let q = q.or_else(|| {
        let s = f
            .show
            .as_ref()
            .filter(|_| matches!(f.screen, ScreenId::Calls | ScreenId::Call))?;
        s.findings
            .iter()
            .find_map(|x| x.record.clone())
            .map(Question::Record)
    });
    // A call that carries no record: who made it, else from where.
    let q = q.or_else(|| match f.list.here().map(|r| &r.item) {
        Some(Item::Call(c)) => {
            let account = c.account.clone().map(Question::Account);
            account.or_else(|| Some(Question::Subject(Kind::Address, c.src.clone()?)))
        }
        _ => None,
    });
    match q {
        Some(q) => go::jump(m, Jump::Trace(q)),
        None => trace_prompt(m),
    }
}

/// The leaked rows beside what the suspect under the cursor read of them.
fn reads(m: &mut Model) {
    let Some(f) = m.top() else { return };
    let Extra::Trace(t) = &f.extra else { return };
    // beside a path the best suspect is meant
    let account = match f.list.here().map(|r| &r.item) {
        Some(Item::Suspect(s)) => Some(s.account.clone()),
        Some(Item::Hop(h)) => h.account.clone(),
        _ => None,
    };
    let rows = matches!(
        t.question,
        Some(Question::Clue { .. } | Question::Value(_) | Question::Record(_))
    );
    match (&t.question, account) {
        (Some(q), Some(account)) if rows => {
            let asked = Box::new(Asked {
                question: q.clone(),
                account,
                without: t.without.clone(),
            });
            go::jump(m, Jump::Reads(asked));
        }
        (Some(_), Some(_)) => {
            m.say("nothing is known to have leaked here: trace a clue, a value or a record")
        }
        (Some(_), None) => m.say("no account under the cursor whose reads could be shown"),
        (None, _) => m.say("nothing is traced yet; Enter or T asks"),
    }
}

/// Asks what to trace.
pub fn trace_prompt(m: &mut Model) {
    overlay::prompt(m, PromptKind::Trace, "");
}

/// The session that a call is replayed in: its own, else that of the call that caused it.
fn acts_in(c: &crate::query::rows::CallRow) -> Option<String> {
    c.session.clone().or_else(|| c.part_of.clone())
}

/// The calls of the trail on show.
pub(super) fn trail(extra: &Extra) -> Option<String> {
    let Extra::Trace(t) = extra else { return None };
    let trail = t.result.as_ref()?.trails.get(t.trail)?;
    let mut ids: Vec<&str> = Vec::new();
    for id in trail.hops.iter().filter_map(|h| h.call.as_deref()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    (!ids.is_empty()).then(|| format!("trail:{}", ids.join(",")))
}

fn replay(m: &mut Model) {
    let Some(f) = m.top() else { return };
    if let Extra::Replay(r) = &f.extra {
        if r.film.is_some() {
            return m.say("this is its replay; Space plays");
        }
        return ask::fetch(m);
    }
    let session = match f.list.here().map(|r| &r.item) {
        Some(Item::Session(s)) => Some(s.session.clone()),
        Some(Item::Call(c)) => acts_in(c),
        Some(Item::Account(a)) => Some(format!("account:{}", a.account)),
        Some(Item::Suspect(s)) => Some(format!("account:{}", s.account)),
        Some(Item::Flow(w)) if w.calls > 0 => Some(format!("flow:{}", w.id)),
        Some(Item::Flow(_)) => return m.say("no call went over this flow"),
        Some(Item::Hop(_)) => trail(&f.extra),
        Some(Item::Read(_)) => match &f.extra {
            Extra::Reads(v) => Some(format!("account:{}", v.asked.account)),
            _ => None,
        },
        _ => f.show.as_ref().and_then(|s| acts_in(&s.row)),
    };
    match session {
        Some(s) => go::jump(m, Jump::Replay(s)),
        None if f.screen == ScreenId::Sessions => m.say("no session under the cursor"),
        None => {
            go::jump(m, Jump::screen(ScreenId::Sessions));
            m.say("no session under the cursor; R or Enter replays one of these");
        }
    }
}

fn reveal(m: &mut Model) {
    let Some(f) = m.top() else { return };
    let id = match &f.extra {
        Extra::Call { id } => id.clone(),
        _ => match f.list.here().map(|r| &r.item) {
            Some(Item::Call(c)) => {
                let id = c.id.clone();
                // Shown on the call's own page, which hides it again when it is left.
                go::jump(m, Jump::Call(id.clone()));
                id
            }
            _ => return m.say("no call under the cursor"),
        },
    };
    let on = m.revealed.as_ref() != Some(&id);
    m.revealed = on.then(|| id.clone());
    if let Some(f) = m.frames.last_mut() {
        f.show_state = State::Loading;
    }
    let frame = m.top().map_or(0, |f| f.id);
    ask::ask(
        m,
        frame,
        crate::ui::data::Place::Detail,
        crate::ui::data::What::Show {
            rowid: 0,
            id,
            reveal: on,
        },
    );
    m.say(if on {
        "values in clear until you leave this call; the journal says so"
    } else {
        "masked again"
    });
}

/// Whether the row under the cursor, or the call that is shown alone, is this one.
fn here_is(f: &crate::ui::model::Frame, id: &str) -> bool {
    if let Extra::Replay(r) = &f.extra {
        let at = r.film.as_ref().and_then(|t| t.steps().get(r.at));
        return at.is_some_and(|s| s.call.id == id);
    }
    match f.list.here().map(|r| &r.item) {
        Some(Item::Call(c)) => c.id == id,
        Some(_) => false,
        None => true,
    }
}

fn why(m: &mut Model) {
    let Some(f) = m.top() else { return };
    let line = (f.focus > 0)
        .then(|| {
            f.docs
                .get(f.focus - 1)?
                .lines
                .get(f.pos.get(f.focus)?.cursor)?
                .why
                .clone()
        })
        .flatten();
    let reasons = match line {
        Some(w) => w.lines().map(str::to_owned).collect(),
        None => match &f.extra {
            Extra::Replay(r) => r
                .film
                .as_ref()
                .and_then(|t| t.steps().get(r.at))
                .map(|s| facts::why(&Item::Call(Box::new(s.call.clone()))))
                .unwrap_or_default(),
            _ => match (&f.show, f.list.here()) {
                (Some(s), None) => facts::why(&Item::Call(Box::new(s.row.clone()))),
                (_, Some(r)) => facts::why(&r.item),
                _ => Vec::new(),
            },
        },
    };
    // The call that was read whole knows the reason of its account.
    let told = f
        .show
        .as_ref()
        .filter(|s| f.focus == 0 && here_is(f, &s.row.id));
    let mut reasons = reasons;
    if let Some(w) = told.and_then(|s| s.account_why.as_ref())
        && let Some(first) = reasons.first_mut()
    {
        *first = format!(
            "{}: {w}.",
            told.and_then(|s| s.row.account.as_deref())
                .unwrap_or("Nobody")
        );
    }
    if reasons.is_empty() {
        return help_text(m);
    }
    let w = usize::from(m.size.0).saturating_sub(12).clamp(20, 90);
    m.overlay = Some(Overlay::Text(
        Box::new(help::why(&reasons, w)),
        Default::default(),
        true,
    ));
}

/// The keys of this place, then all others.
pub fn help_text(m: &mut Model) {
    let ctxs = super::contexts(m);
    m.overlay = Some(Overlay::Text(
        Box::new(help::keys(&ctxs)),
        Default::default(),
        false,
    ));
}
