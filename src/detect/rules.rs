//! Rules as data: classes, levels and context words, from the built-in file and any number of a user's own.
//! In: TOML. Out: [`Rules`], and what a key says about each class ([`KeyCtx`]). Bounds: [`crate::limits::CLASSES`] classes; a key is looked
//! at once and its answer kept by the caller.

mod keys;

use super::column::Context;
use super::kind::Kind;
use crate::call::model::Level;
use crate::error::{Error, Result};
use aho_corasick::{AhoCorasick, MatchKind};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use toml::Spanned;

pub use keys::KeyCtx;
use keys::tokens;

const BUILTIN: &str = include_str!("rules/builtin.toml");
/// Raised where the scanner finds something else in the same content, or gives it another field: what was searched before is told apart.
const REVISION: &[u8] = b"scanner 5";
/// Letters from which on a word also counts inside a longer run of letters (`usermobile`).
const INNER: usize = 6;

/// A data class.
#[derive(Debug, Clone)]
pub struct ClassDef {
    /// Id of the contract, or a user's own.
    pub name: String,
    /// Level of one clear value.
    pub level: Level,
    /// Name for people.
    pub label: String,
    /// Whether its values tell of one natural person (several together rise by a level).
    pub person: bool,
    /// Whether a value counts only under a key that names the class.
    pub needs_key: bool,
    /// How often a value of the same shape that is something else passes the check, 0..1.
    pub chance: f64,
    /// Whether it is looked for.
    pub enabled: bool,
    /// Shape of a user's class, anchored at both ends.
    pub regex: Option<regex::bytes::Regex>,
    /// Check of a user's class.
    pub check: Check,
    keys: Vec<String>,
    not_keys: Vec<String>,
}

/// Check that a user's class may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The shape is all.
    Any,
    /// Luhn's digit.
    Luhn,
    /// ISO 7064 mod 97-10.
    Mod97,
    /// ISO 7064 mod 11-2.
    Mod112,
}

/// What a word of a key stands for.
#[derive(Debug, Clone, Copy)]
enum Says {
    Class(u8),
    Not(u8),
    Numbering,
    Person,
    Thing,
    Generic,
    Last,
}

/// A rule set.
#[derive(Debug, Clone)]
pub struct Rules {
    classes: Vec<ClassDef>,
    context: Words,
    words: AhoCorasick,
    words_say: Vec<Says>,
    inner: AhoCorasick,
    inner_say: Vec<Says>,
    /// Bits of the classes that are looked for.
    pub(crate) enabled: u64,
    /// Bits of enabled classes with a regex.
    pub(crate) custom: u64,
    /// Bits of enabled user's classes that have keys alone.
    pub(crate) keyed: u64,
    print: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Words {
    numbering: Vec<String>,
    person: Vec<String>,
    thing: Vec<String>,
    generic: Vec<String>,
    last: Vec<String>,
}

/// A level by its number, or by the name that every screen shows.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawLevel {
    Number(u8),
    Name(String),
}

