//! A format of a log, and all that are built in. In: lines. Out: what they say. Bounds: those of the parts.

use super::columns::{self, Columns, Form};
use super::draft::{Draft, Meaning, NO_TIME, Slot};
use super::halves::Half;
use super::json::{self, Conditions, Map};
use super::pattern::Pattern;
use super::stamps::stamps;
use super::wrap::Wrap;
use super::year::{Order, Written};
use super::{
    LogZone, Misfit, NoCall, audit, clf, labels, mapping, pairs, shape, suricata, time, zeek,
};
use crate::call::model::{LogCall, Ts};
use serde_json::Value;
use std::sync::{Arc, LazyLock};

/// A log format.
#[derive(Debug)]
pub struct LogFormat {
    /// `common`, `combined`, `json` ...; a source's kind is `log:` and this.
    pub name: String,
    /// How its lines are read.
    pub(super) engine: Engine,
    /// Whether a line that fits is of this writer even where it is no call: most lines of an `eve.json` are none.
    pub(super) sure: bool,
    /// Whether most lines of such a file log something else.
    pub(super) among: bool,
    /// Whether its lines are of sessions on hosts.
    pub(super) session: bool,
    /// How lines look that tell more of calls which others began.
    pub(super) later: Option<Later>,
    /// The mapping or format string it was made of.
    pub given: Option<String>,
}

/// Lines that tell more of a call.
#[derive(Debug)]
pub(super) enum Later {
    Text(Vec<Pattern>),
    Json(Conditions),
}

/// How lines are read.
#[derive(Debug)]
pub(super) enum Engine {
    /// Common and combined.
    Clf(clf::Tail),
    Zeek,
    ZeekJson,
    Eve,
    /// JSON lines with the usual names.
    Json,
    /// JSON lines by a mapping.
    Map(Map),
    /// Text by patterns, the first that fits.
    Text(Vec<Pattern>),
    Columns(Columns),
    /// Entries of ModSecurity's audit log.
    Audit,
    /// Pairs by a mapping; without one by the usual names.
    Pairs(Vec<(String, Meaning)>),
    /// Text with names in it, by a mapping or by the usual names; and names of which a line must have one each.
    Labels(Vec<(String, Meaning)>, Vec<String>),
    /// Text by the shapes of its pieces. What a file is, is told by the surer ones alone where this is set.
    Shape(bool),
}

/// What lines are read with: the zone, and what the lines before said.
#[derive(Debug, Clone)]
pub struct Context {
    pub(super) zone: LogZone,
    pub(super) zeek: zeek::Header,
    pub(super) header: columns::Header,
    /// Whether it is only looked at what the file is: then formats that are alike are told apart.
    pub(super) sniffing: bool,
    /// What the last line said of a call that another line is of too.
    pub(super) half: Option<Half>,
    /// Around when its lines were written, and whether its year is known.
    pub(super) near: Option<(Ts, bool)>,
    /// Times of lines that tell none.
    pub(super) order: Order,
    /// The time of the last line that began a message: what is set in behind it is of that time.
    pub(super) before: Option<Written>,
}

impl Context {
    pub(super) fn new(zone: LogZone, sniffing: bool) -> Context {
        Context {
            zone,
            zeek: zeek::Header::default(),
            header: columns::Header::default(),
            sniffing,
            half: None,
            near: None,
            order: Order::default(),
            before: None,
        }
    }
}

/// A line and, where it is one, the JSON value in it.
pub(super) struct Line<'a> {
    pub bytes: &'a [u8],
    pub json: Option<Value>,
    /// When a wrapper says it was written.
    pub written: Option<Written>,
}

impl<'a> Line<'a> {
    /// With its value, where it looks like an object.
    pub fn with_json(bytes: &'a [u8]) -> Line<'a> {
        let object = bytes.trim_ascii_start().first() == Some(&b'{');
        Line {
            bytes,
            json: object.then(|| serde_json::from_slice(bytes).ok()).flatten(),
            written: None,
        }
    }
}

impl LogFormat {
    fn coded(name: &str, engine: Engine, sure: bool) -> LogFormat {
        LogFormat {
            name: name.to_owned(),
            engine,
            sure,
            among: false,
            session: false,
            later: None,
            given: None,
        }
    }

    /// Whether its lines are JSON.
    pub(super) fn is_json(&self) -> bool {
        matches!(
            self.engine,
            Engine::ZeekJson | Engine::Eve | Engine::Json | Engine::Map(_)
        )
    }

