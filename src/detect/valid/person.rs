//! Names and postal addresses. In: text. Out: how far it reads as one. Bounds: linear in a value of at most 200 bytes.

use rustc_hash::FxHashSet;
use std::sync::LazyLock;

/// Surnames of one character: the classic list and the further ones of the 400 most frequent, the common ones also as Taiwan and Hong Kong
/// write them.
const SINGLE: &str = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳酆鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯昝管卢莫经房裘缪干解应宗丁宣贲邓郁单杭洪包诸左石崔吉钮龚程嵇邢滑裴陆荣翁荀羊惠甄曲家封芮羿储靳汲邴糜松井段富巫乌焦巴弓牧隗山谷车侯宓蓬全郗班仰秋仲伊宫宁仇栾暴甘厉戎祖武符刘景詹束龙叶幸司韶郜黎蓟薄印宿白怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴胥能苍双闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍璩桑桂濮牛寿通边扈燕冀郏浦尚农温别庄晏柴瞿阎充慕连茹习宦艾鱼容向古易慎戈廖庾终暨居衡步都耿满弘匡国文寇广禄阙东欧殳沃利蔚越夔隆师巩厍聂晁勾敖融冷訾辛阚那简饶空曾毋沙乜养鞠须丰巢关蒯相查后荆红游竺权逯盖益桓公仉督岳帅缑亢况郈有琴商牟佘佴伯赏墨哈谯笪年爱阳佟言福肖闫覃付代鹿邸涂苑兰占原冼母苟植尧由初卿揭仝衣麦修戢展区楚鲜官税芦隋丛邝栗鄢谌粟豆朴练漆晋敬来辜亓战玉但斯檀奉位赫肇麴禚迟楼盘呼尉冶闭宾陳黃張吳劉楊許鄭謝賴葉蘇莊呂蕭羅簡鍾盧趙顏孫鄧馬藍蔣馮湯鄒龔嚴韓陸譚闕賀賈閻聶喬畢鄔龐錢駱";
/// Surnames of two characters.
const DOUBLE: [&str; 34] = [
    "欧阳", "太史", "端木", "上官", "司马", "东方", "独孤", "南宫", "万俟", "闻人", "夏侯", "诸葛",
    "尉迟", "公羊", "赫连", "澹台", "皇甫", "宗政", "濮阳", "公冶", "太叔", "申屠", "公孙", "慕容",
    "仲孙", "钟离", "长孙", "宇文", "司徒", "鲜于", "司空", "令狐", "轩辕", "呼延",
];
/// Words that begin like a surname and are no name; also what ends a title, a place or a thing.
const NOT: [&str; 72] = [
    "公司",
    "集团",
    "中心",
    "银行",
    "商店",
    "超市",
    "有限",
    "学校",
    "大学",
    "医院",
    "酒店",
    "产品",
    "测试",
    "默认",
    "全部",
    "其他",
    "未知",
    "管理员",
    "系统",
    "经理",
    "总监",
    "会员",
    "用户",
    "成功",
    "失败",
    "平台",
    "文件",
    "广场",
    "花园",
    "小区",
    "路",
    "街",
    "市",
    "省",
    "县",
    "区",
    "镇",
    "项目",
    "支付",
    "费用",
    "单价",
    "金额",
    "时间",
    "日期",
    "关闭",
    "向上",
    "白色",
    "黄色",
    "红色",
    "蓝色",
    "高级",
    "应用",
    "安全",
    "安装",
    "高清",
    "常规",
    "平均",
    "通用",
    "通知",
    "普通",
    "广告",
    "国际",
    "国家",
    "金卡",
    "白银",
    "黄金",
    "全国",
    "文本",
    "计划",
    "连接",
    "时段",
    "方式",
];

