#!/usr/bin/env bash
# All checks: format, lint, types, tests. `./scripts/test.sh tests/unit -k alerts` passes on to pytest;
# `--no-lint` goes straight there. Stops at the first failure; pytest's counts are the last line.
set -u
cd "$(dirname "$0")/.." || exit 1

case ${1:-} in
-h | --help)
    echo "usage: ./scripts/test.sh [--no-lint] [pytest arguments ...]"
    echo "CHROMIUM=PATH: the browser that opens the dashboard; else one on PATH, which is installed where it is missing"
    exit 0
    ;;
esac

lint=yes
arguments=()
for argument in "$@"; do
    if [ "$argument" = --no-lint ]; then lint=; else arguments+=("$argument"); fi
done

. scripts/bootstrap.sh
bootstrap
install_broker
install_browser
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
printf '\n== pytest\n'
# The odd form: bash 3.2 calls an empty array unset.
exec "$python" -m pytest ${arguments[@]+"${arguments[@]}"}
