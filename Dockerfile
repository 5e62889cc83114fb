# Builds one image for every process: `leadfall api`, `worker`, `dispatcher`, `migrate` and the rest.
FROM python:3.11-slim AS build
WORKDIR /app
RUN python -m venv /opt/leadfall
COPY requirements/runtime.txt requirements/runtime.txt
RUN /opt/leadfall/bin/pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes --requirement requirements/runtime.txt
COPY pyproject.toml README.md ./
COPY migrations migrations
COPY providers providers
COPY service service
# Editable, because the migrations lie beside the packages and are looked for there.
RUN /opt/leadfall/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --editable .

FROM python:3.11-slim
LABEL org.opencontainers.image.title="leadfall" \
      org.opencontainers.image.description="Self-hosted lead enrichment"
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin leadfall
COPY --from=build /opt/leadfall /opt/leadfall
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/leadfall/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LEADFALL_HOST=0.0.0.0 \
    LEADFALL_PORT=8080 \
    LEADFALL_OPS_PORT=9090
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9090/livez', timeout=2)"]
# SIGTERM reaches the process itself, which drains and ends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["leadfall"]
CMD ["api"]