/// Words and places that are spelt like a name: a surname, and one or two characters behind it.
static WORDS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    "来源 来电 来宾 来访 来往 来料 但是 玉米 玉石 玉器 玉林 玉溪 战士 战略 战队 豆腐 豆浆 豆瓣 练习 敬请 敬老 斯文 赫兹 晋级 晋升 奉献 奉上 漆器 位置 位数 位移 晏然 芦苇 朴素 粟米 辜负
     方案 通过 关注 关于 应收 应付 应用 金牌 金额 康复 包装 包含 包邮 支持 支出 支付 明细 明天 单选 单项 单位 时长 时效 周期 周一 周二 周三 \
     周四 周五 周六 周日 周末 常用 常见 平安 平板 平稳 温度 温馨 左对齐 右对齐 高中 高清 高档 高危 高风险 广东 广西 广州 广安 广元 江苏 江西 \
     江门 江阴 云南 云浮 云端 云盘 安徽 安阳 安庆 安康 安顺 安装 杭州 温州 常州 常德 郑州 徐州 成都 成功 成员 成人 成年 邯郸 乐山 黄山 黄石 \
     黄冈 石家庄 石油 唐山 邢台 张家口 张家界 包头 乌海 沈阳 金华 金融 金属 池州 马鞍山 宣城 莆田 景德镇 洪湖 许昌 周口 武汉 武器 荆州 荆门 \
     宜昌 宜宾 岳阳 怀化 娄底 惠州 梅州 阳江 柳州 贺州 宁波 宁夏 宁德 巴中 通辽 通化 通用 通信 通讯 和田 连云港 连锁 连接 宿迁 苏州 盐城 商城 \
     商务 商业 商品 商户 家电 家居 家具 家用 家庭 游戏 游客 红包 红酒 白酒 白条 白银 蓝牙 查询 相册 相机 相关 后台 后付费 古典 古装 计算机 计量 \
     计时 计件 计划内 计划外 经济 经典 经营 经销商 水果 水电 水费 花卉 花费 花呗 毛利 毛衣 牛奶 牛仔裤 马桶 鱼类 车险 车位 车主 车辆 农业 农村 \
     农产品 和平 全国 全额 全天 全职 全款 党员 党费 党建 路由 路线 路口 申请 申诉 申报 能源 能力 强制 胜利 印刷 印章 国产 国内 国债 台湾 台式机 \
     司机 司法 蒙古 满意 满减 满额 空闲 空调 空运 年付 年度 年龄 年费 年卡 月卡 都市 利润 利率 利息 那曲 权限 权益 益智 公开 公告 公司 公交 公寓 \
     养老 养生 展示 展会 展览 原创 原价 植物 初级 初中 初始 官方 官网 税费 税率 税务 楚雄 区域 区块链 代理 代付 代收 代金券 兰州 占用 占比 母婴 \
     鹿角 鲜花 鲜果 麦片 衣服 衣架 向上 向下 向左 向右 易用 终止 终端 步行 步骤 居家 居民 文化 文具 文档 文章 东北 东莞 东营 欧洲 欧元 万元 万能 \
     万州 管理 管控 解锁 解冻 解除 解决 房产 房租 房型 丁香 左侧 右侧 程序 程度 计费 封闭 封面 封禁 储蓄 储值 段落 井冈山 巴士 牧业 山东 山西 \
     山药 宗教 祖国 景区 景点 印度 怀旧 从业 咸阳 籍贯 卓越 双人 双色 双十一 党委 贡献 扶贫 堵塞 桑拿 桂林 牛肉 寿险 通勤 边境 边框 \
     燕麦 浦东 尚未 柴油 充值 充电 连续 习题 艾滋 容量 容器 容错 古镇 慎重 居住 衡阳 衡水 都匀 满分 国庆 国标 广播 东方 沃尔沃 越南 越野 隆重 \
     师范 巩固 融资 冷藏 冷链 冷冻 那么 简体 简介 简单 简历 空白 空间 曾用名 丰收 关联 关机 红色 游泳 权重 益阳 公众号"
        .split_ascii_whitespace()
        .collect()
});

/// Words that are capitalised like a name and are none: of plans, roles, programs, states.
const COMMON: [&str; 136] = [
    "admin",
    "administrator",
    "system",
    "root",
    "guest",
    "test",
    "tester",
    "default",
    "unknown",
    "anonymous",
    "user",
    "users",
    "null",
    "none",
    "other",
    "others",
    "all",
    "plan",
    "premium",
    "pro",
    "basic",
    "standard",
    "widget",
    "service",
    "services",
    "group",
    "team",
    "report",
    "order",
    "orders",
    "product",
    "products",
    "item",
    "items",
    "package",
    "account",
    "active",
    "inactive",
    "enabled",
    "disabled",
    "pending",
    "success",
    "failed",
    "error",
    "free",
    "gold",
    "silver",
    "bronze",
    "vip",
    "member",
    "membership",
    "store",
    "shop",
    "market",
    "bank",
    "company",
    "inc",
    "ltd",
    "corp",
    "school",
    "university",
    "hospital",
    "hotel",
    "center",
    "centre",
    "street",
    "road",
    "city",
    "north",
    "south",
    "east",
    "west",
    "new",
    "device",
    "phone",
    "laptop",
    "monitor",
    "keyboard",
    "software",
    "hardware",
    "enterprise",
    "professional",
    "ultimate",
    "edition",
    "server",
    "mouse",
    "bottle",
    "gift",
    "card",
    "lamp",
    "desk",
    "chair",
    "office",
    "hub",
    "cable",
    "wireless",
    "steel",
    "table",
    "shirt",
    "shoes",
    "bag",
    "book",
    "watch",
    "camera",
    "speaker",
    "headphones",
    "charger",
    "battery",
    "adapter",
    "screen",
    "printer",
    "tablet",
    "coffee",
    "tea",
    "milk",
    "water",
    "juice",
    "bread",
    "kit",
    "set",
    "pack",
    "box",
    "case",
    "cover",
    "stand",
    "mini",
    "plus",
    "lite",
    "smart",
    "digital",
    "electric",
    "portable",
    "classic",
    "deluxe",
    "annual",
    "monthly",
];

