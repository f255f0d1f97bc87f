//! Arguments as clap reads them. In: the command line. Out: [`Args`]. Bounds: none.

use crate::error::{Error, Result};
use crate::query::lang::value::{Time, time};
use crate::query::{Cx, Filter};
use clap::{Args as ClapArgs, CommandFactory as _, Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Rebuild API calls from captures and logs, and trace which account leaked which record.
///
/// Without a verb: loads what is not yet loaded and browses; with no FILE, the last case.
#[derive(Debug, Parser)]
#[command(
    name = "leaktrace",
    version,
    args_conflicts_with_subcommands = true,
    max_term_width = 100,
    after_help = "Exit status: 0 ok, 1 nothing matched, 2 usage, 3 evidence damaged or a difference found, 4 nothing could be read or written, 130 interrupted."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// A capture, a log, another tool's file, an archive (tar, zip) or folder of them, or - for standard input.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub common: Common,
}

/// Reads the command line. Options may stand before the verb too: what clap would then take for a file of that name is the verb, unless
/// there is such a file.
pub(crate) fn parse(args: Vec<OsString>) -> std::result::Result<Args, clap::Error> {
    let command = Args::command();
    let verb = |a: &OsString| {
        let known = a
            .to_str()
            .is_some_and(|a| command.find_subcommand(a).is_some());
        known && !Path::new(a).exists()
    };
    let first = Args::try_parse_from(&args);
    let taken = match &first {
        Ok(a) => a.verb.is_none() && a.files.first().is_some_and(|f| verb(&f.into())),
        Err(_) => true,
    };
    let option = args
        .get(1)
        .and_then(|a| a.to_str())
        .is_some_and(|a| a.len() > 1 && a.starts_with('-'));
    let at = (2..args.len()).find(|i| args.get(*i).is_some_and(verb));
    if let Some(at) = at.filter(|_| taken && option) {
        let mut moved = args;
        let name = moved.remove(at);
        moved.insert(1, name);
        if let Ok(a) = Args::try_parse_from(moved) {
            return Ok(a);
        }
    }
    first
}

