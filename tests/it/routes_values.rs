//! Values of parameters as services hand them out. In: a kind of parameter and a source of chance. Out: a value.

use crate::support::random::Random;

const LOGINS: &str = "alice bob carol dave erin frank grace heidi ivan judy mallory niaj olivia peggy rupert sybil trent victor walter torvalds gaearon \
sindresorhus yyx990803 octocat defunkt mojombo rust-lang kubernetes facebook google vercel tokio-rs j-doe m.keller anna_k maria99 x0rz lukas tim.berners \
zhangwei wangfang liuyang lina chenjie yangmin huangtao zhaolei wujing zhouyong sunli hadley dhh matz bjarne antirez gvanrossum nikic taylorotwell fabpot \
kentcdodds addyosmani paulirish jeresig mdo fat substack tj isaacs mikeal ry bcantrill brendangregg jessfraz kelseyhightower cassidoo swyx";
const REPOS: &str = "linux react vue rails node tokio serde hyper axum ripgrep bat exa fd fzf neovim dotfiles awesome-python free-programming-books \
react-native three.js d3 jquery bootstrap django flask fastapi requests pandas numpy scipy pytorch tensorflow keras transformers go-ethereum bitcoin \
my-app website api-server docs cli homebrew-core nixpkgs ansible terraform vault consul nomad packer alpine nginx redis postgres ubuntu busybox";
const WORDS: &str = "red blue green small large quick slow modern classic vintage leather cotton wool summer winter garden kitchen travel coffee tea paper \
steel wooden glass silver golden mini ultra smart simple easy ten five best how why what cook build make learn guide tips things about rice bread bike \
chair table lamp jacket shoes watch camera phone case bag hat shirt mug bottle desk clock mirror rug sofa pillow blanket knife pan pot spoon";
const KEBABS: &str = "billing checkout frontend backend worker payments auth-service user-service web-portal data-pipeline ml-training kube-system default monitoring \
logging staging production dev-team ingress-nginx cert-manager argo-cd order-api invoice-worker email-sender redis-cache postgres-main kafka-broker search-indexer \
image-resizer session-store feature-flags acme-prod acme-dev big-corp sales-eu sales-us marketing analytics-db reporting-job night-batch legacy-soap mobile-bff \
command-line web-programming science-fiction home-decor outdoor electronics furniture clothing general announcements off-topic feature-requests";
const SNAKES: &str = "daily_load sales_etl user_sync mail_out ingest_events train_model clean_tmp export_orders fraud_check invoice_run job instance namespace \
handler status_code region_name offline_access uma_authorization manage_users view_realm programming askscience worldnews todayilearned rust_lang dataisbeautiful \
order_created order_paid mail_queue push_queue dead_letter audit_trail billing_events stock_moves price_feed shop_index";
const CITIES: &str = "london paris berlin tokyo beijing shanghai shenzhen hangzhou new-york boston chicago madrid rome vienna prague oslo lisbon dublin chengdu nanjing wuhan";
const PINYIN_SUR: &str =
    "wang li zhang liu chen yang zhao huang zhou wu xu sun hu zhu gao lin he guo ma luo";
const PINYIN_GIVEN: &str = "wei fang min jing lei qiang tao jun jie ping gang hong xia yan bo hua na juan ying peng xiaoming xiaoli jianguo zhiqiang meiling";
const CN_SUR: &str = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗";
const CN_GIVEN: &str = "伟芳敏静磊强涛军杰平刚红霞燕波华娜娟英鹏";
const PACKAGES: &str = "lodash react express chalk commander debug async moment axios webpack typescript eslint jest mocha rxjs tslib uuid vue yargs glob \
serde serde_json tokio rand libc syn quote regex log clap anyhow thiserror hyper itertools lazy_static bitflags num-traits left-pad is-odd";
const MONSTERS: &str = "bulbasaur ivysaur venusaur charmander squirtle pikachu raichu mew mewtwo eevee snorlax ditto gengar onix jigglypuff psyduck machop geodude \
magikarp lapras dratini dragonite mr-mime ho-oh cheri chesto pecha rawst aspear leppa oran persim lum sitrus";
const TITLES: &str = "Albert_Einstein Berlin World_War_II Python_(programming_language) Earth The_Beatles Barack_Obama Main_Page Douglas_Adams Rust Coffee \
List_of_sovereign_states New_York_City C%2B%2B Ludwig_van_Beethoven Moon Solar_System Alan_Turing Ada_Lovelace Mount_Everest";
const TICKERS: &str =
    "AAPL MSFT GOOG AMZN TSLA META NVDA NFLX IBM ORCL INTC AMD KO PEP MCD SBUX BA GE F T";
