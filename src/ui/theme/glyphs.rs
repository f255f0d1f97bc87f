//! Lines, bars and arrows in two sets. In: the locale. Out: a set. Bounds: every glyph is one column wide.

/// Symbols that the interface draws by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Corners and lines.
    pub tl: &'static str,
    pub tr: &'static str,
    pub bl: &'static str,
    pub br: &'static str,
    pub h: &'static str,
    /// A line of what was not captured.
    pub dash: &'static str,
    pub v: &'static str,
    /// Full and sensitive bar.
    pub bar: &'static str,
    pub bar_hot: &'static str,
    /// Cursor of a list.
    pub cursor: &'static str,
    /// Between crumbs.
    pub crumb: &'static str,
    /// For what is left out.
    pub dots: &'static str,
    /// Scroll position.
    pub thumb: &'static str,
    /// Points up at a place on an axis.
    pub caret: &'static str,
    /// Arrow heads.
    pub right: &'static str,
    pub left: &'static str,
    /// Sort direction.
    pub up: &'static str,
    pub down: &'static str,
    /// A mark, a note.
    pub mark: &'static str,
    pub note: &'static str,
}

/// For any terminal.
pub static ASCII: Glyphs = Glyphs {
    tl: "+",
    tr: "+",
    bl: "+",
    br: "+",
    h: "-",
    dash: ".",
    v: "|",
    bar: "#",
    bar_hot: "!",
    cursor: ">",
    crumb: ">",
    dots: "..",
    thumb: "#",
    caret: "^",
    right: ">",
    left: "<",
    up: "^",
    down: "v",
    mark: "*",
    note: "n",
};

/// For terminals with UTF-8.
pub static UNICODE: Glyphs = Glyphs {
    tl: "╭",
    tr: "╮",
    bl: "╰",
    br: "╯",
    h: "─",
    dash: "┄",
    v: "│",
    bar: "▆",
    bar_hot: "█",
    cursor: "▸",
    crumb: "›",
    dots: "…",
    thumb: "┃",
    caret: "┴",
    right: "▶",
    left: "◀",
    up: "↑",
    down: "↓",
    mark: "*",
    note: "n",
};

/// The set for a locale, or the one that is named.
pub fn glyphs_for(choice: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> &'static Glyphs {
    match choice {
        Some("ascii") => return &ASCII,
        Some("unicode") => return &UNICODE,
        _ => {}
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|k| env(k).filter(|v| !v.is_empty()))
        .unwrap_or_default()
        .to_ascii_lowercase();
    let linux_console = env("TERM").is_some_and(|t| t == "linux" || t == "dumb");
    if (locale.contains("utf-8") || locale.contains("utf8")) && !linux_console {
        &UNICODE
    } else {
        &ASCII
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn the_locale_decides_and_every_glyph_is_one_column() {
        let utf = |k: &str| (k == "LANG").then(|| "de_DE.UTF-8".to_string());
        assert_eq!(glyphs_for(None, &utf), &UNICODE);
        assert_eq!(glyphs_for(Some("ascii"), &utf), &ASCII);
        let c = |k: &str| (k == "LC_ALL").then(|| "C".to_string());
        assert_eq!(glyphs_for(None, &c), &ASCII);
        for g in [&ASCII, &UNICODE] {
            for s in [
                g.tl, g.tr, g.bl, g.br, g.h, g.v, g.bar, g.bar_hot, g.cursor, g.thumb, g.caret,
                g.right, g.left, g.up, g.down,
            ] {
                assert_eq!(s.width(), 1, "{s}");
            }
        }
    }
}
