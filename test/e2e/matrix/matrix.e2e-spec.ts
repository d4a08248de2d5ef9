import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClientSpec } from './client.js';
import { clients } from './clients/index.js';
import { miscounted, notApplicable, type Refused, refused } from './expectations.js';
import { type Bench, type Feature, features } from './features.js';
import { modelAt, protocolBetween, providers, type ProviderSpec } from './providers.js';
import { reportOf, Results } from './report.js';
import { stageForAll } from './stage.js';
import { Tap } from './tap.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = join(ROOT, 'docs/compatibility.md');
/** Nobody has a model of this name. */
const UNKNOWN = { openai: 'gpt-17', compatible: 'gpt-17', anthropic: 'claude-17', gemini: 'gemini-17' } as const;

const results = new Results();
const stage = stageForAll();

function benchOf(spec: ClientSpec, provider: ProviderSpec, tap: Tap): Bench {
  const { apex, fast, slow } = stage;
  const client = (apiKey: string) => spec.create({ baseUrl: apex.baseUrl, apiKey, tap });
  return {
    client: client(apex.apiKey),
    stranger: client('apex_nobody'),
    model: modelAt(provider),
    slowModel: modelAt(provider, true),
    unknownModel: `${provider.name}/${UNKNOWN[provider.name]}`,
    providersModel: provider.model,
    protocol: protocolBetween(spec, provider),
    callsComeWhole: provider.name === 'gemini',
    simulator: fast,
    slowSimulator: slow,
  };
}

const expectedRefusal = (client: ClientSpec, provider: ProviderSpec, feature: Feature): Refused | undefined =>
  refused.find((entry) => entry.client === client.name && entry.providers.includes(provider.name) && entry.features.includes(feature.name));

async function run(client: ClientSpec, provider: ProviderSpec, feature: Feature): Promise<void> {
  if (notApplicable.some((entry) => entry.clients.includes(client.name) && entry.features.includes(feature.name))) return results.note(client, provider, feature, 'n.a.');
  const tap = new Tap();
  const work = feature.check(benchOf(client, provider, tap));
  if (miscounted.some((entry) => entry.client === client.name && entry.features.includes(feature.name))) {
    await expect(work).rejects.toThrow('expect(received)');
    expect(tap.last?.refusal).toBeNull();
    return results.note(client, provider, feature, 'miscounted');
  }
  const expected = expectedRefusal(client, provider, feature);
  if (expected === undefined) {
    await work.catch((error: unknown) => {
      // What the SDK made of it is the error; what Apex said is its reason.
      const { last } = tap;
      if (last?.refusal != null && error instanceof Error) error.message += `\nLast refusal: ${last.status} ${JSON.stringify(last.refusal)}`;
      throw error;
    });
    return results.note(client, provider, feature, 'pass');
  }
  await expect(work).rejects.toThrow();
  expect(tap.last).toMatchObject({ status: 400, refusal: { code: 'unsupported_by_provider', param: expect.stringMatching(expected.param) as string } });
  results.note(client, provider, feature, 'refused');
}

describe.each(clients.map((client) => [client.name, client] as const))('%s', (_name, client) => {
  describe.each(providers.map((provider) => [provider.name, provider] as const))('to %s', (_provider, provider) => {
    it.each(features.map((feature) => [feature.name, feature] as const))('%s', (_feature, feature) => run(client, provider, feature));
  });
});

describe('docs/compatibility.md', () => {
  it('is what this run found', () => {
    expect(results.count).toBe(clients.length * providers.length * features.length);
    const { devDependencies: versions } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> };
    const found = reportOf({ clients, providers, features, results, refused, notApplicable, miscounted, versions });
    const written = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
    if (found !== written) writeFileSync(PAGE, found);
    expect(written).toBe(found);
  });
});
