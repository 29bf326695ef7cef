# The command `profiler` as an image: docker build --tag visitor-profiler .
# How to run it: docs/deployment.md.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
RUN python -m venv /opt/profiler \
 && /opt/profiler/bin/python -m pip install --no-cache-dir "$(echo /wheels/*.whl)[serve]"

FROM python:3.11.14-slim-bookworm
LABEL org.opencontainers.image.title="visitor-profiler" \
      org.opencontainers.image.description="The visitor-profile stage for Kafka-based web analytics" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/profiler /opt/profiler
ENV PATH="/opt/profiler/bin:$PATH"
# Where a profiler.toml is looked for: mount one here.
WORKDIR /etc/profiler
# A number, so that Kubernetes' runAsNonRoot can check it; no file belongs to it.
USER 10001:10001
# It knows something where the setting metrics.listen is set, and is content where it is not.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["profiler", "health"]
ENTRYPOINT ["profiler"]
CMD ["--help"]
