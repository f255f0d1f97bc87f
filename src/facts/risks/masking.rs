//! Masking that differs: a class masked in one API and clear in another. In: use of classes in responses. Out: one risk per class and
//! API that shows it clear. Bounds: linear in (class, API) pairs.

use super::{CALLS, Risk, View, severity};
use crate::facts::calls::NONE;

/// Classes of personal data that somebody masks and somebody else does not.
pub fn find(v: &View<'_>) -> Vec<Risk> {
    let mut out = Vec::new();
    for group in v.uses.chunk_by(|a, b| a.class == b.class) {
        let Some(class) = group.first().map(|u| u.class) else {
            continue;
        };
        let masked: Vec<_> = group
            .iter()
            .filter(|u| u.masked >= v.limits.masking_calls && u.masked > u.clear)
            .collect();
        let Some(most) = masked
            .iter()
            .max_by_key(|u| (u.masked, std::cmp::Reverse(u.api)))
        else {
            continue;
        };
        if v.levels.person & (1 << class) == 0 {
            continue;
        }
        for clear in group
            .iter()
            .filter(|u| u.clear >= v.limits.masking_calls && u.api != most.api)
        {
            let bit = 1u64 << class;
            let mut calls: Vec<(i64, u32)> = v
                .calls
                .iter()
                .enumerate()
                .filter(|(_, c)| {
                    c.joined == NONE
                        && (c.api == clear.api && c.clear & bit != 0
                            || c.api == most.api && c.masked & bit != 0)
                })
                .filter_map(|(i, c)| Some((c.ts, u32::try_from(i).ok()?)))
                .collect();
            calls.sort_unstable();
            let calls: Vec<u32> = calls.into_iter().map(|(_, i)| i).collect();
            let level = f64::from(v.levels.of(class, false));
            let score = (25.0 + 10.0 * level + 5.0 * (clear.clear as f64).log10()).min(80.0);
            out.push(Risk {
                rule: "mask-differs",
                dimension: "masking",
                severity: severity(score),
                subject: v.api(clear.api).to_owned(),
                why: format!(
                    "{} is clear in {} calls here and masked in {} calls of {}{}",
                    v.class(class),
                    clear.clear,
                    most.masked,
                    v.api(most.api),
                    if masked.len() > 1 {
                        format!(" and {} more", masked.len() - 1)
                    } else {
                        String::new()
                    }
                ),
                score,
                span: v.span(&calls),
                calls: calls.into_iter().take(CALLS).collect(),
                account: NONE,
            });
        }
    }
    out
}
