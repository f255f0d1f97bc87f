"""The seeded world that servers and clients of the corpus share: OUT/world.json. Numbers are made up and valid by the published
rules of their kinds; keys, paths, claims, cookies and headers are drawn by the seed, so that no two recordings use the same names."""
import datetime, json, random, sys

AREAS = "110101 310104 440305 330106 510107 420111 320505 370203 610113 500112".split()
SUR = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰飞鹏辉红建文博宇轩梓涵欣怡"
PINYIN = {"王": "wang", "李": "li", "张": "zhang", "刘": "liu", "陈": "chen", "杨": "yang", "赵": "zhao", "黄": "huang", "周": "zhou", "吴": "wu"}
SYL = "wei fang na min jing li qiang lei jun yang yong yan jie juan tao ming chao xiu xia ping gang".split()
ROADS = ["人民路", "解放大道", "中山北路", "建设街", "长江路", "和平里东街", "科技园南区"]
CITIES = ["北京市朝阳区", "上海市徐汇区", "深圳市南山区", "杭州市西湖区", "成都市武侯区", "武汉市洪山区"]


def luhn(body):
    s = sum(sum(divmod(int(c) * 2, 10)) if i % 2 == 0 else int(c) for i, c in enumerate(reversed(body)))
    return body + str(-s % 10)


def cn_id(r):
    day = datetime.date(1955, 1, 1) + datetime.timedelta(days=r.randrange(18000))
    body = r.choice(AREAS) + day.strftime("%Y%m%d") + f"{r.randrange(1000):03}"
    return body + "10X98765432"[sum(int(c) * pow(2, 17 - i, 11) for i, c in enumerate(body)) % 11], day.isoformat()


def iban(r):
    body = "DE00" + "".join(r.choice("0123456789") for _ in range(18))
    return "DE" + f"{98 - int(body[4:] + '131400') % 97:02}" + body[4:]


def person(r, n):
    ident, birth = cn_id(r)
    name = r.choice(SUR) + "".join(r.choice(GIVEN) for _ in range(r.choice((1, 2, 2))))
    return {"n": n, "snow": str(r.randrange(1700000000000000000, 1899999999999999999)), "name": name, "cn_id": ident, "birth": birth,
            "mobile": r.choice("138 139 150 151 158 177 186 189 199".split()) + f"{r.randrange(10 ** 8):08}",
            "email": f"{r.choice(SYL)}{r.choice(SYL)}{r.randrange(100, 9999)}@{r.choice(['mail.example', 'post.example.cn', 'qq.com', '163.com'])}",
            "bank": luhn(r.choice(["622848", "621700", "622202", "621483"]) + f"{r.randrange(10 ** 12):012}"), "iban": iban(r),
            "address": f"{r.choice(CITIES)}{r.choice(ROADS)}{r.randrange(1, 400)}号{r.randrange(1, 30)}栋{r.randrange(101, 2800)}室",
            "plate": r.choice("京沪粤浙川鄂苏") + r.choice("ABCDE") + "".join(r.sample(r.choice("ABCDEFGHJKLMNPQRSTUVWXYZ0") + r.choice("ABCDEFGHJKLMNPQRSTUVWXYZ012345") + f"{r.randrange(1000):03}", 5)),
            "order": f"{r.choice(['DD', 'SO', ''])}{r.randrange(20240101, 20261231)}{r.randrange(10 ** 10):010}"}


