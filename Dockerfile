# Two stages: the first builds a virtual environment from the pinned requirements, the second runs it.
FROM debian:trixie-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# `extras` has the driver for PostgreSQL and the OpenID client as well: docker build --build-arg REQUIREMENTS=extras
ARG REQUIREMENTS=base
COPY config/requirements/${REQUIREMENTS}.txt requirements.txt
RUN python3 -m venv /opt/ca_service \
 && /opt/ca_service/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
RUN /opt/ca_service/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/ca_service/bin/pip uninstall -y pip hatchling editables

FROM debian:trixie-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/ca_service --shell /usr/sbin/nologin ca_service \
 && install -d -m 0700 -o ca_service -g ca_service /var/lib/ca_service
COPY --from=build /opt/ca_service /opt/ca_service
ENV PATH=/opt/ca_service/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CA_SERVICE_INSTANCE_PATH=/var/lib/ca_service
USER 10001
WORKDIR /var/lib/ca_service
VOLUME /var/lib/ca_service
EXPOSE 8080
# An orchestrator restarts what is not healthy, which helps a process that does not answer. Whether the service can do its
# work is /readyz: for a proxy, a load balancer and monitoring.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
# The container listens on loopback until CA_SERVICE_SERVER__HOST says otherwise, which is refused
# without an https:// CA_SERVICE_WEB__BASE_URL: see "Container" in docs/operating/deployment.md.
CMD ["ca-service", "serve"]
