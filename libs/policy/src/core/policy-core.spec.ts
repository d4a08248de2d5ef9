import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { type Mechanism, MECHANISMS } from '@apex/usage';
import { type DecisionRequest } from '../ports/decision-layer.js';
import { armOf, clusterOf, customerSecret, periodAt, secretHash } from './arm.js';
import { DEFAULT_POLICY, policyDocumentSchema, type PolicySnapshot } from './policy-document.js';
import { ReusableHmac } from './reusable-hmac.js';
import { decideByRules, reasonsByRules } from './rule-decision.js';

const text = (value: string): Buffer => Buffer.from(value);

describe('the arm of a cluster', () => {
  const secret = customerSecret(Buffer.alloc(32, 7), 'acme');

  it('is control for the share of clusters that the policy holds out', () => {
    for (const ppm of [10_000, 50_000, 500_000]) {
      const controls = Array.from({ length: 20_000 }, (_, index) => armOf(secret, `cluster ${index}`, ppm)).filter((arm) => arm === 'control').length;
      // Five standard deviations of a binomial.
      const share = ppm / 1_000_000;
      expect(Math.abs(controls - 20_000 * share)).toBeLessThan(5 * Math.sqrt(20_000 * share * (1 - share)));
    }
  });

  it('follows from the published secret as documented', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.string({ unit: 'grapheme' }), fc.nat(500_000), (key, cluster, ppm) => {
        const fraction = BigInt(`0x${createHmac('sha256', key).update(cluster).digest('hex').slice(0, 12)}`);
        expect(armOf(Buffer.from(key), cluster, ppm)).toBe(fraction * 1_000_000n < BigInt(ppm) * 2n ** 48n ? 'control' : 'treated');
      }),
    );
  });

  it('is nobody at 0, and stays control when the share grows', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(500_000), fc.nat(500_000), (cluster, a, b) => {
        expect(armOf(secret, cluster, 0)).toBe('treated');
        if (armOf(secret, cluster, Math.min(a, b)) === 'control') expect(armOf(secret, cluster, Math.max(a, b))).toBe('control');
      }),
    );
  });

  it('is drawn anew for each customer and period', () => {
    const other = customerSecret(Buffer.alloc(32, 8), 'acme');
    const drawn = (one: Buffer): string => Array.from({ length: 200 }, (_, index) => armOf(one, `${index}`, 500_000)[0]).join('');
    expect(new Set([secret, other, customerSecret(Buffer.alloc(32, 7), 'bcme')].map(drawn)).size).toBe(3);
    expect(secretHash(secret)).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('a reusable HMAC', () => {
  it('is the one of node:crypto, for any key and message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 4 }), (key, messages) => {
        const hmac = new ReusableHmac(Buffer.from(key));
        for (const message of messages) expect(hmac.digest(message)).toBe(createHmac('sha256', key).update(message).digest('binary'));
      }),
    );
  });
});

describe('a cluster', () => {
  it('is a session where there is one, else a key and its first message, within a customer', () => {
    const names = [
      clusterOf('a', 'k', 's', text('hello')),
      clusterOf('b', 'k', 's', text('hello')),
      clusterOf('a', 'k', null, text('hello')),
      clusterOf('a', 'l', null, text('hello')),
      clusterOf('a', 'k', null, text('hello!')),
      clusterOf('b', 'k', null, text('hello')),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(clusterOf('a', 'other', 's', text('x'))).toBe(names[0]);
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{32}$/);
  });

  it('is a hash that anyone can compute again, whatever the length', () => {
    const names = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(names, names, fc.option(names), fc.string({ unit: 'grapheme' }), fc.constantFrom(1, 8_150, 20_000), (customer, key, session, message, length) => {
        const said = message.padEnd(length, 'x');
        const named = session === null ? `conversation\0${customer}\0${key}\0${said}` : `session\0${customer}\0${session}`;
        expect(clusterOf(customer, key, session, text(said))).toBe(createHash('sha256').update(named).digest('hex').slice(0, 32));
      }),
    );
  });
});

describe('a period', () => {
  it('is a calendar month in UTC', () => {
    expect(periodAt(Date.UTC(2026, 11, 31, 23, 59, 59, 999))).toEqual({ name: '2026-12', fromMs: Date.UTC(2026, 11), toMs: Date.UTC(2027, 0) });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(2100, 0) }), (ms) => {
        const period = periodAt(ms);
        expect(ms >= period.fromMs && ms < period.toMs).toBe(true);
        expect(periodAt(period.toMs).fromMs).toBe(period.toMs);
      }),
    );
  });
});

