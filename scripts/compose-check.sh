#!/usr/bin/env bash
# Tries the containers. `./scripts/compose-check.sh --help` says how.
set -u
cd "$(dirname "$0")/.." || exit 1

usage() {
    cat <<'USAGE'
usage: ./scripts/compose-check.sh

Builds and starts docker-compose.yml as a project of its own, checks what it promises, removes it again.
Needs Docker with compose, and curl. Your own stack and its data are not touched.

  --help                     this text

examples:
  ./scripts/compose-check.sh
  BATTERY_API_PORT=18000 BATTERY_BROKER_PORT=11883 BATTERY_DB_PORT=15434 ./scripts/compose-check.sh

environment:
  BATTERY_API_PORT=PORT      where the API is published meanwhile (default 8000)
  BATTERY_BROKER_PORT=PORT   where the broker is (default 1883)
  BATTERY_BROKER_TLS_PORT=PORT  the same with TLS (default 8883)
  BATTERY_DB_PORT=PORT       where the database is (default 5434)
  CHECK_LOGS=FOLDER          after a failure: the services' logs are put there
USAGE
}

for argument in "$@"; do
    case $argument in
    -h | --help) usage; exit 0 ;;
    *) printf 'unknown argument: %s\n\n' "$argument" >&2; usage >&2; exit 2 ;;
    esac
done

# The defaults are what is checked: an empty variable here wins over .env, and counts as not set.
# Ports, memory and the network of the build are the caller's.
for name in $(sed -n 's/^# \([A-Z][A-Z0-9_]*\)=.*/\1/p' .env.example); do
    case $name in BATTERY_*_PORT | BATTERY_*_MEMORY | BATTERY_BUILD_NETWORK) ;; *) export "$name=" ;; esac
done
export BATTERY_API_PORT=${BATTERY_API_PORT:-8000}
export BATTERY_BROKER_PORT=${BATTERY_BROKER_PORT:-1883}
export BATTERY_DB_PORT=${BATTERY_DB_PORT:-5434}
export BATTERY_BROKER_TLS_PORT=${BATTERY_BROKER_TLS_PORT:-8883}
export NO_PROXY=localhost,127.0.0.1 no_proxy=localhost,127.0.0.1

services="battery-db battery-broker battery-worker battery-alerts battery-api"
api=http://localhost:$BATTERY_API_PORT
passed=0
started=
output=$(mktemp) || exit 1
copy=$(mktemp -d) || exit 1
files="-f docker-compose.yml"

if docker compose version >/dev/null 2>&1; then
    compose_command="docker compose"
elif command -v docker-compose >/dev/null; then
    compose_command=docker-compose
else
    echo "Neither 'docker compose' nor 'docker-compose' is there: https://docs.docker.com/compose/install/"
    exit 1
fi
docker info >/dev/null 2>&1 || { echo "Docker does not answer. Start it (and check: docker info)."; exit 1; }
command -v curl >/dev/null || { echo "curl is missing."; exit 1; }

compose() { $compose_command -p battery-check $files "$@"; }
in_service() { compose exec -T "$@" </dev/null; }
container() { compose ps -a -q "$1" 2>/dev/null; }
inspect() { docker inspect -f "$1" "$(container "$2")" 2>/dev/null; }

clean_up() {
    local code=$?
    trap '' INT TERM HUP
    [ -z "$started" ] || compose down -v --rmi local --remove-orphans -t 5 >/dev/null 2>&1
    rm -rf "$output" "$copy" 2>/dev/null || remove_as_root
    exit "$code"
}
# The broker's secrets belong to its user, whom the user of this script may not be.
remove_as_root() { docker run --rm -u root -v "$copy:/copy:z" eclipse-mosquitto:2 rm -rf /copy/mosquitto; rm -rf "$copy"; }
trap clean_up EXIT
trap 'echo "Interrupted: removing what was started ..."; exit 130' INT
trap 'exit 143' TERM HUP

pass() {
    passed=$((passed + 1))
    echo "ok - $1"
}

# Arguments: the failed check, the service whose log says more (may be empty), and the output seen.
fail() {
    echo "FAILED - $1"
    [ -z "${3:-}" ] || printf '%s\n' "$3" | tail -n 30 | sed 's/^/    /'
    if [ -n "$2" ]; then
        echo "  The last lines of $2:"
        compose logs --no-color --tail 50 "$2" 2>&1 | sed 's/^/    /'
    fi
    if [ -n "${CHECK_LOGS:-}" ] && mkdir -p "$CHECK_LOGS"; then
        compose ps -a >"$CHECK_LOGS/ps.log" 2>&1
        for service in $services; do compose logs --no-color "$service" >"$CHECK_LOGS/$service.log" 2>&1; done
    fi
    echo "$passed passed, 1 failed"
    exit 1
}

