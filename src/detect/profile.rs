//! Grading profiles as data: which level a class has under a standard, and how levels add up. In: TOML, the built-in files or a user's.
//! Out: [`Profile`]. Bounds: [`crate::limits::PROFILE_BYTES`] a file, read by who gives it.
//!
//! One profile is in force for a case. It is kept in the case with its date, so that a report says by what levels were given, and is
//! an input to deciding facts: nothing is searched again.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const BUILTIN: [&str; 4] = [
    include_str!("profiles/plain.toml"),
    include_str!("profiles/jrt-0197-2020.toml"),
    include_str!("profiles/gbt-43697-2024.toml"),
    include_str!("profiles/gbt-35273-2020.toml"),
];

/// Name of the profile that is in force where none was chosen.
pub const PLAIN: &str = "plain";

/// How levels of single values add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grading {
    /// Levels by which a masked value falls.
    pub masked: u8,
    /// Kinds of personal data of one subject that together rise. Three by default: a name with one contact is what every order
    /// shows; a third kind makes a file on a person.
    pub several: u32,
    /// ... by so many levels.
    pub several_rise: u8,
    /// Records in one call from which on a call of level 2 or more rises; 0 for never.
    pub many: u32,
    /// ... by so many levels.
    pub many_rise: u8,
}

impl Default for Grading {
    fn default() -> Grading {
        Grading {
            masked: 1,
            several: 3,
            several_rise: 1,
            many: 0,
            many_rise: 0,
        }
    }
}

impl Grading {
    /// Level of a call with so many records whose values and records are of `level`.
    pub fn of_call(&self, level: u8, records: u32) -> u8 {
        if self.many == 0 || records < self.many || level < 2 {
            return level;
        }
        level.saturating_add(self.many_rise).min(4)
    }
}

/// How a case is graded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Name.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// Day of the text that it follows, `yyyy-mm-dd`.
    pub date: String,
    /// What one must know who relies on it.
    #[serde(default)]
    pub note: String,
    masked: u8,
    several: u32,
    several_rise: u8,
    #[serde(default)]
    many: u32,
    #[serde(default)]
    many_rise: u8,
    #[serde(default)]
    default: Option<u8>,
    #[serde(default)]
    levels: BTreeMap<String, u8>,
}

impl Profile {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong and in which line.
    pub fn parse(text: &str) -> Result<Profile, String> {
        let p: Profile = toml::from_str(text).map_err(|e| {
            let before = text.get(..e.span().map_or(0, |s| s.start)).unwrap_or("");
            format!("line {}: {}", before.matches('\n').count() + 1, e.message())
        })?;
        let date = p.date.as_bytes();
        let dated = date.len() == 10
            && date.iter().enumerate().all(|(i, b)| match i {
                4 | 7 => *b == b'-',
                _ => b.is_ascii_digit(),
            });
        if p.id.is_empty() || !dated {
            return Err("a profile has an id and a date (yyyy-mm-dd)".into());
        }
        let too_high = |l: &u8| *l > 4;
        if p.default.as_ref().is_some_and(too_high) || p.levels.values().any(too_high) {
            return Err("levels are 0 to 4".into());
        }
        if p.several < 2 {
            return Err("`several` counts kinds of data that stand together: 2 or more".into());
        }
        Ok(p)
    }

    /// The built-in ones.
    pub fn builtin() -> Vec<Profile> {
        BUILTIN
            .iter()
            .filter_map(|t| Profile::parse(t).ok())
            .collect()
    }

    /// Level of a class whose own is `own`.
    pub fn level(&self, class: &str, own: u8) -> u8 {
        let named = self.levels.get(class).copied();
        named.or(self.default).unwrap_or(own).min(4)
    }

    /// Classes that it names.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.levels.keys().map(String::as_str)
    }

    /// How levels add up.
    pub fn grading(&self) -> Grading {
        Grading {
            masked: self.masked,
            several: self.several,
            several_rise: self.several_rise,
            many: self.many,
            many_rise: self.many_rise,
        }
    }
}

impl Default for Profile {
    /// Levels as the classes have them.
    fn default() -> Profile {
        Profile {
            id: PLAIN.into(),
            title: String::new(),
            date: String::new(),
            note: String::new(),
            masked: Grading::default().masked,
            several: Grading::default().several,
            several_rise: Grading::default().several_rise,
            many: 0,
            many_rise: 0,
            default: None,
            levels: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Rules;

    #[test]
    fn built_in_profiles_are_whole_and_name_classes_that_exist() {
        let rules = Rules::builtin();
        let all = Profile::builtin();
        assert_eq!(all.len(), BUILTIN.len());
        for p in &all {
            for class in p.classes() {
                assert!(rules.class_id(class).is_some(), "{} names {class}", p.id);
            }
        }
        let plain = all.iter().find(|p| p.id == PLAIN).unwrap();
        assert_eq!(plain.grading(), Grading::default());
        assert_eq!(
            (plain.level("cn-id", 3), plain.level("own-class", 1)),
            (3, 1)
        );
        let financial = all.iter().find(|p| p.id == "jrt-0197-2020").unwrap();
        assert_eq!(
            (
                financial.level("password", 4),
                financial.level("cn-id", 3),
                financial.level("own", 1)
            ),
            (3, 2, 1)
        );
        let general = all.iter().find(|p| p.id == "gbt-43697-2024").unwrap();
        assert_eq!((general.level("cn-id", 3), general.level("own", 1)), (4, 2));
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let good = "id='x'\ntitle='t'\ndate='2020-01-02'\nmasked=1\nseveral=3\nseveral_rise=1\n";
        assert!(Profile::parse(good).is_ok());
        for (text, says) in [
            (good.replace("2020-01-02", "2020"), "date"),
            (format!("{good}[levels]\ncn-id=5\n"), "0 to 4"),
            (good.replace("several=3", "several=1"), "2 or more"),
            (format!("{good}sevral=1\n"), "line 7"),
        ] {
            let e = Profile::parse(&text).unwrap_err();
            assert!(e.contains(says), "{e}");
        }
    }
}
