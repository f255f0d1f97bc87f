//! Masks that do not hide: what [`crate::facts::masks`] found, as risks. In: fakes by class and API, recoveries by account. Out: a risk
//! each. Bounds: as many as there are classes, APIs and accounts. Values are never named, only where and how many.

use super::{CALLS, Risk, View, severity};
use crate::detect::kind::Kind;
use crate::facts::calls::NONE;
use crate::facts::masks::FEW;

fn class(v: &View<'_>, kind: Kind) -> u8 {
    let at = v.classes.iter().position(|c| c == kind.name());
    at.and_then(|i| u8::try_from(i).ok()).unwrap_or(u8::MAX)
}

/// " (N responses were not looked at)", where some were left out.
fn partial(v: &View<'_>) -> String {
    match v.masks.left_out {
        0 => String::new(),
        n => format!(" (counted without {n} further responses or values)"),
    }
}

/// A masked value with its clear form in the same response.
pub fn fake(v: &View<'_>) -> Vec<Risk> {
    let list = v.masks.fakes.iter();
    list.map(|(kind, api, f)| {
        let level = f64::from(v.levels.of(class(v, *kind), false));
        let score = (35.0 + 10.0 * level + 5.0 * (f.shown as f64).log10()).min(85.0);
        let field = |n: u32| v.fields.get(n as usize).map_or("", String::as_str);
        let mut calls = f.calls.clone();
        calls.truncate(CALLS);
        let from = match (field(f.fields.0), field(f.fields.1)) {
            (a, b) if a == b => format!("in {a}"),
            (a, b) => format!("masked in {a}, clear in {b}"),
        };
        Risk {
            rule: "mask-fake",
            dimension: "masking",
            severity: severity(score),
            subject: format!("{} on {}", kind.name(), v.api(*api)),
            why: format!(
                "the clear value stands in the same response for {} of {} masked values: {from}{}",
                f.shown,
                f.masked,
                partial(v)
            ),
            score,
            span: v.span(&calls),
            calls,
            account: NONE,
        }
    })
    .collect()
}

/// Values that masks of several interfaces leave few candidates of, by the account that saw them.
pub fn recoverable(v: &View<'_>) -> Vec<Risk> {
    let list = v.masks.recovered.iter();
    list.map(|r| {
        let level = f64::from(v.levels.of(class(v, r.kind), false));
        let score = (30.0 + 10.0 * level + 8.0 * (r.subjects as f64).log10()).min(90.0);
        let masks: Vec<String> = r
            .masks
            .iter()
            .take(4)
            .map(|(api, signature)| format!("{signature} in {}", v.api(*api)))
            .collect();
        let subjects = match r.subjects {
            1 => "1 subject's value".to_owned(),
            n => format!("the values of {n} subjects"),
        };
        let left = match (r.whole, r.subjects) {
            (a, b) if a == b => "one candidate is left".to_owned(),
            (0, _) => format!("at most {} candidates are left", r.left),
            (n, _) => format!("one candidate is left for {n}, at most {} for any", r.left),
        };
        let how = if r.masks.len() > 1 {
            format!("masks that show different parts, laid over each other; one of them alone leaves {}", r.alone)
        } else {
            format!("a mask that hides so little that no more than {FEW} values fit")
        };
        Risk {
            rule: "mask-recoverable",
            dimension: "masking",
            severity: severity(score),
            subject: format!("{} for {}", r.kind.name(), v.account(r.account)),
            why: format!("{subjects} can be put together, {left}: {}; {how}{}", masks.join(", "), partial(v)),
            score,
            span: v.span(&r.calls),
            calls: r.calls.clone(),
            account: r.account,
        }
    })
    .collect()
}