    /// Whether its lines are text in a form that is known.
    pub(super) fn is_pattern(&self) -> bool {
        matches!(self.engine, Engine::Text(_))
    }

    /// Whether each of its lines can be read without those before it.
    pub(super) fn is_single(&self) -> bool {
        !matches!(
            self.engine,
            Engine::Zeek | Engine::Columns(_) | Engine::Audit | Engine::Eve
        )
    }

    /// Whether its lines are told by the shape of their pieces alone, or by names that anybody may use.
    pub(super) fn is_shape(&self) -> bool {
        let named = matches!(&self.engine, Engine::Labels(fields, _) if fields.is_empty());
        named || matches!(self.engine, Engine::Shape(_))
    }

    /// Whether a call stands in an entry of many lines.
    pub(super) fn is_audit(&self) -> bool {
        matches!(self.engine, Engine::Audit)
    }

    /// One line, without its end and out of its wrapper, to a call; place and byte range are filled in by the reader.
    pub(super) fn parse(&self, line: &Line<'_>, cx: &mut Context) -> Result<LogCall, NoCall> {
        let bytes = line.bytes;
        if bytes.trim_ascii().is_empty() {
            return Err(NoCall::Blank);
        }
        let value = || {
            line.json
                .as_ref()
                .filter(|v| v.is_object())
                .ok_or_else(|| NoCall::unfit("a JSON object", 0))
        };
        cx.half = None;
        let mut draft = Draft::new(self.session);
        match &self.engine {
            Engine::Clf(tail) => {
                let tail = if cx.sniffing { *tail } else { clf::Tail::Any };
                return clf::parse(bytes, tail);
            }
            Engine::Zeek => return zeek::parse_tsv(bytes, cx),
            Engine::ZeekJson => return zeek::parse_json(value()?, &cx.zone),
            Engine::Eve => return suricata::parse(value()?, &cx.zone),
            Engine::Json => json::by_names(value()?, &mut draft),
            Engine::Map(map) => {
                let value = value()?;
                let later = match &self.later {
                    Some(Later::Json(later)) => later.hold(value),
                    _ => false,
                };
                match map.read(value, &mut draft) {
                    Err(NoCall::NoRequest) if later => {
                        map.say(value, &mut draft);
                        let zone = cx.zone.clone();
                        return self.more(draft, &zone, cx);
                    }
                    read => read?,
                }
            }
            Engine::Text(patterns) => return self.text(patterns, line, cx),
            Engine::Audit => audit::read(bytes, cx.sniffing, &mut draft)?,
            Engine::Pairs(fields) => {
                let sure = self.among && cx.sniffing;
                pairs::read(bytes, fields, sure, &mut draft)?;
            }
            Engine::Labels(fields, has) => labels::read(bytes, fields, has, &mut draft)?,
            Engine::Shape(sure) => shape::read(bytes, *sure && cx.sniffing, &mut draft)?,
            Engine::Columns(columns) => {
                let zone = cx.zone.clone();
                columns.read(bytes, &mut cx.header, &mut draft)?;
                return draft.finish(&zone, line.written);
            }
        }
        let name = draft.peek(Slot::Key);
        let mut call = draft.finish(&cx.zone, line.written)?;
        self.begun(&mut call, name, cx);
        Ok(call)
    }

    /// A call without its status, where lines behind tell it.
    fn begun(&self, call: &mut LogCall, name: Option<String>, cx: &mut Context) {
        if self.later.is_some() && call.status.is_none() {
            // the line was written when it began
            call.end_ts = None;
            cx.half = Some(Half::Begun(name.unwrap_or_default()));
        }
    }

    /// A line that tells more of a call.
    fn more<T>(&self, draft: Draft<'_>, zone: &LogZone, cx: &mut Context) -> Result<T, NoCall> {
        let name = draft.peek(Slot::Key).unwrap_or_default();
        let more = draft.more(zone)?;
        cx.half = Some(Half::More(name, Box::new(more)));
        Err(NoCall::Later)
    }

