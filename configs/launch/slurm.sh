#!/bin/bash
# Workers of one sweep as a SLURM array. Lay the sweep out first, on the login node:
#
#   sweep run configs/gpu.py --out /shared/exp --data.path /shared/corpus --engine none --platform gpu
#   sbatch --array=0-15 configs/launch/slurm.sh /shared/exp
#
# Each task is a worker of its own: it claims cohorts that nobody trains and ends when all are done. SLURM queues a task
# that is preempted again; this script queues one again that comes to its time limit. Both go on from the last
# checkpoint. More tasks may be added at any time; scancel ends them for good.
#SBATCH --job-name=sweep
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@300
#SBATCH --output=%x-%A-%a.log
set -euo pipefail
if [ "$#" -ne 1 ]; then
  echo "usage: sbatch --array=0-15 $0 RUN_DIRECTORY" >&2
  exit 1
fi
limit=0
code=0
srun sweep worker "$1" &
worker=$!
# Five minutes before the time limit SLURM sends USR1, to this script alone: the worker saves and ends.
trap 'limit=1; kill -TERM "$worker"' USR1
while kill -0 "$worker" 2>/dev/null; do
  wait "$worker" && code=0 || code=$? # a signal ends the wait, not the worker
done
wait "$worker" && code=0 || code=$? # where it ended between the two
if [ "$limit" -eq 1 ] && [ "$code" -ne 0 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 50 ]; then
  task=${SLURM_ARRAY_TASK_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
  scontrol requeue "${task:-$SLURM_JOB_ID}"
fi
exit "$code"
