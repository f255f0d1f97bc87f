//! Tables as programs and people write them: separators, quotes, guards against spreadsheets, titles above, totals below, headings in
//! three languages, none at all, other charsets. The truth is what this file wrote.
//! `cargo test --test it tables_odd -- --nocapture` prints the figures.

use crate::detect_noise::accepted;
use crate::support::{mint, people, random::Random};
use leaktrace::body::sniff;
use leaktrace::call::model::Facts;
use leaktrace::detect::{Rules, Scanner, place};
use std::collections::BTreeSet;
use std::sync::Arc;

type Make = fn(&mut Random) -> String;

fn email(r: &mut Random) -> String {
    format!(
        "{}.{}@{}.example",
        r.hex(5),
        r.digits(2),
        r.pick(&["mail", "corp", "post"])
    )
}
fn money(r: &mut Random) -> String {
    format!("{},{}", r.below(90_000), 10 + r.below(90))
}
fn stamp(r: &mut Random) -> String {
    format!(
        "2024-{:02}-{:02} {:02}:{:02}:{:02}",
        1 + r.below(12),
        1 + r.below(28),
        r.below(24),
        r.below(60),
        r.below(60)
    )
}
fn snow(r: &mut Random) -> String {
    (1_400_000_000_000_000_000 + r.below(500_000_000_000_000_000)).to_string()
}
fn word(r: &mut Random) -> String {
    (*r.pick(&["activo", "baja", "正常", "pending", "冻结", "nuevo"])).to_owned()
}
fn ean(r: &mut Random) -> String {
    format!("69{}", r.digits(11))
}
fn epoch(r: &mut Random) -> String {
    (1_700_000_000_000u64 + r.below(90_000_000_000)).to_string()
}
fn serial(r: &mut Random) -> String {
    format!("62{}", r.digits(17))
}
fn eleven(r: &mut Random) -> String {
    format!("1{}", r.digits(10))
}
fn science(r: &mut Random) -> String {
    format!("{}.{}E+17", 1 + r.below(9), r.digits(5))
}

/// Class, headings in English, Spanish and Chinese, and what stands below.
const COLUMNS: [(&str, [&str; 3], Make); 15] = [
    (
        "cn-id",
        ["National ID", "Documento de identidad", "身份证号码"],
        people::cn_id,
    ),
    (
        "cn-mobile",
        ["Mobile No.", "Teléfono móvil", "手机号"],
        people::mobile,
    ),
    (
        "bank-card",
        ["Card Number", "Número de tarjeta", "银行卡号"],
        people::card,
    ),
    ("name", ["Full name", "Nombre completo", "姓名"], mint::name),
    ("email", ["E-mail", "Correo electrónico", "电子邮箱"], email),
    (
        "cn-uscc",
        ["Credit Code", "Código fiscal", "统一社会信用代码"],
        mint::uscc,
    ),
    ("", ["Order No.", "Número de pedido", "订单号"], snow),
    ("", ["Amount", "Importe", "金额"], money),
    ("", ["Created at", "Fecha de alta", "创建时间"], stamp),
    ("", ["Status", "Estado", "状态"], word),
    ("", ["Barcode", "Código de barras", "条形码"], ean),
    ("", ["Updated (ms)", "Actualizado", "更新时间戳"], epoch),
    ("", ["Serial", "Serie", "流水号"], serial),
    ("", ["Ticket", "Incidencia", "工单编号"], eleven),
    ("", ["Ref", "Referencia", "参考号"], science),
];

struct Style {
    name: &'static str,
    delimiter: char,
    language: usize,
    rows: usize,
    cell: fn(&str) -> String,
}

fn plain(v: &str) -> String {
    v.to_owned()
}
fn all_quoted(v: &str) -> String {
    format!("\"{}\"", v.replace('"', "\"\""))
}
fn digits(v: &str) -> bool {
    v.len() > 8 && v.bytes().all(|b| b.is_ascii_digit() || b == b'X')
}
fn formula(v: &str) -> String {
    match digits(v) {
        true => format!("=\"{v}\""),
        false => v.to_owned(),
    }
}
fn formula_quoted(v: &str) -> String {
    all_quoted(&formula(v))
}
fn apostrophe(v: &str) -> String {
    match digits(v) {
        true => format!("'{v}"),
        false => v.to_owned(),
    }
}
fn backtick(v: &str) -> String {
    match digits(v) {
        true => format!("`{v}"),
        false => v.to_owned(),
    }
}
fn single(v: &str) -> String {
    format!("'{v}'")
}
fn tabbed(v: &str) -> String {
    match digits(v) {
        true => format!("\"{v}\t\""),
        false => v.to_owned(),
    }
}
/// As a table of floats is written; what has no more than 15 digits survives that.
fn float(v: &str) -> String {
    match v.len() == 11 && digits(v) {
        true => format!("{v}.0"),
        false => v.to_owned(),
    }
}
fn padded(v: &str) -> String {
    format!(" {v}  ")
}