    /// The first pattern that fits; else what the one that came furthest expected.
    fn text(
        &self,
        patterns: &[Pattern],
        line: &Line<'_>,
        cx: &mut Context,
    ) -> Result<LogCall, NoCall> {
        let mut furthest: Option<Misfit> = None;
        let set_in = line.bytes.starts_with(b"  ");
        // loggers of .NET set their messages in behind a line with the time
        let bytes = match self.among && set_in {
            true => line.bytes.trim_ascii_start(),
            false => line.bytes,
        };
        let written = line.written.or(cx.before.filter(|_| set_in));
        if self.among && !set_in {
            cx.before = began(line.bytes, &cx.zone);
        }
        for pattern in patterns {
            let mut draft = Draft::new(self.session);
            let mut name = None;
            let mut read = pattern.read(bytes, &mut draft).and_then(|()| {
                name = draft.peek(Slot::Key);
                draft.finish(&cx.zone, written)
            });
            if let Ok(call) = &mut read {
                self.begun(call, name, cx);
            }
            match read {
                Err(NoCall::Unfit(m)) => {
                    // a line that has all but a time came furthest
                    let rank = |m: &Misfit| (m.want == NO_TIME, m.at);
                    if furthest.as_ref().is_none_or(|f| rank(&m) > rank(f)) {
                        furthest = Some(m);
                    }
                }
                read => return read,
            }
        }
        if let Some(Later::Text(later)) = &self.later {
            for pattern in later {
                let mut draft = Draft::new(self.session);
                if pattern.read(bytes, &mut draft).is_ok() {
                    let zone = cx.zone.clone();
                    return self.more(draft, &zone, cx);
                }
            }
        }
        Err(furthest.map_or(NoCall::Blank, NoCall::Unfit))
    }
}

/// Bytes of a line's beginning that are searched for the time of its logger, and those before it: a level, a bracket.
const BEGINNING: usize = 64;
const LEVEL: usize = 8;

/// The time that a line begins with.
fn began(line: &[u8], zone: &LogZone) -> Option<Written> {
    let head = line.get(..line.len().min(BEGINNING))?;
    let head = head.utf8_chunks().next().map_or("", |c| c.valid());
    let stamp = stamps(head).into_iter().next().filter(|s| s.at <= LEVEL)?;
    time::any(stamp.text, zone).map(Written::from)
}

/// What a log is: the format of its lines, and what they stand in.
#[derive(Debug, Clone)]
pub struct LogKind {
    pub(super) format: Arc<LogFormat>,
    /// What its lines stand in, the outermost first.
    pub(super) wraps: Vec<Wrap>,
    /// Whether its lines tell no time.
    pub(super) timeless: bool,
    /// What other lines of the same file are.
    pub(super) also: Option<Arc<LogKind>>,
}

impl LogKind {
    /// A format, within what has this name; as it stands where nothing has.
    #[must_use]
    pub fn new(format: &Arc<LogFormat>, wrap: &str) -> LogKind {
        LogKind {
            format: Arc::clone(format),
            wraps: Wrap::named(wrap).into_iter().collect(),
            timeless: false,
            also: None,
        }
    }

    /// `combined`, `haproxy+syslog`.
    #[must_use]
    pub fn name(&self) -> String {
        let inner = self.wraps.iter().rev();
        let name = inner.fold(self.format.name.clone(), |name, wrap| {
            format!("{name}+{}", wrap.name())
        });
        match &self.also {
            Some(also) => format!("{name}&{}", also.name()),
            None => name,
        }
    }

    /// Whether times around its lines may have no year.
    pub(super) fn lacks_year(&self) -> bool {
        self.wraps.contains(&Wrap::Syslog)
    }

    /// What is around everything else.
    pub(super) fn outer(&self) -> Option<Wrap> {
        self.wraps.first().copied()
    }

    /// The mapping or format string that the user gave for it.
    #[must_use]
    pub fn given(&self) -> Option<&str> {
        self.format.given.as_deref()
    }
}

impl PartialEq for LogKind {
    fn eq(&self, other: &LogKind) -> bool {
        let told = |k: &LogKind| (k.name(), k.timeless);
        told(self) == told(other) && self.given() == other.given()
    }
}

impl Eq for LogKind {}

/// A mapping that is built in.
macro_rules! built_in {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("formats/", $name, ".toml")))),*] };
}

