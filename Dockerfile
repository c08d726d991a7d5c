# The worker, and every other `milepost` command. A glibc image: the criteria engine has no wheels for musl (Alpine).
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/milepost
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE THIRD-PARTY.md ./
COPY domain domain
COPY store store
COPY workflows workflows
COPY activities activities
COPY clients clients
COPY worker worker
COPY starters starters
COPY milepost milepost
COPY catalogs catalogs
RUN /opt/milepost/bin/pip install --constraint constraints.txt "setuptools>=80" \
    && /opt/milepost/bin/pip install --constraint constraints.txt --no-build-isolation .

FROM python:3.11.13-slim-bookworm
RUN groupadd --gid 10001 milepost \
    && useradd --uid 10001 --gid milepost --create-home milepost \
    && install -d -o milepost -g milepost /var/lib/milepost
COPY --from=build /opt/milepost /opt/milepost
# The sample catalogs, so that `milepost apply catalogs/minimal.yaml` works here as it does in the checkout.
COPY --from=build /src/catalogs /usr/share/milepost/catalogs
WORKDIR /usr/share/milepost
ENV PATH=/opt/milepost/bin:$PATH PYTHONUNBUFFERED=1 MILEPOST_DATA=/var/lib/milepost
VOLUME /var/lib/milepost
USER milepost
# Does a worker of this container ask Temporal for work? One that runs `api` needs another check, of /readyz.
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s --retries=3 CMD ["python", "-m", "worker.health"]
ENTRYPOINT ["milepost"]
CMD ["worker"]
