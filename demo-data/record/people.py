#!/usr/bin/env python3
"""Makes the people of the demo: seeded, so that every recording has the same ones. Writes people.json.
Numbers are valid by the published rules (GB 11643, ISO/IEC 7812) and belong to nobody."""
import json
import random
import sys

R = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 7)
SUR = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "伟芳娜敏静丽强磊洋勇艳杰涛明超霞平刚桂英华玉萍红鹏"
REGION = ["110101", "110105", "310104", "310115", "440106", "440305", "510107", "330106", "320102", "420106", "610113", "500103"]
ROAD = [("北京市", "朝阳区", "建国路"), ("上海市", "浦东新区", "世纪大道"), ("广州市", "天河区", "体育东路"), ("杭州市", "西湖区", "文三路"), ("成都市", "武侯区", "人民南路")]
PINYIN = ["wei", "fang", "min", "jing", "qiang", "lei", "tao", "chao", "xia", "ping", "gang", "hua", "hong", "peng", "yan"]


def cn_id():
    s = R.choice(REGION) + f"{R.randint(1955, 2004)}{R.randint(1, 12):02}{R.randint(1, 28):02}{R.randint(0, 999):03}"
    total = sum(int(d) * w for d, w in zip(s, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]))
    return s + "10X98765432"[total % 11]


def card():
    s = "622202" + "".join(R.choice("0123456789") for _ in range(12))
    total = 0
    for i, d in enumerate(reversed(s)):
        n = int(d)
        if i % 2 == 0:
            n = n * 2 - 9 if n > 4 else n * 2
        total += n
    return s + str(-total % 10)


def person(n):
    city, district, road = R.choice(ROAD)
    return {
        "id": 10000 + n * 7 + R.randint(0, 6),
        "name": R.choice(SUR) + R.choice(GIVEN) + (R.choice(GIVEN) if R.random() < 0.7 else ""),
        "idCard": cn_id(),
        "mobile": "1" + R.choice(["38", "39", "36", "50", "58", "59", "77", "86", "87", "99"]) + "".join(R.choice("0123456789") for _ in range(8)),
        "email": f"{R.choice(PINYIN)}.{R.choice(PINYIN)}{R.randint(10, 9999)}@mail.example",
        "address": f"{city}{district}{road}{R.randint(1, 900)}号{R.randint(1, 30)}栋{R.randint(101, 2804)}室",
        "card": card(),
    }


json.dump([person(n) for n in range(1200)], open(sys.argv[1], "w"), ensure_ascii=False)
