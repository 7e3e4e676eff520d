# One static binary in an image with nothing else: no shell, no package manager, no root.
#
#   docker build -t hookswitch .
#   docker run -p 8080:8080 -v "$PWD/conf:/etc/hookswitch:ro" -v hookswitch-data:/var/lib/hookswitch hookswitch
#
# Mount the folder of rules.yaml, not the file: editors and ConfigMaps replace the file, and a mounted file never sees it.

FROM rust:1.95-alpine AS build
# A C compiler for SQLite and the allocator, which are built in.
RUN apk add --no-cache build-base
WORKDIR /src
COPY . .
# On Alpine the target is musl and the binary static.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin hookswitch \
 && cp target/release/hookswitch /hookswitch \
 && mkdir -p /empty/hookswitch

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /hookswitch /usr/local/bin/hookswitch
# A new volume takes its owner from the folder that it covers.
COPY --from=build --chown=65532:65532 /empty/hookswitch /var/lib/hookswitch
ENV HOOKSWITCH_CONFIG=/etc/hookswitch/rules.yaml \
    HOOKSWITCH_DATA_DIR=/var/lib/hookswitch/data
VOLUME /var/lib/hookswitch
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s --retries=3 \
    CMD ["/usr/local/bin/hookswitch", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/hookswitch"]
CMD ["run"]
