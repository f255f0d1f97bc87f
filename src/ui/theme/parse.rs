//! Theme files. In: TOML text. Out: parsed themes, their chain of inheritance, styles. Bounds: 16 ancestors, 1 MiB a file.

use super::{Depth, Role, Theme};
use crate::error::{Error, Result};
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Themes that every build has.
pub const BUILTIN: &[(&str, &str)] = &[
    ("base", include_str!("../../../themes/base.toml")),
    ("ansi16", include_str!("../../../themes/ansi16.toml")),
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../../themes/high-contrast.toml"),
    ),
    ("cb-safe", include_str!("../../../themes/cb-safe.toml")),
    ("mono", include_str!("../../../themes/mono.toml")),
];

/// Names to choose from.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(n, _)| *n).filter(|n| *n != "base")
}

/// A theme file as it stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parsed {
    /// Name.
    pub name: String,
    /// Theme whose roles and colours hold where this one says nothing.
    #[serde(default)]
    pub inherits: Option<String>,
    /// `dark light any`.
    #[serde(default)]
    pub appearance: Option<String>,
    /// How many colours it uses at most: `16` for those of the user's own palette, `256`.
    #[serde(default)]
    pub colours: Option<u16>,
    /// Colours with a value for each depth.
    #[serde(default)]
    pub palette: BTreeMap<String, Swatch>,
    /// Looks by role.
    #[serde(default)]
    pub roles: BTreeMap<String, Look>,
    /// Attributes by role for terminals without colour.
    #[serde(default)]
    pub mono: BTreeMap<String, Vec<String>>,
}

/// One colour at three depths.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Swatch {
    /// `#rrggbb`.
    pub rgb: String,
    /// Index into xterm's 256.
    pub x256: u8,
    /// Name of one of the sixteen.
    pub ansi: String,
}

/// A look.
#[derive(Debug, Clone, Deserialize, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// Foreground: a palette name or `default`.
    pub fg: Option<String>,
    /// Background.
    pub bg: Option<String>,
    /// Attributes.
    #[serde(default)]
    pub add: Vec<String>,
    /// Word that carries the meaning without colour.
    pub mark: Option<String>,
}

fn bad(msg: String) -> Error {
    Error::Usage { msg, at: None }
}

/// Reads one file.
///
/// # Errors
/// The text is not TOML of this form.
pub fn parse(name: &str, text: &str) -> Result<Parsed> {
    toml::from_str(text).map_err(|e| bad(format!("theme {name}: {}", e.message())))
}

fn find(name: &str, folder: Option<&Path>) -> Result<Parsed> {
    if let Some((_, text)) = BUILTIN.iter().find(|(n, _)| *n == name) {
        return parse(name, text);
    }
    let direct = Path::new(name);
    let path = if name.ends_with(".toml") {
        direct.to_path_buf()
    } else {
        match folder
            .map(|f| f.join(format!("{name}.toml")))
            .filter(|p| p.exists())
        {
            Some(p) => p,
            None => {
                let known: Vec<&str> = builtin_names().collect();
                return Err(bad(format!(
                    "no theme {name}; there are {}, or give the path of a .toml file",
                    known.join(", ")
                )));
            }
        }
    };
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path, "cannot read theme"))?;
    if text.len() > 1 << 20 {
        return Err(bad(format!("theme {name}: larger than 1 MiB")));
    }
    parse(name, &text)
}

/// The theme and its ancestors, itself first.
pub fn chain(name: &str, folder: Option<&Path>) -> Result<Vec<Parsed>> {
    let mut out = Vec::new();
    let mut seen = vec![name.to_string()];
    let mut next = Some(name.to_string());
    while let Some(n) = next {
        let p = find(&n, folder)?;
        next = p.inherits.clone();
        if let Some(up) = &next {
            if seen.contains(up) || seen.len() > 16 {
                return Err(bad(format!(
                    "theme {name}: inherits in a circle: {} -> {up}",
                    seen.join(" -> ")
                )));
            }
            seen.push(up.clone());
        }
        out.push(p);
    }
    Ok(out)
}

/// `a.b.c`, then `a.b`, then `a`.
fn prefixes(role: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(role);
    std::iter::from_fn(move || {
        let now = next?;
        next = now.rfind('.').and_then(|i| now.get(..i));
        Some(now)
    })
}