impl RawLevel {
    fn number(&self) -> Option<u8> {
        let n = match self {
            RawLevel::Number(n) => Some(*n),
            RawLevel::Name(s) => s.strip_prefix('S')?.parse().ok(),
        };
        n.filter(|n| *n <= 4)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    context: Words,
    #[serde(default)]
    class: Vec<RawClass>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClass {
    id: Spanned<String>,
    level: Option<Spanned<RawLevel>>,
    label: Option<String>,
    validator: Option<Spanned<String>>,
    regex: Option<Spanned<String>>,
    person: Option<bool>,
    context: Option<Spanned<String>>,
    chance: Option<Spanned<f64>>,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    not_keys: Vec<String>,
    #[serde(default)]
    replace_keys: bool,
    enabled: Option<bool>,
}

impl Rules {
    /// The built-in rules.
    pub fn builtin() -> Rules {
        Rules::build(&[]).unwrap_or_else(|_| Rules::empty())
    }

    /// The built-in rules with a user's files over them, later ones winning. An error names file, line and key.
    pub fn with_files(files: &[PathBuf]) -> Result<Rules> {
        let mut texts = Vec::new();
        for path in files {
            let text = std::fs::read_to_string(path).map_err(Error::io(path, "cannot read"))?;
            texts.push((path.clone(), text));
        }
        Rules::build(&texts)
    }

    /// As [`Rules::with_files`], from texts that were read already; the path only names them.
    pub fn with_texts(texts: &[(PathBuf, String)]) -> Result<Rules> {
        Rules::build(texts)
    }

    /// Twelve digits that stand for these rules and the program's version: findings made with other ones may differ.
    pub fn print(&self) -> &str {
        &self.print
    }

    /// Classes; the place is the class number. Disabled ones keep their place.
    pub fn classes(&self) -> &[ClassDef] {
        &self.classes
    }

    /// Number of a class.
    pub fn class_id(&self, name: &str) -> Option<u8> {
        self.classes
            .iter()
            .position(|c| c.name == name)
            .and_then(|i| u8::try_from(i).ok())
    }

    /// What the last key of a field path (`$.items[*].idCard`, `header:x-api-key`) says about a class.
    pub fn context(&self, field: &str, class: u8) -> Context {
        let key = super::place::last_key(field);
        self.key(key.as_bytes()).about(class)
    }

    fn empty() -> Rules {
        let none: [&str; 0] = [];
        let ac = || AhoCorasick::new(none).ok();
        // An automaton without patterns cannot fail to build; the fallback keeps this free of panics all the same.
        match (ac(), ac()) {
            (Some(words), Some(inner)) => Rules {
                classes: Vec::new(),
                context: Words::default(),
                words,
                words_say: Vec::new(),
                inner,
                inner_say: Vec::new(),
                enabled: 0,
                custom: 0,
                keyed: 0,
                print: String::new(),
            },
            _ => Rules::empty(),
        }
    }

    fn build(extra: &[(PathBuf, String)]) -> Result<Rules> {
        let mut r = Rules::empty();
        r.merge(Path::new("builtin.toml"), BUILTIN, true)?;
        let mut hash = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
        hash.update(REVISION);
        hash.update(BUILTIN);
        for (path, text) in extra {
            r.merge(path, text, false)?;
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let mut r = r.compile()?;
        r.print = hash
            .finalize()
            .iter()
            .take(6)
            .map(|b| format!("{b:02x}"))
            .collect();
        Ok(r)
    }

    fn merge(&mut self, path: &Path, text: &str, builtin: bool) -> Result<()> {
        let file: File =
            toml::from_str(text).map_err(|e| fault(path, text, e.span(), e.message()))?;
        self.context.numbering.extend(file.context.numbering);
        self.context.person.extend(file.context.person);
        self.context.thing.extend(file.context.thing);
        self.context.generic.extend(file.context.generic);
        self.context.last.extend(file.context.last);
        for raw in file.class {
            self.merge_class(path, text, raw, builtin)?;
        }
        Ok(())
    }

    fn merge_class(&mut self, path: &Path, text: &str, raw: RawClass, builtin: bool) -> Result<()> {
        let id_span = raw.id.span();
        let id = raw.id.into_inner();
        let at = match self.classes.iter().position(|c| c.name == id) {
            Some(i) => i,
            None => {
                let known = builtin || raw.regex.is_some() || !raw.keys.is_empty();
                if !known {
                    let msg = format!("class.id: \"{id}\" is new and has neither regex nor keys");
                    return Err(fault(path, text, Some(id_span), &msg));
                }
                if self.classes.len() >= crate::limits::CLASSES {
                    let msg = format!(
                        "class.id: \"{id}\" is one class too many, {} are the limit",
                        crate::limits::CLASSES
                    );
                    return Err(fault(path, text, Some(id_span), &msg));
                }
                let plain = !id.is_empty()
                    && id
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if !plain {
                    return Err(fault(
                        path,
                        text,
                        Some(id_span),
                        "class.id: lower-case letters, digits and - only",
                    ));
                }
                self.classes.push(ClassDef {
                    name: id.clone(),
                    level: Level::S2,
                    label: id.clone(),
                    person: false,
                    needs_key: false,
                    chance: 0.1,
                    enabled: true,
                    regex: None,
                    check: Check::Any,
                    keys: Vec::new(),
                    not_keys: Vec::new(),
                });
                self.classes.len() - 1
            }
        };
        let own = Kind::by_name(&id).is_some();
        let Some(c) = self.classes.get_mut(at) else {
            return Ok(());
        };
        if let Some(level) = raw.level {
            let Some(n) = level.get_ref().number() else {
                let why = "class.level: 0 to 4, or S0 to S4";
                return Err(fault(path, text, Some(level.span()), why));
            };
            c.level = Level::from_u8(n);
        }
        if let Some(label) = raw.label {
            c.label = label;
        }
        if let Some(v) = raw.validator {
            c.check = match (v.get_ref().as_str(), own) {
                (name, true) if name == id => Check::Any,
                ("any", false) => Check::Any,
                ("luhn", false) => Check::Luhn,
                ("mod97", false) => Check::Mod97,
                ("mod11-2", false) => Check::Mod112,
                (name, true) => {
                    let msg =
                        format!("class.validator: \"{id}\" keeps its own check, not \"{name}\"");
                    return Err(fault(path, text, Some(v.span()), &msg));
                }
                (name, false) => {
                    let msg = format!(
                        "class.validator: \"{name}\" is unknown; luhn, mod97, mod11-2 or any"
                    );
                    return Err(fault(path, text, Some(v.span()), &msg));
                }
            };
        }
        if let Some(re) = raw.regex {
            let made = regex::bytes::RegexBuilder::new(&format!(r"\A(?:{})\z", re.get_ref()))
                .size_limit(1 << 20)
                .build()
                .map_err(|e| fault(path, text, Some(re.span()), &format!("class.regex: {e}")))?;
            c.regex = Some(made);
        }
        if let Some(p) = raw.person {
            c.person = p;
        }
        if let Some(ctx) = raw.context {
            c.needs_key = match ctx.get_ref().as_str() {
                "required" => true,
                "helps" => false,
                _ => {
                    return Err(fault(
                        path,
                        text,
                        Some(ctx.span()),
                        "class.context: required or helps",
                    ));
                }
            };
        }
        if let Some(chance) = raw.chance {
            if !(0.0..=1.0).contains(chance.get_ref()) {
                return Err(fault(
                    path,
                    text,
                    Some(chance.span()),
                    "class.chance: 0 to 1",
                ));
            }
            c.chance = chance.into_inner();
        }
        if raw.replace_keys {
            c.keys.clear();
            c.not_keys.clear();
        }
        c.keys.extend(raw.keys);
        c.not_keys.extend(raw.not_keys);
        if let Some(on) = raw.enabled {
            c.enabled = on;
        }
        Ok(())
    }

    fn compile(mut self) -> Result<Rules> {
        let mut words = Vec::new();
        let mut inner = Vec::new();
        let mut add = |word: &str, says: Says| {
            let parts = tokens(word.as_bytes());
            if parts.is_empty() {
                return;
            }
            let joined: String = parts.split(' ').collect();
            if joined.is_ascii() {
                words.push((format!(" {parts} "), says));
            }
            if !joined.is_ascii() || joined.len() >= INNER {
                inner.push((joined, says));
            }
        };
        for (i, c) in self.classes.iter().enumerate() {
            let Ok(i) = u8::try_from(i) else { continue };
            for k in &c.keys {
                add(k, Says::Class(i));
            }
            for k in &c.not_keys {
                add(k, Says::Not(i));
            }
        }
        for (list, says) in [
            (&self.context.numbering, Says::Numbering),
            (&self.context.person, Says::Person),
            (&self.context.thing, Says::Thing),
            (&self.context.generic, Says::Generic),
            (&self.context.last, Says::Last),
        ] {
            for k in list {
                add(k, says);
            }
        }
        let make = |list: &[(String, Says)]| {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .build(list.iter().map(|(w, _)| w))
                .map_err(|e| Error::Usage {
                    msg: format!("rules: too many words: {e}"),
                    at: None,
                })
        };
        self.words = make(&words)?;
        self.inner = make(&inner)?;
        self.words_say = words.into_iter().map(|(_, s)| s).collect();
        self.inner_say = inner.into_iter().map(|(_, s)| s).collect();
        for (i, c) in self.classes.iter().enumerate() {
            if c.enabled {
                self.enabled |= 1 << i;
                if c.regex.is_some() {
                    self.custom |= 1 << i;
                } else if i >= Kind::ALL.len() {
                    self.keyed |= 1 << i;
                }
            }
        }
        Ok(self)
    }
}

fn fault(path: &Path, text: &str, span: Option<std::ops::Range<usize>>, msg: &str) -> Error {
    let at = span.map(|s| s.start);
    let line = at.map_or(1, |a| {
        text.get(..a).unwrap_or(text).matches('\n').count() + 1
    });
    let name = path.display();
    Error::Usage {
        msg: format!("{name}:{line}: {}", msg.lines().next().unwrap_or(msg)),
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(key: &str) -> Vec<String> {
        let r = Rules::builtin();
        let ctx = r.key(key.as_bytes());
        r.classes()
            .iter()
            .enumerate()
            .filter(|(i, _)| ctx.pos >> i & 1 == 1)
            .map(|(_, c)| c.name.clone())
            .collect()
    }

    #[test]
    fn the_builtin_file_holds_every_class_in_order() {
        let r = Rules::builtin();
        let names: Vec<&str> = r.classes().iter().map(|c| c.name.as_str()).collect();
        let want: Vec<&str> = Kind::ALL.iter().map(|k| k.name()).collect();
        assert_eq!(names, want);
        let level = |n: &str| r.classes()[usize::from(r.class_id(n).unwrap())].level;
        assert_eq!(level("password"), Level::S4);
        assert_eq!(level("cn-id"), Level::S3);
        assert_eq!(level("name"), Level::S2);
        assert_eq!(level("cn-uscc"), Level::S1);
    }

    #[test]
    fn keys_are_read_in_every_spelling() {
        for key in [
            "idCard",
            "id_card",
            "ID-CARD",
            "IDCardNo",
            "userIdCardNumber",
            "useridcard",
            "sfzh",
            "证件号码",
            "身份证号",
            "certNo",
        ] {
            assert!(named(key).contains(&"cn-id".to_string()), "{key}");
        }
        for key in [
            "mobile",
            "userMobile",
            "phoneNumber",
            "phone1",
            "orderPhone",
            "sjhm",
            "联系手机",
            "contact_phone",
        ] {
            assert!(named(key).contains(&"cn-mobile".to_string()), "{key}");
        }
        for key in [
            "orderId",
            "phoneOrderNo",
            "traceId",
            "timestamp",
            "orderNo",
            "cardOrderSeq",
            "transactionNo",
            "createTime",
            "订单号",
        ] {
            let ctx = Rules::builtin().key(key.as_bytes());
            assert!(ctx.numbering, "{key}");
            assert_eq!(named(key), Vec::<String>::new(), "{key}");
        }
        for key in [
            "passwordExpireTime",
            "resetPasswordUrl",
            "hasPassword",
            "nextPageToken",
            "tokenType",
            "csrfToken",
        ] {
            let got = named(key);
            assert!(
                !got.contains(&"password".into()) && !got.contains(&"session-token".into()),
                "{key}: {got:?}"
            );
        }
    }

    #[test]
    fn a_users_file_changes_and_adds() {
        let text = "[[class]]\nid = \"email\"\nlevel = 4\nkeys = [\"postfach\"]\n[[class]]\nid = \"cn-plate\"\nenabled = false\n[[class]]\nid = \"xx-badge\"\nlevel = \"S1\"\nregex = \"B[0-9]{6}\"\n";
        let r = Rules::with_texts(&[("mine.toml".into(), text.into())]).unwrap();
        let own = Kind::ALL.len();
        assert_eq!(r.class_id("xx-badge").map(usize::from), Some(own));
        assert_eq!(r.classes()[13].level, Level::S4);
        assert!(r.key(b"postfach").names(Kind::Email));
        assert!(!r.classes()[18].enabled);
        assert!(
            r.classes()[own]
                .regex
                .as_ref()
                .unwrap()
                .is_match(b"B123456")
        );
    }

    #[test]
    fn errors_name_file_line_and_key() {
        for (text, want) in [
            ("[[class]]\nid = \"email\"\nlevle = 3\n", "mine.toml:3"),
            (
                "[[class]]\nid = \"email\"\nlevel = 9\n",
                "mine.toml:3: class.level",
            ),
            ("\n[[class]]\nid = \"new-one\"\n", "mine.toml:3: class.id"),
            (
                "[[class]]\nid = \"new-one\"\nregex = \"(\"\n",
                "mine.toml:3: class.regex",
            ),
            (
                "[[class]]\nid = \"email\"\nvalidator = \"luhn\"\n",
                "mine.toml:3: class.validator",
            ),
        ] {
            let e = Rules::with_texts(&[("mine.toml".into(), text.into())])
                .unwrap_err()
                .to_string();
            assert!(e.starts_with(want), "{e}");
        }
    }
}
