//! A film: play, step, speed. In: actions and ticks of its clock. Out: the step on show. Bounds: no clock is read here.

use super::step::moved;
use super::{ask, docs, list};
use crate::ui::effect::Effect;
use crate::ui::keys::Action as A;
use crate::ui::model::{Extra, Model};
use crate::ui::msg::Timer;

/// An action on the ladder.
pub fn film(m: &mut Model, a: A) {
    let Some(f) = m.frames.last_mut() else { return };
    let id = m.seq + 1;
    let Extra::Replay(r) = &mut f.extra else {
        return;
    };
    let Some(t) = &r.film else { return };
    let n = t.steps().len();
    let at = r.at;
    match a {
        A::Play => {
            if !r.clock.playing && at + 1 >= n {
                r.clock = r.clock.seek(0, t);
                r.at = 0;
            }
            r.clock.playing = !r.clock.playing;
            r.seq = id;
            m.seq = id;
            if r.clock.playing {
                m.outbox
                    .push(Effect::After(super::PLAY_MS, Timer::Play(id)));
            }
        }
        A::FoldGaps => r.clock = r.clock.toggle_fold(t),
        A::Faster => r.clock = r.clock.faster(),
        A::Slower => r.clock = r.clock.slower(),
        A::Step => {
            r.clock.playing = false;
            seek(m, at + 1);
        }
        A::StepBack => {
            r.clock.playing = false;
            seek(m, at.saturating_sub(1));
        }
        other => {
            let h = list::height(m);
            seek(m, moved(other, at, n, h));
        }
    }
    docs::refresh(m);
}

/// Stands on a step.
pub fn seek(m: &mut Model, to: usize) {
    let h = list::height(m);
    if let Some(Extra::Replay(r)) = m.frames.last_mut().map(|f| &mut f.extra)
        && let Some(t) = &r.film
    {
        let to = to.min(t.steps().len().saturating_sub(1));
        r.clock = r.clock.seek(to, t);
        r.at = to;
        r.top = crate::ui::screen::replay::scroll(r.top, to, t.steps().len(), h);
    }
    ask::rest(m);
}

/// The film's clock went on.
pub fn tick(m: &mut Model, seq: u64) {
    let h = list::height(m);
    let Some(Extra::Replay(r)) = m.frames.last_mut().map(|f| &mut f.extra) else {
        return;
    };
    if r.seq != seq || !r.clock.playing {
        return;
    }
    let Some(t) = &r.film else { return };
    let before = r.at;
    let ns = i64::try_from(super::PLAY_MS).unwrap_or(50) * 1_000_000;
    r.clock = r.clock.advance(ns, t);
    let now = r.clock.step(t).max(before);
    r.at = now;
    r.top = crate::ui::screen::replay::scroll(r.top, now, t.steps().len(), h);
    let playing = r.clock.playing;
    if playing {
        m.outbox
            .push(Effect::After(super::PLAY_MS, Timer::Play(seq)));
    }
    if now != before || !playing {
        m.dirty = true;
        ask::rest(m);
    }
}
