import { GenaiPriceBook } from '@apex/llm';
import { asked, good, OnePolicy, receiptsOf, repeatable, worldWithCache } from '../../test/cache-world.js';
import { answer, ask, createWorld, FakeReply } from './pipeline.fakes.js';

const HOUR_MS = 3_600_000;
const MAX_INTEGER = 2 ** 31 - 1;

/** A catalogue that a model disappears from. */
class FadingPrices extends GenaiPriceBook {
  gone = false;

  override price(...asking: Parameters<GenaiPriceBook['price']>): ReturnType<GenaiPriceBook['price']> {
    return this.gone ? { pricing: 'unpriced', priceVersion: 'none' } : super.price(...asking);
  }

  override rates(...asking: Parameters<GenaiPriceBook['rates']>): ReturnType<GenaiPriceBook['rates']> {
    return this.gone ? null : super.rates(...asking);
  }
}

describe('nothing is claimed that was not saved', () => {
  it('when a model has vanished from the catalogue: answered as ever, from the cache as well', async () => {
    const prices = new FadingPrices();
    const world = worldWithCache([good, good], 0, { prices });
    const first = await asked(world, repeatable);
    prices.gone = true;
    const again = await asked(world, repeatable);
    expect([again.status, again.body, again.headers['x-apex-mechanism'], again.headers['x-apex-savings-usd']]).toEqual([200, first.body, 'exact_cache', '0.000000000000']);
    const another = await asked(world, { ...repeatable, seed: 1 });
    expect(another.status).toBe(200);
    expect(receiptsOf(world).map((receipt) => receipt?.savingPd ?? null)).toEqual([0, null, null]);
    expect(world.recorder.closed.at(-1)!.record).toMatchObject({ pricing: 'unpriced', cost_pd: 0 });
  });

  it.each([
    ['an hour back', -HOUR_MS],
    ['two days forward', 48 * HOUR_MS],
  ])('when the clock jumps %s: the answer is asked for anew', async (_what, ms) => {
    const world = worldWithCache([good, good]);
    await asked(world, repeatable);
    world.now += ms;
    expect((await asked(world, repeatable)).headers['x-apex-mechanism']).toBe('none');
    expect(world.upstream.requests).toHaveLength(2);
    expect(receiptsOf(world).map((receipt) => receipt!.savingPd)).toEqual([0, 0]);
  });

  it.each([
    ['back', -HOUR_MS, 0],
    ['further than a month forward', 60 * 24 * HOUR_MS, MAX_INTEGER],
  ])('when the clock jumps %s while a request is under way: its record is one that can be stored', async (_what, ms, duration) => {
    const world = createWorld([{ status: 200, chunks: [answer] }]);
    const reply = new FakeReply(world.log);
    world.ask(ask, { reply });
    world.now += ms;
    await reply.finished;
    const { record, attempts } = world.recorder.closed[0]!;
    expect([record.status, record.duration_ms, attempts[0]!.duration_ms]).toEqual(['final', duration, duration]);
    expect(record.first_byte_ms).toBeGreaterThanOrEqual(0);
    expect(record.first_byte_ms).toBeLessThanOrEqual(MAX_INTEGER);
  });

  it('in a period whose secret is not known, as after a clock that has jumped by a year: nothing acts', async () => {
    const world = worldWithCache([good, good], 0, { policies: new OnePolicy(0, null) });
    for (let i = 0; i < 2; i++) expect((await asked(world, repeatable)).headers['x-apex-mechanism']).toBe('none');
    expect(receiptsOf(world)).toEqual([null, null]);
  });

  it('when the policy cannot be applied: the request is served as asked', async () => {
    const defects: unknown[] = [];
    class Broken extends OnePolicy {
      override of(): never {
        throw new Error('no policy of this release');
      }
    }
    const world = worldWithCache([good, good], 0, { policies: new Broken(0), onDefect: (error) => defects.push(error) });
    for (let i = 0; i < 2; i++) expect(await asked(world, repeatable)).toMatchObject({ status: 200, headers: { 'x-apex-mechanism': 'none' } });
    expect(defects).toHaveLength(2);
    expect(receiptsOf(world)).toEqual([null, null]);
  });

  it.each([
    ['without a session', {}],
    // What answered changes no answer, so asking again says nothing against it.
    ['in one session', { 'x-apex-session': 's1' }],
  ])('nor is anything voided by asking the same again %s', async (_what, headers) => {
    const world = worldWithCache([good, good, good]);
    const anew: Record<string, string>[] = [{}, {}, { 'x-apex-cache': 'off' }, {}];
    for (const more of anew) await asked(world, repeatable, { ...headers, ...more });
    expect(world.upstream.requests).toHaveLength(2);
    expect(receiptsOf(world).map((receipt) => [receipt!.status, receipt!.reason, receipt!.savingPd > 0])).toEqual([false, true, false, true].map((saved) => ['billable', null, saved]));
  });
});
