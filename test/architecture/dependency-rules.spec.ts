import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FIXTURE = 'test/architecture/fixture/';
const require = createRequire(import.meta.url);
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');

const configSchema = z.object({ forbidden: z.array(z.object({ name: z.string() })) });
const resultSchema = z.object({
  summary: z.object({
    totalCruised: z.number(),
    violations: z.array(z.object({ from: z.string(), to: z.string(), rule: z.object({ name: z.string() }) })),
  }),
});

/** What the project's own rules say of these folders, as `rule: from -> to`. */
async function violationsIn(...folders: string[]): Promise<{ violations: string[]; cruised: number }> {
  const args = [CRUISER, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...folders];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, maxBuffer: 1 << 28 });
  const { summary } = resultSchema.parse(JSON.parse(stdout));
  const violations = summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from.replace(FIXTURE, '')} -> ${to.replace(FIXTURE, '')}`);
  return { violations: violations.sort(), cruised: summary.totalCruised };
}

/** A whole tree is read, beside whatever else the machine does. */
const CRUISE_MS = 180_000;

describe('the rules of imports', () => {
  it('see everything that is wrong in a tree that breaks each of them, and nothing else', async () => {
    const { violations } = await violationsIn(`${FIXTURE}apps`, `${FIXTURE}libs`);
    const expected = [
      'layer-common: libs/common/src/knows-usage.ts -> libs/usage/src/index.ts',
      'layer-host-http1: libs/host/src/knows-queue.ts -> libs/queue/src/index.ts',
      'layer-database-queue: libs/queue/src/knows-sibling.ts -> libs/database/src/index.ts',
      'layer-usage: libs/usage/src/knows-auth.ts -> libs/auth/src/index.ts',
      'layer-llm-auth: libs/auth/src/knows-flags.ts -> libs/flags/src/index.ts',
      'layer-flags-telemetry: libs/flags/src/knows-gateway.ts -> libs/gateway/src/index.ts',
      'layer-policy: libs/policy/src/knows-gateway.ts -> libs/gateway/src/index.ts',
      'layer-billing-gateway: libs/billing/src/knows-sibling.ts -> libs/gateway/src/index.ts',
      'lib-without-layer: libs/orphan/src/orphan.ts -> libs/common/src/index.ts',
      'not-resolvable: libs/host/src/dangling.ts -> ./nowhere.js',
      'no-circular: libs/database/src/egg.ts -> libs/database/src/hen.ts',
      'lib-imports-app: libs/gateway/src/knows-app.ts -> apps/api/src/app.ts',
      'core-is-pure: libs/gateway/src/core/uses-file-promises.ts -> fs/promises',
      'core-is-pure: libs/gateway/src/core/uses-files.ts -> fs',
      'core-is-pure: libs/gateway/src/core/uses-nest.ts -> node_modules/@nestjs/common/index.js',
      'core-is-pure: libs/gateway/src/core/uses-typeorm.ts -> node_modules/typeorm/index.d.ts',
      'core-is-a-leaf: libs/gateway/src/core/uses-adapter.ts -> libs/gateway/src/adapters/adapter.ts',
      'core-is-a-leaf: libs/gateway/src/core/uses-module.ts -> libs/gateway/src/gateway.module.ts',
      'no-deep-import: libs/gateway/src/digs-into-flags.ts -> libs/flags/src/flags.ts',
      'app-no-deep-import: apps/api/src/digs-into-gateway.ts -> libs/gateway/src/gateway.ts',
      'verifier-stands-alone: apps/cli/src/verify-statement/shares-code.ts -> libs/common/src/index.ts',
      'no-own-index: libs/gateway/src/uses-own-index.ts -> libs/gateway/src/index.ts',
    ];
    expect(violations).toEqual(expected.sort());
    const { forbidden } = configSchema.parse(require(join(ROOT, '.dependency-cruiser.cjs')));
    expect([...new Set(violations.map((line) => line.split(':')[0]))].sort()).toEqual(forbidden.map((rule) => rule.name).sort());
  }, CRUISE_MS);

  it('are kept', async () => {
    const { violations, cruised } = await violationsIn('apps', 'libs');
    expect(violations).toEqual([]);
    // A pattern that matches no file would break no rule either.
    expect(cruised).toBeGreaterThan(100);
  }, CRUISE_MS);
});