static SURNAMES: LazyLock<FxHashSet<char>> = LazyLock::new(|| SINGLE.chars().collect());
/// Last characters of [`NOT`] and first ones of [`DOUBLE`]: most names are told by them without a look at the lists.
static NOT_ENDS: LazyLock<FxHashSet<char>> =
    LazyLock::new(|| NOT.iter().filter_map(|w| w.chars().last()).collect());
static DOUBLE_BEGINS: LazyLock<FxHashSet<char>> =
    LazyLock::new(|| DOUBLE.iter().filter_map(|w| w.chars().next()).collect());

/// A CJK ideograph.
pub fn han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{2ebef}')
}

/// Whether a character is a surname.
pub fn surname(c: char) -> bool {
    SURNAMES.contains(&c)
}

/// Chinese personal name: a surname and one or two characters (four in all only with a surname of two), or one of a minority with a
/// middle dot.
pub fn chinese(text: &str) -> bool {
    if text.len() > 60 {
        return false;
    }
    let n = text.chars().count();
    if let Some((a, b)) = text.split_once(['·', '•', '‧']) {
        return (3..=15).contains(&n)
            && a.chars().count() >= 2
            && !b.is_empty()
            && text.chars().all(|c| han(c) || matches!(c, '·' | '•' | '‧'));
    }
    if !(2..=4).contains(&n) || !text.chars().all(han) {
        return false;
    }
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().last()) else {
        return false;
    };
    if NOT_ENDS.contains(&last) && NOT.iter().any(|w| text.ends_with(w)) || WORDS.contains(text) {
        return false;
    }
    let double = DOUBLE_BEGINS.contains(&first) && DOUBLE.iter().any(|d| text.starts_with(d));
    match n {
        2 => surname(first) && !double,
        3 => double || surname(first),
        _ => double,
    }
}

/// Given names that are frequent where Latin letters are written; in lower case.
static GIVEN: LazyLock<FxHashSet<&str>> =
    LazyLock::new(|| include_str!("given.txt").split_ascii_whitespace().collect());

/// Whether a name of several words has a frequent given name first, or behind a comma (`Smith, John`).
pub fn given_first(text: &str) -> bool {
    let name = text.split_once(',').map_or(text, |(_, given)| given);
    let mut words = name.split_ascii_whitespace();
    let first = words.find(|w| !w.ends_with('.') && !TITLES.contains(w));
    let first = first.unwrap_or_default().split('-').next();
    first.is_some_and(|w| w.len() <= 24 && GIVEN.contains(w.to_lowercase().as_str()))
}

/// What stands before a name and is none of it; with a dot behind it anything may.
const TITLES: [&str; 9] = [
    "Mr", "Mrs", "Ms", "Miss", "Dr", "Prof", "Sir", "Herr", "Frau",
];

/// Small words inside names, counted apart from those that a name has one to four of.
const PARTICLES: [&str; 40] = [
    "van", "von", "vom", "zu", "zum", "zur", "und", "de", "der", "den", "des", "du", "la", "las",
    "le", "les", "los", "da", "das", "di", "do", "dos", "del", "della", "dello", "degli", "lo",
    "ten", "ter", "te", "bin", "binti", "bint", "ibn", "ben", "al", "el", "e", "y", "af",
];