const TAGS: &str = "rust go python java zig javascript css html docker linux testing performance security databases machine-learning career design react cooking travel";
const IATAS: &str =
    "LHR CDG FRA JFK LAX SFO HND NRT PEK PVG CAN HKG SIN DXB AMS MAD FCO VIE ZRH MUC";
const CURRENCIES: &str = "USD EUR GBP CNY JPY CHF AUD CAD SEK NOK INR KRW";
const COUNTRIES: &str = "US GB DE FR CN JP AU CA BR IN IT ES NL SE";
const LOCALES: &str = "zh-CN en-US en-GB de-DE fr-FR ja-JP ko-KR es-ES pt-BR en de zh-TW";
const TENANTS: &str = "acme globex initech umbrella hooli contoso northwind wayne-enterprises stark soylent tyrell cyberdyne wonka oscorp aperture";
const BUCKETS: &str = "media-prod backups user-uploads logs-archive static-site invoices-2023 thumbnails raw-data exports-eu models";
const INDEXES: &str = "products orders-2024 logs-2024.05.01 logs-2024.05.02 users_v2 articles metrics-2024 customers .kibana audit-log sessions";
const DICTS: &str = "sys_user_sex sys_normal_disable sys_yes_no sys_show_hide sys_job_status sys_notice_type sys_oper_type sys_common_status order_status pay_type \
ship_type priority valid_status msg_category";
const COLORS: &str = "red green blue black white silver";
const GENRES: &str =
    "pop rock jazz hiphop classical metal country blues soul latin kpop dinner party toplists";
const LICENSES: &str = "mit apache-2.0 gpl-3.0 bsd-3-clause mpl-2.0 unlicense agpl-3.0 lgpl-2.1";
const BRANCHES: &str =
    "main master develop release-1.2 fix-login feature-x hotfix gh-pages next v2-dev";
const REGIONS: &str = "us-east1 us-central1 europe-west1 europe-west4 asia-east1 asia-northeast1";
const CNCITIES: &str = "北京 上海 广州 深圳 杭州 成都 武汉 南京";

fn pick(r: &mut Random, list: &str) -> String {
    let all: Vec<&str> = list.split_whitespace().collect();
    all[r.below(all.len() as u64) as usize].to_owned()
}

fn of(r: &mut Random, alphabet: &str, n: usize) -> String {
    let a: Vec<char> = alphabet.chars().collect();
    (0..n)
        .map(|_| a[r.below(a.len() as u64) as usize])
        .collect()
}

const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const B62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const B58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const NANO: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
const CROCKFORD: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SAFE: &str = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789";
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋";