# expect SENTENCE SERVICE WANTED SEEN
expect() { if [ "$4" = "$3" ]; then pass "$1"; else fail "$1" "$2" "wanted: $3"$'\n'"seen:   $4"; fi; }

port_is_free() {
    if (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        echo "Port $1 is taken. Stop what uses it (perhaps: docker compose down), or choose another:"
        echo "    $2=1$1 ./scripts/compose-check.sh"
        exit 1
    fi
}

run() { # SENTENCE COMMAND...: compose's own output is only shown when it fails
    local what=$1
    shift
    "$@" >"$output" 2>&1 </dev/null || fail "$what" "$(unhealthy)" "$(cat "$output")"
}

unhealthy() {
    local service
    for service in $services; do
        if [ "$(inspect '{{.State.Health.Status}}' "$service")" != healthy ]; then
            echo "$service"
            return
        fi
    done
}

wait_until_healthy() { # SENTENCE
    local begin=$SECONDS
    while [ -n "$(unhealthy)" ]; do
        if [ $((SECONDS - begin)) -gt 120 ]; then
            fail "$1" "$(unhealthy)" "after 120 s: $(unhealthy) is not healthy"
        fi
        sleep 0.5
    done
    pass "$1 ($((SECONDS - begin)) s)"
}

latest() { curl -s "$api/api/vehicles/$1/latest"; }

# stored_within TENTHS_OF_A_SECOND VIN SOC: waits until that is the vehicle's latest reading
stored_within() {
    local try
    for try in $(seq "$1"); do
        seen=$(latest "$2")
        case $seen in *"\"soc\":$3,"*) return 0 ;; esac
        sleep 0.1
    done
    return 1
}

publish() { # VIN SOC
    in_service battery-broker mosquitto_pub -q 1 -t "vehicles/$1/telemetry" \
        -m "{\"ts\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"soc\":$2}"
}

post_the_two_readings() {
    curl -s -X POST "$api/api/telemetry"   -H "Content-Type: application/json"   -d '[
    {"vin":"VIN-DEMO-001","ts":"2026-01-24T12:05:00Z","soc":18.0,"soh":92.0,"pack_voltage":310.1,"pack_current":95.0,"max_temp":52.0,"min_temp":33.0,"odo_km":1201.2},
    {"vin":"VIN-DEMO-001","ts":"2026-01-24T12:10:00Z","soc":35.5,"soh":92.0,"pack_voltage":315.0,"pack_current":70.0,"max_temp":32.0,"min_temp":24.0,"odo_km":1201.8}
  ]'
}

the_latest_reading='{"vin":"VIN-DEMO-001","ts":"2026-01-24T12:10:00Z","soc":35.5,"soh":92.0,"pack_voltage":315.0,"pack_current":70.0,"power_kw":22.05,"max_temp":32.0,"min_temp":24.0,"odo_km":1201.8,"alerts":[]}'
the_summary='{"vin":"VIN-DEMO-001","from_ts":"2026-01-24T11:59:00Z","to_ts":"2026-01-24T12:10:00Z","samples":2,"soc_min":18.0,"soc_max":35.5,"temp_max":52.0,"temp_min":24.0}'

# --- Build and start ---------------------------------------------------------------------------------

started=yes
compose down -v --remove-orphans -t 5 >/dev/null 2>&1 # what a run that was killed may have left
port_is_free "$BATTERY_API_PORT" BATTERY_API_PORT
port_is_free "$BATTERY_BROKER_PORT" BATTERY_BROKER_PORT
port_is_free "$BATTERY_DB_PORT" BATTERY_DB_PORT
port_is_free "$BATTERY_BROKER_TLS_PORT" BATTERY_BROKER_TLS_PORT

begin=$SECONDS
run "the image builds" compose build
size=$(docker image ls -q --filter 'reference=battery-check*battery-api' | head -n 1)
size=$(docker image inspect -f '{{.Size}}' "$size")
pass "the image builds ($((SECONDS - begin)) s, $((size / 1000000)) MB)"
run "up -d starts the stack" compose up -d
pass "up -d starts the stack"
wait_until_healthy "all four services are healthy"

# --- The brief's four calls ----------------------------------------------------------------------------

