//! How often the scanner and the column decision are wrong: labelled bodies with ten times as many decoys, made by code that shares nothing with
//! the validators, and millions of random numbers.

use crate::detect::scanner;
use leaktrace::call::model::{Facts, RawFinding};
use leaktrace::detect::{DIGEST, Rules, column, place};
use std::collections::{BTreeMap, BTreeSet};

/// xorshift64*: seeded, the same everywhere.
struct Rng(u64);
impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len() as u64) as usize]
    }
    fn digits(&mut self, n: usize) -> String {
        (0..n)
            .map(|_| char::from(b'0' + self.below(10) as u8))
            .collect()
    }
    fn of(&mut self, set: &str, n: usize) -> String {
        let set: Vec<char> = set.chars().collect();
        (0..n)
            .map(|_| set[self.below(set.len() as u64) as usize])
            .collect()
    }
    fn date(&mut self) -> (u64, u64, u64) {
        (
            1950 + self.below(55),
            1 + self.below(12),
            1 + self.below(28),
        )
    }
}

const AREAS: [&str; 12] = [
    "110101", "310115", "440305", "330106", "510104", "420106", "320102", "370202", "610113",
    "350203", "500103", "120101",
];

/// Resident ID by the formula of the standard in its other form: sum of digit x 2^(18-i) mod 11.
fn cn_id(r: &mut Rng) -> String {
    let (y, m, d) = r.date();
    let head = format!("{}{y:04}{m:02}{d:02}{}", r.pick(&AREAS), r.digits(3));
    let sum: u64 = head
        .bytes()
        .enumerate()
        .map(|(i, b)| u64::from(b - b'0') * (1u64 << (17 - i)))
        .sum();
    let check = (12 - sum % 11) % 11;
    format!(
        "{head}{}",
        if check == 10 {
            "X".into()
        } else {
            check.to_string()
        }
    )
}

