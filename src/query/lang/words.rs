//! Words that a field with a closed list of them can hold. In: a field, a word that was typed, the data classes of the case.
//! Out: nothing, or what is wrong with it and the nearest words. Bounds: lists of at most 63 and a few words.

use super::field::{Id, distance};
use crate::call::model::{Flags, Proto};
use crate::call::text::visible;
use crate::detect::kind::Kind;

/// Nearest words that an error names.
const NEAREST: usize = 3;
/// A list that an error names whole.
const SHORT: usize = 8;
/// Edits beyond which a word is not near.
const FAR: usize = 40;

/// All words that a field can hold, and what they are called; nothing where its words are the evidence's own (methods, hosts, names).
pub fn of(field: Id, classes: &[String]) -> Option<(&'static str, Vec<&str>)> {
    Some(match field {
        Id::Class => {
            let own = classes.iter().map(String::as_str);
            let mut all: Vec<&str> = Kind::ALL.iter().map(|k| k.name()).chain(own).collect();
            all.sort_unstable();
            all.dedup();
            ("data class", all)
        }
        Id::Flag => ("flag", Flags::NAMES.iter().map(|(_, n)| *n).collect()),
        // the contract's word for what no build decodes yet
        Id::Proto => {
            let own = Proto::ALL.iter().map(|p| p.name());
            ("protocol", own.chain(["h3"]).collect())
        }
        Id::Dimension => (
            "dimension",
            [
                "account",
                "permission",
                "operation",
                "flow",
                "exposure",
                "masking",
            ]
            .to_vec(),
        ),
        Id::Severity => ("severity", ["low", "medium", "high", "critical"].to_vec()),
        Id::Documented => ("such state", ["true", "false", "unseen"].to_vec()),
        Id::Dir => ("direction", ["req", "resp"].to_vec()),
        _ => return None,
    })
}

/// Whether the field can hold the word.
pub(super) fn check(field: Id, word: &str, classes: &[String]) -> Result<(), String> {
    let Some((what, list)) = of(field, classes) else {
        return Ok(());
    };
    let low = word.to_lowercase();
    // a pattern stands for whatever it matches
    if word.contains('*') || list.iter().any(|n| *n == low) {
        return Ok(());
    }
    let shown: String = low.chars().take(FAR).collect();
    let shown = visible(&shown);
    if list.len() <= SHORT {
        return Err(format!("no {what} is called {shown}: {}", list.join(" ")));
    }
    let mut near: Vec<(bool, usize, &str)> = list
        .iter()
        .map(|n| (!n.contains(low.as_str()), distance(&low, n, FAR), *n))
        .collect();
    near.sort_unstable();
    let near: Vec<&str> = near.iter().take(NEAREST).map(|n| n.2).collect();
    Err(format!(
        "no {what} is called {shown}; the nearest are {}",
        near.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_closed_lists_are_known_and_others_are_told_the_nearest() {
        let own = ["badge".to_owned()];
        for (field, word) in [
            (Id::Class, "cn-id"),
            (Id::Class, "Badge"),
            (Id::Class, "cn-*"),
            (Id::Method, "BREW"),
            (Id::Kind, "anything"),
            (Id::Proto, "h3"),
            (Id::Flag, "gap"),
        ] {
            assert_eq!(check(field, word, &own), Ok(()), "{word}");
        }
        let said = |f, w| check(f, w, &own).unwrap_err();
        assert!(said(Id::Class, "cn-idd").contains("called cn-idd; the nearest are cn-id"));
        assert!(said(Id::Class, "mobile").contains("nearest are cn-mobile"));
        assert!(said(Id::Class, "bagde").contains("badge"));
        assert!(said(Id::Severity, "hihg").ends_with(": low medium high critical"));
        assert!(said(Id::Dir, "out").ends_with(": req resp"));
        assert!(said(Id::Flag, "truncatd").contains("nearest are truncated"));
        // whatever was typed reaches nobody's terminal as it is, nor whole
        let long = said(Id::Class, &"\u{1b}[31m".repeat(9_000));
        assert!(long.len() < 400 && !long.contains('\u{1b}'), "{long}");
    }
}
