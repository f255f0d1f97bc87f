//! How often answers like this one are right. In: the share of the posterior and what the answer looks like. Out: a probability.
//! The weights were fitted on 3,000 seeded leaks (`tests/support/leaks.rs`, seeds 1000 to 3999, regions known and unknown) and are
//! checked on others (`tests/it/trace_sets.rs`): a posterior knows only of the model's own doubts, not of where the model is wrong.

/// What an answer looks like.
pub(super) struct Looks {
    /// Its share of the posterior.
    pub share: f64,
    /// Members.
    pub members: usize,
    /// Share of what leaked and was received by anybody that the members received.
    pub explained: f64,
    /// Whether members left because their peers' records leaked as often.
    pub peers: bool,
}

pub(super) fn belief(x: &Looks) -> f64 {
    let p = x.share.clamp(0.005, 0.995);
    let odds = (p / (1.0 - p)).ln();
    let mut s = 0.05 + 0.62 * odds + 0.61 * (odds - 2.5).max(0.0);
    if x.members == 0 {
        s += 1.44;
    } else {
        s += 3.22 * (x.explained - 0.8);
        if x.peers {
            s -= 3.37;
        }
    }
    if x.members > 5 {
        s -= 3.58;
    }
    1.0 / (1.0 + (-s).exp())
}
