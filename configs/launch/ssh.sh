#!/bin/bash
# Workers of one sweep on machines that share a disk, by ssh alone:
#
#   sweep run configs/gpu.py --out /shared/exp --data.path /shared/corpus --engine none --platform gpu
#   configs/launch/ssh.sh /shared/exp node1 node2 node3
#
# A worker that is still there is left alone. Each writes /shared/exp/workers/HOST.log; Ctrl-C here ends none of them:
# `ssh HOST pkill -TERM -f "[s]weep worker"` does, and they save first.
set -euo pipefail
if [ "$#" -lt 2 ]; then
  echo "usage: $0 RUN_DIRECTORY HOST..." >&2
  exit 1
fi
directory=$1
shift
mkdir -p "$directory/workers"
for host in "$@"; do
  command="pgrep -f '[s]weep worker $directory' >/dev/null || \
    nohup sweep worker '$directory' >>'$directory/workers/$host.log' 2>&1 </dev/null &"
  # shellcheck disable=SC2029 # the directory is this machine's word for it, and the same on the other
  ssh -o BatchMode=yes "$host" "$command"
  echo "$host: a worker trains; tail -f $directory/workers/$host.log"
done
