// The import table of CONTRIBUTING.md as a tool reads it. The C++ table is in test/house.

const mayImport = {
  net: [],
  wire: ['net'],
  bgp: ['net', 'wire'],
  fib: ['net'],
  evpn: ['net', 'wire', 'fib'],
  trace: ['net', 'wire', 'fib'],
  io: ['net', 'wire', 'bgp', 'fib'],
  host: ['net', 'wire', 'bgp', 'fib', 'evpn', 'trace', 'io'],
  api: ['net', 'host'],
  platforms: ['net'],
  cli: ['net', 'api', 'host', 'platforms'],
  ui: ['net', 'wire', 'trace', 'host'],
}
const pure = ['net', 'wire', 'bgp', 'fib', 'evpn', 'trace']

const layers = Object.entries(mayImport).map(([folder, allowed]) => ({
  name: `layer-${folder}`,
  comment: `${folder} may import ${allowed.length === 0 ? 'nothing' : allowed.join(', ')}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: `^(?:bench|native|scripts|test)/|^src/(?!(?:${[folder, ...allowed].join('|')})/)` },
}))

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layers,
    {
      name: 'pure',
      comment: 'values and machines know neither Node nor a package',
      severity: 'error',
      from: { path: `^src/(?:${pure.join('|')})/` },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'unknown'] },
    },
    {
      name: 'ui-types-only',
      comment: 'a browser has no host: ui knows the shapes of its views',
      severity: 'error',
      from: { path: '^src/ui/' },
      to: { path: '^src/host/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'ui-in-a-browser',
      severity: 'error',
      from: { path: '^src/ui/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'types-only',
      comment: 'io implements interfaces of bgp and fib and calls nothing there',
      severity: 'error',
      from: { path: '^src/io/' },
      to: { path: '^src/(?:bgp|fib)/', pathNot: '^src/fib/tables\\.gen\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'front-door',
      comment: 'another folder is entered through its index.ts',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '/index\\.ts$', '^src/fib/tables\\.gen\\.ts$'] },
    },
    {
      name: 'front-door-of-the-root',
      severity: 'error',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/[^/]+/', pathNot: '/index\\.ts$' },
    },
    {
      name: 'tests-stay-outside',
      comment: 'what is shipped does not import tests, benchmarks or scripts',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(?:test|bench|scripts)/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-orphans',
      comment: 'a file that nobody imports and that imports nobody',
      severity: 'error',
      from: { orphan: true, pathNot: ['^src/(?:main|index)\\.ts$', '^src/ui/main\\.tsx$', '\\.d\\.ts$', '\\.test\\.ts$', '\\.bench\\.ts$', '^scripts/', '^bench/', '^test/'] },
      to: {},
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-packages',
      comment: 'what is shipped runs without devDependencies',
      severity: 'error',
      // What ui imports is built into its files.
      from: { path: '^src/', pathNot: '^src/ui/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
}
