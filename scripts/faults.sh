#!/usr/bin/env bash
# Breaks the system on purpose and counts what became of every reading. `./scripts/faults.sh --help` says how.
set -u
cd "$(dirname "$0")/.." || exit 1

usage() {
    cat <<'USAGE'
usage: ./scripts/faults.sh [--faults NAMES] [--seeds N] [--first-seed N] [--rate R] [--seconds S] [--scale X]
                           [--controls] [--keep] [--list]

Starts PostgreSQL, Mosquitto, worker and API on free ports in a temporary folder, sends numbered readings
through both doors, breaks something meanwhile, heals it, and compares what was acknowledged with what is
stored. One line per fault and seed; exit code 1 if the guarantee broke.

  --faults NAMES     comma-separated, or `all`; else the usual ones
  --seeds N          so many runs of each fault, with other random moments (default 1)
  --first-seed N     the first of these seeds (default 1)
  --rate R           readings a second over MQTT (default 500)
  --seconds S        the least time to send for (default 6)
  --scale X          how long outages last, as a factor (default 1)
  --controls         try broken workers instead: each must be caught
  --keep             leave files and logs
  --list             name the faults, and what each does
  --help             this text

examples:
  ./scripts/faults.sh --faults worker-kill,postgres-kill --seeds 5
  ./scripts/faults.sh --controls

environment:
  PYTHON=PATH        the Python (3.11 or newer) that .venv is made with
USAGE
}

refuse() { printf '%s\n\n' "$1" >&2; usage >&2; exit 2; }

value=
for argument in "$@"; do
    case $value$argument in
    "value of "*) value= ;;
    -h | --help) usage; exit 0 ;;
    --controls | --keep | --list) ;;
    --faults=* | --seeds=* | --first-seed=* | --rate=* | --seconds=* | --scale=*) ;;
    --faults | --seeds | --first-seed | --rate | --seconds | --scale) value="value of " ;;
    *) refuse "unknown argument: $argument" ;;
    esac
done
[ -z "$value" ] || refuse "a value is missing after $argument"

. scripts/bootstrap.sh
bootstrap dev broker
bootstrap_done
exec "$python" -m scripts.faults "$@"