/// Options of every verb.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Common {
    /// The case file; without it the last one used, else a new one.
    #[arg(long, global = true, value_name = "CASE")]
    pub case: Option<PathBuf>,
    /// One JSON object a line on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// Rows at most.
    #[arg(long, global = true, value_name = "N")]
    pub limit: Option<u64>,
    /// Print how many rows there are instead of the rows.
    #[arg(long, global = true)]
    pub count: bool,
    /// Fields to print, in this order.
    #[arg(long, global = true, value_name = "A,B", value_delimiter = ',')]
    pub fields: Vec<String>,
    /// Show values of data classes in clear; written to the case's journal.
    #[arg(long, global = true)]
    pub reveal: bool,
    /// From this time on.
    #[arg(
        long,
        visible_alias = "since",
        global = true,
        value_name = "T",
        allow_hyphen_values = true
    )]
    pub after: Option<String>,
    /// Before this time.
    #[arg(
        long,
        visible_alias = "until",
        global = true,
        value_name = "T",
        allow_hyphen_values = true
    )]
    pub before: Option<String>,
    /// A log format: a mapping file (TOML), a server's configuration with log formats, or a format string of nginx, Apache,
    /// Envoy, HAProxy, Gunicorn.
    #[arg(long, global = true, value_name = "FILE|STRING")]
    pub log_format: Vec<String>,
    /// Zone for logs without one (else UTC, and flagged).
    #[arg(long, global = true, value_name = "ZONE", allow_hyphen_values = true)]
    pub tz: Option<String>,
    /// What counts as inside: networks, or a file of them.
    #[arg(long, global = true, value_name = "CIDR|FILE", value_delimiter = ',')]
    pub inside: Vec<String>,
    /// Data classes and rules over the built-in ones.
    #[arg(long, global = true, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
    /// Folder to find moved evidence in, by its hash.
    #[arg(long, global = true, value_name = "DIR")]
    pub evidence: Option<PathBuf>,
    /// Scan threads.
    #[arg(long, global = true, value_name = "N")]
    pub jobs: Option<usize>,
    /// Memory for queues and reassembly, such as 512M.
    #[arg(long, global = true, value_name = "M")]
    pub max_mem: Option<String>,
    /// Do not keep pipes and standard input beside the case (it cannot be verified then).
    #[arg(long, global = true)]
    pub no_spool: bool,
    /// No interface: print rows.
    #[arg(short = 'n', global = true)]
    pub no_ui: bool,
    /// Theme of the interface: a name or a file.
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// Colours of the interface: auto never always mono 16 256 truecolor.
    #[arg(long, global = true, value_name = "DEPTH")]
    pub color: Option<String>,
    /// Lines and bars of the interface: ascii or unicode.
    #[arg(long, global = true, value_name = "SET", value_parser = ["ascii", "unicode"])]
    pub glyphs: Option<String>,
    /// Take mouse clicks in the interface.
    #[arg(long, global = true)]
    pub mouse: bool,
    /// A file to read, as tshark has it.
    #[arg(short = 'r', global = true, value_name = "FILE", hide = true)]
    pub read: Vec<PathBuf>,
    /// A filter, as tshark has it.
    #[arg(short = 'Y', global = true, value_name = "FILTER", hide = true)]
    pub display: Vec<String>,
    /// TLS secrets to open captures with (SSLKEYLOGFILE form); never copied into the case.
    #[arg(long, global = true, value_name = "FILE")]
    pub keylog: Vec<PathBuf>,
    /// A server's RSA private key (PEM), for TLS with RSA key exchange; never copied into the case.
    #[arg(long, global = true, value_name = "FILE")]
    pub rsa_key: Vec<PathBuf>,
    /// A file with the passphrase of a share copy (else LEAKTRACE_PASSPHRASE, else it is asked for).
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// API specifications: OpenAPI 2.0 to 3.1, Postman collections, lists of routes; kept in the case.
    #[arg(long, global = true, value_name = "FILE")]
    pub spec: Vec<PathBuf>,
    /// How values are graded: plain jrt-0197-2020 gbt-43697-2024 gbt-35273-2020, or a file (TOML); kept in the case.
    #[arg(long, global = true, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// Protobuf schemas: .proto files (imports beside them) or descriptor sets.
    #[arg(long, global = true, value_name = "FILE")]
    pub proto: Vec<PathBuf>,
    /// Go on reading what grows, files and folders, until Ctrl-C.
    #[arg(long, global = true)]
    pub follow: bool,
}

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Browse the bundled demo data.
    Demo,
    /// Load without the interface; progress on standard error.
    Load {
        /// A capture, a log, another tool's file, an archive (tar, zip) or folder of them, or - for standard input.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// APIs of the selected calls.
    Apis {
        /// Which calls.
        filter: Vec<String>,
    },
    /// Accounts of the selected calls.
    Accounts {
        /// Which calls.
        filter: Vec<String>,
    },
    /// Calls.
    Calls {
        /// Which calls.
        filter: Vec<String>,
    },
    /// Sessions of the selected calls.
    Sessions {
        /// Which calls.
        filter: Vec<String>,
    },
    /// Sensitive values in the selected calls.
    Findings {
        /// Which calls.
        filter: Vec<String>,
    },
    /// Risks that the selected calls belong to.
    Risks {
        /// Which calls.
        filter: Vec<String>,
    },
    /// Conversations, decoded or not.
    Flows {
        /// Which flows.
        filter: Vec<String>,
    },
    /// Evidence files.
    Sources {
        /// Which sources.
        filter: Vec<String>,
    },
    /// One call, whole.
    Show {
        /// Id of the call.
        #[arg(value_name = "CALL-ID")]
        id: String,
    },
    /// A session's, flow's or account's calls in order, with gaps.
    Replay {
        /// Id of the session or flow, or name of the account (session:ID, flow:ID, account:NAME).
        #[arg(value_name = "SESSION-ID")]
        session: String,
    },
    /// Who could have leaked it, and how it moved.
    Trace(TraceArgs),
    /// Write selected calls to a file.
    Export(ExportArgs),
    /// Write a report of a question and its answer, or without a question of what is there.
    Report(ReportArgs),
    /// Read-only SQL on views that mask; base tables need --reveal.
    Sql {
        /// One SELECT.
        statement: String,
    },
    /// Correct how calls are put into APIs and which class a field holds; applies to all calls at once and survives every load.
    Correct(CorrectArgs),
    /// Hashes of evidence, database integrity, findings derived again.
    Verify {
        /// A value that reports were asked for: the journal does not keep it, so their answers are compared where it is given again.
        #[arg(long = "value", value_name = "V", allow_hyphen_values = true)]
        values: Vec<String>,
    },
    /// Make the index that searches of decoded text use (made by itself while the interface is idle), and tell what it covers.
    Index {
        /// Take it away instead.
        #[arg(long)]
        remove: bool,
    },
    /// A copy of the case for others: no value in clear, values found again with a passphrase.
    Share {
        /// File to write.
        #[arg(short, long, value_name = "COPY")]
        output: PathBuf,
    },
    /// Show or set number, examiner and notes of the case.
    Info {
        /// Case number.
        #[arg(long)]
        number: Option<String>,
        /// Who examines.
        #[arg(long)]
        examiner: Option<String>,
        /// Notes.
        #[arg(long)]
        notes: Option<String>,
    },
}