/// Styles of all roles at a depth. A role is looked for in the whole chain before its shorter name is.
pub fn build(chain: &[Parsed], depth: Depth) -> Result<Theme> {
    let name = chain.first().map(|p| p.name.clone()).unwrap_or_default();
    lint(&name, chain)?;
    let terminal = depth;
    let depth = match chain.first().and_then(|p| p.colours) {
        Some(16) => depth.min(Depth::Ansi),
        Some(256) => depth.min(Depth::X256),
        _ => depth,
    };
    let mut styles = Vec::with_capacity(Role::ALL.len());
    // The ground is one: a role without its own background stands on that of ordinary text.
    let ground = match chain
        .iter()
        .find_map(|p| p.roles.get("text"))
        .and_then(|l| l.bg.as_deref())
    {
        Some(bg) if depth != Depth::Mono => color(&name, chain, bg, depth)?,
        _ => Color::Reset,
    };
    for role in Role::ALL {
        let mut style = Style::new().fg(Color::Reset).bg(ground);
        if matches!(
            role,
            Role::Sel | Role::SelDim | Role::SelCell | Role::Match | Role::UnsafeByte | Role::Mark
        ) {
            // Laid over text that has its colours already.
            style = Style::new();
        }
        if depth == Depth::Mono {
            let attrs =
                prefixes(role.name()).find_map(|n| chain.iter().find_map(|p| p.mono.get(n)));
            for a in attrs.into_iter().flatten() {
                style = style.add_modifier(attribute(&name, a)?);
            }
        } else {
            let look = prefixes(role.name())
                .chain(["text"])
                .find_map(|n| chain.iter().find_map(|p| p.roles.get(n)));
            if let Some(look) = look {
                if let Some(fg) = &look.fg {
                    style = style.fg(color(&name, chain, fg, depth)?);
                }
                if let Some(bg) = &look.bg {
                    style = style.bg(color(&name, chain, bg, depth)?);
                }
                for a in &look.add {
                    style = style.add_modifier(attribute(&name, a)?);
                }
            }
        }
        styles.push(style);
    }
    Ok(Theme {
        name,
        // another theme may use more
        depth: terminal,
        styles,
    })
}

/// What must hold for a theme to be usable without colour, and against slips of the pen.
fn lint(name: &str, chain: &[Parsed]) -> Result<()> {
    let own = chain.first();
    if let Some(p) = own {
        if p.mono.is_empty() {
            return Err(bad(format!(
                "theme {name}: no [mono] part; every theme must work without colour"
            )));
        }
        let known = |n: &str| Role::ALL.iter().any(|r| prefixes(r.name()).any(|q| q == n));
        for n in p.roles.keys().chain(p.mono.keys()) {
            if !known(n) {
                return Err(bad(format!("theme {name}: unknown role {n}")));
            }
        }
        if let Some(a) = p
            .appearance
            .as_deref()
            .filter(|a| !matches!(*a, "dark" | "light" | "any"))
        {
            return Err(bad(format!(
                "theme {name}: appearance {a} is none of dark, light, any"
            )));
        }
        if p.colours.is_some_and(|n| !matches!(n, 16 | 256)) {
            return Err(bad(format!("theme {name}: colours is neither 16 nor 256")));
        }
    }
    for role in Role::ALL {
        if !prefixes(role.name()).any(|n| chain.iter().any(|p| p.mono.contains_key(n))) {
            return Err(bad(format!(
                "theme {name}: [mono] says nothing of {}",
                role.name()
            )));
        }
        if !prefixes(role.name()).any(|n| chain.iter().any(|p| p.roles.contains_key(n))) {
            return Err(bad(format!(
                "theme {name}: [roles] says nothing of {}",
                role.name()
            )));
        }
    }
    for role in [
        Role::SensNone,
        Role::SensLow,
        Role::SensMedium,
        Role::SensHigh,
        Role::SensCritical,
    ] {
        if !chain
            .iter()
            .any(|p| p.roles.get(role.name()).is_some_and(|l| l.mark.is_some()))
        {
            return Err(bad(format!(
                "theme {name}: {} has no mark; meaning must not hang on colour alone",
                role.name()
            )));
        }
    }
    Ok(())
}

fn attribute(theme: &str, a: &str) -> Result<Modifier> {
    Ok(match a {
        "bold" => Modifier::BOLD,
        "dim" => Modifier::DIM,
        "italic" => Modifier::ITALIC,
        "underlined" | "underline" => Modifier::UNDERLINED,
        "reversed" => Modifier::REVERSED,
        _ => {
            return Err(bad(format!(
                "theme {theme}: attribute {a} is none of bold, dim, italic, underlined, reversed"
            )));
        }
    })
}

fn color(theme: &str, chain: &[Parsed], name: &str, depth: Depth) -> Result<Color> {
    if name == "default" {
        return Ok(Color::Reset);
    }
    let Some(s) = chain.iter().find_map(|p| p.palette.get(name)) else {
        return Err(bad(format!(
            "theme {theme}: colour {name} is not in the palette"
        )));
    };
    match depth {
        Depth::Mono => Ok(Color::Reset),
        Depth::Rgb => s
            .rgb
            .strip_prefix('#')
            .filter(|h| h.len() == 6)
            .and_then(|h| u32::from_str_radix(h, 16).ok())
            .map(Color::from_u32)
            .ok_or_else(|| bad(format!("theme {theme}: {name}: {} is no #rrggbb", s.rgb))),
        Depth::X256 => Ok(Color::Indexed(s.x256)),
        Depth::Ansi => ansi(&s.ansi).ok_or_else(|| {
            bad(format!(
                "theme {theme}: {name}: {} is none of the sixteen colours",
                s.ansi
            ))
        }),
    }
}

fn ansi(name: &str) -> Option<Color> {
    Some(match name {
        "default" => Color::Reset,
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        "white" => Color::Gray,
        "bright-black" => Color::DarkGray,
        "bright-red" => Color::LightRed,
        "bright-green" => Color::LightGreen,
        "bright-yellow" => Color::LightYellow,
        "bright-blue" => Color::LightBlue,
        "bright-magenta" => Color::LightMagenta,
        "bright-cyan" => Color::LightCyan,
        "bright-white" => Color::White,
        _ => return None,
    })
}
