# The image of operator, workers and servers: Node, the production dependencies and Adloom, on nothing else. There is no
# shell in it, its root may be read-only, and its user is not root.
#
#   docker build --tag IMAGE .
#   docker build --tag IMAGE --target gpu .
#
# BUILD is an image with a Debian and npm, in which the parts are put together; its Node serves npm only. Where no
# registry is reached, test/support/image.ts makes one from Debian's packages and builds with buildah.
ARG BUILD=node:26-bookworm-slim
ARG CUDA=nvidia/cuda:12.9.1-cudnn-runtime-ubuntu24.04

# What the processes load but Adloom itself: Node, the packages, and the shared libraries of both. Packages carry binaries
# for systems that are not this one. It changes with the lock only, so that a builder keeps it.
FROM ${BUILD} AS dependencies
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN set -eu; \
    npm ci --omit=dev --ignore-scripts --no-audit --no-fund; \
    npm rebuild node; \
    root=/image; app=$root/opt/adloom; \
    mkdir -p $app $root/usr/local/bin $root/etc $root/tmp $root/var/lib/adloom/store $root/var/lib/adloom/scratch; \
    mv node_modules/node/bin/node $root/usr/local/bin/node; \
    rm -rf node_modules/node node_modules/.bin node_modules/.package-lock.json; \
    runtime=node_modules/onnxruntime-node/bin/napi-v6; \
    arch=$($root/usr/local/bin/node -p process.arch); \
    mv $runtime/linux/$arch keep; rm -rf $runtime; mkdir -p $runtime/linux; mv keep $runtime/linux/$arch; \
    find node_modules \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name 'README*' -o -name 'CHANGELOG*' \) -delete; \
    mv node_modules $app/node_modules; \
    find $root -type f \( -name '*.node' -o -name '*.so*' -o -path '*/bin/node' \) ! -name '*musl*' \
      -exec ldd {} + 2>/dev/null | sed -nE 's/^.*(=> |\t)(\/[^ ]+) \(0x.*$/\2/p' | sort -u > libraries; \
    grep -v "^$root" libraries | while read -r file; do mkdir -p "$root$(dirname "$file")"; cp -L "$file" "$root$file"; done; \
    printf '#!/usr/local/bin/node\nimport("/opt/adloom/operator/cli/main.js")\n' > $root/usr/local/bin/adloom; \
    chmod 755 $root/usr/local/bin/adloom; \
    echo 'adloom:x:65532:65532::/tmp:/sbin/nologin' > $root/etc/passwd; \
    echo 'adloom:x:65532:' > $root/etc/group; \
    echo 'hosts: files dns' > $root/etc/nsswitch.conf; \
    chmod 1777 $root/tmp; chown -R 65532:65532 $root/var/lib/adloom

FROM dependencies AS app
COPY . .
RUN /image/usr/local/bin/node .ci/transpile.ts && cp package.json README.md LICENSE dist/

# Untested, for want of a GPU (docs/install.md): the same beside the CUDA and cuDNN of ONNX Runtime's own build, whose
# provider libraries onnxruntime-node fetches for exactly its version.
FROM dependencies AS cuda-provider
RUN cd /image/opt/adloom/node_modules/onnxruntime-node \
 && ONNXRUNTIME_NODE_INSTALL=cuda12 /image/usr/local/bin/node script/install.js

FROM ${CUDA} AS gpu
COPY --from=cuda-provider /image/usr/local/bin /usr/local/bin
COPY --from=cuda-provider /image/opt/adloom /opt/adloom
COPY --from=app /build/dist/ /opt/adloom/
COPY --from=cuda-provider --chown=65532:65532 /image/var/lib/adloom /var/lib/adloom
RUN apt-get update && apt-get install -y --no-install-recommends libatomic1 && rm -rf /var/lib/apt/lists/*
LABEL org.opencontainers.image.title="adloom" \
      org.opencontainers.image.description="Kubernetes operator for generative ad rankers, with ONNX Runtime for CUDA" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production HOME=/tmp
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/adloom"]

FROM scratch AS cpu
COPY --from=dependencies /image/ /
COPY --from=app /build/dist/ /opt/adloom/
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="adloom" \
      org.opencontainers.image.description="Kubernetes operator for generative ad rankers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/usr/local/bin NODE_ENV=production HOME=/tmp
WORKDIR /tmp
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/adloom"]