/// Completes a number with Luhn's digit, by trying all ten with a table.
fn luhn(head: String) -> String {
    const DOUBLE: [u32; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    for check in 0..10u32 {
        let all = format!("{head}{check}");
        let sum: u32 = all
            .chars()
            .rev()
            .enumerate()
            .map(|(i, c)| {
                let n = c.to_digit(10).unwrap();
                if i % 2 == 1 { DOUBLE[n as usize] } else { n }
            })
            .sum();
        if sum.is_multiple_of(10) {
            return all;
        }
    }
    unreachable!()
}
fn card(r: &mut Rng) -> String {
    match r.below(5) {
        0 => luhn(format!("4{}", r.digits(14))),
        1 => luhn(format!("5{}{}", 1 + r.below(5), r.digits(13))),
        2 => luhn(format!("62{}", r.digits(16))),
        _ => luhn(format!("62{}", r.digits(13))),
    }
}
fn uscc(r: &mut Rng) -> String {
    let set = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let head = format!("91{}{}", r.pick(&AREAS), r.of(set, 9));
    let mut sum = 0;
    for (i, c) in head.chars().enumerate() {
        sum += set.find(c).unwrap() as u64 * 3u64.pow(i as u32) % 31;
    }
    format!(
        "{head}{}",
        set.chars().nth(((31 - sum % 31) % 31) as usize).unwrap()
    )
}
fn iban(r: &mut Rng) -> String {
    let bban = r.digits(18);
    // DE = 13 14
    let rest = format!("{bban}131400")
        .bytes()
        .fold(0u64, |n, b| (n * 10 + u64::from(b - b'0')) % 97);
    format!("DE{:02}{bban}", 98 - rest)
}
fn name(r: &mut Rng) -> String {
    let n = 1 + r.below(2) as usize;
    format!(
        "{}{}",
        r.pick(&[
            "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱",
            "高", "林", "何", "郭", "马", "罗"
        ]),
        r.of("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红", n)
    )
}
fn address(r: &mut Rng) -> String {
    format!(
        "{}{}路{}号{}室",
        r.pick(&[
            "北京市朝阳区",
            "上海市浦东新区",
            "广东省深圳市南山区",
            "浙江省杭州市西湖区"
        ]),
        r.pick(&["建国", "人民", "中山", "文三"]),
        1 + r.below(300),
        101 + r.below(900)
    )
}
fn birth(r: &mut Rng) -> String {
    let (y, m, d) = r.date();
    format!("{y:04}-{m:02}-{d:02}")
}

type Made = (&'static str, String);
type Maker = fn(&mut Rng) -> String;
/// Body, place, class.
type Truth = BTreeSet<(usize, String, String)>;

/// Class, keys it stands under, value.
const TRUE_FIELDS: [(&str, &[&str], Maker); 17] = [
    (
        "cn-id",
        &["idCard", "certNo", "sfzh", "证件号", "v1"],
        cn_id,
    ),
    (
        "bank-card",
        &["cardNo", "bankCard", "yhkh", "payAccount"],
        card,
    ),
    (
        "cn-mobile",
        &[
            "mobile",
            "phone",
            "sjh",
            "联系电话",
            "contactPhone",
            "loginId",
        ],
        |r| format!("1{}{}", r.of("3456789", 1), r.digits(9)),
    ),
    ("cn-uscc", &["creditCode", "uscc", "code1"], uscc),
    ("iban", &["iban", "account"], iban),
    ("email", &["email", "mail", "contact"], |r| {
        format!(
            "{}{}@{}",
            r.of("abcdefghij", 6),
            r.below(99),
            r.pick(&["example.com", "163.com", "mail.example.org"])
        )
    }),
    (
        "name",
        &["realName", "custName", "xm", "姓名", "contactName"],
        name,
    ),
    ("address", &["address", "homeAddr", "dz", "住址"], address),
    ("birth-date", &["birthday", "dob", "csrq"], birth),
    ("us-ssn", &["ssn", "socialSecurityNumber"], |r| {
        format!(
            "{:03}-{:02}-{:04}",
            1 + r.below(600),
            1 + r.below(99),
            1 + r.below(9999)
        )
    }),
    ("cn-passport", &["passportNo", "huzhao"], |r| {
        format!("{}{}", r.pick(&["E", "G"]), r.digits(8))
    }),
    ("cn-plate", &["plateNo", "cph", "carNo", "vehicle"], |r| {
        format!(
            "{}{}{}{}",
            r.pick(&["京", "沪", "粤", "浙"]),
            r.of("ABCDEFGH", 1),
            r.of("ABCDEFGHJ", 1),
            r.digits(4)
        )
    }),
    ("password", &["password", "pwd", "mima"], |r| {
        r.of("abcdefghijkmnpqrstuvwxyz23456789!@", 10)
    }),
    (
        "session-token",
        &["accessToken", "sessionId", "token"],
        |r| r.of("abcdef0123456789", 32),
    ),
    ("api-key", &["apiKey", "appSecret"], |r| {
        r.of("ABCDEFGHabcdefgh0123456789", 32)
    }),
    ("gps", &["latitude", "lng"], |r| {
        format!("{}.{}", 20 + r.below(90), r.of("123456789", 6))
    }),
    ("phone", &["tel", "fax", "landline"], |r| {
        format!(
            "0{}-{}",
            r.pick(&["21", "10", "571", "755"]),
            r.of("23456789", 8)
        )
    }),
];

/// Keys and values of things that only look alike; `None` for the key: anything neutral.
const DECOYS: [(&str, Maker); 34] = [
    ("orderId", |r| {
        format!("{}{}", 2023 + r.below(2), {
            let (_, m, d) = r.date();
            format!(
                "{m:02}{d:02}{:02}{:02}{:02}{}",
                r.below(24),
                r.below(60),
                r.below(60),
                r.digits(4)
            )
        })
    }),
    ("orderNo", |r| r.digits(18)),
    ("bizNo", |r| {
        format!(
            "2024{:02}{:02}{:02}{:02}{:02}{}",
            1 + r.below(12),
            1 + r.below(28),
            r.below(24),
            r.below(60),
            r.below(60),
            r.digits(4)
        )
    }),
    ("id", |r| {
        (1_700_000_000_000_000_000 + r.below(90_000_000_000_000_000)).to_string()
    }),
    ("userId", |r| {
        (100_000_000_000_000_000 + r.below(900_000_000_000_000_000)).to_string()
    }),
    ("traceId", |r| r.of("0123456789abcdef", 32)),
    ("timestamp", |r| {
        (1_700_000_000_000 + r.below(99_999_999_999)).to_string()
    }),
    ("createdAt", |r| {
        (1_700_000_000 + r.below(99_999_999)).to_string()
    }),
    ("serialNo", |r| r.digits(16)),
    ("code", |r| r.digits(19)),
    ("ref", |r| format!("62{}", r.digits(14))),
    ("extNo", |r| format!("4{}", r.digits(15))),
    ("bizCode", |r| format!("1{}", r.digits(10))),
    ("trackingNumber", |r| {
        format!("1{}{}", r.of("3456789", 1), r.digits(9))
    }),
    ("uuid", |r| {
        format!(
            "{}-{}-4{}-a{}-{}",
            r.of("0123456789abcdef", 8),
            r.of("0123456789abcdef", 4),
            r.of("0123456789abcdef", 3),
            r.of("0123456789abcdef", 3),
            r.of("0123456789abcdef", 12)
        )
    }),
    ("md5", |r| r.of("0123456789abcdef", 32)),
    ("sku", |r| format!("SKU{}", r.digits(8))),
    ("productName", |r| {
        format!(
            "{}{}",
            r.pick(&["苹果手机", "高清电视", "白色衬衫", "金龙鱼油", "马克水杯"]),
            r.pick(&["", "A", "二代"])
        )
    }),
    ("name", |r| {
        r.pick(&[
            "Premium Plan",
            "高级会员",
            "华为手机",
            "黄金套餐",
            "默认分组",
            "VIP客户专享",
            "Widget",
            "满减活动",
        ])
        .to_string()
    }),
    ("title", |r| {
        r.pick(&[
            "关于调整通知",
            "系统升级公告",
            "Weekly report",
            "订单已发货",
        ])
        .to_string()
    }),
    ("createTime", |r| {
        format!(
            "2024-{:02}-{:02} 10:{:02}:00",
            1 + r.below(12),
            1 + r.below(28),
            r.below(60)
        )
    }),
    ("updateDate", |r| {
        format!("2024-{:02}-{:02}", 1 + r.below(12), 1 + r.below(28))
    }),
    ("ip", |r| {
        format!("10.{}.{}.{}", r.below(256), r.below(256), r.below(256))
    }),
    ("version", |r| {
        format!("{}.{}.{}", r.below(9), r.below(20), r.below(99))
    }),
    ("ean", |r| r.digits(13)),
    ("imei", |r| luhn(format!("86{}", r.digits(12)))),
    ("url", |r| format!("/img/{}@2x.png", r.of("abcdef", 6))),
    ("amount", |r| {
        format!("{}.{:02}", r.below(99999), r.below(100))
    }),
    ("partNo", |r| {
        format!("{}-{}-{}", r.digits(4), r.digits(3), r.digits(3))
    }),
    ("checksum", |r| r.of("0123456789abcdef", 40)),
    ("pageToken", |r| r.of("abcdefghijklmnop0123456789", 24)),
    ("memberCardNo", |r| r.digits(12)),
    ("batch", |r| {
        format!("{}{}{}", r.pick(&AREAS), "20240101", r.digits(4))
    }),
    ("seqNo", |r| {
        let (y, m, d) = r.date();
        format!("{}{y:04}{m:02}{d:02}{}", r.pick(&AREAS), r.digits(4))
    }),
];

/// Accepts by column as the facts engine does: all bodies of one API together. Gives each body's findings that hold.
pub fn accepted<'a>(rules: &Rules, bodies: &'a [Facts]) -> Vec<(usize, &'a RawFinding)> {
    let mut columns: BTreeMap<(&str, u8), column::Held> = BTreeMap::new();
    for facts in bodies {
        for f in facts.findings.iter().filter(|f| f.class != DIGEST) {
            let held = columns.entry((&f.field, f.class)).or_default();
            held.add(f.masked, f.conf, f.print);
        }
        for m in &facts.misses {
            columns.entry((&m.field, m.class)).or_default().misses += u64::from(m.count);
        }
    }
    let decided: BTreeMap<(&str, u8), bool> = columns
        .into_iter()
        .map(|((field, class), held)| {
            let def = &rules.classes()[usize::from(class)];
            let d = column::decide(def, &held, rules.context(field, class));
            ((field, class), d.accept)
        })
        .collect();
    bodies
        .iter()
        .enumerate()
        .flat_map(|(i, facts)| facts.findings.iter().map(move |f| (i, f)))
        .filter(|(_, f)| decided.get(&(&*f.field, f.class)) == Some(&true))
        .collect()
}

/// `(body, place, class)` of what holds.
fn accept(rules: &Rules, bodies: &[Facts]) -> BTreeSet<(usize, String, String)> {
    accepted(rules, bodies)
        .into_iter()
        .map(|(i, f)| {
            (
                i,
                place(&f.field, &f.index),
                rules.classes()[usize::from(f.class)].name.clone(),
            )
        })
        .collect()
}

fn quote(s: &str) -> String {
    format!("{s:?}")
}

/// One API: a fixed set of keys, bodies with several items each. Values of one truth key in ten fields.
fn api(
    r: &mut Rng,
    bodies: usize,
    items: usize,
    style: usize,
) -> (Vec<(String, &'static str)>, Truth) {
    let mut truths = Vec::new();
    for _ in 0..2 {
        let (class, keys, make) = TRUE_FIELDS[r.below(TRUE_FIELDS.len() as u64) as usize];
        let key = r.pick(keys);
        if !truths
            .iter()
            .any(|(k, _, _): &(&str, &str, Maker)| *k == key)
        {
            truths.push((key, class, make));
        }
    }
    let mut decoys = Vec::new();
    for _ in 0..12 {
        let (key, make) = DECOYS[r.below(DECOYS.len() as u64) as usize];
        if !decoys.iter().any(|(k, _): &(&str, Maker)| *k == key)
            && !truths.iter().any(|t| t.0 == key)
        {
            decoys.push((key, make));
        }
    }
    let mut texts = Vec::new();
    let mut truth = BTreeSet::new();
    for b in 0..bodies {
        let mut rows: Vec<Vec<Made>> = Vec::new();
        for _ in 0..items {
            let mut row: Vec<Made> = truths.iter().map(|(k, _, m)| (*k, m(r))).collect();
            row.extend(decoys.iter().map(|(k, m)| (*k, m(r))));
            rows.push(row);
        }
        let (text, mt) = match style {
            0 => {
                let items: Vec<String> = rows
                    .iter()
                    .map(|row| {
                        format!(
                            "{{{}}}",
                            row.iter()
                                .map(|(k, v)| format!(
                                    "{}:{}",
                                    quote(k),
                                    if *k == "timestamp" {
                                        v.clone()
                                    } else {
                                        quote(v)
                                    }
                                ))
                                .collect::<Vec<_>>()
                                .join(",")
                        )
                    })
                    .collect();
                (
                    format!("{{\"code\":0,\"list\":[{}]}}", items.join(",")),
                    "application/json",
                )
            }
            1 => {
                let mut s = rows[0]
                    .iter()
                    .map(|(k, _)| *k)
                    .collect::<Vec<_>>()
                    .join(",")
                    + "\n";
                for row in &rows {
                    s += &(row
                        .iter()
                        .map(|(_, v)| v.clone())
                        .collect::<Vec<_>>()
                        .join(",")
                        + "\n");
                }
                (s, "text/csv")
            }
            2 => (
                rows[0]
                    .iter()
                    .map(|(k, v)| {
                        format!(
                            "{k}={}",
                            v.bytes()
                                .map(|b| if b.is_ascii_alphanumeric() || b == b'-' || b == b'.' {
                                    char::from(b).to_string()
                                } else {
                                    format!("%{b:02X}")
                                })
                                .collect::<String>()
                        )
                    })
                    .collect::<Vec<_>>()
                    .join("&"),
                "application/x-www-form-urlencoded",
            ),
            _ => {
                let mut s = "<?xml version=\"1.0\"?><list>".to_string();
                for row in &rows {
                    s += "<item>";
                    for (k, v) in row {
                        s += &format!("<{k}>{}</{k}>", v.replace('&', "&amp;"));
                    }
                    s += "</item>";
                }
                (s + "</list>", "text/xml")
            }
        };
        for (i, row) in rows.iter().enumerate() {
            for (n, (k, class, _)) in truths.iter().enumerate() {
                let _ = row;
                let at = match style {
                    0 => format!("$.list[{i}].{k}"),
                    1 => format!("csv:{}:{}", n + 1, i + 2),
                    2 if i == 0 => format!("form:{k}"),
                    2 => continue,
                    _ if items == 1 => format!("$.list.item.{k}"),
                    _ => format!("$.list.item[{i}].{k}"),
                };
                truth.insert((b, at, class.to_string()));
            }
        }
        texts.push((text, mt));
    }
    (texts, truth)
}

#[test]
fn labelled_bodies_with_ten_times_as_many_decoys() {
    let rules = Rules::builtin();
    let mut tally: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    let mut wrong: BTreeMap<String, u64> = BTreeMap::new();
    let mut s = scanner();
    let mut r = Rng(20_240_229);
    for n in 0..240 {
        let (bodies, items) = [(1, 1), (4, 1), (3, 10), (1, 40)][n % 4];
        let style = n / 4 % 4;
        let (texts, truth) = api(&mut r, bodies, items, style);
        let facts: Vec<Facts> = texts
            .iter()
            .map(|(t, mt)| {
                let kind = leaktrace::body::sniff::kind(t.as_bytes(), Some(mt));
                s.scan_body(t.as_bytes(), kind, Some(mt))
            })
            .collect();
        let got = accept(&rules, &facts);
        for t in &truth {
            let e = tally.entry(t.2.clone()).or_default();
            if got.contains(t) {
                e[0] += 1;
            } else {
                e[2] += 1;
                *wrong
                    .entry(format!(
                        "missed {} at {} ({bodies}x{items})",
                        t.2,
                        t.1.rsplit('[').next().unwrap_or("")
                    ))
                    .or_default() += 1;
            }
        }
        for g in got.difference(&truth) {
            tally.entry(g.2.clone()).or_default()[1] += 1;
            let at = &facts[g.0]
                .findings
                .iter()
                .find(|f| {
                    place(&f.field, &f.index) == g.1
                        && rules.classes()[usize::from(f.class)].name == g.2
                })
                .map(|f| &texts[g.0].0[f.offset as usize..f.offset as usize + f.len as usize]);
            *wrong
                .entry(format!(
                    "wrong {} at {} ({bodies}x{items}, api {n}) {at:?}",
                    g.2, g.1
                ))
                .or_default() += 1;
        }
    }
    let (mut tp, mut fp, mut fnn) = (0, 0, 0);
    for (class, [a, b, c]) in &tally {
        println!("{class:14} right {a:5} wrong {b:4} missed {c:4}");
        tp += a;
        fp += b;
        fnn += c;
    }
    for (w, n) in wrong.iter().take(40) {
        println!("  {n} {w}");
    }
    let (precision, recall) = (tp as f64 / (tp + fp) as f64, tp as f64 / (tp + fnn) as f64);
    println!(
        "precision {precision:.4} recall {recall:.4} of {}",
        tp + fnn
    );
    assert!(
        precision >= 0.99 && recall >= 0.98,
        "precision {precision} recall {recall}"
    );
}

#[test]
fn no_resident_id_among_random_numbers_at_column_level() {
    no_resident_id(7, 50);
}

/// Three million decoys: minutes without optimisation.
#[test]
#[ignore = "slow in a debug build; .ci/run runs it"]
fn no_resident_id_among_three_million_decoys() {
    no_resident_id(3_000_000, 500);
}

/// Columns of 1,000 decoys of each of six shapes.
fn no_resident_id(seed: u64, columns: usize) {
    let rules = Rules::builtin();
    let mut r = Rng(seed);
    let mut s = scanner();
    // every shape that comes near
    for shape in 0..6 {
        for _ in 0..columns {
            let mut body = String::from("[");
            for i in 0..1000 {
                let v = match shape {
                    0 => r.digits(18),
                    1 => format!(
                        "2024{:02}{:02}{}",
                        1 + r.below(12),
                        1 + r.below(28),
                        r.digits(10)
                    ),
                    2 => (1_700_000_000_000_000_000u64 + r.below(90_000_000_000_000_000))
                        .to_string()[..18]
                        .to_string(),
                    3 => format!("{}{}", r.pick(&AREAS), r.digits(12)),
                    4 => format!(
                        "{}19{:02}{:02}{:02}{}",
                        r.pick(&AREAS),
                        r.below(100),
                        1 + r.below(12),
                        1 + r.below(28),
                        r.digits(4)
                    ),
                    _ => format!("{}{}X", r.pick(&AREAS), r.digits(11)),
                };
                body += &format!("{}{{\"no\":\"{v}\"}}", if i > 0 { "," } else { "" });
            }
            body.push(']');
            let facts = s.scan_body(body.as_bytes(), "json", None);
            let hits: Vec<_> = accept(&rules, &[facts])
                .into_iter()
                .filter(|(_, _, c)| c == "cn-id")
                .collect();
            assert!(hits.is_empty(), "shape {shape}: {hits:?}");
        }
    }
}
