#!/usr/bin/env bash
# Gives each fuzz target whose parser changed since a revision some minutes of one core, and writes what came of it into LOG.md: commit,
# time, executions, coverage, findings.
#
#   fuzz/run.sh [-m MINUTES] [-s SECONDS] [-j JOBS] [-n] (REVISION | all | TARGET...)
#
#   -m MINUTES  minutes of one core for each target (10)       -s SECONDS  the same in seconds
#   -j JOBS     targets at the same time (1)            -n          only say which would run
#
# Needs cargo-fuzz (`cargo install cargo-fuzz`) and a nightly toolchain (`rustup toolchain install nightly --profile minimal`);
# FUZZ_CARGO names another cargo, and FUZZ_WRAP a command to put before each one (a queue for builds, say). What a
# target is run for stands behind it in tests/support/targets/mod.rs. A finding stops its target, is kept in fuzz/artifacts, and
# makes this script fail. New inputs go into fuzz/found, not into the seeds.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seconds=600 jobs=1 dry=
while getopts m:s:j:n o; do
  case $o in
    m) seconds=$((OPTARG * 60)) ;;
    s) seconds=$OPTARG ;;
    j) jobs=$OPTARG ;;
    n) dry=1 ;;
    *) sed -n '2,8p' "$0"; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { sed -n '2,8p' "$0"; exit 2; }
cd "$here/.."

# name and paths of every target
table=$(sed -n '/pub const TARGETS/,/^];/p' tests/support/targets/mod.rs | tr -d '\n ' | grep -o '("[a-z0-9_]*",[a-z0-9_]*,&\[[^]]*\],\?)' |
  sed -E 's/^\("([a-z0-9_]*)",[a-z0-9_]*,&\[//; s/\],?\)$//; s/"//g' |
  paste -d' ' <(sed -n '/pub const TARGETS/,/^];/p' tests/support/targets/mod.rs | tr -d '\n ' | grep -o '("[a-z0-9_]*",[a-z0-9_]*,&\[' | sed -E 's/^\("([a-z0-9_]*)".*/\1/') -)
[ -n "$table" ] || { echo "no targets found in tests/support/targets/mod.rs"; exit 1; }

targets=()
if [ "$1" = all ]; then
  mapfile -t targets < <(cut -d' ' -f1 <<<"$table")
elif [ $# -eq 1 ] && git rev-parse -q --verify "$1^{commit}" >/dev/null && ! grep -q "^$1 " <<<"$table"; then
  changed=$(git diff --name-only "$1" -- src tests/support/targets fuzz/targets)
  while read -r name paths; do
    for p in ${paths//,/ }; do
      if grep -qE "^src/${p//./\\.}(/|$)" <<<"$changed"; then targets+=("$name"); break; fi
    done
  done <<<"$table"
else
  targets=("$@")
  for t in "${targets[@]}"; do
    grep -q "^$t " <<<"$table" || { echo "no such target or revision: $t"; exit 2; }
  done
fi
[ ${#targets[@]} -gt 0 ] || { echo "no parser changed since $1"; exit 0; }
echo "${#targets[@]} targets, $seconds s each: ${targets[*]}"
[ -z "$dry" ] || exit 0

cargo=${FUZZ_CARGO:-cargo +nightly}
log=fuzz/LOG.md
[ -f "$log" ] || printf '# What the fuzzers did\n\nWritten by `fuzz/run.sh`; seconds are those of one core. A `+` behind a commit: with changes that were not committed. Coverage: edges, features.\n\n| day | commit | target | seconds | executions | a second | edges | features | corpus | finding |\n|---|---|---|---|---|---|---|---|---|---|\n' >"$log"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

one() {
  local t=$1 f="$out/$1" commit
  commit=$(git rev-parse --short=10 HEAD)$(git diff --quiet HEAD -- src || echo '+')
  mkdir -p "fuzz/found/$t"
  local finding=none runs=0 spent=0
  # Pieces of a minute until the time of the core is used up: on a busy machine a minute on the clock is less than one of work.
  while [ "$finding" = none ] && [ "$spent" -lt "$seconds" ]; do
    local before=$spent left=$((seconds - spent)) n
    [ "$left" -le 60 ] || left=60
    TIMEFORMAT='%U %S'
    { time ${FUZZ_WRAP:-} $cargo fuzz run "$t" "fuzz/found/$t" "fuzz/corpus/$t" -- -max_total_time="$left" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 >"$f" 2>&1; } 2>"$f.time" || finding=
    spent=$(tail -1 "$f.time" | awk -v had="$spent" '{ printf "%d", had + $1 + $2 + 0.5 }')
    n=$(sed -nE 's/.*number_of_executed_units: *([0-9]+).*/\1/p' "$f" | tail -1)
    runs=$((runs + ${n:-0}))
    [ -n "$n" ] && [ "$spent" -gt "$before" ] || break
  done
  [ "$finding" = none ] || finding=$(grep -oE 'artifacts/[^ ]+' "$f" | head -1 || true)
  [ "$runs" -gt 0 ] || finding=
  local last rate=$((runs / (spent > 0 ? spent : 1)))
  last=$(grep -E 'cov: [0-9]+' "$f" | tail -1 || true)
  field() { sed -nE "s/.* $1: ([0-9]+).*/\1/p" <<<"$last"; }
  printf '| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n' "$(date -u +%F)" "$commit" "$t" "$spent" "$runs" "$rate" \
    "$(field cov)" "$(field ft)" "$(sed -nE 's/.* corp: ([0-9]+).*/\1/p' <<<"$last")" "${finding:-did not run}" >>"$log"
  [ "$finding" = none ] || { tail -30 "$f"; touch "$out/failed"; }
}
for t in "${targets[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
  one "$t" &
done
wait
tail -n "${#targets[@]}" "$log"
[ ! -e "$out/failed" ]