/// A value of this kind.
pub fn value(r: &mut Random, kind: &str) -> String {
    let (y, m, d) = (2015 + r.below(11), 1 + r.below(12), 1 + r.below(28));
    let number = |r: &mut Random, n: usize| format!("{}{}", 1 + r.below(9), of(r, DIGITS, n - 1));
    match kind {
        "int" => {
            let most = [60, 2_000, 500_000][r.below(3) as usize];
            (1 + r.below(most)).to_string()
        }
        "small" => (1 + r.below(40)).to_string(),
        "one" => "7".into(),
        "three" => (1 + r.below(3)).to_string(),
        "neg" => format!("-{}", 1 + r.below(90)),
        "bigint" => number(r, 12),
        "bigint10" => number(r, 10),
        "bigint28" => number(r, 28),
        "snowflake" => number(r, 18),
        "zip" => of(r, DIGITS, 5),
        "uuid" => format!(
            "{}-{}-4{}-a{}-{}",
            of(r, HEX, 8),
            of(r, HEX, 4),
            of(r, HEX, 3),
            of(r, HEX, 3),
            of(r, HEX, 12)
        ),
        "hex6" => of(r, HEX, 6),
        "hex10" => of(r, HEX, 10),
        "hex16" => of(r, HEX, 16),
        "hex24" => format!("65{}", of(r, HEX, 22)),
        "hex32" => of(r, HEX, 32),
        "hex40" => of(r, HEX, 40),
        "hex64" => of(r, HEX, 64),
        "digest" => format!("sha256:{}", of(r, HEX, 64)),
        "ulid" => format!("01H{}", of(r, CROCKFORD, 23)),
        "nanoid" => of(r, NANO, 21),
        "nanoid7" => of(r, B62, 7),
        "nanoid9" => of(r, B62, 9),
        "base58" => format!("1{}", of(r, B58, 33)),
        "base62" => of(r, B62, 22),
        "b32" => of(r, "0123456789abcdefghijklmnopqrstuv", 26),
        "b36" => format!("1{}", of(r, "0123456789abcdefghijklmnopqrstuvwxyz", 5)),
        "b64" => format!("1{}", of(r, NANO, 32)),
        "b64long" => format!("AAMk{}", of(r, NANO, 60)),
        "b64pad" => format!("{}=", of(r, B62, 23)),
        "sid" => format!("AC{}", of(r, HEX, 32)),
        "sfid" => format!("001{}", of(r, B62, 15)),
        "cus" => format!(
            "{}_{}",
            ["cus", "ch", "pi", "in", "evt"][r.below(5) as usize],
            of(r, B62, 14)
        ),
        "token" => of(r, NANO, 48),
        "jwt" => format!(
            "eyJhbGciOiJIUzI1NiJ9.{}.{}",
            of(r, NANO, 40),
            of(r, NANO, 43)
        ),
        "ou" => format!("ou_{}", of(r, HEX, 32)),
        "od" => format!("od-{}", of(r, HEX, 32)),
        "om" => format!("om_{}", of(r, HEX, 32)),
        "oc" => format!("oc_{}", of(r, HEX, 32)),
        "tbl" => format!("tbl{}", of(r, B62, 13)),
        "bv" => format!("BV1{}", of(r, B58, 9)),
        "matchid" => format!("EUW1_{}", number(r, 10)),
        "login" => {
            if r.below(4) == 0 {
                format!("{}{}", pick(r, LOGINS), r.below(100))
            } else {
                pick(r, LOGINS)
            }
        }
        "repo" => pick(r, REPOS),
        "package" => pick(r, PACKAGES),
        "slug" => {
            let n = 2 + r.below(4);
            (0..n).map(|_| pick(r, WORDS)).collect::<Vec<_>>().join("-")
        }
        "kebab" => pick(r, KEBABS),
        "snake" => pick(r, SNAKES),
        "title" => pick(r, TITLES),
        "tag" => pick(r, TAGS),
        "genre" => pick(r, GENRES),
        "license" => pick(r, LICENSES),
        "branch" => pick(r, BRANCHES),
        "monster" => pick(r, MONSTERS),
        "city" => pick(r, CITIES),
        "cncity" => pick(r, CNCITIES),
        "dict" => pick(r, DICTS),
        "color" => pick(r, COLORS),
        "tenant" => pick(r, TENANTS),
        "bucket" => pick(r, BUCKETS),
        "index" => pick(r, INDEXES),
        "locale" => pick(r, LOCALES),
        "region" => pick(r, REGIONS),
        "ticker" => pick(r, TICKERS),
        "iata" => pick(r, IATAS),
        "currency" => pick(r, CURRENCIES),
        "country" => pick(r, COUNTRIES),
        "pair" => format!(
            "{}-{}",
            ["BTC", "ETH", "SOL", "XRP"][r.below(4) as usize],
            pick(r, CURRENCIES)
        ),
        "emoji" => "%F0%9F%94%A5".into(),
        "mediakind" => ["movie", "tv", "person"][r.below(3) as usize].into(),
        "window" => ["day", "week"][r.below(2) as usize].into(),
        "period" => ["1d", "7d", "30d", "1w", "1m"][r.below(5) as usize].into(),
        "range" => ["1d", "5d", "1m", "3m", "1y", "5y"][r.below(6) as usize].into(),
        "roman" => ["I", "II", "III", "IV"][r.below(4) as usize].into(),
        "project" => [
            "en.wikipedia",
            "de.wikipedia",
            "fr.wikipedia",
            "zh.wikipedia",
        ][r.below(4) as usize]
            .into(),
        "office" => ["LWX", "TOP", "OKX", "BOU", "SEW"][r.below(5) as usize].into(),
        "station" => format!("K{}", of(r, UPPER, 3)),
        "xy" => format!("{},{}", r.below(200), r.below(200)),
        "latlng" => format!(
            "{}.{},-{}.{}",
            r.below(60),
            of(r, DIGITS, 4),
            r.below(120),
            of(r, DIGITS, 4)
        ),
        "semver" => format!("v{}.{}.{}", r.below(5), r.below(20), r.below(10)),
        "semver3" => format!("{}.{}.{}", r.below(5), r.below(20), r.below(30)),
        "file" => format!(
            "{}.{}",
            pick(r, WORDS),
            ["rs", "py", "md", "toml"][r.below(4) as usize]
        ),
        "upload" => format!(
            "{}{}.{}",
            pick(r, WORDS),
            ["", "_final", "-2024", "01"][r.below(4) as usize],
            ["pdf", "png", "xlsx", "docx", "zip"][r.below(5) as usize]
        ),
        "e164" => format!("+1{}", number(r, 10)),
        "mobile" => format!("13{}", of(r, DIGITS, 9)),
        "email" => format!("{}@{}.com", pick(r, LOGINS), pick(r, TENANTS)),
        "date" => format!("{y}-{m:02}-{d:02}"),
        "date8" => format!("{y}{m:02}{d:02}"),
        "yearmonth" => format!("{y}-{m:02}"),
        "year" => y.to_string(),
        "month" => format!("{m:02}"),
        "day" => format!("{d:02}"),
        "term" => format!("{y}-{}", 1 + r.below(2)),
        "runid" => format!("scheduled__{y}-{m:02}-{d:02}T00:00:00+00:00"),
        "orderno" => format!("{y}{m:02}{d:02}{}", of(r, DIGITS, 8)),
        "invno" => format!("INV-{y}-{}", of(r, DIGITS, 4)),
        "jira" => format!(
            "{}-{}",
            ["PROJ", "OPS", "WEB", "DATA"][r.below(4) as usize],
            1 + r.below(2000)
        ),
        "upkey" => ["PROJ", "OPS", "WEB", "DATA", "INFRA", "HR"][r.below(6) as usize].into(),
        "plate" => format!(
            "{}{}{}",
            of(r, PROVINCES, 1),
            of(r, "ABCDEFG", 1),
            of(r, SAFE, 5)
        ),
        "cnid" => format!(
            "{}19{}{m:02}{d:02}{}{}",
            number(r, 6),
            60 + r.below(39),
            of(r, DIGITS, 3),
            of(r, "0123456789X", 1)
        ),
        "uscc" => format!("91{}{}", of(r, DIGITS, 6), of(r, SAFE, 10)),
        "card" => format!("62{}", of(r, DIGITS, 17)),
        "waybill" => format!("SF{}", of(r, DIGITS, 13)),
        "labno" => format!("L{}{}", y % 100, of(r, DIGITS, 6)),
        "branchno" => format!("{}{}", of(r, "ABCDEFGH", 2), of(r, DIGITS, 3)),
        "deptcode" => format!("D{}", of(r, DIGITS, 3)),
        "ward" => format!("{}{}", of(r, "ABC", 1), 1 + r.below(20)),
        "empno" => format!("E{}", of(r, DIGITS, 5)),
        "classno" => format!("{}-{}", 1 + r.below(6), 1 + r.below(8)),
        "course" => format!(
            "{}{}",
            ["CS", "MA", "PH", "EE"][r.below(4) as usize],
            101 + r.below(300)
        ),
        "flight" => format!(
            "{}{}",
            ["CA", "MU", "LH", "BA", "AF"][r.below(5) as usize],
            100 + r.below(8000)
        ),
        "pnr" => of(r, SAFE, 6),
        "coupon" => [
            "WELCOME10",
            "SPRING24",
            "FREESHIP",
            "BLACKFRIDAY",
            "VIP2024",
            "SAVE20",
        ][r.below(6) as usize]
            .into(),
        "ucode" => of(r, UPPER, 5),
        "sku" => format!(
            "{}-{}-{}",
            of(r, UPPER, 3),
            of(r, DIGITS, 4),
            of(r, UPPER, 1)
        ),
        "pod" => format!(
            "{}-{}-{}",
            pick(r, KEBABS),
            of(r, HEX, 10),
            of(r, "bcdfghjklmnpqrstvwxz2456789", 5)
        ),
        "nodename" => format!(
            "{}-{:02}",
            ["node", "vm", "ip-10-0-1", "web"][r.below(4) as usize],
            r.below(60)
        ),
        "thing" => format!(
            "{}-{}",
            ["pump", "valve", "meter"][r.below(3) as usize],
            of(r, HEX, 4)
        ),
        "mac" => (0..6).map(|_| of(r, HEX, 2)).collect::<Vec<_>>().join(":"),
        "ipv4" => format!("10.{}.{}.{}", r.below(250), r.below(250), r.below(250)),
        "isbn" => format!("978{}", of(r, DIGITS, 10)),
        "vin" => of(r, SAFE, 17),
        "pinyin" => format!("{}{}", pick(r, PINYIN_SUR), pick(r, PINYIN_GIVEN)),
        "cnname" => format!("{}{}", of(r, CN_SUR, 1), {
            let n = 1 + r.below(2) as usize;
            of(r, CN_GIVEN, n)
        }),
        other => panic!("no kind of value {other}: {}", of(r, LOWER, 1)),
    }
}
