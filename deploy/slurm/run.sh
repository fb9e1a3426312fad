#!/usr/bin/env bash
# A run on a Slurm cluster without a Beam cluster: one process a node downloads and scores a share of the staging
# partitions; what decides over all pairs is done by one process, before and after.
#
#   sbatch --nodes=8 deploy/slurm/run.sh RECIPE 'INPUT' OUTPUT
#
# OUTPUT is a folder that all nodes see, on a shared disk or s3://; the environment has babelsift, and for s3:// what
# deploy/s3.env lists. The same command again goes on where this one stopped. Without Slurm, BABELSIFT_PROCESSES=N
# starts N processes on this machine.
#SBATCH --job-name=babelsift
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --output=babelsift-%j.log
# Add --gres=gpu:1 for a recipe that scores.
set -euo pipefail

if [ $# -ne 3 ]; then
  echo "usage: $0 RECIPE INPUT OUTPUT" >&2
  exit 2
fi
run=(babelsift curate --recipe "$1" --input "$2" --output "$3")

stage_shares() {
  if [ -n "${SLURM_JOB_ID:-}" ]; then
    # --kill-on-bad-exit=0: the other nodes finish their shares; the same command goes on with the one that failed
    # shellcheck disable=SC2016 # each task expands them
    srun --kill-on-bad-exit=0 bash -c '"$@" --share "$SLURM_PROCID/$SLURM_NTASKS"' share "${run[@]}"
    return
  fi
  local count=${BABELSIFT_PROCESSES:-2} index processes=() status=0
  for ((index = 0; index < count; index++)); do
    "${run[@]}" --share "$index/$count" &
    processes+=($!)
  done
  # or they would go on without this one
  trap 'kill "${processes[@]}" 2>/dev/null || true' EXIT
  for index in "${processes[@]}"; do
    wait "$index" || status=$?
  done
  trap - EXIT
  return "$status"
}

"${run[@]}" --check
"${run[@]}" --until dedup_pairs
stage_shares
"${run[@]}"
