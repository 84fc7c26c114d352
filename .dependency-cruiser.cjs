/** The directions in which imports may point: the diagram in CONTRIBUTING.md, enforced. */
const rooms = [
  'core',
  'wire',
  'runtime',
  'intake',
  'report',
  'store',
  'exports',
  'lookups',
  'import',
  'http',
  'admin',
  'doctor',
  'audit',
];
const ground = ['core', 'wire', 'runtime'];
const native = {
  exports: ['koffi'],
  runtime: ['fs-native-extensions', 'pino'],
  intake: ['lru-cache'],
  http: ['prom-client'],
  admin: ['@grpc/grpc-js', '@grpc/proto-loader', '@grpc/reflection', 'grpc-health-check'],
};
module.exports = {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphan',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '\\.d\\.ts$' },
      to: {},
    },
    {
      name: 'core-and-wire-are-pure',
      severity: 'error',
      from: { path: '^src/(core|wire)/' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional'] },
    },
    {
      name: 'no-dev-package-in-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'] },
    },
    ...rooms.map((room) => ({
      name: `${room}-meets-only-the-ground`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: {
        path: '^src/',
        pathNot: `^src/(${[room, ...(ground.includes(room) ? [] : ground)].join('|')})/`,
      },
    })),
    ...Object.entries(native).flatMap(([room, packages]) =>
      packages.map((name) => ({
        name: `${name}-lives-in-${room}`,
        severity: 'error',
        from: { pathNot: `^src/${room}/` },
        to: { path: `node_modules/${name}/` },
      })),
    ),
    {
      name: 'ctl-speaks-only-grpc',
      severity: 'error',
      from: { path: '^src/ctl(/|\\.ts$)' },
      to: {
        path: '^src/',
        pathNot:
          '^src/(ctl/|doctor\\.ts|admin/(client|fields|identity)\\.ts|core/(address|network|operator-entry|prefix-map|subject)\\.ts|admin/gen/|runtime/(clock|counted|printable|log|time-text)\\.ts|version\\.ts)',
      },
    },
    {
      name: 'only-config-reads-configuration',
      severity: 'error',
      from: { pathNot: '^src/config' },
      to: { path: 'node_modules/(smol-toml|zod)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
