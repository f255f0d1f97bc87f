//! How many colours the terminal has. In: option and environment. Out: a depth. Bounds: nothing is asked of the terminal.

/// Colours at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Attributes only.
    Mono,
    /// The sixteen of the user's palette.
    Ansi,
    /// The 256 of xterm.
    X256,
    /// 24 bits.
    Rgb,
}

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// By environment.
    #[default]
    Auto,
    /// None.
    Never,
    /// This depth.
    Exactly(Depth),
}

impl ColorChoice {
    /// `auto never always mono 16 256 truecolor`.
    pub fn parse(s: &str) -> Option<ColorChoice> {
        Some(match s {
            "auto" => ColorChoice::Auto,
            "never" | "mono" | "none" => ColorChoice::Never,
            "16" | "ansi" | "always" => ColorChoice::Exactly(Depth::Ansi),
            "256" => ColorChoice::Exactly(Depth::X256),
            "truecolor" | "rgb" | "24bit" => ColorChoice::Exactly(Depth::Rgb),
            _ => return None,
        })
    }
}

/// Depth by option, then `NO_COLOR`, then `COLORTERM`, then `TERM`.
pub fn depth(choice: ColorChoice, env: &dyn Fn(&str) -> Option<String>) -> Depth {
    match choice {
        ColorChoice::Never => return Depth::Mono,
        ColorChoice::Exactly(d) => return d,
        ColorChoice::Auto => {}
    }
    if env("NO_COLOR").is_some_and(|v| !v.is_empty()) {
        return Depth::Mono;
    }
    if env("COLORTERM").is_some_and(|v| v == "truecolor" || v == "24bit") {
        return Depth::Rgb;
    }
    let term = env("TERM").unwrap_or_default();
    let bare = ["vt1", "vt2", "vt3", "vt4", "vt5"]
        .iter()
        .any(|v| term.starts_with(v));
    let mono = term.ends_with("-mono") || term.ends_with("-m");
    if term.is_empty() || term == "dumb" || bare || mono {
        Depth::Mono
    } else if term.contains("256color") || term.contains("kitty") || term.contains("direct") {
        Depth::X256
    } else {
        Depth::Ansi
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_wins_then_no_color_then_colorterm() {
        let env = |vars: &'static [(&'static str, &'static str)]| {
            move |k: &str| {
                vars.iter()
                    .find(|(n, _)| *n == k)
                    .map(|(_, v)| (*v).to_string())
            }
        };
        let all = env(&[
            ("NO_COLOR", "1"),
            ("COLORTERM", "truecolor"),
            ("TERM", "xterm-256color"),
        ]);
        assert_eq!(depth(ColorChoice::Exactly(Depth::X256), &all), Depth::X256);
        assert_eq!(depth(ColorChoice::Auto, &all), Depth::Mono);
        assert_eq!(
            depth(ColorChoice::Auto, &env(&[("COLORTERM", "24bit")])),
            Depth::Rgb
        );
        assert_eq!(
            depth(
                ColorChoice::Auto,
                &env(&[("NO_COLOR", ""), ("TERM", "tmux-256color")])
            ),
            Depth::X256
        );
        assert_eq!(
            depth(ColorChoice::Auto, &env(&[("TERM", "linux")])),
            Depth::Ansi
        );
        assert_eq!(
            depth(ColorChoice::Auto, &env(&[("TERM", "dumb")])),
            Depth::Mono
        );
        for (term, want) in [
            ("xterm-mono", Depth::Mono),
            ("linux-m", Depth::Mono),
            ("vt320", Depth::Mono),
            ("xterm", Depth::Ansi),
            ("vte-256color", Depth::X256),
        ] {
            let env = |k: &str| (k == "TERM").then(|| term.to_string());
            assert_eq!(depth(ColorChoice::Auto, &env), want, "{term}");
        }
    }
}
