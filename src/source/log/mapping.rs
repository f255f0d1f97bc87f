//! Formats that are given: a mapping file (TOML), or a format string of a server, also inside its configuration. In: text. Out:
//! formats. Bounds: [`MAPPING_BYTES`] of text, [`FORMATS`] formats.
//!
//! The built-in formats of `formats/` are written in the same language.

use super::columns::{Columns, Form};
use super::dialect::{self, Percent};
use super::draft::Meaning;
use super::format::{Engine, Later, LogFormat};
use super::json::{Conditions, Map, Path};
use super::pattern::{Part, Pattern};
use crate::limits::MAPPING_BYTES;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Formats of one text.
const FORMATS: usize = 1000;

/// One or several of something.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum List {
    One(String),
    Many(Vec<String>),
}

impl List {
    fn list(&self) -> &[String] {
        match self {
            List::One(s) => std::slice::from_ref(s),
            List::Many(list) => list,
        }
    }
}

/// A mapping file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    /// The source's kind is `log:` and this.
    name: Option<String>,
    /// For readers of the file.
    #[serde(default)]
    #[allow(dead_code)] // a comment with a name
    about: String,
    /// `text json csv w3c pairs labels`.
    line: String,
    /// Of text: whose format string it is.
    dialect: Option<String>,
    /// Of text: the format string; of several the first that fits.
    pattern: Option<List>,
    /// Of text: what stands behind the pattern may be anything.
    #[serde(default)]
    open: bool,
    /// Of text: runs of spaces count as one.
    #[serde(default)]
    spaces: bool,
    /// Most lines of such a file log something else.
    #[serde(default)]
    among: bool,
    /// `session`: lines are of sessions on hosts, not of requests.
    call: Option<String>,
    /// Of csv: what stands between columns.
    delimiter: Option<String>,
    /// Of csv without a header: names of the columns.
    #[serde(default)]
    names: Vec<String>,
    /// What a line has (json, labels), or a header (csv), to be of this format: `name`, one of `name|name`, and of json
    /// `name=value|begin*`.
    #[serde(default)]
    has: Vec<String>,
    /// Lines that tell more of a call which another began: patterns (text), or what they have (json). Both have a `key`.
    #[serde(default)]
    later: Vec<String>,
    /// Which of these lines are calls: of json as in `has`, of csv with `names` each `column=value`.
    #[serde(default)]
    only: Vec<String>,
    /// Slots (with `:how`) and where in the line they stand.
    #[serde(default)]
    fields: BTreeMap<String, List>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Several {
    format: Vec<Mapping>,
}

/// Formats of a text that the user gives.
///
/// # Errors
/// In words, where it is none of what can be given.
pub fn given(text: &str, name: &str) -> Result<Vec<LogFormat>, String> {
    if text.len() > MAPPING_BYTES {
        return Err(format!("larger than {MAPPING_BYTES} bytes"));
    }
    let found = directives(text)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let is_mapping = text.lines().map(str::trim).any(|l| {
        let key = l.split('=').next().unwrap_or_default().trim();
        l == "[[format]]" || (key == "line" && l.contains('='))
    });
    if is_mapping {
        return mapping(text, name);
    }
    let text = text.trim_matches(['\n', '\r']);
    // a configuration on one line has its braces around more than a name
    if text.contains('\n') || text.contains("{ ") && text.contains(';') {
        return Err("neither a mapping (TOML with `line = ...`), nor a server's configuration with log formats, nor one format string".to_owned());
    }
    Ok(vec![string(text, name)?])
}

/// Formats of a mapping file.
///
/// # Errors
/// In words.
pub fn mapping(text: &str, name: &str) -> Result<Vec<LogFormat>, String> {
    if text.contains("[[format]]") {
        let several: Several = toml::from_str(text).map_err(|e| e.to_string())?;
        if several.format.len() > FORMATS {
            return Err(format!("more than {FORMATS} formats"));
        }
        let formats = several.format.into_iter().enumerate();
        return formats
            .map(|(n, m)| m.format(&format!("{name}-{}", n + 1), text))
            .collect();
    }
    let one: Mapping = toml::from_str(text).map_err(|e| e.to_string())?;
    Ok(vec![one.format(name, text)?])
}

