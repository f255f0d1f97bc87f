//! Drives the interface without a terminal: keys in, a screen of text out; questions are answered at once, timers run
//! out in order. In: a source of answers. Out: what the investigator would see.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use leaktrace::call::text::is_unsafe;
use leaktrace::limits::CELL_CODEPOINTS;
use leaktrace::ui::data::lane::LaneState;
use leaktrace::ui::data::{Data, Reply};
use leaktrace::ui::effect::Effect;
use leaktrace::ui::model::Model;
use leaktrace::ui::msg::{Msg, Timer};
use leaktrace::ui::theme::{self, Depth, Theme};
use leaktrace::ui::{UiOptions, main_loop, screen, update};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::path::Path;

pub struct Rig {
    pub m: Model,
    data: Box<dyn Data>,
    /// What was sent to the clipboard.
    pub copied: Vec<String>,
    /// Steps of a film that may play by themselves.
    pub ticks: usize,
}

impl Rig {
    pub fn new(case: &Path, data: Box<dyn Data>, size: (u16, u16)) -> Rig {
        let o = UiOptions {
            case: case.to_path_buf(),
            ..UiOptions::default()
        };
        let theme = Theme::load("ansi16", None, Depth::Ansi).unwrap();
        let mut m = main_loop::model(&o, theme, &theme::UNICODE, None);
        m.size = size;
        let fx = update::start(&mut m);
        let mut r = Rig {
            m,
            data,
            copied: Vec::new(),
            ticks: 0,
        };
        r.run(fx);
        r
    }

    pub fn run(&mut self, fx: Vec<Effect>) {
        let mut todo: std::collections::VecDeque<Effect> = fx.into();
        while let Some(e) = todo.pop_front() {
            let msg = match e {
                Effect::Ask(a) => Msg::Reply(Reply {
                    id: a.id,
                    frame: a.frame,
                    place: a.place,
                    took_us: 0,
                    result: self.data.answer(&a.what, &LaneState::default()),
                }),
                Effect::After(_, t @ Timer::Play(_)) => {
                    if self.ticks == 0 {
                        continue;
                    }
                    self.ticks -= 1;
                    Msg::Timer(t)
                }
                Effect::After(_, Timer::Disarm(_)) => continue,
                Effect::After(_, t) => Msg::Timer(t),
                Effect::Copy(t) => {
                    self.copied.push(t);
                    continue;
                }
                _ => continue,
            };
            todo.extend(update::update(&mut self.m, msg));
        }
    }

    pub fn msg(&mut self, msg: Msg) {
        let fx = update::update(&mut self.m, msg);
        self.run(fx);
    }

    pub fn resize(&mut self, w: u16, h: u16) {
        self.msg(Msg::Resize(w, h));
    }

    /// Keys by name, separated by spaces; a word in quotes is typed letter by letter.
    pub fn keys(&mut self, script: &str) -> &mut Rig {
        for part in split(script) {
            match part {
                Part::Text(t) => t
                    .chars()
                    .for_each(|c| self.press(KeyCode::Char(c), KeyModifiers::NONE)),
                Part::Key(k) => {
                    let (name, m) = match k.strip_prefix("C-") {
                        Some(rest) => (rest.to_string(), KeyModifiers::CONTROL),
                        None => (k, KeyModifiers::NONE),
                    };
                    let code = match name.as_str() {
                        "Enter" => KeyCode::Enter,
                        "Esc" => KeyCode::Esc,
                        "Tab" => KeyCode::Tab,
                        "Up" => KeyCode::Up,
                        "Down" => KeyCode::Down,
                        "End" => KeyCode::End,
                        "Space" => KeyCode::Char(' '),
                        "F1" => KeyCode::F(1),
                        "F2" => KeyCode::F(2),
                        s if s.chars().count() == 1 => KeyCode::Char(s.chars().next().unwrap()),
                        s => panic!("no key {s}"),
                    };
                    self.press(code, m);
                }
            }
        }
        self
    }

    pub fn press(&mut self, code: KeyCode, m: KeyModifiers) {
        self.msg(Msg::Key(KeyEvent::new(code, m)));
    }

    pub fn buffer(&self) -> Buffer {
        let (w, h) = self.m.size;
        let mut b = Buffer::empty(Rect::new(0, 0, w, h));
        screen::draw(&self.m, &mut b);
        b
    }

    /// The screen as lines without trailing spaces.
    pub fn text(&self) -> String {
        let b = self.buffer();
        let mut out = String::new();
        for y in 0..b.area.height {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..b.area.width {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let s = b[(x, y)].symbol();
                line.push_str(s);
                skip = unicode_width::UnicodeWidthStr::width(s).saturating_sub(1);
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    pub fn shows(&self, what: &str) -> &Rig {
        let t = self.text();
        assert!(t.contains(what), "no {what:?} on:\n{t}");
        self
    }

    /// Nothing on the screen could act on a terminal.
    pub fn safe(&self) {
        let b = self.buffer();
        for (i, c) in b.content.iter().enumerate() {
            let s = c.symbol();
            assert!(
                !s.chars().any(is_unsafe),
                "unsafe {:?} at cell {i}",
                s.escape_unicode().to_string()
            );
            assert!(
                s.chars().count() <= CELL_CODEPOINTS,
                "{} code points in cell {i}",
                s.chars().count()
            );
        }
    }
}

enum Part {
    Key(String),
    Text(String),
}

fn split(script: &str) -> Vec<Part> {
    let mut out = Vec::new();
    let mut rest = script.trim();
    while !rest.is_empty() {
        if let Some(r) = rest.strip_prefix('`') {
            let (t, z) = r.split_once('`').unwrap();
            out.push(Part::Text(t.to_string()));
            rest = z.trim_start();
        } else {
            let (k, z) = rest.split_once(' ').unwrap_or((rest, ""));
            out.push(Part::Key(k.to_string()));
            rest = z.trim_start();
        }
    }
    out
}