expect "GET /api/health" battery-api '{"status":"OK","db":"OK"}' "$(curl -s "$api/api/health")"
expect "the dashboard" battery-api '200 text/html; charset=utf-8' \
    "$(curl -s -o /dev/null -w '%{http_code} %{content_type}' "$api/")"
expect "POST /api/telemetry" battery-api '{"inserted":2}' "$(post_the_two_readings)"
expect "GET /api/vehicles/{vin}/latest" battery-api "$the_latest_reading" "$(latest VIN-DEMO-001)"
expect "GET /api/vehicles/{vin}/summary" battery-api "$the_summary" \
    "$(curl -s "$api/api/vehicles/VIN-DEMO-001/summary?from_ts=2026-01-24T11:59:00Z&to_ts=2026-01-24T12:10:00Z")"

# --- A published reading -------------------------------------------------------------------------------

run "a published reading" publish VIN-CHECK-001 61.5
what="a published reading is in latest within 1 s"
if stored_within 9 VIN-CHECK-001 61.5; then pass "$what"; else fail "$what" battery-worker "$seen"; fi

# --- How the processes run -----------------------------------------------------------------------------

uids=
for service in $services; do
    uid=$(in_service "$service" grep '^Uid:' /proc/1/status | awk '{print $2}')
    uids="$uids $service:$uid"
    case $uid in '' | 0) fail "no service runs as root" "" "$uids" ;; esac
done
pass "no service runs as root ($(in_service battery-api whoami), uids$uids)"
for service in $services; do
    in_service "$service" grep -Eq '^[^ ]+ / [^ ]+ ro[, ]' /proc/mounts ||
        fail "every root file system is read-only" "" "$service: $(in_service "$service" grep ' / ' /proc/mounts)"
done
pass "every root file system is read-only"
for service in $services; do
    seen=$(in_service "$service" grep -E '^(CapEff|NoNewPrivs):' /proc/1/status | awk '{printf "%s%s ", $1, $2}')
    [ "$seen" = "CapEff:0000000000000000 NoNewPrivs:1 " ] || fail "no process holds a capability" "" "$service: $seen"
done
pass "no process holds a capability, or can gain one"
expect "ports are open on 127.0.0.1 only" "" \
    "127.0.0.1:$BATTERY_API_PORT 127.0.0.1:$BATTERY_BROKER_PORT 127.0.0.1:$BATTERY_DB_PORT" \
    "$(echo $(docker port "$(container battery-api)" 8000) $(docker port "$(container battery-broker)" 1883) \
        $(docker port "$(container battery-db)" 5432))"

# --- Faults and restarts -------------------------------------------------------------------------------

# -1: every process of the container but its init.
in_service battery-worker sh -c 'kill -9 -1' >/dev/null 2>&1
for _ in $(seq 50); do
    [ "$(inspect '{{.RestartCount}}' battery-worker)" = 1 ] && break
    sleep 0.2
done
expect "a killed worker is started again" battery-worker 1 "$(inspect '{{.RestartCount}}' battery-worker)"
wait_until_healthy "and is healthy again"

begin=$SECONDS
run "the worker stops" compose stop battery-worker
expect "the worker stops by itself, with exit code 0 ($((SECONDS - begin)) s)" battery-worker 0 \
    "$(inspect '{{.State.ExitCode}}' battery-worker)"
run "a reading published meanwhile" publish VIN-CHECK-001 62.5
run "down" compose down
expect "down leaves no container" "" "" "$(docker ps -a -q --filter label=com.docker.compose.project=battery-check)"
run "up -d, again" compose up -d
wait_until_healthy "down, then up: all four are healthy again"
expect "the stored readings are still there" battery-db "$the_latest_reading" "$(latest VIN-DEMO-001)"
expect "and known as duplicates" battery-api '{"inserted":0,"duplicates":2}' "$(post_the_two_readings)"
what="what was published while the worker was away is stored"
if stored_within 50 VIN-CHECK-001 62.5; then pass "$what"; else fail "$what" battery-worker "$seen"; fi

# --- A wrong setting ------------------------------------------------------------------------------------

run "up -d with a wrong setting" env MQTT_MAX_INFLIGHT=0 $compose_command -p battery-check $files up -d battery-worker
for _ in $(seq 100); do
    seen=$(docker logs "$(container battery-worker)" 2>&1)
    [ -n "$seen" ] && break
    sleep 0.2