/// What to trace.
#[derive(Debug, ClapArgs)]
#[group(multiple = false)]
pub(crate) struct Question {
    /// One value, in any form.
    #[arg(long, value_name = "V", allow_hyphen_values = true)]
    pub value: Option<String>,
    /// A file of leaked rows, or - for standard input.
    #[arg(long, value_name = "FILE")]
    pub clue: Option<PathBuf>,
    /// All that an account read and sent on.
    #[arg(long, value_name = "A")]
    pub account: Option<String>,
    /// A record by its id in `findings`.
    #[arg(long, value_name = "ID")]
    pub record: Option<String>,
    /// All that an address saw, took and sent on.
    #[arg(long, value_name = "IP")]
    pub address: Option<String>,
    /// ... a device: a client print of `flows`, or a user agent.
    #[arg(long, value_name = "PRINT")]
    pub device: Option<String>,
    /// ... an API, named as in `apis`.
    #[arg(long, value_name = "API")]
    pub api: Option<String>,
    /// ... a host, named as in calls.
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
}

/// What to trace, and how the answer is given.
#[derive(Debug, ClapArgs)]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub question: Question,
    /// The movements of all records as one picture instead: mermaid dot svg json.
    #[arg(long, value_name = "FORMAT")]
    pub graph: Option<String>,
    /// When the leak was out: what was delivered later explains nothing. RFC 3339, or a date.
    #[arg(long, value_name = "TIME")]
    pub published: Option<String>,
    /// Kinds of evidence to leave out: columns version time order format channel canary exit upload relay peers.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub without: Vec<String>,
    /// Planted records: a value on each line, or value,account; without an account it counts for whoever alone received it.
    #[arg(long, value_name = "FILE")]
    pub canary: Option<PathBuf>,
    /// Beside the answer to --clue, --value or --record: each row, and where this account read it or that it did not.
    #[arg(long, value_name = "NAME")]
    pub suspect: Option<String>,
}

/// What to report.
#[derive(Debug, ClapArgs)]
pub(crate) struct ReportArgs {
    /// File to write: OUT.html or OUT.md.
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    #[command(flatten)]
    pub question: Question,
}

/// What to correct.
#[derive(Debug, ClapArgs)]
pub(crate) struct CorrectArgs {
    #[command(subcommand)]
    pub what: Correction,
}