const STYLES: [Style; 12] = [
    Style {
        name: "semicolons, Spanish",
        delimiter: ';',
        language: 1,
        rows: 60,
        cell: plain,
    },
    Style {
        name: "pipes, Chinese",
        delimiter: '|',
        language: 2,
        rows: 60,
        cell: plain,
    },
    Style {
        name: "all quoted",
        delimiter: ',',
        language: 0,
        rows: 60,
        cell: all_quoted,
    },
    Style {
        name: "formulas",
        delimiter: ';',
        language: 2,
        rows: 60,
        cell: formula,
    },
    Style {
        name: "formulas quoted",
        delimiter: ',',
        language: 0,
        rows: 60,
        cell: formula_quoted,
    },
    Style {
        name: "apostrophes",
        delimiter: ';',
        language: 1,
        rows: 60,
        cell: apostrophe,
    },
    Style {
        name: "backticks",
        delimiter: ';',
        language: 2,
        rows: 60,
        cell: backtick,
    },
    Style {
        name: "single quotes",
        delimiter: ';',
        language: 0,
        rows: 60,
        cell: single,
    },
    Style {
        name: "tabs behind",
        delimiter: ';',
        language: 2,
        rows: 60,
        cell: tabbed,
    },
    Style {
        name: "floats",
        delimiter: '\t',
        language: 0,
        rows: 60,
        cell: float,
    },
    Style {
        name: "blanks around",
        delimiter: '|',
        language: 1,
        rows: 60,
        cell: padded,
    },
    Style {
        name: "thousands",
        delimiter: '\t',
        language: 0,
        rows: 3000,
        cell: plain,
    },
];

/// What stands around the table.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    Nothing,
    Title,
    NoHeadings,
    Bom,
    Gbk,
}

/// What was found, and what is there: body, place, class.
fn measure(style: &Style, around: Around, seed: u64) -> [BTreeSet<(usize, String, String)>; 2] {
    let rules = Arc::new(Rules::builtin());
    let mut scanner = Scanner::new(Arc::clone(&rules), crate::detect::KEY);
    let mut r = Random::new(seed);
    let mut truth = BTreeSet::new();
    let mut order: Vec<usize> = (0..COLUMNS.len()).collect();
    let facts: Vec<Facts> = (0..3)
        .map(|body| {
            // without headings a column is known by its place alone
            if around != Around::NoHeadings || body == 0 {
                r.shuffle(&mut order);
            }
            let (d, mut text, mut row) = (style.delimiter, String::new(), 0);
            if around == Around::Title {
                text += &format!(
                    "Export 2024{0}{0}\r\nCreated: 2024-05-06 07:08:09\r\n\r\n",
                    d
                );
                row += 3;
            }
            let line = |cells: Vec<String>| cells.join(&d.to_string()) + "\r\n";
            if around != Around::NoHeadings {
                let heads = order.iter().map(|i| COLUMNS[*i].1[style.language]);
                text += &line(heads.map(|h| (style.cell)(h)).collect());
                row += 1;
            }
            for _ in 0..style.rows {
                row += 1;
                let mut cells = Vec::new();
                for (at, i) in order.iter().enumerate() {
                    let (class, _, make) = COLUMNS[*i];
                    cells.push((style.cell)(&make(&mut r)));
                    // without a heading nothing tells a name from another word
                    let told = class != "name" || around != Around::NoHeadings;
                    if !class.is_empty() && told {
                        truth.insert((body, format!("csv:{}:{row}", at + 1), class.to_owned()));
                    }
                }
                text += &line(cells);
            }
            if around == Around::Title {
                text += &line(vec!["Total".into(), style.rows.to_string()]);
            }
            let bytes = match around {
                Around::Bom => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
                Around::Gbk => encoding_rs::GBK.encode(&text).0.into_owned(),
                _ => text.into_bytes(),
            };
            let media = match body {
                0 => "text/csv",
                1 => "application/octet-stream",
                _ => "text/csv; charset=gbk",
            };
            let media = if around == Around::Gbk {
                "text/csv; charset=gbk"
            } else {
                media
            };
            let kind = sniff::kind(&bytes, Some(media));
            scanner.scan_body(&bytes, kind, Some(media))
        })
        .collect();
    let got = accepted(&rules, &facts)
        .into_iter()
        .map(|(i, f)| {
            let class = rules.classes()[usize::from(f.class)].name.clone();
            (i, place(&f.field, &f.index), class)
        })
        .collect();
    [got, truth]
}

#[test]
fn tables_of_many_makers() {
    let mut poor = Vec::new();
    for around in [
        Around::Nothing,
        Around::Title,
        Around::NoHeadings,
        Around::Bom,
        Around::Gbk,
    ] {
        for style in &STYLES {
            let (mut right, mut wrong, mut missed) = (0, 0, 0);
            let mut faults = std::collections::BTreeMap::new();
            for seed in [5, 6, 7] {
                let [got, truth] = measure(style, around, seed);
                right += got.intersection(&truth).count();
                wrong += got.difference(&truth).count();
                missed += truth.difference(&got).count();
                for f in got.difference(&truth) {
                    *faults.entry(format!("wrong {}", f.2)).or_insert(0) += 1;
                }
                for f in truth.difference(&got) {
                    *faults
                        .entry(format!("missed {} in {}", f.2, f.0))
                        .or_insert(0) += 1;
                }
            }
            let (p, c) = (
                f64::from(right as u32) / f64::from((right + wrong).max(1) as u32),
                f64::from(right as u32) / f64::from((right + missed).max(1) as u32),
            );
            let name = match around {
                Around::Nothing => "",
                Around::Title => "title",
                Around::NoHeadings => "no headings",
                Around::Bom => "bom",
                Around::Gbk => "gbk",
            };
            println!(
                "{:<22} {name:<12} precision {p:.4} recall {c:.4} {faults:?}",
                style.name
            );
            if p < 0.99 || c < 0.98 {
                poor.push(format!("{} {name}: {p:.4} {c:.4} {faults:?}", style.name));
            }
        }
    }
    assert!(poor.is_empty(), "{}", poor.join("\n"));
}