/// A name in Korean (two to five syllables) or Japanese letters (two to eight, also apart by one blank). Ideographs alone are left
/// to [`chinese`], but where a blank parts two short groups of them.
pub fn eastern(text: &str) -> bool {
    let hangul = |c: char| matches!(c, '\u{ac00}'..='\u{d7a3}');
    let kana = |c: char| matches!(c, '\u{3041}'..='\u{309f}' | '\u{30a1}'..='\u{30ff}' | '々');
    if text.len() > 40 {
        return false;
    }
    let mut groups = text.split([' ', '\u{3000}']);
    let (Some(a), b, None) = (groups.next(), groups.next(), groups.next()) else {
        return false;
    };
    let of = |s: &str| (s.chars().count(), s.chars().all(hangul));
    let ((n, korean), (m, rest)) = (of(a), of(b.unwrap_or_default()));
    if korean && rest {
        return n > 0 && (2..=5).contains(&(n + m));
    }
    text.chars()
        .all(|c| han(c) || kana(c) || matches!(c, ' ' | '\u{3000}'))
        && match b {
            Some(_) => (1..=4).contains(&n) && (1..=4).contains(&m),
            None => (2..=8).contains(&n) && text.chars().any(kana),
        }
}

/// A name in Latin letters (Greek, Cyrillic ... alike): one to four words that each begin with a capital, no digits.
pub fn latin(text: &str) -> bool {
    if text.len() > 60 || text.len() < 2 {
        return false;
    }
    let (mut words, mut particles) = (0, 0);
    for word in text.split([' ', ',']) {
        if word.is_empty() {
            continue;
        }
        if COMMON.iter().any(|c| c.eq_ignore_ascii_case(word)) {
            return false;
        }
        let mut chars = word.chars();
        let first = chars.next().unwrap_or(' ');
        let particle = PARTICLES.contains(&word);
        // d'Arc, l'Hôpital
        let elided = matches!(first, 'd' | 'l')
            && word.get(1..).is_some_and(|r| {
                let mut r = r.chars();
                matches!(r.next(), Some('\'' | '’')) && r.next().is_some_and(char::is_uppercase)
            });
        if !particle && !elided && !first.is_uppercase() {
            return false;
        }
        // `OrderController` is a program's, `McDonald` and `FitzGerald` are not
        if word
            .bytes()
            .zip(word.bytes().skip(1))
            .enumerate()
            .any(|(i, (a, b))| i >= 4 && a.is_ascii_lowercase() && b.is_ascii_uppercase())
        {
            return false;
        }
        if !chars.all(|c| c.is_alphabetic() && !han(c) || matches!(c, '-' | '\'' | '’' | '.')) {
            return false;
        }
        particles += usize::from(particle);
        words += usize::from(!particle);
    }
    (1..=4).contains(&words) && particles <= 3 && text.chars().any(char::is_lowercase)
}

/// A name in capitals (`JOHN SMITH`): two to four words of letters.
pub fn capitals(text: &str) -> bool {
    text.len() <= 60
        && (2..=4).contains(&text.split(' ').count())
        && text.split(' ').all(|w| {
            (1..=20).contains(&w.len())
                && w.bytes()
                    .all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'\'' | b'.'))
                && !COMMON.iter().any(|c| c.eq_ignore_ascii_case(w))
        })
        && text.split(' ').any(|w| w.len() >= 2)
}

/// What an address is made of, counted in one pass.
#[derive(Default)]
struct Parts {
    chars: u32,
    han: u32,
    /// Characters of the administration: province, city, county ...
    admin: u32,
    /// Characters below it: road, village, building ...
    detail: u32,
    /// ... of which these stand behind all of the administration.
    below: u32,
    /// Numbers with their unit: 88号, 3栋.
    units: u32,
    digit: bool,
    /// Marks that end a sentence, or of a link or e-mail address.
    prose: bool,
}

fn parts(text: &str) -> Parts {
    let mut p = Parts::default();
    let mut before = ' ';
    for c in text.chars() {
        p.chars += 1;
        let number = before.is_ascii_digit()
            || matches!(before, '０'..='９' | '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '十' | 'A'..='Z');
        before = c;
        if c.is_ascii() {
            match c {
                '0'..='9' => p.digit = true,
                '!' | '?' | '@' | ':' | '=' => p.prose = true,
                _ => {}
            }
            continue;
        }
        p.han += u32::from(han(c));
        match c {
            '省' | '市' | '区' | '县' | '州' | '旗' | '镇' | '乡' | '盟' => {
                p.admin += 1;
                p.below = 0;
            }
            '路' | '街' | '巷' | '弄' | '号' | '栋' | '幢' | '座' | '楼' | '室' | '层' | '村'
            | '苑' | '园' | '厦' | '道' | '组' | '社' => {
                p.detail += 1;
                p.below += 1;
                let unit = matches!(
                    c,
                    '号' | '栋'
                        | '幢'
                        | '座'
                        | '楼'
                        | '室'
                        | '层'
                        | '弄'
                        | '组'
                        | '巷'
                        | '街'
                        | '路'
                );
                p.units += u32::from(number && unit);
            }
            '元' | '户' | '期' if number => p.units += 1,
            '０'..='９' | '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '十' => {
                p.digit = true
            }
            '。' | '！' | '？' | '：' | '；' | '，' => p.prose = true,
            _ => {}
        }
    }
    p
}