impl Mapping {
    fn format(&self, name: &str, text: &str) -> Result<LogFormat, String> {
        let name = self.name.as_deref().unwrap_or(name);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(format!("{name:?} is no name of a format"));
        }
        let engine = match self.line.as_str() {
            "text" => self.text()?,
            "json" => self.json()?,
            "csv" | "w3c" => self.columns()?,
            "pairs" => Engine::Pairs(self.meanings()?),
            "labels" => Engine::Labels(self.meanings()?, self.has.clone()),
            other => {
                return Err(format!(
                    "line = {other:?}: there are text, json, csv, w3c, pairs, labels"
                ));
            }
        };
        let session = match self.call.as_deref() {
            None => false,
            Some("session") => true,
            Some(other) => return Err(format!("call = {other:?}: there is session")),
        };
        Ok(LogFormat {
            name: name.to_owned(),
            engine,
            sure: self.line == "json" && !self.has.is_empty(),
            among: self.among,
            session,
            later: match self.line.as_str() {
                _ if self.later.is_empty() => None,
                "text" => Some(Later::Text(self.patterns(&self.later)?)),
                "json" => Some(Later::Json(conditions(&self.later))),
                other => return Err(format!("line = {other:?} has no later lines")),
            },
            given: Some(text.to_owned()),
        })
    }

    fn text(&self) -> Result<Engine, String> {
        let patterns = self.pattern.as_ref().ok_or("a text format has a pattern")?;
        Ok(Engine::Text(self.patterns(patterns.list())?))
    }

    fn patterns(&self, patterns: &[String]) -> Result<Vec<Pattern>, String> {
        let dialect = self.dialect.as_deref().unwrap_or("own");
        let patterns = patterns.iter().map(|p| {
            let parts = parts(p, dialect)?;
            Pattern::new(parts, self.open)
                .map(|p| p.with_spaces(self.spaces))
                .map_err(|e| format!("{e}: {p}"))
        });
        patterns.collect()
    }

    /// Names of columns, keys or paths with what they say.
    fn meanings(&self) -> Result<Vec<(String, Meaning)>, String> {
        let mut out = Vec::new();
        for (slot, names) in &self.fields {
            let meaning = dialect::named(slot)?.ok_or_else(|| format!("{slot:?} says nothing"))?;
            for name in names.list() {
                out.push((name.clone(), meaning.clone()));
            }
        }
        Ok(out)
    }

    fn json(&self) -> Result<Engine, String> {
        let fields = self.meanings()?;
        if fields.is_empty() {
            return Err("a json format has [fields]".to_owned());
        }
        let fields = fields.into_iter().map(|(n, m)| (Path::new(&n), m));
        Ok(Engine::Map(Map {
            has: conditions(&self.has),
            only: conditions(&self.only),
            fields: fields.collect(),
        }))
    }

    /// Where the columns of `only` stand, and what they hold.
    fn only_columns(&self) -> Result<Vec<(usize, String)>, String> {
        let only = self.only.iter().map(|text| {
            let (name, want) = text.split_once('=').unwrap_or((text, ""));
            let at = self.names.iter().position(|n| n == name);
            let at =
                at.ok_or_else(|| format!("only = {text:?}: a column of names, = and a value"))?;
            Ok((at, want.to_owned()))
        });
        only.collect()
    }

    fn columns(&self) -> Result<Engine, String> {
        let form = match (self.line.as_str(), self.delimiter.as_deref()) {
            ("w3c", _) => Form::W3c,
            (_, None) => Form::Delimited(b','),
            (_, Some(d)) => match d.as_bytes() {
                [one] if *one != b'"' => Form::Delimited(*one),
                _ => return Err(format!("delimiter = {d:?}: one byte, and not \"")),
            },
        };
        Ok(Engine::Columns(Columns {
            form: Some(form),
            fields: self.meanings()?,
            names: self.names.clone(),
            has: self.has.clone(),
            only: self.only_columns()?,
        }))
    }
}

/// `name` or `name=value|begin*`; of several names (`name|name`) one.
fn conditions(list: &[String]) -> Conditions {
    let list = list.iter().map(|text| {
        let (path, any) = text.split_once('=').unwrap_or((text, ""));
        let any = any.split('|').filter(|a| !a.is_empty());
        let paths = path.split('|').map(Path::new).collect();
        (paths, any.map(str::to_owned).collect())
    });
    Conditions(list.collect())
}

fn parts(text: &str, dialect: &str) -> Result<Vec<Part>, String> {
    match dialect {
        "own" => dialect::own(text),
        "nginx" => dialect::nginx(text),
        "apache" => dialect::apache(text, Percent::Apache),
        "tomcat" => dialect::apache(text, Percent::Tomcat),
        "gunicorn" => dialect::gunicorn(text),
        "envoy" => dialect::envoy(text),
        "haproxy" => dialect::haproxy(text),
        other => Err(format!(
            "dialect = {other:?}: there are own nginx apache tomcat gunicorn envoy haproxy"
        )),
    }
}

