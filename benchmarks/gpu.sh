#!/usr/bin/env bash
# Every benchmark on this machine, in under nine minutes: bash benchmarks/gpu.sh [OUT]
#
# OUT (default benchmarks/results) receives a JSON file and a log a part, and parts.jsonl: how each part ended. A part
# that fails or runs out of its time is recorded as such, with what it had measured, and the others still run.
# SWEEP_BENCH_SECONDS (default 480) is the time of all parts together; PYTHON the interpreter. Nothing is installed.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root/benchmarks/results}
total=${SWEEP_BENCH_SECONDS:-480}
python=${PYTHON:-$([ -x "$root/.venv/bin/python" ] && echo "$root/.venv/bin/python" || echo python3)}
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
mkdir -p "$out" || exit 1
: >"$out/parts.jsonl"
failed=0

part() { # NAME SHARE_OF_TIME SHARE_OF_MEASURING SCRIPT [ARGUMENTS]: both shares in percent of the total
  local name=$1 cap=$((total * $2 / 100)) seconds=$((total * $3 / 100)) began=$SECONDS code=0 status=done
  shift 3
  timeout --kill-after=20 "$cap" "$python" "$root/benchmarks/$1" "${@:2}" --seconds "$seconds" --out "$out" \
    >"$out/$name.log" 2>&1 </dev/null || code=$?
  case $code in 0) ;; 124 | 137) status="out of time" ;; *) status=failed ;; esac
  printf '{"part": "%s", "status": "%s", "exit": %d, "seconds": %d, "cap": %d}\n' \
    "$name" "$status" "$code" $((SECONDS - began)) "$cap" | tee -a "$out/parts.jsonl"
  [ "$status" = done ] || failed=3
}

part fit 16 3 fit.py
part train 43 32 train.py --parts cohort speed
part sweep 41 20 gpu_sweep.py
for name in fit train sweep; do # the tables are printed last
  printf '\n== %s\n' "$name"
  tail -n 24 "$out/$name.log"
done
printf '\n'
cat "$out/parts.jsonl"
exit $failed
