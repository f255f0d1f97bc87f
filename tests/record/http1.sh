#!/usr/bin/env bash
# Records real HTTP/1 traffic on the loopback: node, Python's http.server and nginx answer, curl asks. Writes
# tests/fixtures/http1.pcap and http1.jsonl: for each call its method, host, target, status, and the SHA-256 of the content as
# curl saved it (null where there is none). Needs root for tcpdump; run by hand, the results are committed.
set -euo pipefail
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
here=$(cd "$(dirname "$0")" && pwd); out=$here/../fixtures; tmp=$(mktemp -d); pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; rm -rf "$tmp"' EXIT
N=18080 P=18081 G=18082
mkdir -p "$tmp/www" "$out"; chmod 755 "$tmp"
head -c 12000 /usr/share/common-licenses/GPL-3 > "$tmp/www/text.txt"
printf '{"coded":"zstd","n":[1,2,3]}' > "$tmp/z.json"
python3 - "$tmp/z.json" "$tmp/z.zst" <<'PY'
# one raw block in a zstd frame (RFC 8878): no library needed
import sys
b = open(sys.argv[1], 'rb').read()
h = (len(b) << 3 | 1).to_bytes(3, 'little')
open(sys.argv[2], 'wb').write(b'\x28\xb5\x2f\xfd' + bytes([0x20, len(b)]) + h + b)
PY
cat > "$tmp/nginx.conf" <<CONF
daemon off; worker_processes 1; pid $tmp/nginx.pid; error_log $tmp/err.log;
events { worker_connections 64; }
http { access_log off; types { text/plain txt; } gzip on; gzip_min_length 100; gzip_types text/plain;
  client_body_temp_path $tmp/b; proxy_temp_path $tmp/p; fastcgi_temp_path $tmp/f; uwsgi_temp_path $tmp/u; scgi_temp_path $tmp/s;
  server { listen 127.0.0.1:$G; root $tmp/www; location / { } } }
CONF
node "$here/http1_server.mjs" $N "$tmp/z.zst" & pids+=($!)
python3 -m http.server $P --bind 127.0.0.1 --directory "$tmp/www" 2>/dev/null & pids+=($!)
nginx -c "$tmp/nginx.conf" -e "$tmp/err.log" & pids+=($!)
sleep 1
tcpdump -i lo -U -s 0 -w "$tmp/http1.pcap" "tcp port $N or tcp port $P or tcp port $G" 2>/dev/null & dump=$!; pids+=($dump)
sleep 1
: > "$tmp/calls"
note() { printf '{"method":"%s","host":"%s","target":"%s","status":%s,"sha256":%s}\n' "$@" >> "$tmp/calls"; }
sha() { [ -s "$1" ] && printf '"%s"' "$(sha256sum < "$1" | cut -d' ' -f1)" || printf null; }
ask() { # METHOD PORT TARGET [curl options]: one call of its own connection, decoded as curl decodes it
  local m=$1 p=$2 t=$3; shift 3; rm -f "$tmp/o"
  s=$(curl -s --compressed -X "$m" -o "$tmp/o" -w '%{http_code}' "$@" "http://127.0.0.1:$p$t" || true)
  note "$m" "127.0.0.1:$p" "$t" "$s" "$(sha "$tmp/o")"
}
for t in /plain /gzip /br /deflate /zstd /chunked "/none" "/missing?a=1&b=%20"; do ask GET $N "$t"; done
ask POST $N /echo -H 'Expect: 100-continue' --data-binary @"$tmp/www/text.txt"
ask POST $N /echo -H 'Transfer-Encoding: chunked' --data-binary 'sent in chunks'
ask GET $P /text.txt
ask GET $G /text.txt
ask GET $G /text.txt --http1.0
ask GET $G /text.txt -H 'Range: bytes=5-9'
# HEAD, then GET, on one connection
curl -s -I -o /dev/null "http://127.0.0.1:$N/plain" --next -s -o "$tmp/o" "http://127.0.0.1:$N/plain"
note HEAD "127.0.0.1:$N" /plain 200 null; note GET "127.0.0.1:$N" /plain 200 "$(sha "$tmp/o")"
# through a tunnel
curl -s -p -x "http://127.0.0.1:$N" -o "$tmp/o" "http://127.0.0.1:$P/text.txt"
note CONNECT "127.0.0.1:$P" "127.0.0.1:$P" 200 null; note GET "127.0.0.1:$P" /text.txt 200 "$(sha "$tmp/o")"
note GET "127.0.0.1:$P" /text.txt 200 "$(sha "$tmp/o")" # the tunnel's far side was captured too
# pipelined: four requests in one write
exec 3<>/dev/tcp/127.0.0.1/$G
printf 'GET /text.txt HTTP/1.1\r\nHost: pipe\r\n\r\nHEAD /text.txt HTTP/1.1\r\nHost: pipe\r\n\r\nGET /no HTTP/1.1\r\nHost: pipe\r\n\r\nGET /text.txt HTTP/1.1\r\nHost: pipe\r\nConnection: close\r\n\r\n' >&3
timeout 5 cat <&3 >/dev/null; exec 3>&-
f=$(sha "$tmp/www/text.txt")
note GET pipe /text.txt 200 "$f"; note HEAD pipe /text.txt 200 null
note GET pipe /no 404 "$(curl -s -H 'Host: pipe' "http://127.0.0.1:$G/no2" >"$tmp/o"; sha "$tmp/o")"; note GET pipe /text.txt 200 "$f"
note GET pipe /no2 404 "$(sha "$tmp/o")"
# 0.9
exec 3<>/dev/tcp/127.0.0.1/$P; printf 'GET /text.txt\r\n\r\n' >&3; timeout 5 cat <&3 >"$tmp/o"; exec 3>&-
note GET "" /text.txt null "$(sha "$tmp/o")"
# upgrade
exec 3<>/dev/tcp/127.0.0.1/$N; printf 'GET /up HTTP/1.1\r\nHost: up\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n' >&3; timeout 5 cat <&3 >/dev/null; exec 3>&-
note GET up /up 101 null
sleep 1; kill "$dump"; wait "$dump" 2>/dev/null || true
cp "$tmp/http1.pcap" "$out/http1.pcap"; cp "$tmp/calls" "$out/http1.jsonl"
ls -l "$out"/http1.*
