#!/usr/bin/env bash
# All checks: format, lint, types, tests. `./scripts/test.sh --help` says how.
set -u
cd "$(dirname "$0")/.." || exit 1

usage() {
    cat <<'USAGE'
usage: ./scripts/test.sh [--no-lint] [--nightly] [-k WORDS] [-n N] [-x] [-v] [-q] [-s] [--lf] [PATH ...] [-- ...]

Installs what is missing, then checks format, lint and types, and runs the tests against real servers. Stops at
the first failure; pytest's counts are the last line.

  PATH           run the tests of this file or folder (or FILE::TEST), not all: tests/unit needs no server,
                 tests/integration PostgreSQL and Mosquitto, tests/system Chromium as well
  --no-lint      go straight to the tests
  --nightly      the slow tests as well: each benchmark in a short form, faults in their full length, more
                 simulated cars, and more generated examples
  -k WORDS       only tests whose names match
  -n N           so many processes
  -x, -v, -q, -s, --lf, --maxfail=N, --durations=N, --tb=STYLE
                 as pytest has them
  -- ...         what follows goes to pytest as it is
  --help         this text

examples:
  ./scripts/test.sh tests/unit
  ./scripts/test.sh tests/unit -k alerts
  ./scripts/test.sh --no-lint tests/unit/test_alerts.py -- --setup-show
  ./scripts/test.sh --nightly

environment:
  CHROMIUM=PATH  the browser that opens the dashboard; else one on PATH, which is installed where it is missing
  PYTHON=PATH    the Python (3.11 or newer) that .venv is made with
USAGE
}

refuse() { printf '%s\n\n' "$1" >&2; usage >&2; exit 2; }

lint=yes
arguments=()
only_unit=
as_it_is= value=
for argument in "$@"; do
    case $as_it_is$value$argument in
    "as it is "* | "value of "*) value= ;;
    -h | --help) usage; exit 0 ;;
    --no-lint) lint=; continue ;;
    --nightly) arguments+=(-m ""); continue ;;
    --) as_it_is="as it is "; continue ;;
    -k | -n) value="value of " ;;
    -x | -v | -vv | -q | -s | --lf) ;;
    --maxfail=* | --durations=* | --tb=*) ;;
    -*) refuse "unknown argument: $argument" ;;
    *)
        [ -e "${argument%%::*}" ] || refuse "no such file or folder: $argument"
        case $argument in tests/unit*) only_unit=${only_unit:-yes} ;; *) only_unit=no ;; esac
        ;;
    esac
    arguments+=("$argument")
done
[ -z "$value" ] || refuse "a value is missing after $argument"

. scripts/bootstrap.sh
# Unit tests start no program.
if [ "$only_unit" = yes ]; then bootstrap dev; else bootstrap dev broker browser curl git; fi
bootstrap_done

step() {
    printf '\n== %s\n' "$*"
    "$python" -m "$@" || exit
}

if [ -n "$lint" ]; then
    step ruff format --check .
    step ruff check .
    step mypy
    step scripts.dashboard --check
fi
# Unit tests never wait: more processes than processors only import more.
[ "$only_unit" != yes ] || arguments=(-n logical "${arguments[@]}")
printf '\n== pytest\n'
# The odd form: bash 3.2 calls an empty array unset.
exec "$python" -m pytest ${arguments[@]+"${arguments[@]}"}