done
sleep 2 # time for a loop to show
expect "a wrong setting is one line, and no loop" battery-worker "1 running 0" \
    "$(docker logs "$(container battery-worker)" 2>&1 | wc -l) $(inspect '{{.State.Status}} {{.RestartCount}}' battery-worker)"
case $seen in
*MQTT_MAX_INFLIGHT*) pass "the line names it" ;;
*) fail "the line names it" "" "$seen" ;;
esac

# --- Three workers, and one again -----------------------------------------------------------------------

workers() { compose ps -q battery-worker; }
health() { for one in $(workers); do docker inspect -f '{{.State.Health.Status}}' "$one"; done | sort | uniq -c | xargs; }
stored() { in_service battery-db psql -U postgres -d battery -Atc "SELECT count(*) FROM telemetry WHERE vin LIKE 'VIN-S-%'"; }
publish_many() { # PREFIX: 10 readings of 30 vehicles, at QoS 1
    local number
    for number in $(seq 10 39); do
        seq 10 19 | sed 's/.*/{"ts":"2026-02-01T12:00:&Z","soc":50}/' |
            compose exec -T battery-broker mosquitto_pub -q 1 -l -t "vehicles/VIN-S-$1$number/telemetry" || return 1
    done
}
what="three workers of a group are healthy"
export MQTT_SHARED_GROUP=workers
run "$what" compose up -d --scale battery-worker=3
for _ in $(seq 240); do
    [ "$(health)" = "3 healthy" ] && break
    sleep 0.5
done
expect "$what" battery-worker "3 healthy" "$(health)"
run "readings for three workers" publish_many A
for _ in $(seq 100); do
    [ "$(stored)" = 300 ] && break
    sleep 0.2
done
expect "they store each reading once" battery-worker 300 "$(stored)"
connects=$(compose logs battery-broker 2>&1 | grep -c 'already connected')
expect "and none throws another one out" battery-broker 0 "$connects"
run "scale down" compose up -d --scale battery-worker=1
# The one that stays may hold any slot; a restart gives it the lowest.
run "scale down" compose restart battery-worker
wait_until_healthy "one worker again"
run "the slots of two are emptied" compose exec -T battery-worker python -m ingest_worker.retire 2 3
run "readings for one worker" publish_many B
for _ in $(seq 100); do
    [ "$(stored)" = 600 ] && break
    sleep 0.2
done
expect "one again, and nothing waits for the others" battery-worker 600 "$(stored)"
unset MQTT_SHARED_GROUP

# --- Devices of other dialects: compose.sources.yml ------------------------------------------------------

mapping() { # VEHICLES: a new file takes the place of the old one, as an editor does it
    printf '[[source]]\ndialect = "ovms"\nprefix = "ovms/me"\nvehicles = { %s }\n' "$1" >"$copy/new.toml" &&
        chmod a+r "$copy/new.toml" && mv "$copy/new.toml" "$copy/sources.toml"
}
from_device() { # DEVICE SOC [ARGUMENT...]: one value, without a time
    compose exec -T battery-broker mosquitto_pub "${@:3}" -q 1 -t "ovms/me/$1/metric/v/b/soc" -m "$2"
}
what="a mapping file that is not there is an error"
files="-f docker-compose.yml -f compose.sources.yml"
export BATTERY_SOURCES=$copy/sources.toml
if compose up -d >"$output" 2>&1 </dev/null; then fail "$what" battery-worker "$(cat "$output")"; fi
[ ! -e "$BATTERY_SOURCES" ] || fail "$what" "" "a folder of that name was made"
pass "$what"
mapping 'DEMO1 = "XX1OVMS0000000001"' || exit 1
run "up -d with a mapping file" compose up -d
wait_until_healthy "with a mapping file all four are healthy"
for service in battery-worker battery-api; do
    run "$service reads the mapping" compose exec -T $service python -m ingest_worker.sources check /run/battery/sources.toml
    pass "$service reads the mapping"
done
run "a device publishes a value" from_device DEMO1 81.5
what="a device's value is its vehicle's latest reading"
if stored_within 50 XX1OVMS0000000001 81.5; then pass "$what"; else fail "$what" battery-worker "$seen"; fi
run "a device publishes that is not mapped yet" from_device NEWCAR 64.5
what="a device that is not mapped yet leaves a rejection"
for _ in $(seq 50); do
    seen=$(curl -s "$api/api/rejections?reason=unknown_vehicle")
    case $seen in *'"id":'*) break ;; esac
    sleep 0.1