/// Whose format string it is, by its variables.
fn dialect_of(text: &str) -> Option<&'static str> {
    let after = |c: char| text.split(c).skip(1);
    if text.contains("%(") && text.contains(")s") {
        return Some("gunicorn");
    }
    let letter = |t: &str| t.starts_with(|c: char| c.is_ascii_lowercase() || c == '{');
    if after('$').any(letter) {
        return Some("nginx");
    }
    let operator = |t: &str| {
        let name = t.split(['%', '(']).next().unwrap_or_default();
        name.len() > 2 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    };
    if after('%').any(operator) {
        return Some("envoy");
    }
    if ["%ci", "%HM", "%HU", "%[", "%ft", "%{+Q}"]
        .iter()
        .any(|v| text.contains(v))
    {
        return Some("haproxy");
    }
    if text.contains('%') {
        return Some("apache");
    }
    text.contains('{').then_some("own")
}

/// The named forms of Apache and Tomcat.
fn named_form(text: &str) -> Option<&'static str> {
    match text {
        "common" => Some(r#"%h %l %u %t "%r" %>s %b"#),
        "combined" => Some(r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i""#),
        _ => None,
    }
}

/// One format string.
fn string(text: &str, name: &str) -> Result<LogFormat, String> {
    let text = named_form(text.trim()).unwrap_or(text);
    let dialect = dialect_of(text)
        .ok_or("no variable in it: nginx has $name, Apache %x, Envoy %NAME%, our own {name}")?;
    text_format(text, dialect, name, text)
}

fn text_format(text: &str, dialect: &str, name: &str, given: &str) -> Result<LogFormat, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let name: String = name.chars().filter(|c| plain(*c)).take(64).collect();
    Ok(LogFormat {
        name,
        engine: Engine::Text(vec![Pattern::new(parts(text, dialect)?, false)?]),
        sure: false,
        among: false,
        session: false,
        later: None,
        given: Some(given.to_owned()),
    })
}

/// The log formats in a configuration of nginx (`log_format`), Apache (`LogFormat`) or HAProxy (`log-format`).
fn directives(text: &str) -> Result<Vec<LogFormat>, String> {
    let mut out: Vec<LogFormat> = Vec::new();
    let mut rest = text;
    while let Some(line) = rest.lines().next() {
        let begin = line.trim_start();
        let start = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let at = rest.get(start..).unwrap_or_default();
        let word = begin.split([' ', '\t']).next().unwrap_or_default();
        let taken = match word {
            "log_format" => nginx_directive(at)?,
            "log-format" | "LogFormat" | "CustomLog" => other_directive(begin, word)?,
            _ => None,
        };
        let used = match taken {
            Some((format, used)) => {
                if out.len() >= FORMATS {
                    return Err(format!("more than {FORMATS} formats"));
                }
                if !out.iter().any(|f| f.given == format.given) {
                    out.push(format);
                }
                start + used
            }
            None => line.len(),
        };
        rest = rest.get(used..).unwrap_or_default();
        rest = rest.split_once('\n').map_or("", |(_, r)| r);
    }
    Ok(out)
}

