import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { MemoryFlags, trafficOf } from '../../test/memory-flags.js';
import { readServerAnswer } from '../core/server-toggles.js';
import { FlagRepository } from './flag-repository.js';
import { UnleashFeed } from './unleash-feed.js';

const ON = { name: 'default', parameters: {}, constraints: [] };
const toggle = (name: string, more: object = {}): object => ({ name, enabled: true, strategies: [ON], ...more });
const rollout = (percentage: number, more: object = {}): object => toggle('gateway-rollout', { strategies: [{ name: 'flexibleRollout', parameters: { rollout: `${percentage}`, stickiness: 'default', ...more }, constraints: [] }] });
const answer = (...features: object[]): string => JSON.stringify({ version: 2, features });
const NAMES = new Set(['gateway_enabled', 'billing_enabled', 'usage_limits_enforced', 'validation_workbench', 'gateway-rollout']);

describe('flags that an Unleash server feeds', () => {
  let server: Server;
  let url: string;
  let reply: (response: ServerResponse) => void;
  let flags: MemoryFlags;
  let warnings: jest.SpiedFunction<Logger['warn']>;

  beforeEach(async () => {
    warnings = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
    server = createServer((_request, response) => reply(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`;
    flags = new MemoryFlags(trafficOf({ gatewayPercentage: 36 }));
    await flags.router.start();
  });
  afterEach(async () => {
    flags.router.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    jest.restoreAllMocks();
  });

  /** One question to the server, and its answer taken in. */
  const ask = async (status: number, body: string): Promise<void> => {
    reply = (response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    const feed = new UnleashFeed({ url, token: 't', environment: 'e', refreshMs: 60_000, names: NAMES, accept: (got) => flags.repository.accept(got) });
    await feed.start();
    await feed.stop();
  };
  const isInside = (customerId: string): boolean => flags.router.assign({ customerId, keyId: 'k', session: null }).cohort === 'gateway';

  it.each([
    ['an empty answer', 200, answer()],
    ['only toggles of others', 200, answer(toggle('somebody-else'))],
    ['an error', 500, 'oops'],
    ['a refused token', 401, '{}'],
    ['no JSON', 200, '<html>'],
    ['another shape', 200, '{"features":{}}'],
    ['nothing', 204, ''],
  ])('flips nothing on %s, before and after the server had said something', async (_what, status, body) => {
    await ask(status, body);
    expect([isInside('a'), isInside('tenant-42'), flags.repository.authority('gateway-rollout')]).toEqual([true, false, 'apex']);
    await ask(200, answer(toggle('billing_enabled'), rollout(84)));
    expect([isInside('tenant-42'), isInside('tenant-1'), flags.router.isEnabled('billing_enabled', null)]).toEqual([true, false, true]);
    await ask(status, body);
    expect([isInside('tenant-42'), isInside('tenant-1'), flags.router.isEnabled('billing_enabled', null)]).toEqual([true, false, true]);
  });

  it('takes each toggle by itself: those that are missing stay as they are', async () => {
    await ask(200, answer(toggle('billing_enabled')));
    expect([flags.router.isEnabled('billing_enabled', null), flags.router.isEnabled('gateway_enabled', null), isInside('a')]).toEqual([true, true, true]);
    expect(['billing_enabled', 'gateway_enabled'].map((name) => flags.repository.authority(name))).toEqual(['unleash', 'apex']);
    await ask(200, answer(toggle('usage_limits_enforced')));
    expect(flags.router.isEnabled('billing_enabled', null)).toBe(true);
  });

  it('obeys a toggle that is disabled, even one that it could not follow otherwise', async () => {
    await ask(200, answer(toggle('gateway_enabled', { enabled: false, strategies: 'nonsense' })));
    expect(flags.router.assign({ customerId: 'a', keyId: 'k', session: null })).toEqual({ cohort: 'direct', reason: 'flag_off' });
  });

  it.each([
    ['random stickiness', rollout(100, { stickiness: 'random' })],
    ['a percentage that is none', rollout(101)],
    ['a strategy of somebody\'s own', toggle('gateway-rollout', { strategies: [{ name: 'mine' }] })],
    ['a dependency', { ...rollout(100), dependencies: [{ feature: 'parent' }] }],
    ['a missing segment', toggle('gateway-rollout', { strategies: [{ ...ON, segments: [7] }] })],
    ['an unknown operator', toggle('gateway-rollout', { strategies: [{ ...ON, constraints: [{ contextName: 'userId', operator: 'MOON', values: [] }] }] })],
  ])('keeps the last state of a toggle with %s, follows the others, and says so', async (_what, feature) => {
    await ask(200, answer(feature, toggle('billing_enabled')));
    expect([isInside('a'), isInside('tenant-42'), flags.router.isEnabled('billing_enabled', null)]).toEqual([true, false, true]);
    expect(warnings).toHaveBeenCalledTimes(1);
    expect(String(warnings.mock.calls[0]?.[0])).toContain('gateway-rollout: ');
  });

  it('follows segments and constraints on the customer', async () => {
    const segment = { id: 7, constraints: [{ contextName: 'userId', operator: 'IN', values: ['tenant-1'] }] };
    await ask(200, JSON.stringify({ features: [toggle('gateway-rollout', { strategies: [{ ...ON, segments: [7] }] })], segments: [segment] }));
    expect([isInside('tenant-1'), isInside('a')]).toEqual([true, false]);
    expect(flags.router.rollout()).toEqual({ gatewayPercentage: 0, stickiness: 'customer' });
  });

  it('evaluates anew what depends on more than the customer', async () => {
    const forSession = { ...ON, constraints: [{ contextName: 'sessionId', operator: 'IN', values: ['s1'] }] };
    await ask(200, answer(toggle('gateway-rollout', { strategies: [forSession] })));
    const cohorts = ['s1', 's2', 's1'].map((session) => flags.router.assign({ customerId: 'c', keyId: 'k', session }).cohort);
    expect(cohorts).toEqual(['gateway', 'direct', 'gateway']);
  });

  it('starts from what was kept when the server is away, before our own row', async () => {
    await flags.become({ ...trafficOf({ gatewayPercentage: 0 }), lastKnown: { 'gateway-rollout': { name: 'gateway-rollout', enabled: true, strategies: [] } } });
    await ask(503, '');
    expect([isInside('a'), flags.repository.authority('gateway-rollout')]).toEqual([true, 'unleash']);
    await ask(200, answer());
    expect([isInside('a'), flags.repository.authority('gateway-rollout')]).toEqual([true, 'unleash_last_known']);
  });

  it('puts in force what cannot be kept, and does not lose it when the server lists it no more', async () => {
    const rows = trafficOf({ gatewayPercentage: 0 });
    const repository = new FlagRepository({ definitions: [], pollMs: 60_000, read: async () => JSON.stringify(rows), subscribe: () => () => undefined, keep: async () => Promise.reject(new Error('Postgres is away')) });
    await repository.start();
    for (const features of [[rollout(36)], []]) {
      await repository.accept(readServerAnswer({ features }, NAMES)).catch(() => undefined);
      expect(repository.getToggle('gateway-rollout')?.strategies?.[0]?.parameters['rollout']).toBe('36');
    }
    repository.stop();
  });

  it('warns once of an outage, asks again, and leaves nothing behind', async () => {
    let asked = 0;
    const third = new Promise<void>((resolve) => {
      reply = (response) => {
        if (++asked === 3) resolve();
        response.writeHead(500).end();
      };
    });
    const feed = new UnleashFeed({ url, token: 't', environment: 'e', refreshMs: 1, names: NAMES, accept: async () => undefined });
    await feed.start();
    await third;
    await feed.stop();
    const before = asked;
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBe(before);
    expect(warnings).toHaveBeenCalledTimes(1);
  });
});
