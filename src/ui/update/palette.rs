//! The palette: everything that can be done or gone to, by a few letters. In: typed letters. Out: a choice.
//! Bounds: [`SHOWN`] candidates on screen; see [`crate::ui::data::palette::MAX`].

use super::{act, ask, filter, go, overlay, work};
use crate::detect::profile::Profile;
use crate::trace::Question;
use crate::trace::verdict::REMOVABLE;
use crate::ui::data::notebook::Write;
use crate::ui::data::palette::{Skim, best};
use crate::ui::data::{Place, What};
use crate::ui::keys::{Action, BINDINGS};
use crate::ui::model::{Command, Extra, Model, Overlay, PromptKind, Run};
use crate::ui::nav::input::Input;
use crate::ui::nav::{Jump, ScreenId};
use crate::ui::theme::{Theme, builtin_names};
use std::rc::Rc;

/// Candidates on screen.
const SHOWN: usize = 200;

/// How candidates begin that are what was typed.
const TEXT: &str = "text";

/// Opens it.
pub fn open(m: &mut Model) {
    m.overlay = Some(Overlay::Palette {
        input: Input::default(),
        hits: Vec::new(),
        at: 0,
    });
    m.commands = commands(m);
    matched(m);
    ask::ask(m, 0, Place::Names, What::Names);
}

/// Names have come while it may be open.
pub fn names_came(m: &mut Model) {
    if matches!(m.overlay, Some(Overlay::Palette { .. })) {
        m.commands = commands(m);
        matched(m);
    }
}

fn commands(m: &Model) -> Vec<Command> {
    let mut out = Vec::new();
    let mut add = |text: String, run: Run| out.push(Command { text, run });
    for (name, s) in [
        ("Overview", ScreenId::Overview),
        ("Accounts", ScreenId::Accounts),
        ("APIs", ScreenId::Apis),
        ("Calls", ScreenId::Calls),
        ("Sessions", ScreenId::Sessions),
        ("Trace", ScreenId::Trace),
        ("Marks", ScreenId::Marks),
        ("Findings", ScreenId::Findings),
        ("Risks", ScreenId::Risks),
        ("Flows", ScreenId::Flows),
        ("Sources", ScreenId::Sources),
    ] {
        add(format!("screen   {name}"), Run::Go(Jump::screen(s)));
    }
    for (name, text) in &m.names.saved {
        add(
            format!("saved    {name}   {text}"),
            Run::Filter(text.clone()),
        );
    }
    add("filter   save the filter under a name".into(), Run::Save);
    add("filter   none".into(), Run::Filter(String::new()));
    let mut seen: Vec<Action> = Vec::new();
    for b in BINDINGS.iter().filter(|b| {
        !matches!(
            b.action,
            Action::Up | Action::Down | Action::Left | Action::Right | Action::Screen(_)
        )
    }) {
        if !seen.contains(&b.action) {
            seen.push(b.action);
            let key = b.keys.first().map(|k| k.name()).unwrap_or_default();
            add(format!("do       {}  [{key}]", b.help), Run::Act(b.action));
        }
    }
    for t in builtin_names() {
        add(format!("theme    {t}"), Run::Theme(t.to_string()));
    }
    add(
        "rules    search again with rules from files".into(),
        Run::Rules,
    );
    add(
        "spec     take an API specification from a file".into(),
        Run::Spec,
    );
    for (what, begun) in [
        ("an address", "address:"),
        ("a device by its print", "device:"),
        ("an API", "api:"),
        ("a host", "host:"),
        ("an account", "account:"),
        ("a record", "record:"),
        ("a value or a clue file", ""),
    ] {
        add(format!("trace    {what}"), Run::Subject(begun));
    }
    if let Some(Extra::Trace(t)) = m.top().map(|f| &f.extra) {
        for kind in REMOVABLE {
            let text = match t.without.contains(&kind) {
                true => format!("evidence count {kind} again"),
                false => format!("evidence leave {kind} out"),
            };
            add(text, Run::Evidence(kind));
        }
    }
    for p in Profile::builtin() {
        add(
            format!("levels   by {}, {}", p.title, p.date),
            Run::Grade(p.id),
        );
    }
    for a in &m.names.accounts {
        add(format!("account  {a}"), Run::Go(Jump::calls("account", a)));
    }
    for a in &m.names.apis {
        add(format!("api      {a}"), Run::Go(Jump::calls("api", a)));
    }
    out
}

/// Chooses again after typing.
pub fn matched(m: &mut Model) {
    let Some(Overlay::Palette { input, .. }) = &m.overlay else {
        return;
    };
    let typed = input.text().trim().to_owned();
    let names = m.commands.iter().take_while(|c| !c.text.starts_with(TEXT));
    let names = names.count();
    m.commands.truncate(names);
    let mut found = best(
        &Skim::default(),
        m.commands.iter().map(|c| c.text.as_str()),
        input.text(),
        SHOWN,
    );
    // What no name matches may stand in a body, or be a value that moved.
    if typed.chars().count() > 1 {
        let body = format!("body:{}", crate::query::lang::quote(&typed));
        let ways = [
            (
                format!("{TEXT}     calls with {typed} in a body"),
                Run::Filter(body),
            ),
            (
                format!("{TEXT}     trace {typed}"),
                Run::Go(Jump::Trace(Question::Value(typed))),
            ),
        ];
        for (text, run) in ways {
            found.push(m.commands.len());
            m.commands.push(Command { text, run });
        }
    }
    if let Some(Overlay::Palette { hits, at, .. }) = &mut m.overlay {
        *hits = found;
        *at = (*at).min(hits.len().saturating_sub(1));
    }
}

/// Does what was chosen.
pub fn run(m: &mut Model, r: Run) {
    match r {
        Run::Act(a) => act::act(m, a),
        Run::Go(Jump::To {
            screen, term: None, ..
        }) if (1..=7).any(|n| act::screen_of(n) == screen) => go::to_screen(m, screen),
        Run::Go(j) => go::jump(m, j),
        Run::Filter(text) => filter::set(m, &text),
        Run::Save if m.filter.applied.is_empty() => m.say("there is no filter to save"),
        Run::Save => overlay::prompt(m, PromptKind::Save, ""),
        Run::Evidence(kind) => ask::evidence(m, kind),
        Run::Spec => overlay::prompt(m, PromptKind::Spec, ""),
        Run::Subject(begun) => overlay::prompt(m, PromptKind::Trace, begun),
        Run::Rules => {
            let now = m.rules.clone();
            overlay::prompt(m, PromptKind::Rules, &now);
        }
        Run::Grade(id) => work::correct(m, Write::Grade(id)),
        Run::Theme(name) => match Theme::load(&name, m.theme_folder.clone(), m.theme.depth) {
            Ok(t) => {
                m.theme = Rc::new(t);
                m.outbox.push(crate::ui::effect::Effect::Redraw);
                m.say(format!("theme {name}"));
            }
            Err(e) => m.warn(e.to_string()),
        },
    }
}
