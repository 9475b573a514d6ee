#!/usr/bin/env bash
# Measures alternatives against each other. `./scripts/bench.sh --help` says how.
set -u
cd "$(dirname "$0")/.." || exit 1

usage() {
    cat <<'USAGE'
usage: ./scripts/bench.sh [NAME ...] [--rounds N] [--messages N] [--seconds S] [--json FILE] [--list]

Starts servers of its own on free ports in a temporary folder and measures alternatives in turn, round after
round. One table a comparison: median, smallest and largest figure, and the ratio to the first line (the
median of the ratios within each round). Without a name: all benchmarks.

  --rounds N      figures taken of each alternative (default 3)
  --messages N    messages that wait, or are worked off (default 100000)
  --seconds S     how long a rate is measured where it has no natural end (default 4)
  --json FILE     write every figure to this file, too
  --list          name the benchmarks, and what each compares
  --help          this text

environment:
  PYTHON=PATH     the Python (3.11 or newer) that .venv is made with
  TMPDIR=FOLDER   where the servers keep their files: a disk, if what a save costs is to be seen
USAGE
}

for argument in "$@"; do
    case $argument in
    -h | --help) usage; exit 0 ;;
    esac
done

. scripts/bootstrap.sh
bootstrap
install_broker
bootstrap_done
exec "$python" -m scripts.bench "$@"
