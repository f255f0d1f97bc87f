//! A labelled capture unlike the demo: a bank with tellers, customers, machines and strangers; JSON, XML, CSV, forms and
//! text; ids of many shapes; ten times as many decoys as sensitive values. The truth is noted as bytes are made, by
//! code that shares nothing with the program's validators.

use super::people::{self, Person};
use super::random::Random;
use super::wire::{self, Tcp, Wire};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// Truth of one call, in order of time.
#[derive(Debug, Clone)]
pub struct Call {
    pub account: String,
    pub template: String,
    /// Class and value, clear.
    pub findings: Vec<(&'static str, String)>,
    /// People of whom the response carried name, identity number and mobile number together.
    pub read: Vec<usize>,
}

/// A capture and all that its writer knows.
pub struct Bank {
    pub capture: Vec<u8>,
    pub calls: Vec<Call>,
    pub people: Vec<Person>,
}

/// Classes that the truth speaks of; tokens and keys have no single right reading and are left out.
pub const CLASSES: [&str; 11] = [
    "cn-id",
    "bank-card",
    "cn-mobile",
    "email",
    "name",
    "iban",
    "us-ssn",
    "password",
    "cn-uscc",
    "cn-plate",
    "birth-date",
];

enum Credential {
    /// `Authorization: Bearer` with an opaque token handed out at a JSON login.
    Opaque(String),
    /// A JWT with `sub` and `email`.
    Jwt(String),
    Basic(String),
    /// A cookie from a form login.
    Cookie(String),
    /// A key that `/v2/me` names.
    Key(String),
    /// Nothing.
    None,
}

struct Client {
    name: String,
    credential: Credential,
    password: String,
    tcp: Tcp,
}

struct Maker {
    r: Random,
    wire: Wire<Vec<u8>>,
    bank: Vec<Call>,
    people: Vec<Person>,
    accounts: Vec<String>,
}

fn b64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn b64url(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

fn uuid(r: &mut Random) -> String {
    format!(
        "{}-{}-4{}-a{}-{}",
        r.hex(8),
        r.hex(4),
        r.hex(3),
        r.hex(3),
        r.hex(12)
    )
}

fn iban(r: &mut Random) -> String {
    // ISO 13616: move country and check digits to the end, letters as numbers, check = 98 - n mod 97
    let bban = r.digits(18);
    let n = format!("{bban}131400")
        .bytes()
        .fold(0u32, |n, b| (n * 10 + u32::from(b - b'0')) % 97);
    format!("DE{:02}{bban}", 98 - n)
}

fn uscc(r: &mut Random) -> String {
    const SET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let mut s = format!("9{}{}", r.pick(&["1", "2"]), "310104");
    for _ in 0..9 {
        s.push(char::from(*r.pick(b"0123456789ABCDEFGH")));
    }
    let mut weight = 1u32;
    let mut sum = 0u32;
    for b in s.bytes() {
        sum += SET.iter().position(|c| *c == b).unwrap() as u32 * weight;
        weight = weight * 3 % 31;
    }
    s.push(char::from(SET[((31 - sum % 31) % 31) as usize]));
    s
}

impl Maker {
    fn push(
        &mut self,
        account: &str,
        template: &str,
        findings: Vec<(&'static str, String)>,
        read: Vec<usize>,
    ) {
        self.bank.push(Call {
            account: account.into(),
            template: template.into(),
            findings,
            read,
        });
    }

    #[allow(clippy::too_many_arguments)] // the parts of one exchange
    fn send(
        &mut self,
        c: &mut Client,
        method: &str,
        host: &str,
        target: &str,
        body: (&str, &str),
        answer: (&str, &str, &str),
        extra: &[(&str, String)],
    ) {
        let auth = match &c.credential {
            Credential::Opaque(t) | Credential::Jwt(t) => {
                Some(("Authorization", format!("Bearer {t}")))
            }
            Credential::Basic(t) => Some(("Authorization", format!("Basic {t}"))),
            Credential::Cookie(t) => Some(("Cookie", format!("lang=de; JSESSIONID={t}"))),
            Credential::Key(t) => Some(("X-Api-Key", t.clone())),
            Credential::None => None,
        };
        let mut headers: Vec<(&str, &str)> = auth.iter().map(|(n, v)| (*n, v.as_str())).collect();
        if !body.0.is_empty() {
            headers.push(("Content-Type", body.0));
        }
        let request = wire::request(method, host, target, &headers, body.1.as_bytes());
        let mut headers: Vec<(&str, &str)> = vec![("Content-Type", answer.1)];
        headers.extend(extra.iter().map(|(n, v)| (*n, v.as_str())));
        let response = wire::response(answer.0, &headers, answer.2.as_bytes());
        self.wire.exchange(&mut c.tcp, &request, &response).unwrap();
        self.wire.now += 20_000_000 + self.r.below(400_000_000) as i64;
    }

    /// Fields that look like something and are nothing.
    fn decoys(&mut self) -> String {
        let r = &mut self.r;
        let day = format!("2026{:02}{:02}", 1 + r.below(12), 1 + r.below(28));
        let mut parts = vec![
            format!(
                "\"orderNo\":\"{day}{:02}{:02}{:02}{}\"",
                r.below(24),
                r.below(60),
                r.below(60),
                r.digits(4)
            ),
            format!("\"traceId\":\"{}\"", r.hex(32)),
            format!("\"snowflake\":\"17{}\"", r.digits(16)),
            format!(
                "\"eventTime\":{}",
                1_790_000_000_000_u64 + r.below(9_999_999_999)
            ),
            format!("\"batch\":\"{}\"", r.digits(16)),
            format!("\"serialNumber\":\"1{}\"", r.digits(10)),
            format!("\"checksum\":\"{}\"", r.hex(40)),
            format!("\"ref\":\"{}\"", uuid(r)),
            format!("\"meter\":{}", r.below(99_999_999_999)),
            format!(
                "\"productName\":\"{}\"",
                r.pick(&["Giro Plus", "定期存款", "Depot", "Tagesgeld"])
            ),
        ];
        r.shuffle(&mut parts);
        parts.join(",")
    }

    fn person_json(&mut self, i: usize, found: &mut Vec<(&'static str, String)>) -> String {
        let p = self.people[i].clone();
        found.extend([
            ("cn-id", p.cn_id.clone()),
            ("cn-mobile", p.mobile.clone()),
            ("email", p.email.clone()),
            ("name", p.name.clone()),
        ]);
        format!(
            "{{\"customerNo\":{},\"customerName\":\"{}\",\"contact\":{{\"mobile\":\"{}\",\"mail\":\"{}\"}},\"identity\":{{\"type\":\"ID\",\"certNo\":\"{}\"}},{}}}",
            700_000 + i,
            p.name,
            p.mobile,
            p.email,
            p.cn_id,
            self.decoys()
        )
    }

    fn login(&mut self, c: &mut Client) {
        let name = c.name.clone();
        match &c.credential {
            Credential::Opaque(t) => {
                let (token, password) = (t.clone(), c.password.clone());
                c.credential = Credential::None;
                let body = format!("{{\"login\":\"{name}\",\"passwd\":\"{password}\"}}");
                let answer = format!(
                    "{{\"code\":0,\"data\":{{\"sessionToken\":\"{token}\",\"expires\":3600}}}}"
                );
                self.send(
                    c,
                    "POST",
                    "core.bank.example",
                    "/auth/session",
                    ("application/json", &body),
                    ("200 OK", "application/json", &answer),
                    &[],
                );
                c.credential = Credential::Opaque(token);
                self.push(&name, "auth", vec![("password", password)], vec![]);
            }
            Credential::Cookie(t) => {
                let (token, password) = (t.clone(), c.password.clone());
                c.credential = Credential::None;
                let body = format!("j_username={name}&j_password={password}");
                let set = [
                    (
                        "Set-Cookie",
                        format!("JSESSIONID={token}; Path=/; HttpOnly"),
                    ),
                    ("Location", "/start".to_string()),
                ];
                self.send(
                    c,
                    "POST",
                    "branch.bank.example:8080",
                    "/j_security_check",
                    ("application/x-www-form-urlencoded", &body),
                    ("302 Found", "text/plain", ""),
                    &set,
                );
                c.credential = Credential::Cookie(token);
                self.push(&name, "form-login", vec![("password", password)], vec![]);
            }
            Credential::Key(_) => {
                let answer = format!("{{\"username\":\"{name}\",\"quota\":1000}}");
                self.send(
                    c,
                    "GET",
                    "core.bank.example",
                    "/v2/me",
                    ("", ""),
                    ("200 OK", "application/json", &answer),
                    &[],
                );
                self.push(&name, "me", vec![], vec![]);
            }
            _ => {}
        }
    }

    /// One call of ordinary work.
    fn work(&mut self, c: &mut Client) {
        let name = c.name.clone();
        let basic =
            matches!(c.credential, Credential::Basic(_)).then(|| ("password", c.password.clone()));
        let mut found: Vec<_> = basic.into_iter().collect();
        let (json, core, branch) = (
            "application/json",
            "core.bank.example",
            "branch.bank.example:8080",
        );
        let who = self.r.below(self.people.len() as u64) as usize;
        match self.r.below(12) {
            0 | 1 => {
                let body = self.person_json(who, &mut found);
                self.send(
                    c,
                    "GET",
                    core,
                    &format!("/v2/customers/{}", 700_000 + who),
                    ("", ""),
                    ("200 OK", json, &body),
                    &[],
                );
                self.push(&name, "customer", found, vec![who]);
            }
            2 => {
                let rows: Vec<usize> = (0..6)
                    .map(|_| self.r.below(self.people.len() as u64) as usize)
                    .collect();
                let mut items: Vec<String> = Vec::new();
                for i in &rows {
                    items.push(self.person_json(*i, &mut found));
                }
                let page = self.r.below(90);
                let body = format!("{{\"page\":{page},\"rows\":[{}]}}", items.join(","));
                self.send(
                    c,
                    "GET",
                    core,
                    &format!("/v2/customers/search?page={page}"),
                    ("", ""),
                    ("200 OK", json, &body),
                    &[],
                );
                self.push(&name, "search", found, rows);
            }
            3 => {
                let id = uuid(&mut self.r);
                let (iban, card) = (iban(&mut self.r), people::card(&mut self.r));
                let body = format!(
                    "{{\"account\":{{\"iban\":\"{iban}\",\"card\":{{\"pan\":\"{card}\"}}}},{}}}",
                    self.decoys()
                );
                found.extend([("iban", iban), ("bank-card", card)]);
                self.send(
                    c,
                    "GET",
                    core,
                    &format!("/v2/accounts/{id}"),
                    ("", ""),
                    ("200 OK", json, &body),
                    &[],
                );
                self.push(&name, "account", found, vec![]);
            }
            4 => {
                let id = uuid(&mut self.r);
                let mut body = String::from("{\"lines\":[");
                for n in 0..8 {
                    let d = self.decoys();
                    let _ = write!(body, "{}{{{d}}}", if n == 0 { "" } else { "," });
                }
                body.push_str("]}");
                self.send(
                    c,
                    "GET",
                    core,
                    &format!("/v2/accounts/{id}/statements"),
                    ("", ""),
                    ("200 OK", json, &body),
                    &[],
                );
                self.push(&name, "statements", found, vec![]);
            }
            5 => {
                let p = self.people[who].clone();
                let born = format!(
                    "{}-{}-{}",
                    &p.cn_id[6..10],
                    &p.cn_id[10..12],
                    &p.cn_id[12..14]
                );
                let body = format!(
                    "<?xml version=\"1.0\"?><policy><holder><fullName>{}</fullName><idNumber>{}</idNumber><birthDate>{born}</birthDate></holder><premium>{}</premium><contractRef>{}</contractRef></policy>",
                    p.name,
                    p.cn_id,
                    self.r.below(9000),
                    self.r.digits(18)
                );
                found.extend([("name", p.name), ("cn-id", p.cn_id), ("birth-date", born)]);
                let n = self.r.below(900_000);
                self.send(
                    c,
                    "GET",
                    "insure.bank.example",
                    &format!("/policies/POL-2026-{n:06}"),
                    ("", ""),
                    ("200 OK", "application/xml", &body),
                    &[],
                );
                self.push(&name, "policy", found, vec![]);
            }
            6 => {
                let mut body = String::from("姓名,手机号,银行卡号,流水号\r\n");
                let rows: Vec<usize> = (0..5)
                    .map(|_| self.r.below(self.people.len() as u64) as usize)
                    .collect();
                for i in &rows {
                    let p = self.people[*i].clone();
                    let _ = write!(
                        body,
                        "{},{},{},{}\r\n",
                        p.name,
                        p.mobile,
                        p.card,
                        self.r.digits(18)
                    );
                    found.extend([
                        ("name", p.name),
                        ("cn-mobile", p.mobile),
                        ("bank-card", p.card),
                    ]);
                }
                let day = format!(
                    "2026-{:02}-{:02}",
                    1 + self.r.below(12),
                    1 + self.r.below(28)
                );
                self.send(
                    c,
                    "GET",
                    branch,
                    &format!("/daily/{day}/transfers.csv"),
                    ("", ""),
                    ("200 OK", "text/csv; charset=utf-8", &body),
                    &[],
                );
                self.push(&name, "daily", found, vec![]);
            }
            7 => {
                let p = self.people[who].clone();
                let form = format!(
                    "receiver={}&phone={}&amount={}&requestNo=1{}",
                    percent(&p.name),
                    p.mobile,
                    self.r.below(9000),
                    self.r.digits(17)
                );
                found.extend([("name", p.name), ("cn-mobile", p.mobile)]);
                self.send(
                    c,
                    "POST",
                    branch,
                    "/transfers",
                    ("application/x-www-form-urlencoded", &form),
                    ("200 OK", json, "{\"ok\":true}"),
                    &[],
                );
                self.push(&name, "transfer", found, vec![]);
            }
            8 => {
                let (code, plate) = (
                    uscc(&mut self.r),
                    format!(
                        "沪A{}{}",
                        self.r.pick(&["B", "C", "D", "K"]),
                        self.r.digits(4)
                    ),
                );
                let body = format!(
                    "{{\"company\":{{\"creditCode\":\"{code}\",\"fleet\":[{{\"plateNo\":\"{plate}\"}}]}},{}}}",
                    self.decoys()
                );
                found.extend([("cn-uscc", code), ("cn-plate", plate)]);
                let slug = format!(
                    "{}-{}",
                    self.r
                        .pick(&["harbor", "sunrise", "golden", "river", "north", "bright"]),
                    self.r.hex(5)
                );
                self.send(
                    c,
                    "GET",
                    core,
                    &format!("/v2/companies/{slug}/profile"),
                    ("", ""),
                    ("200 OK", json, &body),
                    &[],
                );
                self.push(&name, "company", found, vec![]);
            }
            9 => {
                let n = self.r.below(5000);
                let body = format!(
                    "{{\"ssn\":\"{}\",{}}}",
                    {
                        let ssn = format!(
                            "{:03}-{:02}-{:04}",
                            1 + self.r.below(665),
                            1 + self.r.below(99),
                            1 + self.r.below(9999)
                        );
                        found.push(("us-ssn", ssn.clone()));
                        ssn
                    },
                    self.decoys()
                );
                self.send(
                    c,
                    "GET",
                    "insure.bank.example",
                    &format!("/%E5%AE%A2%E6%88%B7/{n}/%E8%AF%A6%E6%83%85"),
                    ("", ""),
                    ("200 OK", json, &body),
                    &[],
                );
                self.push(&name, "详情", found, vec![]);
            }
            10 => {
                let user = self.r.pick(&self.accounts).clone();
                let body = format!(
                    "{{\"settings\":{{\"theme\":\"{}\",\"rows\":{}}},{}}}",
                    self.r.pick(&["dark", "light"]),
                    self.r.below(100),
                    self.decoys()
                );
                self.send(
                    c,
                    "GET",
                    branch,
                    &format!("/users/{}/settings", user.replace('@', "%40")),
                    ("", ""),
                    ("200 OK", json, &body),
                    &[],
                );
                self.push(&name, "settings", found, vec![]);
            }
            _ => {
                let hash = self.r.hex(40);
                let text = format!(
                    "Notice {} of {}: the office is closed.\nReference {}\n",
                    self.r.below(90),
                    self.r.below(90),
                    self.r.digits(19)
                );
                self.send(
                    c,
                    "GET",
                    branch,
                    &format!("/files/{hash}"),
                    ("", ""),
                    ("200 OK", "text/plain", &text),
                    &[],
                );
                self.push(&name, "file", found, vec![]);
            }
        }
    }
}

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

/// Makes the capture of one day. `calls` beside the logins.
pub fn make(seed: u64, calls: usize) -> Bank {
    let mut r = Random::new(seed);
    let people: Vec<Person> = (0..800).map(|_| people::person(&mut r)).collect();
    let wire = Wire::new(Vec::new(), 1_780_000_000_000_000_000).unwrap();
    let mut m = Maker {
        r,
        wire,
        bank: Vec::new(),
        people,
        accounts: Vec::new(),
    };
    let mut clients = Vec::new();
    for n in 0..25u8 {
        let (a, b) = (
            *m.r.pick(&[
                "anna", "jonas", "mei", "tariq", "lena", "otto", "yuki", "pavel",
            ]),
            *m.r.pick(&["weber", "lang", "koch", "zhou", "sato", "novak"]),
        );
        let name = format!("{a}.{b}{n}");
        let password = format!("P{}-{}", m.r.hex(6), m.r.digits(3));
        let (name, credential) = match n {
            0..=8 => (name, Credential::Opaque(m.r.hex(40))),
            9..=14 => {
                let mail = format!("{name}@kunde.example");
                let claims = format!(
                    "{{\"iss\":\"idp\",\"sub\":\"{}\",\"email\":\"{mail}\",\"exp\":1800000000}}",
                    uuid(&mut m.r)
                );
                (
                    mail,
                    Credential::Jwt(format!(
                        "{}.{}.{}",
                        b64url("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"),
                        b64url(&claims),
                        b64url(&m.r.hex(40))
                    )),
                )
            }
            15..=17 => (
                name.clone(),
                Credential::Basic(b64(&format!("{name}:{password}"))),
            ),
            18..=21 => (name, Credential::Cookie(m.r.hex(32).to_uppercase())),
            22 | 23 => (format!("robot-{n}"), Credential::Key(m.r.hex(32))),
            _ => (format!("unattributed@10.77.0.{}", n + 1), Credential::None),
        };
        let client = (Ipv4Addr::new(10, 77, 0, n + 1), 50_000 + u16::from(n));
        let tcp = m
            .wire
            .open(client, (Ipv4Addr::new(10, 70, 0, 9), 8080))
            .unwrap();
        if n < 22 {
            m.accounts.push(name.clone());
        }
        clients.push(Client {
            name,
            credential,
            password,
            tcp,
        });
    }
    for c in &mut clients {
        m.login(c);
    }
    for _ in 0..calls {
        let i = m.r.below(clients.len() as u64) as usize;
        m.work(&mut clients[i]);
    }
    Bank {
        capture: m.wire.into_inner(),
        calls: m.bank,
        people: m.people,
    }
}

/// People that each account read, for leaks.
pub fn reads(bank: &Bank) -> BTreeMap<String, Vec<usize>> {
    let mut out: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for c in &bank.calls {
        out.entry(c.account.clone()).or_default().extend(&c.read);
    }
    for v in out.values_mut() {
        v.sort_unstable();
        v.dedup();
    }
    out
}