/// Corrections of templates and classes. An API is named as `apis` shows it: `GET shop.example/users/{id}`.
#[derive(Debug, Subcommand)]
pub(crate) enum Correction {
    /// Keep a template as it is, whatever later evidence says.
    Pin {
        /// Name of the API.
        api: String,
    },
    /// Set values of a parameter apart: each is an API of its own. Without VALUE all of them.
    Split {
        /// Name of the API.
        api: String,
        /// Values.
        value: Vec<String>,
        /// Which parameter, from 1; the last one without it.
        #[arg(long, value_name = "N")]
        param: Option<usize>,
    },
    /// Make one API of several that differ in one segment.
    Merge {
        /// Names of the APIs.
        #[arg(required = true, num_args = 2..)]
        api: Vec<String>,
    },
    /// Give an API another name.
    Rename {
        /// Name of the API.
        api: String,
        /// Its new name.
        name: String,
    },
    /// Say that a field holds a data class; with --not, that it does not.
    Class {
        /// The field as `apis --json` names it: `$.items[*].phone`, `csv:mobile`, `header:x-user`.
        #[arg(allow_hyphen_values = true)]
        field: String,
        /// The class.
        class: String,
        /// In this API alone; without it in all.
        #[arg(long, value_name = "API")]
        api: Option<String>,
        /// It holds none of the class.
        #[arg(long, conflicts_with = "instead")]
        not: bool,
        /// The class that it was taken for, and does not hold.
        #[arg(long, value_name = "CLASS")]
        instead: Option<String>,
    },
    /// Take back the last correction that was not taken back yet.
    Undo,
    /// The corrections that hold.
    List,
}

/// What to export.
#[derive(Debug, ClapArgs)]
pub(crate) struct ExportArgs {
    /// har, csv, jsonl, pcap ...
    #[arg(long, value_name = "FORMAT")]
    pub format: String,
    /// File to write.
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Which calls.
    pub filter: Vec<String>,
}

fn usage(msg: String) -> Error {
    Error::Usage { msg, at: None }
}

/// Names of the verbs.
pub(crate) fn verbs() -> Vec<String> {
    let command = <Args as clap::CommandFactory>::command();
    let all = command.get_subcommands().map(|c| c.get_name().to_owned());
    all.collect()
}

impl Args {
    /// The filter's words joined by one space, where the verb has one.
    pub fn filter_text(&self) -> Option<String> {
        let words = match &self.verb {
            Some(
                Verb::Apis { filter }
                | Verb::Accounts { filter }
                | Verb::Calls { filter }
                | Verb::Sessions { filter }
                | Verb::Findings { filter }
                | Verb::Risks { filter }
                | Verb::Flows { filter }
                | Verb::Sources { filter },
            ) => filter,
            Some(Verb::Export(e)) => &e.filter,
            _ => return (!self.common.display.is_empty()).then(|| self.common.display.join(" ")),
        };
        let all: Vec<&str> = words
            .iter()
            .chain(&self.common.display)
            .map(String::as_str)
            .collect();
        Some(all.join(" "))
    }

    /// The filter with the time bounds, which may stand on the evidence's own times. Its words are held against those of the case.
    pub fn filter(&self, cx: &Cx) -> Result<Filter> {
        let text = self.filter_text().unwrap_or_default();
        let mut filter = Filter::parse_knowing(&text, &cx.known_classes())?;
        let span = cx.span()?;
        let at = |text: &Option<String>, name| -> Result<Option<i64>> {
            let Some(text) = text else { return Ok(None) };
            let t = time(text).and_then(|t| t.resolve(span));
            t.map(|(from, _)| Some(from)).ok_or_else(|| {
                usage(format!(
                    "--{name} wants a time such as 2026-10-08T12:30:00Z, 12:30, start+5m, -15m"
                ))
            })
        };
        filter.after = at(&self.common.after, "after")?;
        filter.before = at(&self.common.before, "before")?;
        Ok(filter)
    }
}

impl Common {
    /// A time bound of loading, before any evidence is known: it must name its day.
    pub fn load_time(text: Option<&String>, name: &str) -> Result<Option<i64>> {
        let Some(text) = text else { return Ok(None) };
        match time(text) {
            Some(Time::At(from, _)) => Ok(Some(from)),
            _ => Err(usage(format!(
                "--{name} wants a date and time such as 2026-10-08T12:30:00Z while loading"
            ))),
        }
    }
}
