//! The play position. In: elapsed time and a speed. Out: a new position and the step it stands on.
//! Bounds: integer nanoseconds, saturating; no clock is read here.

use super::timeline::Timeline;

/// How times are shown beside the steps, whose gaps stand there in any mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeMode {
    /// Time of day.
    #[default]
    Absolute,
    /// Since the first step.
    SinceStart,
    /// Gaps drawn as space, true to scale.
    ToScale,
}

impl TimeMode {
    /// The next mode, round.
    #[must_use]
    pub fn next(self) -> TimeMode {
        match self {
            TimeMode::Absolute => TimeMode::SinceStart,
            TimeMode::SinceStart => TimeMode::ToScale,
            TimeMode::ToScale => TimeMode::Absolute,
        }
    }
    /// Name on screen.
    pub fn name(self) -> &'static str {
        match self {
            TimeMode::Absolute => "of day",
            TimeMode::SinceStart => "since the first step",
            TimeMode::ToScale => "of day, gaps to scale",
        }
    }
}

/// Speeds as numerator and denominator; `<` and `>` walk through them.
pub const SPEEDS: [(i64, i64); 11] = [
    (1, 4),
    (1, 2),
    (1, 1),
    (2, 1),
    (4, 1),
    (8, 1),
    (16, 1),
    (64, 1),
    (256, 1),
    (1024, 1),
    (4096, 1),
];

/// A play position over a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Nanoseconds of film since its first step.
    pub pos: i64,
    /// Index into [`SPEEDS`].
    pub speed: usize,
    /// Whether it runs.
    pub playing: bool,
    /// Whether long gaps are cut to [`super::timeline::FOLDED_GAP_NS`].
    pub folded: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Clock {
            pos: 0,
            speed: 2,
            playing: false,
            folded: true,
        }
    }
}

impl Clock {
    /// `x4`, `x1/2`.
    pub fn speed_name(&self) -> String {
        match SPEEDS.get(self.speed).copied().unwrap_or((1, 1)) {
            (n, 1) => format!("x{n}"),
            (n, d) => format!("x{n}/{d}"),
        }
    }
    /// One speed up.
    #[must_use]
    pub fn faster(mut self) -> Clock {
        self.speed = (self.speed + 1).min(SPEEDS.len() - 1);
        self
    }
    /// One speed down.
    #[must_use]
    pub fn slower(mut self) -> Clock {
        self.speed = self.speed.saturating_sub(1);
        self
    }
    /// The position after `dt` nanoseconds of the viewer's time; stops at the last step.
    #[must_use]
    pub fn advance(mut self, dt: i64, film: &Timeline) -> Clock {
        if !self.playing {
            return self;
        }
        let (n, d) = SPEEDS.get(self.speed).copied().unwrap_or((1, 1));
        let end = film.film_end(self.folded);
        let gone = i64::try_from(i128::from(dt.max(0)) * i128::from(n) / i128::from(d))
            .unwrap_or(i64::MAX);
        self.pos = self.pos.saturating_add(gone).min(end);
        if self.pos >= end {
            self.playing = false;
        }
        self
    }
    /// Index of the step that the position stands on.
    pub fn step(&self, film: &Timeline) -> usize {
        film.step_at(self.pos, self.folded)
    }
    /// Stands on a step.
    #[must_use]
    pub fn seek(mut self, step: usize, film: &Timeline) -> Clock {
        self.pos = film.film_pos(step, self.folded);
        self
    }
    /// Folds or unfolds long gaps, staying on the same step.
    #[must_use]
    pub fn toggle_fold(mut self, film: &Timeline) -> Clock {
        let step = self.step(film);
        self.folded = !self.folded;
        self.seek(step, film)
    }
}