/// `log_format NAME [escape=json] 'a' 'b';` over several lines, and its length.
fn nginx_directive(text: &str) -> Result<Option<(LogFormat, usize)>, String> {
    let mut words: Vec<String> = Vec::new();
    let mut chars = text.char_indices().peekable();
    let mut word: Option<String> = None;
    let mut len = None;
    while let Some((at, c)) = chars.next() {
        match c {
            ';' => {
                len = Some(at + 1);
                break;
            }
            '#' if word.is_none() => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
            '\'' | '"' if word.is_none() => {
                let mut inside = String::new();
                while let Some((_, d)) = chars.next() {
                    match d {
                        d if d == c => break,
                        '\\' => match chars.next() {
                            Some((_, 'n')) => inside.push('\n'),
                            Some((_, 't')) => inside.push('\t'),
                            Some((_, e @ ('\'' | '"' | '\\'))) => inside.push(e),
                            Some((_, e)) => inside.extend(['\\', e]),
                            None => {}
                        },
                        d => inside.push(d),
                    }
                }
                words.push(inside);
            }
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let Some(len) = len else {
        return Err("a log_format without its ;".to_owned());
    };
    let mut words = words.into_iter().skip(1);
    let name = words.next().unwrap_or_default();
    let format: String = words.filter(|w| !w.starts_with("escape=")).collect();
    let given = text.get(..len).unwrap_or(text);
    let format = text_format(&format, "nginx", &format!("nginx:{name}"), given)
        .map_err(|e| format!("log_format {name}: {e}"))?;
    Ok(Some((format, len)))
}

/// `LogFormat "..." NAME`, `CustomLog FILE "..."`, `log-format "..."`, one a line.
fn other_directive(line: &str, word: &str) -> Result<Option<(LogFormat, usize)>, String> {
    let Some((_, rest)) = line.split_once(word) else {
        return Ok(None);
    };
    let mut inside = String::new();
    let mut chars = rest.trim_start().chars();
    let mut behind = String::new();
    if word == "log-format" && !rest.trim_start().starts_with(['"', '\'']) {
        inside = rest.trim().replace("\\ ", " ");
    } else {
        // what stands before the quotes is a file
        let Some(quote) = chars.find(|c| matches!(c, '"' | '\'')) else {
            return Ok(None);
        };
        let mut closed = false;
        while let Some(c) = chars.next() {
            match c {
                c if c == quote => {
                    closed = true;
                    break;
                }
                '\\' => match chars.next() {
                    Some(e) if e == quote && word != "log-format" => inside.extend(['\\', e]),
                    Some(e) if word == "log-format" => inside.push(e),
                    Some(e) => inside.extend(['\\', e]),
                    None => {}
                },
                c => inside.push(c),
            }
        }
        if !closed {
            return Err(format!("{word}: a quote without its end"));
        }
        behind = chars.as_str().trim().to_owned();
    }
    if !inside.contains('%') {
        return Ok(None); // a CustomLog with the name of a format
    }
    let (dialect, name) = match word {
        "log-format" => ("haproxy", "haproxy:given".to_owned()),
        _ => {
            let nick = behind.split_whitespace().next().unwrap_or("given");
            ("apache", format!("apache:{nick}"))
        }
    };
    match text_format(&inside, dialect, &name, line) {
        Ok(format) => Ok(Some((format, line.len()))),
        // such as `%{Referer}i -> %U`, which logs no call
        Err(_) if word != "log-format" => Ok(None),
        Err(e) => Err(format!("{word}: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_string_it_is_shows_in_its_variables() {
        for (text, want) in [
            ("$remote_addr [$time_local]", Some("nginx")),
            ("%h %l %u %t \"%r\" %>s %b", Some("apache")),
            ("%(h)s %(t)s", Some("gunicorn")),
            ("[%START_TIME%] \"%REQ(:METHOD)%\"", Some("envoy")),
            ("%ci:%cp [%tr] %ft", Some("haproxy")),
            ("{src} [{time}]", Some("own")),
            ("plain", None),
        ] {
            assert_eq!(dialect_of(text), want, "{text}");
        }
    }

    #[test]
    fn formats_are_found_in_configurations() {
        let nginx = "http {\n  # log_format off;\n  log_format main '$remote_addr - $remote_user [$time_local] \"$request\" '\n    '$status'; # x\n  log_format j escape=json '{\"t\":\"$msec\",\"u\":\"$request_uri\"}';\n}\n";
        let names: Vec<String> = given(nginx, "x")
            .unwrap()
            .into_iter()
            .map(|f| f.name)
            .collect();
        assert_eq!(names, ["nginx:main", "nginx:j"]);
        let apache = "LogFormat \"%v:%p %h %l %u %t \\\"%r\\\" %>s %O\" vhost\nLogFormat \"%{Referer}i -> %U\" ref\nCustomLog logs/a common\nCustomLog logs/b \"%t %m %U\"\n";
        let names: Vec<String> = given(apache, "x")
            .unwrap()
            .into_iter()
            .map(|f| f.name)
            .collect();
        assert_eq!(names, ["apache:vhost", "apache:ref", "apache:given"]);
        let haproxy = "frontend f\n    log-format \"%ci:%cp [%tr] %ft %ST %{+Q}r\"\n";
        assert_eq!(given(haproxy, "x").unwrap().len(), 1);
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_the_reason() {
        for (text, why) in [
            ("plain", "no variable"),
            ("line = \"xml\"", "there are text"),
            ("line = \"text\"", "has a pattern"),
            (
                "line = \"text\"\npattern = \"{colour}\"",
                "no field is named",
            ),
            ("line = \"text\"\npattern = \"{time:x}\"", "no way to write"),
            ("line = \"json\"", "[fields]"),
            ("line = \"json\"\nsize = 3", "unknown field"),
            ("log_format x '$status'", "without its ;"),
            ("$nothing_known", "no variable"),
            ("a\nb", "neither a mapping"),
        ] {
            let e = given(text, "x").unwrap_err();
            assert!(e.contains(why), "{text}: {e}");
        }
    }
}
