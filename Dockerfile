# docker build -t mangrove:0.1.0 .
# Whoever needs the very same bytes again gives both images by digest: --build-arg BUILD_IMAGE=node@sha256:…
ARG BUILD_IMAGE=docker.io/library/node:24-bookworm
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /build

# Exactly what the lock file says, and no script of any package runs (.npmrc).
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-progress --loglevel=error
COPY rolldown.config.ts tsconfig.json ./
COPY src src
RUN npm run --silent build -- --log-level warn

# The first process. A core dump would hold keys: a limit of one byte stops files and pipes alike (core(5)). Variables
# that change how Node or the dynamic linker behave are dropped, and SIGUSR1 opens no inspector.
COPY <<'EOF' entry.c
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv) {
  struct rlimit byte = {1, 1}, none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &byte) && setrlimit(RLIMIT_CORE, &none)) return 126;
  char **kept = environ;
  for (char **each = environ; *each; each++)
    if (strncmp(*each, "NODE_", 5) && strncmp(*each, "LD_", 3)) *kept++ = *each;
  *kept = 0;
  char *command[argc + 4];
  command[0] = "/usr/bin/node";
  command[1] = "--disable-sigusr1";
  command[2] = "--max-semi-space-size=16";
  command[3] = "/usr/lib/mangrove/mangrove.mjs";
  memcpy(command + 4, argv + 1, argc * sizeof *argv);
  execv(command[0], command);
  return 127;
}
EOF
# Node needs libatomic, which the base image does not have.
RUN mkdir -p /image/usr/bin /image/usr/lib/mangrove /image/usr/share/doc/mangrove \
 && gcc -Os -static -s -Wall -Werror -o /image/usr/bin/mangrove entry.c \
 && cp node_modules/node-linux-*/bin/node /image/usr/bin/node \
 && cp -R dist/. /image/usr/lib/mangrove/ \
 && cp --parents /usr/lib/*-linux-gnu/libatomic.so.1* /image/ \
 && /image/usr/bin/node --version

COPY LICENSE /image/usr/share/doc/mangrove/LICENSE
RUN cp node_modules/node-linux-*/LICENSE /image/usr/share/doc/mangrove/LICENSE.node \
 && find /image -exec touch --no-dereference --date=@0 {} +

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="mangrove" \
      org.opencontainers.image.description="A certificate authority and ClusterTrustBundle trust manager for Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
# As in bin/mangrove, which says why.
ENV MALLOC_ARENA_MAX=2
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/mangrove"]
CMD ["controller", "--config", "/etc/mangrove/config.yaml"]
