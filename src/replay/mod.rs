//! A session on a clock. In: the calls of a session, account or flow in order. Out: steps with gaps, lanes, running
//! totals and differences, and a play position. Bounds: memory is a few numbers a call; nothing is ever sent.

pub mod clock;
pub mod timeline;

pub use clock::{Clock, SPEEDS, TimeMode};
pub use timeline::{Diff, Fold, Lane, ReplayRow, Step, Timeline, Totals};
