#!/usr/bin/env bash
# The team's PostgreSQL, for MLflow's runs and registry, its users, and Optuna's studies.
#   server/database.sh start|stop
# Everything is kept below KDOPS_SERVER_HOME (~/kdops-server): the data, and the password, which is made on first start.
# It listens on 127.0.0.1, port KDOPS_DATABASE_PORT (5433), and where KDOPS_DATABASE_HOST names an address of this machine,
# for the machines of that network too. PostgreSQL refuses to run as root: root runs it as the user KDOPS_DATABASE_USER
# (postgres).
set -euo pipefail

home=${KDOPS_SERVER_HOME:-$HOME/kdops-server}
port=${KDOPS_DATABASE_PORT:-5433}
databases=(mlflow auth optuna)

# Debian keeps the programs of each version off the PATH.
for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do PATH=$PATH:$folder; done
if ! command -v initdb >/dev/null; then
    echo "error: PostgreSQL is not installed: apt-get install postgresql" >&2
    exit 2
fi

as_owner() {
    if [ "$(id -u)" = 0 ]; then
        runuser -u "${KDOPS_DATABASE_USER:-postgres}" -- env PATH="$PATH" PGPASSFILE="$home/database/pgpass" "$@"
    else
        env PGPASSFILE="$home/database/pgpass" "$@"
    fi
}

start() {
    mkdir -p "$home/database"
    if [ "$(id -u)" = 0 ]; then chown "${KDOPS_DATABASE_USER:-postgres}" "$home/database"; fi
    if [ ! -e "$home/database/data/PG_VERSION" ]; then
        # Nobody but its owner reads the password.
        as_owner sh -c "umask 077 && head -c 24 /dev/urandom | od -An -vtx1 | tr -d ' \n' > '$home/database/password' &&
            printf '127.0.0.1:*:*:kdops:%s\n' \"\$(cat '$home/database/password')\" > '$home/database/pgpass'"
        as_owner initdb --pgdata="$home/database/data" --username=kdops --pwfile="$home/database/password" \
            --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
    fi
    addresses=127.0.0.1${KDOPS_DATABASE_HOST:+,$KDOPS_DATABASE_HOST}
    neighbours="host all kdops samenet scram-sha-256"
    if [ -n "${KDOPS_DATABASE_HOST:-}" ] && ! as_owner grep -qxF "$neighbours" "$home/database/data/pg_hba.conf"; then
        as_owner sh -c "echo '$neighbours' >> '$home/database/data/pg_hba.conf'"
    fi
    if ! as_owner pg_ctl status --pgdata="$home/database/data" >/dev/null; then
        as_owner pg_ctl start --wait --silent --pgdata="$home/database/data" --log="$home/database/log" \
            --options="-c listen_addresses=$addresses -c port=$port -c unix_socket_directories=''" ||
            { tail -n 3 "$home/database/log" >&2; exit 1; }
    fi
    for name in "${databases[@]}"; do
        as_owner psql --host=127.0.0.1 --port="$port" --username=kdops --dbname=postgres --quiet --no-password \
            --tuples-only --command="select 1 from pg_database where datname = '$name'" | grep -q 1 ||
            as_owner createdb --host=127.0.0.1 --port="$port" --username=kdops --no-password "$name"
    done
    echo "PostgreSQL answers on $addresses, port $port; its password is in $home/database/password"
}

case ${1:-} in
    start) start ;;
    stop) as_owner pg_ctl stop --wait --silent --mode=fast --pgdata="$home/database/data" ;;
    *) echo "error: server/database.sh start|stop" >&2; exit 2 ;;
esac