describe('a policy document', () => {
  it('is refused with a knob that does nothing, that is missing or out of its range', () => {
    expect(policyDocumentSchema.parse(DEFAULT_POLICY)).toEqual(DEFAULT_POLICY);
    const { mechanisms, experiment } = DEFAULT_POLICY;
    for (const broken of [
      { ...DEFAULT_POLICY, extra: 1 },
      { ...DEFAULT_POLICY, schema: 2 },
      { ...DEFAULT_POLICY, experiment: { ...experiment, controlPpm: 500_001 } },
      { ...DEFAULT_POLICY, experiment: { ...experiment, controlPpm: 0.5 } },
      { ...DEFAULT_POLICY, mechanisms: { ...mechanisms, routing: { enabled: true } } },
      { ...DEFAULT_POLICY, mechanisms: { ...mechanisms, exact_cache: { ...mechanisms.exact_cache, ttlSeconds: 0 } } },
      { ...DEFAULT_POLICY, mechanisms: { ...mechanisms, prompt_cache: undefined } },
      { ...DEFAULT_POLICY, mechanisms: { ...mechanisms, prompt_cache: { enabled: true, minTokens: 1_023 } } },
      { ...DEFAULT_POLICY, mechanisms: { ...mechanisms, prompt_cache: { enabled: true, minRecurrences: 0 } } },
    ]) {
      expect(policyDocumentSchema.safeParse(broken).success).toBe(false);
    }
  });

  it('that was written before the prompt cache had knobs is read as before: off', () => {
    const old = { ...DEFAULT_POLICY, mechanisms: { ...DEFAULT_POLICY.mechanisms, prompt_cache: { enabled: false } } };
    expect(policyDocumentSchema.parse(old).mechanisms.prompt_cache).toEqual({ enabled: false, minTokens: 1_024, minRecurrences: 1 });
  });
});

describe('the decision by rules', () => {
  const requests: fc.Arbitrary<DecisionRequest> = fc.record({
    customerId: fc.constant('acme'),
    model: fc.constant('gpt-4o-mini'),
    deterministic: fc.boolean(),
    cacheHeader: fc.constantFrom(null, 'off', 'exact', 'semantic'),
    cluster: fc.constant('c'),
    arm: fc.constantFrom('treated', 'control'),
  });
  const policies: fc.Arbitrary<PolicySnapshot> = fc.record({ exact: fc.boolean(), sampled: fc.boolean(), prompt: fc.boolean() }).map(({ exact, sampled, prompt }) => ({
    id: 'p',
    version: 3,
    customerId: null,
    document: { ...DEFAULT_POLICY, mechanisms: { ...DEFAULT_POLICY.mechanisms, exact_cache: { enabled: exact, ttlSeconds: 60, sampled }, prompt_cache: { enabled: prompt, minTokens: 2_048, minRecurrences: 3 } } },
  }));
  const killed = fc.subarray([...MECHANISMS]);

  it('lets nothing act on a control, nor what the policy or a kill switch has off', () => {
    fc.assert(
      fc.property(requests, policies, killed, (request, policy, off) => {
        const isKilled = (mechanism: Mechanism): boolean => off.includes(mechanism);
        const decision = decideByRules(request, policy, isKilled);
        const reasons = reasonsByRules(request, policy, isKilled);
        expect(reasons.map(({ mechanism }) => mechanism)).toEqual(MECHANISMS);
        if (request.arm === 'control') expect(decision.exactCache).toBeNull();
        if (off.includes('exact_cache') || !policy.document.mechanisms.exact_cache.enabled || request.cacheHeader === 'off') expect(decision.exactCache).toBeNull();
        const mayPromptCache = request.arm === 'treated' && !off.includes('prompt_cache') && policy.document.mechanisms.prompt_cache.enabled;
        expect(decision.promptCache).toEqual(mayPromptCache ? { minTokens: 2_048, minRecurrences: 3 } : null);
        expect({ policyId: decision.policyId, policyVersion: decision.policyVersion, arm: decision.arm }).toEqual({ policyId: 'p', policyVersion: 3, arm: request.arm });
      }),
    );
  });

  it('gives a drawn answer again only where the policy or the request opts in', () => {
    const policy: PolicySnapshot = { id: 'p', version: 1, customerId: null, document: DEFAULT_POLICY };
    const request: DecisionRequest = { customerId: 'a', model: 'm', deterministic: false, cacheHeader: null, cluster: 'c', arm: 'treated' };
    const alive = (): boolean => false;
    expect(decideByRules(request, policy, alive).exactCache).toBeNull();
    expect(decideByRules({ ...request, cacheHeader: 'exact' }, policy, alive).exactCache).toEqual({ ttlSeconds: 86_400 });
    expect(decideByRules({ ...request, deterministic: true }, policy, alive).exactCache).toEqual({ ttlSeconds: 86_400 });
  });
});
