#!/usr/bin/env bash
# The team's MLflow tracking server, on the PostgreSQL of server/database.sh; it runs until it is stopped.
#   server/tracking.sh
# KDOPS_SERVER_HOST (127.0.0.1) and KDOPS_SERVER_PORT (5000): where it listens; 0.0.0.0 is every address.
# KDOPS_SERVER_NAMES: more names that people reach it by, with commas, such as mlflow.example.org.
# KDOPS_SERVER_WORKERS (2): processes that answer.
# Artifacts go through it, to KDOPS_ARTIFACTS (KDOPS_SERVER_HOME/artifacts), which may be s3://bucket/folder.
# The admin's password is made on first start: KDOPS_SERVER_HOME/admin-password.
set -euo pipefail

home=${KDOPS_SERVER_HOME:-$HOME/kdops-server}
host=${KDOPS_SERVER_HOST:-127.0.0.1}
port=${KDOPS_SERVER_PORT:-5000}
python=${KDOPS_PYTHON:-$(dirname "$0")/../.venv/bin/python}
[ -x "$python" ] || python=python3

if [ ! -e "$home/database/password" ]; then
    echo "error: no database below $home; start it first: server/database.sh start" >&2
    exit 2
fi
if ! "$python" -c "import flask_wtf, psycopg" 2>/dev/null; then
    echo "error: the server's packages are missing: $python -m pip install -c constraints.txt -e '.[server]'" >&2
    exit 2
fi

umask 077
for secret in admin-password secret-key; do
    [ -s "$home/$secret" ] || head -c 18 /dev/urandom | od -An -vtx1 | tr -d ' \n' > "$home/$secret"
done
database="postgresql+psycopg://kdops:$(cat "$home/database/password")@127.0.0.1:${KDOPS_DATABASE_PORT:-5433}"
# Everybody who has a password works in the same experiments and models; what people made, only they delete.
# A password is checked against its hash once a minute, not at each request, which would take longer than its answer.
cat > "$home/auth.ini" <<INI
[mlflow]
default_permission = EDIT
database_uri = $database/auth
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
grant_default_workspace_access = false
auth_cache_ttl_seconds = 60
INI
# By this key the secrets of webhooks are kept, the same for all workers and each start.
[ -s "$home/webhook-key" ] || head -c 32 /dev/urandom | base64 | tr '+/' '-_' > "$home/webhook-key"
names="localhost,localhost:*,127.0.0.1,127.0.0.1:*"
more=${KDOPS_SERVER_NAMES:-}
for name in ${more//,/ }; do names+=",$name,$name:*"; done

export MLFLOW_AUTH_CONFIG_PATH="$home/auth.ini"
export MLFLOW_AUTH_ADMIN_PASSWORD="$(cat "$home/admin-password")"
export MLFLOW_FLASK_SERVER_SECRET_KEY="$(cat "$home/secret-key")"
export MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY="$(cat "$home/webhook-key")"
# By the environment, since every user of the machine sees the arguments of a program, and the address has a password.
export MLFLOW_BACKEND_STORE_URI="$database/mlflow"
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=${MLFLOW_SERVER_ENABLE_JOB_EXECUTION:-false}
unset MLFLOW_TRACKING_URI MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD

echo "MLflow answers on http://$host:$port; the password of admin is in $home/admin-password"
exec "$python" -m mlflow server --app-name basic-auth --host "$host" --port "$port" \
    --workers "${KDOPS_SERVER_WORKERS:-2}" --allowed-hosts "$names" \
    --artifacts-destination "${KDOPS_ARTIFACTS:-$home/artifacts}"
