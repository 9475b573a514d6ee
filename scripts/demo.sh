#!/usr/bin/env bash
# Everything on one machine, no Docker. `./scripts/demo.sh --help` says how.
set -u
cd "$(dirname "$0")/.." || exit 1

usage() {
    cat <<'USAGE'
usage: ./scripts/demo.sh [--once] [--fresh]

Installs what is missing into .venv, starts PostgreSQL, Mosquitto, worker and API on free ports, publishes
demo readings over MQTT and by POST, and shows health, latest and summary, and how seven simulated cars are,
and two that publish as an OVMS module and as Tesla's fleet-telemetry do.
On a terminal it stays up, and the cars go on, until Ctrl-C. What was stored stays: in .demo/,
or, as root below a private folder, where "Places" says.

  --once     stop everything after showing, and exit 0 (also without a terminal)
  --fresh    erase what earlier demos stored, then start
  --help     this text

examples:
  ./scripts/demo.sh
  ./scripts/demo.sh --once --fresh

environment:
  BASE=URL           show the same against the API at this URL; only the cars are started
  DATABASE_URL=URL   use this PostgreSQL instead of one of our own
  MQTT_HOST=HOST     use this broker instead of one of our own (with MQTT_PORT, MQTT_USERNAME, ...)
  MQTT_SOURCES=FILE  a mapping file for devices of yours (docs/devices.md); those two cars are left out then
  API_KEYS=KEY,...   the API asks for a key; the first one is used to call it
  PYTHON=PATH        the Python (3.11 or newer) that .venv is made with
A stack of ours that already answers (docker compose up; BATTERY_API_PORT of the environment or .env, else
port 8000) is used as with BASE.
USAGE
}

for argument in "$@"; do
    case $argument in
    --once | --fresh) ;;
    -h | --help) usage; exit 0 ;;
    *) printf 'unknown argument: %s\n\n' "$argument" >&2; usage >&2; exit 2 ;;
    esac
done

. scripts/bootstrap.sh

# A stack that is up has a broker. Whether it is ours, Python tells, which may yet have to be installed.
somebody_answers() {
    local port=${BATTERY_API_PORT:-}
    [ -n "$port" ] || port=$(sed -n 's/^ *BATTERY_API_PORT *= *["'\'']\{0,1\}\([0-9]*\).*/\1/p' .env 2>/dev/null | tail -n 1)
    # Of a range, as two APIs have, the first.
    port=${port%%-*}
    (exec 8<>"/dev/tcp/127.0.0.1/${port:-8000}") 2>/dev/null
}

if [ -n "${BASE:-}${MQTT_HOST:-}" ]; then
    bootstrap demo
elif somebody_answers; then
    bootstrap demo
    if "$python" -m scripts.demo --needs-broker 2>/dev/null; then install_system broker; fi
else
    bootstrap demo broker
fi
bootstrap_done
exec "$python" -m scripts.demo "$@"
