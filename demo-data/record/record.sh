#!/usr/bin/env bash
# Records demo-data anew: real servers and clients in a network namespace of their own, tcpdump on its loopback.
# Needs root, nginx, node, python3, curl, tcpdump, iproute2, zstd. usage: record.sh [OUT-FOLDER [SEED]]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath "${1:-$here/..}")
if [ -z "${LEAKTRACE_NETNS:-}" ]; then exec env LEAKTRACE_NETNS=1 unshare -n bash "$0" "$out" "${2:-7}"; fi
for tool in nginx node python3 curl tcpdump ip zstd; do command -v "$tool" >/dev/null || { echo "record.sh: $tool is missing" >&2; exit 1; }; done
export SEED=$2 DROP=198.51.100.$(((($2 - 7) % 200 + 200) % 200 + 23))
work=$(mktemp -d); trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
chmod 755 "$work"
export TRUTH=$work/truth PEOPLE=$work/people.json LOGINS=$work/logins.json
mkdir "$TRUTH"
ip link set lo mtu 1500 up
for a in 0.2 1.11 1.12 1.13 1.14 1.15 5.11 5.12 5.13 5.14 5.66 6.20 7.31 7.32 7.33 8.41 9.51; do ip addr add "10.20.$a/32" dev lo; done
ip addr add 203.0.113.40/32 dev lo; ip addr add "$DROP/32" dev lo
cd "$here"
python3 people.py "$PEOPLE" "$SEED"
python3 - "$LOGINS" "$SEED" <<'PY'
import json, random, sys
r = random.Random(int(sys.argv[2]) * 31)
word = lambda: "".join(r.choice("abcdefghkmnpqrstuvwxyzABCDEFGHKLMNPQRSTUVWXYZ23456789") for _ in range(10)) + "#" + str(r.randint(10, 99))
names = {n: "cookie-login" for n in ("chen.min", "li.bo", "zhao.yan", "sun.li", "wu.tao")} | {n: "jwt" for n in ("he.jun", "lin.fei", "ma.kai")}
names |= {"gao.ops": "basic", "acme-bi": "api-key", "svc-report": "oauth"}
json.dump({n: {"password": word(), "via": v, "key": "ak_live_" + "".join(r.choice("0123456789abcdef") for _ in range(32)) if v == "api-key" else None} for n, v in names.items()}, open(sys.argv[1], "w"))
PY
sed "s#WORK#$work#g" nginx.conf > "$work/nginx.conf"
for p in vault crm exports outside; do python3 $p.py & done
node store.js & node portal.js &
nginx -p "$work" -c "$work/nginx.conf" &
for n in $(seq 100); do curl -s -o /dev/null --interface 10.20.8.41 http://10.20.0.2/health && break; [ "$n" != 100 ] || { cat "$work/nginx.err" >&2; exit 1; }; sleep 0.1; done
sleep 1
python3 staff.py early
sleep 2
tcpdump -i lo -s 0 -B 65536 -w "$work/shop.pcap" -U tcp 2> "$work/tcpdump.log" &
dump=$!
sleep 1
python3 staff.py main & staff=$!
node app.js & app=$!
bash scripts.sh & scripts=$!
wait $staff $app $scripts
sleep 1
kill -INT $dump; wait $dump || true
grep -q '^0 packets dropped' "$work/tcpdump.log" || { cat "$work/tcpdump.log" >&2; exit 1; }
zstd -q -19 -f "$work/shop.pcap" -o "$out/shop.pcap.zst"
cp "$work/gateway-access.log" "$out/gateway-access.log"
cp "$TRUTH/leaked-rows.csv" "$out/leaked-rows.csv"
python3 - "$TRUTH" "$LOGINS" "$out/truth.jsonl" <<'PY'
import glob, json, sys
rows = [json.loads(l) for f in sorted(glob.glob(sys.argv[1] + "/*.jsonl")) for l in open(f)]
rows.sort(key=lambda r: (r["ts"], r["who"], r["uri"]))
with open(sys.argv[3], "w") as f:
    f.write(json.dumps({"accounts": {n: v["via"] for n, v in json.load(open(sys.argv[2])).items()}}) + "\n")
    for r in rows:
        f.write(json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n")
PY
zstd -q -19 -f --rm "$out/truth.jsonl" -o "$out/truth.jsonl.zst"
ls -l "$out" | awk '{print $5, $9}'
