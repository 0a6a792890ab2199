#!/bin/bash
# Workers of one sweep as a SLURM array. Lay the sweep out first, on the login node:
#
#   sweep run configs/gpu.py --out /shared/exp --data.path /shared/corpus --engine none --platform gpu
#   sbatch --array=0-15 configs/launch/slurm.sh /shared/exp
#
# Each task is a worker of its own: it claims cohorts that nobody trains and ends when all are done. A task that is
# preempted is queued again and goes on from its last checkpoint. More tasks may be added at any time.
#SBATCH --job-name=sweep
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@300
#SBATCH --output=%x-%A-%a.log
set -euo pipefail
if [ "$#" -ne 1 ]; then
  echo "usage: sbatch --array=0-15 $0 RUN_DIRECTORY" >&2
  exit 1
fi
code=0
srun sweep worker "$1" || code=$?
# 3: stopped by the signal that comes before the time limit; 143: by the same signal, before it had begun. Queue this task
# again. (A task that is preempted SLURM itself queues again.)
if { [ "$code" -eq 3 ] || [ "$code" -eq 143 ]; } && [ "${SLURM_RESTART_COUNT:-0}" -lt 50 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