/// Formats that are data, the more specific first.
const MAPPINGS: &[(&str, &str)] = built_in![
    "kubernetes-audit",
    "teleport",
    "jumpserver",
    "kong",
    "apisix",
    "caddy",
    "gcp-lb",
    "azure",
    "aws",
    "aws-cloudtrail",
    "cloudflare",
    "akamai",
    "traefik",
    "envoy",
    "haproxy",
    "ingress-nginx",
    "squid",
    "frameworks",
    "jumpserver-csv",
    "bastion-csv",
    "bastion-json",
    "bastion-text",
    "modsecurity",
    "zipkin",
    "minio",
    "tyk",
    "iis",
    "registries",
    "atlassian",
    "spring",
    "vault",
    "netscaler",
    "huawei-elb",
    "azure-storage",
    "barracuda",
    "mcafee-mwg",
    "zscaler",
    "paloalto",
];

/// Every built-in format, the more specific first.
static BUILT_IN: LazyLock<Vec<Arc<LogFormat>>> = LazyLock::new(|| {
    let columns = |form| {
        Engine::Columns(Columns {
            form: Some(form),
            ..Columns::default()
        })
    };
    let mut all = vec![
        LogFormat::coded("zeek-http", Engine::Zeek, true),
        LogFormat::coded("zeek-http-json", Engine::ZeekJson, true),
        LogFormat::coded("suricata-eve", Engine::Eve, true),
        LogFormat::coded("w3c", columns(Form::W3c), false),
        LogFormat {
            among: true,
            ..LogFormat::coded("modsecurity", Engine::Audit, true)
        },
    ];
    for (name, text) in MAPPINGS {
        // a test holds that each can be read
        let formats = mapping::mapping(text, name).unwrap_or_default();
        all.extend(formats.into_iter().map(|f| LogFormat { given: None, ..f }));
    }
    all.extend([
        LogFormat::coded("json", Engine::Json, false),
        LogFormat::coded("common", Engine::Clf(clf::Tail::None), false),
        LogFormat::coded("combined", Engine::Clf(clf::Tail::Agent), false),
        LogFormat::coded("common", Engine::Clf(clf::Tail::Any), false),
        LogFormat::coded("csv", columns(Form::Delimited(b',')), false),
        LogFormat::coded("csv", columns(Form::Delimited(b'\t')), false),
        LogFormat::coded("csv", columns(Form::Delimited(b';')), false),
        LogFormat::coded("csv", columns(Form::Delimited(b'|')), false),
        LogFormat::coded("pairs", Engine::Pairs(Vec::new()), false),
        // a program tells of its start among them
        LogFormat {
            among: true,
            ..LogFormat::coded("pairs", Engine::Pairs(Vec::new()), false)
        },
        LogFormat {
            among: true,
            ..LogFormat::coded("json", Engine::Json, false)
        },
        LogFormat {
            among: true,
            ..LogFormat::coded("labels", Engine::Labels(Vec::new(), Vec::new()), false)
        },
        // what nobody has a name for: a sure request may stand among other lines, one by its order alone may not
        LogFormat {
            among: true,
            ..LogFormat::coded("text", Engine::Shape(true), false)
        },
        LogFormat::coded("text", Engine::Shape(false), false),
    ]);
    all.into_iter().map(Arc::new).collect()
});

/// The formats a load knows: those given, then those built in.
#[derive(Debug, Clone, Default)]
pub struct Formats {
    given: Vec<Arc<LogFormat>>,
}

impl Formats {
    /// With what the user gives: each a mapping (TOML), a server's configuration or a format string, and a name for it.
    ///
    /// # Errors
    /// Which one, and why it cannot be understood.
    pub fn with(given: &[(String, String)]) -> Result<Formats, (usize, String)> {
        let mut all = Vec::new();
        for (n, (text, name)) in given.iter().enumerate() {
            let formats = mapping::given(text, name).map_err(|e| (n, e))?;
            all.extend(formats.into_iter().map(Arc::new));
        }
        Ok(Formats { given: all })
    }

    /// All, the first ones before the others.
    pub fn all(&self) -> impl Iterator<Item = &Arc<LogFormat>> {
        // where a format is given, none is guessed: a mistake in it would not be seen
        let known = |f: &&Arc<LogFormat>| self.given.is_empty() || !f.is_shape();
        self.given.iter().chain(BUILT_IN.iter().filter(known))
    }

    /// Those given.
    pub fn given(&self) -> &[Arc<LogFormat>] {
        &self.given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mapping_that_is_built_in_can_be_read() {
        for (name, text) in MAPPINGS {
            if let Err(e) = mapping::mapping(text, name) {
                panic!("{name}: {e}");
            }
        }
    }
}
