#!/usr/bin/env bash
# Measures alternatives against each other. `./scripts/bench.sh --help` says how.
set -u
cd "$(dirname "$0")/.." || exit 1

usage() {
    cat <<'USAGE'
usage: ./scripts/bench.sh [NAME ...] [--rounds N] [--messages N] [--vehicles N] [--rows N] [--readings N]
                          [--seconds S] [--json FILE]
       ./scripts/bench.sh --list

Starts servers of its own on free ports in a temporary folder and measures alternatives in turn, round after
round. One table a comparison: median, smallest and largest figure, and the ratio to the first line (the
median of the ratios within each round). Without a name: all benchmarks but the last three, which install
other software.

  broker          what Mosquitto takes in, by when it saves
  pipeline        one reading a message into the table: `mosquitto_sub | psql COPY`, one worker, two
  arrays          50 readings a message: binary COPY into a table with the same key, one worker, two
  post            POST of 1,000 readings: a plain service with an ORM, and ours
  signals         a worker with whole readings, and with one signal a message, seven for a reading
  dialects        a worker with native readings and with each of three dialects; its memory over ten times
                  as many messages of these
  receipts        a worker without receipts and with one for each message
  batch           a worker by the size of its batches
  cpu             processor time by part: broker, worker, PostgreSQL
  latest          an `async def` route that does nothing, latest; latest with few and many readings stored
  summary         one day and one year of one vehicle (--rows 3153600 or more: a whole year); the same while
                  hours of it are open
  export          all readings of 100 vehicles: COPY by the database, and our API as CSV and NDJSON
  growth          latest and summary by the readings that are stored
  diagnoses       anomalies, sessions and battery of a month and a year, and reading the same rows
  disk            bytes a reading: a plain table with the same key, and ours
  page            the dashboard in Chromium: until rows, charts and marks are seen; its heap as time goes
  reads           the questions of TSBS's IoT suite and of the dashboard's pages, over 30 days: our API, plain
                  SQL on the same PostgreSQL, DuckDB and chDB on the same rows as Parquet
  peers           one reading a message into a table: `mosquitto_sub | psql COPY`, Pathway, mq-bridge,
                  executemany, one worker, two; rates, processor time and memory
  peer-kills      one worker, Pathway, mq-bridge and executemany, each killed three times and PostgreSQL once:
                  readings lost and stored twice, of a fifth of --messages, 2,000 a second

  --rounds N      figures taken of each alternative (default 3)
  --messages N    messages that wait, or are worked off; readings that are posted (default 100000)
  --vehicles N    vehicles whose messages or posts are stored, each in turn, at most 100000 (default 100)
  --rows N        readings that are stored beforehand, 1000 or more (default 1000000)
  --readings N    readings that `reads` stores, 600 or more: of 5,000 vehicles, or of fewer below 3000000
                  (default 3000000)
  --seconds S     how long a rate is measured where it has no natural end (default 4; wrk: whole ones)
  --json FILE     write every figure to this file, too
  --list          name the benchmarks, and what each compares
  --help          this text

Requests are counted by `wrk` where it is on PATH, else by threads, which are slower. `page` takes the
heap after 1, 10 and 20 times --seconds, so --seconds 60 compares minutes 1, 10 and 20; it needs Chromium.

The first time, `reads` installs DuckDB (100 MB) and chDB (900 MB), `peers` and `peer-kills` install Pathway
(1.6 GB) and mq-bridge (130 MB): by pip into .venv-bench, and nowhere else. One that can't be installed is
named and left out.

examples:
  ./scripts/bench.sh latest post --rounds 5
  ./scripts/bench.sh pipeline arrays post --vehicles 20000
  ./scripts/bench.sh summary --rows 3153600 --json figures.json
  ./scripts/bench.sh reads --readings 300000
  ./scripts/bench.sh peers --vehicles 20000 --rounds 5

environment:
  PYTHON=PATH     the Python (3.11 or newer) that .venv is made with
  CHROMIUM=PATH   the browser of `page`; else one on PATH, which is installed where it is missing
  TMPDIR=FOLDER   where the servers keep their files: a disk, if what a save costs is to be seen
USAGE
}

refuse() { printf '%s\n\n' "$1" >&2; usage >&2; exit 2; }

names= value=
for argument in "$@"; do
    case $value$argument in
    "value of "*) value= ;;
    -h | --help) usage; exit 0 ;;
    --list) names="$names $argument " ;;
    --rounds=* | --messages=* | --vehicles=* | --rows=* | --readings=* | --seconds=* | --json=*) ;;
    --rounds | --messages | --vehicles | --rows | --readings | --seconds | --json) value="value of " ;;
    -*) refuse "unknown argument: $argument" ;;
    *)
        usage | grep -q -e "^  $argument  " || refuse "not a benchmark: $argument"
        names="$names $argument "
        ;;
    esac
done
[ -z "$value" ] || refuse "a value is missing after $argument"

. scripts/bootstrap.sh
case $names in "" | *" page "*) bootstrap dev broker browser ;; *) bootstrap dev broker ;; esac
bootstrap_done
exec "$python" -m scripts.bench "$@"