done
rejection=$(printf '%s' "$seen" | sed -n 's/^{"items":\[{"id":"\([0-9a-f-]*\)".*/\1/p')
if [ -n "$rejection" ]; then pass "$what"; else fail "$what" battery-worker "$seen"; fi
mapping 'DEMO1 = "XX1OVMS0000000001", NEWCAR = "XX1OVMS0000000002"' || exit 1
run "restart" compose restart battery-worker battery-api
wait_until_healthy "after a change of the mapping and a restart all four are healthy"
expect "the API replays the rejection by the new mapping" battery-api '{"stored":1,"duplicate":0}' \
    "$(curl -s -X POST "$api/api/rejections/$rejection/replay")"
what="the value is that vehicle's latest reading"
if stored_within 10 XX1OVMS0000000002 64.5; then pass "$what"; else fail "$what" battery-api "$seen"; fi
files="-f docker-compose.yml"

# --- TLS and passwords, by the commands of docs/operations.md --------------------------------------------

run "down" compose down -v
# In a copy: your own secrets are left alone.
cp -R docker-compose.yml compose.tls.yml mosquitto "$copy" && rm -rf "$copy/mosquitto/secrets" || exit 1
sed -n '/^<!-- scripts\/compose-check.sh runs this/,/^```$/p' docs/operations.md | sed '/^<!--/d; /^```/d' >"$copy/commands"
cd "$copy" || exit 1
export COMPOSE_PROJECT_NAME=battery-check
# They write it into .env, which an empty variable would win over.
unset MQTT_PASSWORD
# The commands end with `up`, on the images that are built already.
[ "$compose_command" = "docker compose" ] || sed -i.bak 's/docker compose/docker-compose/; s/ --wait$//' commands
run "the commands of docs/operations.md" bash -e commands
files="-f docker-compose.yml -f compose.tls.yml"
MQTT_PASSWORD=$(sed -n 's/^MQTT_PASSWORD=//p' .env | tail -n 1)
export MQTT_PASSWORD
wait_until_healthy "with TLS and passwords all four are healthy"
over_tls() { # USER PASSWORD SOC: that user's reading, from a container beside the broker
    compose exec -T battery-broker mosquitto_pub -h localhost -p 8883 --cafile /mosquitto/secrets/ca.crt -q 1 \
        -u "$1" -P "$2" -t "vehicles/$1/telemetry" -m "{\"ts\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"soc\":$3}"
}
run "a vehicle publishes over TLS" over_tls VIN-00001 "the password of this vehicle" 41.5
what="a vehicle's reading comes over TLS"
if stored_within 50 VIN-00001 41.5; then pass "$what"; else fail "$what" battery-worker "$seen"; fi
if over_tls VIN-00001 guessed 42.5 >/dev/null 2>&1; then fail "a wrong password is refused" battery-broker ""; fi
pass "a wrong password is refused"
docker run --rm -u mosquitto -v "$copy/mosquitto/secrets:/secrets:z" eclipse-mosquitto:2 \
    mosquitto_passwd -b /secrets/broker/passwords VIN-00002 another >/dev/null
run "HUP" compose kill -s HUP battery-broker
sleep 1
run "after a HUP a new vehicle's password counts" over_tls VIN-00002 another 43.5
pass "after a HUP a new vehicle's password counts"

# --- The same with a mapping file, by the lines of docs/devices.md ----------------------------------------

cp "$OLDPWD/compose.sources.yml" . || exit 1
docker run --rm -u mosquitto -v "$copy/mosquitto/secrets:/secrets:z" eclipse-mosquitto:2 \
    mosquitto_passwd -b /secrets/broker/passwords me "the password of this device" >/dev/null
sed -n '/^\*\*A secured broker\.\*\*/,/^For Sparkplug/p' "$OLDPWD/docs/devices.md" | sed -n '/^```$/,/^```$/p' |
    sed '/^```/d' >>mosquitto/acl.conf
files="$files -f compose.sources.yml"
run "up -d with TLS and a mapping file" compose up -d
run "HUP" compose kill -s HUP battery-broker
wait_until_healthy "with TLS and a mapping file all four are healthy"
run "a device publishes over TLS" from_device DEMO1 71.5 -h localhost -p 8883 --cafile /mosquitto/secrets/ca.crt \
    -u me -P "the password of this device"
what="a device's value comes over TLS"
if stored_within 50 XX1OVMS0000000001 71.5; then pass "$what"; else fail "$what" battery-worker "$seen"; fi

echo "$passed passed, 0 failed"