def make(seed):
    r = random.Random(seed * 7919 + 13)
    pick = r.choice
    token = lambda n=32, a="0123456789abcdef": "".join(pick(a) for _ in range(n))
    b62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    co = pick("lanhai yuntu qingniao morgenrot kestrel xinghe baobab tongda".split())
    users, seen = [], set()
    while len(users) < 60:
        sur = pick(list(PINYIN))
        login = pick(["{s}.{g}", "{s}{g}", "{g}_{s}", "{s}{g}{n}"]).format(s=PINYIN[sur], g=pick(SYL), n=r.randrange(10, 99))
        if login not in seen:
            seen.add(login)
            users.append({"login": login, "uid": str(r.randrange(10 ** 5, 10 ** 6)), "password": token(9, b62) + "#" + str(r.randrange(10, 99)), "sub": token(24)})
    pair = lambda *a: pick(a)
    return {
        "seed": seed, "co": co, "people": [person(r, n) for n in range(320)], "users": users, "secret": token(40, b62),
        "hosts": {s: f"{s}.{co}.example" for s in ("shop", "hr", "portal", "auth", "pay", "graph", "legacy", "files", "desk")},
        "shop": {"login": pick(["/api/v1/sesame/open", "/api/v1/passport/enter", "/api/v1/jinru", "/api/v1/auth/logon"]),
                 "keys": pair(["loginCode", "keyword"], ["gonghao", "kouling"], ["userName", "password"], ["acct", "pwd"], ["staffNo", "passCode"]),
                 "token": pick(["ticket", "piaoju", "accessKeyToken", "sesskey", "tk"]), "logout": pick(["/api/v1/leave", "/api/v1/auth/logoff", "/api/v1/tuichu"]),
                 "header": pick(["Authorization", "Authorization", "X-Ticket", "X-Shop-Token"]), "id_key": pick(["idCard", "idNo", "certNo", "shenfenzheng"]),
                 "mobile_key": pick(["mobile", "phoneNo", "shoujihao", "contactTel"]), "name_key": pick(["custName", "realName", "xingming", "姓名"])},
        "hr": {"login": pick(["/accounts/login/", "/denglu/", "/signin/"]), "cookie": pick(["hrsid", "SESSIONID_HR", "huihua", "PSESS"]),
               "keys": pair(["username", "password"], ["yonghu", "mima"], ["emp_no", "secret"]), "logout": pick(["/accounts/logout/", "/tuichu/", "/bye/"])},
        "portal": {"login": pick(["/auth/jwt", "/api/signin", "/gate/enter"]), "claim": pick(["uname", "loginAcct", "gonghao", "empCode", "preferred_username", "kto"]),
                   "keys": pair(["login", "pass"], ["email_or_login", "secretWord"], ["user", "password"]), "out": pick(["jwt", "idToken", "bearer", "data"])},
        "pay": {"header": pick(["X-Api-Key", "X-App-Key", "apikey", "X-Merchant-Token"]), "query": pick(["api_key", "appkey", "access_key", "key"]),
                "keys": [{"name": None, "key": pick(["pk_live_", "mk-", ""]) + token(32, b62)} for _ in range(6)],
                "aws": [{"id": "AKIA" + token(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), "secret": token(40, b62)} for _ in range(3)]},
        "graph": {"field": pick(["login", "signIn", "authenticate", "createSession"]), "token": pick(["token", "accessToken", "sessionToken"]), "dispatch": pick(["method", "action", "cmd", "do"])},
        "legacy": {"user": pick(["UserID", "LoginName", "OperCode", "czydm"]), "pass": pick(["Password", "Pwd", "Kouling"]), "ticket": pick(["Ticket", "SessionKey", "hhid"])},
        "front_header": pick(["X-Auth-User", "X-Forwarded-User", "X-User-Name", "X-Login-Name", "Remote-User"]),
        "clients": [{"id": f"{pick(['batch', 'sync', 'robot', 'bi'])}-{pick(['etl', 'report', 'crm', 'mailer'])}-{i}", "secret": token(32)} for i in range(4)],
        "words": [pick("quarterly spring-sale annual-meeting new-office security-notice team-day".split()) + "-" + pick(SYL) + pick(SYL) + pick(["", "-2024", "-v2"]) for _ in range(60)],
        "skew": {"gateway": r.uniform(-90, 90), "shop": r.uniform(-400, 400), "portal": r.uniform(-20, 20), "legacy": r.uniform(-4000, 4000)},
        "desk": {"form": pick(["LoginForm", "user", "F"]), "user": pick(["username", "login", "account"]), "pass": pick(["password", "pwd"]), "cookie": pick(["rft", "xr1", "keep", "zt"]), "claim": pick(["urn:desk:inhaber", "wer", "https://desk.example/who"])},
    }


if __name__ == "__main__":
    with open(sys.argv[1], "w") as f:
        json.dump(make(int(sys.argv[2])), f, ensure_ascii=False)
