/**
 * The way imports may run (docs/architecture.md, "The house"):
 * apps -> billing, gateway -> policy -> flags, telemetry -> llm, auth -> usage -> queue, database -> host, http1 -> common
 * Each rule says why. test/architecture proves on a deliberately bad fixture that every rule fires.
 */
const layers = ['common', 'host|http1', 'database|queue', 'usage', 'llm|auth', 'flags|telemetry', 'policy', 'billing|gateway'];

// Above and beside the outermost lib there is nothing that could be forbidden to it.
const bound = layers.filter((names, level) => level < layers.length - 1 || names.includes('|'));

const layerRules = bound.map((names, level) => ({
  name: `layer-${names.replace('|', '-')}`,
  severity: 'error',
  comment: 'Imports run one way, from the outer layers to the kernel; siblings of one layer do not know each other.',
  from: { path: `(^|/)libs/(${names})/` },
  to: {
    path: `(^|/)libs/(${[...layers.slice(level + 1).flatMap((l) => l.split('|')), ...names.split('|')].join('|')})/`,
    // A file may import its own lib: the capture of `from` is put in here.
    pathNot: '(^|/)libs/$2/',
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'lib-without-layer',
      severity: 'error',
      comment: 'A lib that is in no layer is bound by no layer\'s rule: give it its place in `layers` above.',
      from: { path: `(^|/)libs/(?!(${layers.join('|')})/)` },
      to: {},
    },
    {
      name: 'not-resolvable',
      severity: 'error',
      comment: 'An import that leads nowhere breaks at run time, and no other rule here can see where it was meant to lead.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'A cycle cannot be read, tested or started in parts. Types count: they bind designs as much as values do.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'lib-imports-app',
      severity: 'error',
      comment: 'Apps compose libs; a lib that knows its app cannot be used by another.',
      from: { path: '(^|/)libs/' },
      to: { path: '(^|/)apps/' },
    },
    {
      name: 'core-is-pure',
      severity: 'error',
      comment: 'core/ holds the rules of the business: no framework, no database, no network. Clock and randomness come in as arguments.',
      from: { path: '(^|/)core/', pathNot: '\\.(spec|medium-spec)\\.ts$' },
      to: { path: 'node_modules/(@nestjs|typeorm|pg|ioredis|undici|unleash-client|pino|prom-client|@opentelemetry|@clickhouse)|^(node:)?(fs|net|http|https|tls|child_process|dgram|cluster|worker_threads)(/|$)' },
    },
    {
      name: 'core-is-a-leaf',
      severity: 'error',
      comment: 'core/ must not reach out to its own lib\'s adapters, entities, services or module.',
      from: { path: '(^|/)libs/([^/]+)/src/core/', pathNot: '\\.(spec|medium-spec)\\.ts$' },
      to: { path: '(^|/)libs/$2/src/((adapters|entities|http|services)/|[^/]+\\.(module|service)\\.ts$)' },
    },
    {
      name: 'no-deep-import',
      severity: 'error',
      comment: 'Another lib is known by its index.ts alone; what is not exported there may change at any time.',
      from: { path: '(^|/)libs/([^/]+)/' },
      to: { path: '(^|/)libs/([^/]+)/src/(?!index\\.ts$)', pathNot: '(^|/)libs/$2/' },
    },
    {
      name: 'app-no-deep-import',
      severity: 'error',
      comment: 'Apps know libs by their index.ts alone.',
      from: { path: '(^|/)apps/' },
      to: { path: '(^|/)libs/([^/]+)/src/(?!index\\.ts$)' },
    },
    {
      name: 'verifier-stands-alone',
      severity: 'error',
      comment: 'What checks a statement shares no code with what writes it: a mistake that both had would be seen by neither.',
      from: { path: '(^|/)apps/cli/src/verify-statement/', pathNot: '\\.(spec|fakes)\\.ts$' },
      to: { pathNot: '(^|/)apps/cli/src/verify-statement/|^(node:)?crypto$' },
    },
    {
      name: 'no-own-index',
      severity: 'error',
      comment: 'Inside a lib, files import each other; going through the own index makes cycles.',
      from: { path: '(^|/)libs/([^/]+)/src/.+' },
      to: { path: '(^|/)libs/$2/src/index\\.ts$' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|\\.cache|\\.apex)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
