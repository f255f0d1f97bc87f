//! Chinese names, in their own signs and in Latin letters. In: a segment. Out: yes or no. Bounds: one pass over a few signs.

/// `zhangwei`, `li.xiaoming`: a surname and syllables behind.
pub fn pinyin_name(s: &str) -> bool {
    const SUR: &str = " wang li zhang liu chen yang zhao huang zhou wu xu sun hu zhu gao lin he guo ma luo liang song zheng xie han tang feng yu dong xiao cheng cao yuan deng fu shen zeng peng lu su jiang cai jia ding wei xue ye yan pan du dai xia zhong tian ren fan fang shi yao tan liao zou xiong jin hao kong bai cui kang mao qiu qin gu hou shao meng long wan duan lei qian yin chang qiao lai ouyang ";
    let plain: String = s
        .bytes()
        .filter(u8::is_ascii_lowercase)
        .map(char::from)
        .collect();
    plain.len() + 2 >= s.len()
        && (2..=6).any(|n| {
            plain
                .get(..n)
                .is_some_and(|f| SUR.contains(&format!(" {f} ")))
                && plain.get(n..).is_some_and(|r| r.len() >= 2 && syllables(r))
        })
}

/// Whether it is one to three syllables of pinyin.
fn syllables(s: &str) -> bool {
    let mut rest = s;
    let mut n = 0;
    while !rest.is_empty() {
        let initial = [
            "zh", "ch", "sh", "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x",
            "r", "z", "c", "s", "y", "w",
        ]
        .iter()
        .find_map(|i| rest.strip_prefix(*i))
        .unwrap_or(rest);
        let Some(tail) = [
            "iang", "iong", "uang", "ang", "eng", "ing", "ong", "ian", "iao", "uai", "uan", "ai",
            "an", "ao", "ei", "en", "er", "ia", "ie", "in", "iu", "ou", "ua", "ui", "un", "uo",
            "ue", "a", "e", "i", "o", "u",
        ]
        .iter()
        .find_map(|f| initial.strip_prefix(*f)) else {
            return false;
        };
        rest = tail;
        n += 1;
    }
    n <= 3
}

/// Two to four Chinese characters that begin with a common surname.
pub fn chinese_name(s: &str) -> bool {
    const SURNAMES: &str = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文";
    (2..=4).contains(&s.chars().count())
        && s.chars().next().is_some_and(|c| SURNAMES.contains(c))
        && s.chars().all(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}
