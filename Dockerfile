# One image for the web and the worker service (docker-compose.yml). docs/deployment.md: how to build it small, and without an engine.
# The data lies in /data: mount a volume there. BASE_IMAGE: any Debian-like image with Python 3.11 or newer and venv.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
# The address of an index with CPU builds of torch saves gigabytes; empty takes what pip finds by itself.
ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /build

RUN python3 -m venv /opt/venv
COPY requirements.txt ./
RUN [ -n "$PIP_EXTRA_INDEX_URL" ] || unset PIP_EXTRA_INDEX_URL; \
    /opt/venv/bin/pip install --quiet --constraint requirements.txt "$(grep '^torch==' requirements.txt)" \
 && /opt/venv/bin/pip install --quiet --requirement requirements.txt

COPY package.json package-lock.json .npmrc requirements-node.txt ./
COPY bin bin
RUN python3 -m venv /build/node && bin/front-end /build/node/bin/python

COPY LICENSE README.md pyproject.toml ./
COPY migrations migrations
COPY models models
COPY templates templates
COPY translations translations
COPY static static
COPY app app
# Compiled now, because the running container may not write there.
RUN /opt/venv/bin/pip install --quiet --no-deps --compile .
# A name of app/model_info/catalogue.toml, such as smollm2: the first version of every installation, in place of the shipped one.
ARG MODEL=""
RUN mkdir /opt/model && if [ -n "$MODEL" ]; then FOURFOLD_DATA_DIR=/tmp/data /opt/venv/bin/fourfold get-model "$MODEL" --to "/opt/model/$MODEL"; fi


FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="Fourfold" org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin fourfold \
 && mkdir /data && chown fourfold:fourfold /data

COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/model /opt/model
ARG MODEL=""
ENV FOURFOLD_MODEL_DIR=${MODEL:+/opt/model/$MODEL}
# NUMBA_CACHE_DIR: the inference engine's kernels, compiled for the processor that the container runs on.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/numba FOURFOLD_HOST=0.0.0.0 FOURFOLD_PORT=8000 FOURFOLD_DATA_DIR=/data
USER 10001:10001
EXPOSE 8000
# For the web; the worker service has a check of its own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["fourfold", "serve"]
