//! One writer of state: what happens changes the model and gives orders. In: a message. Out: effects.
//! Bounds: no I/O and no clock; parsing a filter is the longest thing done here.

mod act;
mod ask;
mod correct;
mod docs;
mod film;
mod filter;
mod go;
mod list;
mod mouse;
pub mod overlay;
mod palette;
mod replies;
mod report;
mod step;
mod work;

pub use go::{question_name, start};

use super::effect::Effect;
use super::keys::{self, Ctx};
use super::model::{Model, Overlay};
use super::msg::{LoadSnap, Msg, Timer};
use super::nav::ScreenId;
use crossterm::event::{KeyEvent, KeyEventKind};

/// Milliseconds the cursor must rest before what is under it is read.
pub const REST_MS: u64 = 70;
/// Milliseconds after the last key before a typed filter is applied.
pub const FILTER_MS: u64 = 80;
/// Milliseconds of a step of the film's clock.
pub const PLAY_MS: u64 = 50;
/// Milliseconds between readings of a case that is being loaded.
pub const REFRESH_MS: u64 = 1000;

/// Changes the model.
pub fn update(m: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(k) if k.kind != KeyEventKind::Release => {
            m.dirty = true;
            key(m, &k);
        }
        Msg::Key(_) => {}
        Msg::Paste(text) => {
            m.dirty = true;
            overlay::paste(m, &text);
        }
        Msg::Mouse(e) => mouse::mouse(m, e),
        Msg::Resize(w, h) => {
            m.size = (w, h);
            m.dirty = true;
            list::settle(m);
            docs::refresh(m);
        }
        Msg::Reply(r) => replies::reply(m, r),
        Msg::Load(l) => load(m, l),
        Msg::Timer(t) => timer(m, t),
        Msg::End(code) => end(m, code),
    }
    std::mem::take(&mut m.outbox)
}

fn end(m: &mut Model, code: i32) {
    m.ended = Some(code);
    m.outbox.push(Effect::Quit(code));
}

/// Contexts that hold, inner first.
pub fn contexts(m: &Model) -> Vec<Ctx> {
    let Some(f) = m.top() else {
        return vec![Ctx::Global];
    };
    let mut c = Vec::new();
    let text = f.focus > 0;
    match f.screen {
        ScreenId::Overview => c.push(Ctx::Overview),
        ScreenId::Calls | ScreenId::Call => c.push(Ctx::Calls),
        ScreenId::Replay => c.push(Ctx::Replay),
        ScreenId::Trace => c.push(Ctx::Trace),
        _ => {}
    }
    if text {
        c.push(Ctx::Text);
    } else if f.screen != ScreenId::Replay {
        c.push(Ctx::List);
    }
    c.push(Ctx::Global);
    c
}

fn key(m: &mut Model, k: &KeyEvent) {
    use super::keys::Action;
    let action = keys::lookup(&contexts(m), k);
    // These hold whatever lies over the screen.
    match action {
        Some(Action::Cancel) => return act::cancel(m),
        Some(Action::Suspend) => return m.outbox.push(Effect::Suspend),
        Some(Action::Redraw) => return m.outbox.push(Effect::Redraw),
        _ => {}
    }
    m.status = None;
    if m.overlay.is_some() {
        return overlay::key(m, k);
    }
    if m.filter.edit.is_some() {
        return filter::key(m, k);
    }
    if action == Some(Action::Back) && k.code == crossterm::event::KeyCode::Esc {
        act::escape(m);
    } else if let Some(a) = action {
        act::act(m, a);
    } else if let crossterm::event::KeyCode::Char(c) = k.code
        && !c.is_control()
    {
        let ctrl = k
            .modifiers
            .contains(crossterm::event::KeyModifiers::CONTROL);
        let name = keys::Key(k.code, ctrl).name();
        m.say(keys::elsewhere(k).map_or_else(
            || format!("{name} does nothing; F1 lists the keys"),
            |(help, place)| format!("{name} ({help}) does nothing here: it is for {place}"),
        ));
    }
}

fn load(m: &mut Model, l: LoadSnap) {
    if m.load == l {
        return;
    }
    let finished = m.load.running() && !l.running();
    let newer = l.generation != m.seen_generation;
    if let Some(t) = l
        .trouble
        .as_ref()
        .filter(|t| m.load.trouble.as_ref() != Some(t))
    {
        let t = t.clone();
        m.warn(t);
    }
    m.load = l;
    m.dirty = true;
    if finished {
        m.seen_generation = m.load.generation;
        ask::refetch(m, true);
        if m.status.is_none() {
            m.say("loaded: numbers are final");
        }
    } else if newer && !m.refresh_waits {
        m.refresh_waits = true;
        m.outbox.push(Effect::After(REFRESH_MS, Timer::Refresh));
    }
}

fn timer(m: &mut Model, t: Timer) {
    match t {
        Timer::Filter(seq) if seq == m.filter.seq => {
            m.dirty = true;
            filter::apply_typed(m);
        }
        Timer::Rest(seq) if m.top().is_some_and(|f| rest_seq(f) == seq) => ask::ask_detail(m),
        Timer::Play(seq) => film::tick(m, seq),
        Timer::Disarm(seq) if seq == m.armed => {
            m.arm = false;
        }
        Timer::Refresh => {
            m.refresh_waits = false;
            if m.seen_generation != m.load.generation {
                m.seen_generation = m.load.generation;
                m.dirty = true;
                ask::refetch(m, true);
            }
        }
        _ => {}
    }
}

/// Number of the last move of a frame's cursor.
fn rest_seq(f: &super::model::Frame) -> u64 {
    f.rest
}

/// Whether something lies over the screen that takes typed text.
pub fn typing(m: &Model) -> bool {
    m.filter.edit.is_some()
        || matches!(
            m.overlay,
            Some(Overlay::Prompt(..) | Overlay::Palette { .. })
        )
}

/// Opens a trace over what is shown.
pub fn open_trace(m: &mut Model, q: crate::trace::Question) -> Vec<Effect> {
    go::jump(m, super::nav::Jump::Trace(q));
    std::mem::take(&mut m.outbox)
}