/// Belief 0..=100 that text is a postal address, without regard to its key.
pub fn address(text: &str) -> u8 {
    if text.len() > 300 {
        return 0;
    }
    belief(&parts(text))
}

fn belief(p: &Parts) -> u8 {
    if !(6..=90).contains(&p.chars) || p.han * 2 < p.chars || p.prose {
        return 0;
    }
    match (p.admin, p.detail, p.units) {
        (a, d, u) if a >= 2 && d >= 2 && u >= 1 => 90,
        (a, d, u) if a >= 1 && d >= 2 && u >= 1 => 75,
        (a, _, _) if a >= 2 && p.below >= 1 => 65,
        (a, d, u) if a + d >= 2 && u >= 1 => 45,
        _ => 0,
    }
}

/// Belief that text under an address key is an address: any Chinese place, or a number and words in another language.
pub fn address_named(text: &str) -> Option<u8> {
    if text.len() > 400 || text.contains("://") {
        return None;
    }
    let p = parts(text);
    if !(5..=160).contains(&p.chars) || p.prose && p.han == 0 {
        return None;
    }
    if p.han > 0 {
        return (p.admin + p.detail >= 1).then(|| belief(&p).max(88));
    }
    let words = text
        .split([' ', ','])
        .filter(|w| w.chars().filter(|c| c.is_alphabetic()).count() >= 2)
        .count();
    (p.chars >= 8 && words >= 2 && p.digit).then_some(80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for ok in [
            "张三",
            "李小明",
            "欧阳娜娜",
            "司马光",
            "阿卜杜拉·买买提",
            "王芳",
            "练玉",
            "邝超",
        ] {
            assert!(chinese(ok), "{ok}");
        }
        for bad in [
            "张",
            "张三李四王五",
            "中国银行",
            "王府井大街",
            "高级会员",
            "苹果手机",
            "abc",
            "张san",
            "金卡",
            "王者荣耀",
            "方式",
            "来源",
            "练习",
            "云服务器",
        ] {
            assert!(!chinese(bad), "{bad}");
        }
        for ok in [
            "John Smith",
            "Anna-Maria van der Berg",
            "Jeanne Collet de la Bourdon",
            "Nicolas du Brunel",
            "Hugues d'Aubigné",
            "Dr. Robby Wähner B.Eng.",
            "José O'Neil",
            "Müller",
        ] {
            assert!(latin(ok), "{ok}");
        }
        assert!(
            capitals("JOHN SMITH")
                && !capitals("ACTIVE")
                && !capitals("GOLD PLAN")
                && !capitals("A 1")
        );
        for (text, ok) in [
            ("권은정", true),
            ("加藤 真綾", true),
            ("佐々木　翼", true),
            ("たかし", true),
            ("加藤真綾", false),
            ("서울특별시청사", false),
            ("", false),
        ] {
            assert_eq!(eastern(text), ok, "{text}");
        }
        assert!(
            given_first("Kathleen Turner")
                && given_first("Smith, John")
                && given_first("Dr. Anna-Lena Krug")
                && !given_first("Polarised Portal")
                && !given_first("Mr")
        );
        for bad in [
            "john smith",
            "Premium Plan 2",
            "a",
            "ADMIN",
            "foo_bar",
            "de la",
            "state of the Art",
            "The quick brown fox jumps",
        ] {
            assert!(!latin(bad), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        for ok in [
            "北京市朝阳区建国路88号",
            "广东省深圳市南山区科技园南区1栋201室",
            "上海市浦东新区世纪大道100号",
        ] {
            assert!(address(ok) >= 65, "{ok}");
            assert!(address_named(ok).is_some());
        }
        for bad in [
            "北京",
            "订单已发货",
            "您的验证码是123456，请勿告诉他人！",
            "南京市鼓楼区今日多云，12度",
            "收货地址: 北京市朝阳区建国路88号",
            "hello world",
            "首页",
        ] {
            assert_eq!(address(bad), 0, "{bad}");
        }
        assert!(address_named("221B Baker Street, London").is_some());
        assert!(address_named("10.1.2.3").is_none());
        assert!(address_named("https://a.example/b 1").is_none());
    }
}
