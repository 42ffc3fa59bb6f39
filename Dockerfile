# syntax=docker/dockerfile:1

FROM rust:1.95-slim-trixie AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends musl-tools \
 && rm -rf /var/lib/apt/lists/* \
 && rustup target add "$(uname -m)-unknown-linux-musl" \
 && mkdir /image \
 && mkdir --mode 2775 /image/data
WORKDIR /build

# The dependencies, with empty sources: this layer lasts until Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
COPY bench/Cargo.toml bench/
COPY client/Cargo.toml client/
COPY examples/rust/Cargo.toml examples/rust/
COPY scripts/release-build.sh scripts/
RUN { echo src/main.rs; echo bench/src/lib.rs; echo client/src/lib.rs; echo examples/rust/src/lib.rs; \
      sed -n 's/^path = "\(.*\.rs\)"$/\1/p' Cargo.toml; \
      sed -n 's/^path = "\(.*\.rs\)"$/bench\/\1/p' bench/Cargo.toml; } \
    | while read -r file; do mkdir -p "${file%/*}" && echo 'fn main() {}' > "$file"; done \
 && touch src/lib.rs \
 && scripts/release-build.sh "$(uname -m)-unknown-linux-musl"

COPY migrations migrations
COPY client/src client/src
COPY src src
# The touch makes cargo see that the sources are new, whatever their dates.
RUN touch client/src/lib.rs src/main.rs src/lib.rs \
 && scripts/release-build.sh "$(uname -m)-unknown-linux-musl" \
 && cp "target/$(uname -m)-unknown-linux-musl/release/omnidesk-mock" /omnidesk-mock

FROM scratch
LABEL org.opencontainers.image.title="omnidesk-mock" \
      org.opencontainers.image.description="A mock server for the Omnidesk Ticket API" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /omnidesk-mock /omnidesk-mock
# Any user of group 0 can use the volume, as some clusters choose the user. The directory has the setgid bit, so its files
# get the group, and the server gives them the group permissions of their directory.
COPY --from=build --chown=65532:0 /image/ /
# All addresses of IPv4 and IPv6; of IPv4 alone if the system has no IPv6.
ENV OMNIDESK_MOCK_LISTEN=[::]:8080
USER 65532:0
# The default ./data is /data here; SQLite keeps its temporary files in memory.
WORKDIR /
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
    CMD ["/omnidesk-mock", "ready", "--timeout", "2s"]
ENTRYPOINT ["/omnidesk-mock"]
