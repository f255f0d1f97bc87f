//! Themes: complete without colour, honest about mistakes, visible selection everywhere.

use leaktrace::ui::theme::{Depth, Role, Theme, builtin_names};
use ratatui::style::{Color, Modifier};

const DEPTHS: [Depth; 4] = [Depth::Mono, Depth::Ansi, Depth::X256, Depth::Rgb];

#[test]
fn every_theme_loads_at_every_depth() {
    let names: Vec<&str> = builtin_names().collect();
    assert_eq!(
        names,
        [
            "ansi16",
            "dark",
            "light",
            "high-contrast",
            "cb-safe",
            "mono"
        ]
    );
    for n in names {
        for d in DEPTHS {
            let t = Theme::load(n, None, d).unwrap_or_else(|e| panic!("{n}: {e}"));
            for r in Role::ALL {
                let _ = t.style(*r);
            }
        }
    }
}

#[test]
fn without_colour_no_colour_is_set_and_the_selection_is_seen() {
    for n in builtin_names() {
        let t = Theme::load(n, None, Depth::Mono).unwrap();
        for r in Role::ALL {
            let s = t.style(*r);
            for c in [s.fg, s.bg].into_iter().flatten() {
                assert_eq!(c, Color::Reset, "{n} {}", r.name());
            }
        }
        assert!(
            t.style(Role::Sel).add_modifier.contains(Modifier::REVERSED),
            "{n}"
        );
        assert_ne!(t.style(Role::SensCritical), t.style(Role::SensNone), "{n}");
    }
}

#[test]
fn the_selection_differs_from_plain_text_in_every_theme() {
    for n in builtin_names() {
        for d in DEPTHS {
            let t = Theme::load(n, None, d).unwrap();
            let s = t.style(Role::Sel);
            let seen = s.add_modifier.contains(Modifier::REVERSED)
                || (s.bg.is_some() && s.bg != t.style(Role::Text).bg);
            assert!(seen, "{n} at {d:?}");
        }
    }
}

/// Relative luminance by WCAG 2.
fn luminance(c: Color) -> Option<f64> {
    let Color::Rgb(r, g, b) = c else { return None };
    let f = |x: u8| {
        let x = f64::from(x) / 255.0;
        if x <= 0.03928 {
            x / 12.92
        } else {
            ((x + 0.055) / 1.055).powf(2.4)
        }
    };
    Some(0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b))
}

#[test]
fn high_contrast_means_seven_to_one() {
    let t = Theme::load("high-contrast", None, Depth::Rgb).unwrap();
    for r in Role::ALL {
        let s = t.style(*r);
        if let (Some(a), Some(b)) = (s.fg.and_then(luminance), s.bg.and_then(luminance)) {
            let ratio = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(ratio >= 7.0, "{}: {ratio:.1}", r.name());
        }
    }
}

#[test]
fn mistakes_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        std::fs::write(dir.path().join(format!("{name}.toml")), text).unwrap()
    };
    let mono = "[mono]\ntext = []\n";
    put("a", &format!("name = \"a\"\ninherits = \"b\"\n{mono}"));
    put("b", &format!("name = \"b\"\ninherits = \"a\"\n{mono}"));
    put("nomono", "name = \"n\"\ninherits = \"base\"\n");
    put(
        "role",
        &format!(
            "name = \"r\"\ninherits = \"base\"\n[roles]\n\"sens.purple\" = {{ fg = \"red\" }}\n{mono}"
        ),
    );
    put(
        "color",
        &format!("name = \"c\"\ninherits = \"base\"\n[roles]\ntext = {{ fg = \"nope\" }}\n{mono}"),
    );
    put(
        "attr",
        "name = \"t\"\ninherits = \"base\"\n[mono]\ntext = [\"blink\"]\n",
    );
    put("alone", &format!("name = \"o\"\n{mono}"));
    put(
        "fine",
        &format!(
            "name = \"f\"\ninherits = \"dark\"\n[roles]\naccent = {{ fg = \"green\" }}\n{mono}"
        ),
    );
    let err = |n: &str| {
        Theme::load(n, Some(dir.path().to_path_buf()), Depth::Ansi)
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    };
    assert!(err("a").contains("circle"), "{}", err("a"));
    assert!(err("nomono").contains("[mono]"), "{}", err("nomono"));
    assert!(err("role").contains("sens.purple"), "{}", err("role"));
    assert!(err("color").contains("palette"), "{}", err("color"));
    let mono_err = Theme::load("attr", Some(dir.path().to_path_buf()), Depth::Mono)
        .err()
        .map(|e| e.to_string());
    assert!(mono_err.is_some_and(|e| e.contains("blink")));
    assert!(err("alone").contains("says nothing"), "{}", err("alone"));
    assert!(
        err("nowhere").contains("no theme nowhere"),
        "{}",
        err("nowhere")
    );
    assert_eq!(err("fine"), "");
}

#[test]
fn the_sixteen_colours_are_those_of_the_terminal_however_many_it_has() {
    for d in DEPTHS {
        let t = Theme::load("ansi16", None, d).unwrap();
        assert_eq!(
            t.depth, d,
            "what the terminal can do is kept for the next theme"
        );
        for r in Role::ALL {
            let s = t.style(*r);
            for c in [s.fg, s.bg].into_iter().flatten() {
                assert!(
                    !matches!(c, Color::Indexed(_) | Color::Rgb(..)),
                    "{} {c:?}",
                    r.name()
                );
            }
        }
    }
    let dark = Theme::load("dark", None, Depth::X256).unwrap();
    let many = Role::ALL
        .iter()
        .any(|r| matches!(dark.style(*r).fg, Some(Color::Indexed(_))));
    assert!(many, "other themes use what there is");
}
