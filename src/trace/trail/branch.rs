//! One best source for each of many things, without circles. In: for each thing its possible sources with weights. Out: the
//! sources that are left, best first. Bounds: each round cuts one link for good, so there are as many rounds as links at most.

/// A possible source: weight, which one of equal weights is better, the source, what links them.
pub type Link<L> = (i32, i64, usize, L);

/// Puts the sources of each in order and cuts what goes in a circle: of a circle the link whose loss costs least, as the maximum
/// branching does (Chu and Liu, Edmonds) where circles do not share things.
pub fn best<L: Copy>(sources: &mut [Vec<Link<L>>]) {
    for list in sources.iter_mut() {
        // of equals the latest before it, then the first
        list.sort_by(|a, b| (b.0, b.1, a.2).cmp(&(a.0, a.1, b.2)));
    }
    // 0: not looked at, else the round that came by
    let mut mark = vec![0u32; sources.len()];
    let mut round = 0u32;
    for start in 0..sources.len() {
        // a cut may leave another circle behind it
        while let Some(circle) = circle(sources, &mut mark, &mut round, start) {
            let cheapest = circle.into_iter().min_by_key(|n| {
                let list = sources.get(*n).map_or(&[][..], Vec::as_slice);
                let own = list.first().map_or(0, |l| l.0);
                (own - list.get(1).map_or(0, |l| l.0), *n)
            });
            if let Some(list) = cheapest.and_then(|n| sources.get_mut(n))
                && !list.is_empty()
            {
                list.remove(0);
            }
        }
    }
}

/// The circle that the best sources of `start` lead into, if they do.
fn circle<L>(
    sources: &[Vec<Link<L>>],
    mark: &mut [u32],
    round: &mut u32,
    start: usize,
) -> Option<Vec<usize>> {
    *round += 1;
    let next = |n: usize| sources.get(n).and_then(|s| s.first()).map(|l| l.2);
    let mut at = Some(start);
    while let Some(n) = at {
        let slot = mark.get_mut(n)?;
        if *slot == *round {
            let mut out = vec![n];
            let mut k = next(n);
            while let Some(m) = k.filter(|m| *m != n) {
                out.push(m);
                k = next(m);
            }
            return Some(out);
        }
        *slot = *round;
        at = next(n);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(mut s: Vec<Vec<Link<()>>>) -> Vec<Option<usize>> {
        best(&mut s);
        s.iter().map(|l| l.first().map(|x| x.2)).collect()
    }

    #[test]
    fn a_circle_is_cut_where_it_costs_least() {
        // 0 and 1 explain each other; 2 explains 0 nearly as well
        let got = firsts(vec![
            vec![(80, 0, 1, ()), (75, 0, 2, ())],
            vec![(80, 0, 0, ())],
            vec![],
        ]);
        assert_eq!(got, [Some(2), Some(0), None]);
        // three in a circle and nothing else: one becomes the first
        let got = firsts(vec![
            vec![(50, 0, 2, ())],
            vec![(80, 0, 0, ())],
            vec![(80, 0, 1, ())],
        ]);
        assert_eq!(got, [None, Some(0), Some(1)]);
    }

    #[test]
    fn many_that_explain_each_other_end_soon_and_in_a_tree() {
        let n = 300;
        let got = firsts(
            (0..n)
                .map(|i| {
                    (0..n)
                        .filter(|k| *k != i)
                        .map(|k| (((i * 7 + k * 13) % 50) as i32, 0, k, ()))
                        .collect()
                })
                .collect(),
        );
        for i in 0..n {
            let (mut at, mut steps) = (got[i], 0);
            while let Some(k) = at {
                at = got[k];
                steps += 1;
                assert!(steps <= n);
            }
        }
    }
}
