//! Owners that answers told, and what follows from them. In: intervals with what their callers were told. Out: owners.
//! Bounds: linear in intervals and answers.

use super::NONE;
use super::input::{Ev, Input};
use super::intervals::{How, Lives};
use rustc_hash::{FxHashMap, FxHashSet};

/// What was exchanged for a credential whose owner an answer told is that one's too, where all that it brought agree.
pub fn exchanged(l: &mut Lives) {
    let mut told: FxHashMap<u32, u32> = FxHashMap::default();
    // Children stand behind their parents, so owners go up a whole chain in one pass.
    for i in (0..l.list.len()).rev() {
        let mine = u32::try_from(i).unwrap_or(NONE);
        let up = told.get(&mine).copied().filter(|n| *n != NONE);
        if let Some(name) = up
            && let Some(iv) = l.list.get_mut(i)
            && iv.how == How::Unknown
            && iv.owner == NONE
            && iv.parent == NONE
            && !iv.conflict
            && !iv.after_logout
        {
            (iv.owner, iv.how, iv.bound_at) = (name, How::Before, 0);
        }
        let Some(iv) = l.list.get(i).copied() else {
            continue;
        };
        if iv.parent != NONE && iv.owner != NONE {
            let name = told.entry(iv.parent).or_insert(iv.owner);
            if *name != iv.owner {
                *name = NONE;
            }
        }
    }
}

/// Takes away answers of places that do not tell each caller who that is: a place that only may is one where every
/// credential got one name, those of known people their own, and not all callers the same.
pub fn doubtful(l: &mut Lives, input: &Input) {
    let sure = |call: u32| {
        input.rows.get(call as usize).is_none_or(|r| {
            !input
                .events_of(r)
                .iter()
                .any(|e| matches!(e, Ev::WhoAmI { sure: false, .. }))
        })
    };
    let path = |call: u32| input.rows.get(call as usize).map_or(NONE, |r| r.path);
    let mut told: Vec<(u32, u32, u32)> = l
        .whoami
        .iter()
        .filter(|w| !sure(w.2))
        .map(|w| (path(w.2), w.0, w.1))
        .collect();
    if told.is_empty() {
        return;
    }
    told.sort_unstable();
    told.dedup();
    let mut bad: FxHashSet<u32> = FxHashSet::default();
    for place in told.chunk_by(|a, b| a.0 == b.0) {
        let two = place.windows(2).any(|w| matches!(w, [a, b] if a.1 == b.1));
        let mut names: Vec<u32> = place.iter().map(|t| t.2).collect();
        names.sort_unstable();
        names.dedup();
        let same = place.len() > 2 && names.len() == 1;
        let known = |t: &(u32, u32, u32)| {
            l.list
                .get(t.1 as usize)
                .filter(|iv| iv.owner != NONE && iv.how != How::Before)
                .map(|iv| iv.owner == t.2)
        };
        let (right, wrong) =
            place.iter().filter_map(known).fold(
                (0, 0),
                |(r, w), ok| {
                    if ok { (r + 1, w) } else { (r, w + 1) }
                },
            );
        if (two || same || wrong > right)
            && let Some(t) = place.first()
        {
            bad.insert(t.0);
        }
    }
    l.whoami.retain(|w| sure(w.2) || !bad.contains(&path(w.2)));
}

/// Who-am-I answers by interval, those of one interval that agree: interval, name, first call.
pub fn agreed(l: &Lives) -> Vec<(u32, u32, u32)> {
    // Who stands for another is told that one's name.
    let own = |id: u32| l.list.get(id as usize).is_none_or(|iv| iv.behalf == NONE);
    let mut seen: Vec<_> = l.whoami.iter().copied().filter(|w| own(w.0)).collect();
    seen.sort_unstable();
    seen.chunk_by(|a, b| a.0 == b.0)
        .filter(|group| {
            group
                .iter()
                .all(|g| g.1 == group.first().map_or(NONE, |f| f.1))
        })
        .filter_map(|group| group.first().copied())
        .collect()
}

/// Gives those intervals their owners that answers named.
pub fn whoami(l: &mut Lives) {
    for (id, name, call) in agreed(l) {
        if let Some(iv) = l.get(id)
            && iv.owner == NONE
            && !iv.conflict
        {
            (iv.owner, iv.how, iv.bound_at, iv.proof) = (name, How::WhoAmI, 0, call);
        }
    }
}
