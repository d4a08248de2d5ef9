import fc from 'fast-check';
import { z } from 'zod';
import { ConfigError, parseEnv } from './config.js';
import { firstIdAt, idTime, isUuid, newId } from './ids.js';
import { assertExact, formatUsd } from './money.js';

describe('newId', () => {
  it('makes unique UUIDv7 that sort in the order they were made', () => {
    const before = Date.now();
    const ids = Array.from({ length: 20_000 }, newId);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
    for (const id of [ids[0]!, ids.at(-1)!]) {
      expect(isUuid(id)).toBe(true);
      expect(id).toMatch(/^.{14}7.{4}[89ab]/);
      expect(idTime(id)).toBeGreaterThanOrEqual(before);
      expect(idTime(id)).toBeLessThanOrEqual(Date.now());
    }
  });

  it('lies in the half-open range of its millisecond', () => {
    const id = newId();
    expect(id >= firstIdAt(idTime(id))).toBe(true);
    expect(id < firstIdAt(idTime(id) + 1)).toBe(true);
  });
});

describe('formatUsd', () => {
  it('is exact for every amount', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (amount) => {
        const text = formatUsd(amount);
        expect(text).toMatch(/^-?\d+\.\d{12}$/);
        expect(BigInt(text.replace('.', ''))).toBe(amount);
      }),
    );
  });

  it('refuses what a number cannot hold', () => {
    expect(() => assertExact(2 ** 53)).toThrow(RangeError);
    expect(() => assertExact(0.5)).toThrow(RangeError);
    expect(assertExact(Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('parseEnv', () => {
  const schema = z.object({ PORT: z.string().regex(/^\d+$/, 'a port'), TOKEN: z.string().min(8, 'longer').optional() });

  it('names every wrong variable and never its value', () => {
    const parse = () => parseEnv(schema, { PORT: 'hunter2', TOKEN: 'secret' });
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(/PORT: a port; TOKEN: longer/);
    expect(parse).not.toThrow(/hunter2|secret/);
  });

  it('takes an empty variable for an unset one', () => {
    expect(parseEnv(schema, { PORT: '1', TOKEN: '' })).toEqual({ PORT: '1' });
  });
});
