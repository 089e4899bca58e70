# One exact version in all stages. Whoever builds for production names it by digest: --build-arg NODE_IMAGE=node@sha256:…
ARG NODE_IMAGE=node:24.21.0-trixie-slim

# Build stage: everything that compiling needs, nothing of which goes further.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY explorer ./explorer
COPY scripts ./scripts
COPY test/operations ./test/operations
# The emulator is for development: it must not be reachable in production.
RUN npm run build && rm -rf dist/emulator dist/print-schema.js dist/print-schema.js.map

# What runs, without development dependencies and without their install scripts.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM ${NODE_IMAGE}
ENV NODE_ENV=production SUBGRAPH_CONFIG=/config/config.yaml
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
# GraphQL, and health with metrics: publish the second one to nobody but the orchestrator.
EXPOSE 4001 4002
# With another server.adminPort, override this as well.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:4002/livez').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Collecting garbage stops everything else: little at a time stops it for a short time only.
CMD ["node", "--max-semi-space-size=8", "--initial-old-space-size=96", "dist/main.js"]
