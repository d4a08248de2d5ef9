import { setImmediate as turn } from 'node:timers/promises';
import { type FinishedRequest, spansOf } from '../../core/span-plan.js';
import { attemptRow, recordRow } from '../../core/rows.fakes.js';
import { MetricSender } from './metric-sender.js';
import { SpanSender, type SpanSenderOptions } from './span-sender.js';

const trace = { traceId: 'a'.repeat(32), parentSpanId: null, flags: 1, state: null, recorded: true, passed: null };
const request = (attempts = 1): FinishedRequest => ({ record: recordRow(), attempts: Array.from({ length: attempts }, () => attemptRow()), trace });

/** A collector whose answers the test gives. */
function held(options: Partial<SpanSenderOptions> = {}) {
  const batches: { readonly requests: readonly FinishedRequest[]; readonly end: (error?: Error) => void }[] = [];
  const changes: unknown[] = [];
  const sender = new SpanSender({
    send: (requests) => new Promise((resolve, reject) => batches.push({ requests, end: (error) => (error === undefined ? resolve() : reject(error)) })),
    maxQueuedSpans: 20,
    batchSpans: 6,
    delayMs: 60_000,
    onChange: (error) => changes.push(error),
    ...options,
  });
  const batch = async (index: number) => {
    while (batches.length <= index) await turn();
    return batches[index]!;
  };
  return { sender, batches, batch, changes };
}

describe('SpanSender', () => {
  it('sends a batch as soon as there is one, one at a time, and nothing on the path of the request', async () => {
    const { sender, batches, batch } = held();
    for (let i = 0; i < 7; i++) sender.push(request());
    expect(batches).toEqual([]);
    expect((await batch(0)).requests.length).toBe(3);
    await turn();
    expect(batches.length).toBe(1);
    batches[0]!.end();
    expect((await batch(1)).requests.length).toBe(3);
    expect(sender.statistics()).toEqual({ sent: 6, dropped: 0, lost: 0, waiting: 8 });
    batches[1]!.end();
    await sender.close(0);
  });

  it('sends what is less than a batch after a while', async () => {
    const { sender, batch } = held({ delayMs: 1 });
    sender.push(request());
    (await batch(0)).end();
    sender.push(request(2));
    const second = await batch(1);
    expect(second.requests.map(spansOf)).toEqual([3]);
    second.end();
    await sender.close(1_000);
    expect(sender.statistics()).toEqual({ sent: 5, dropped: 0, lost: 0, waiting: 0 });
  });

  it('sends a request that is more than a batch by itself', async () => {
    const { sender, batch } = held();
    sender.push(request(9));
    sender.push(request());
    const first = await batch(0);
    expect(first.requests.map(spansOf)).toEqual([10]);
    first.end();
    await sender.close(0);
  });

  it('is bounded, what is under way included, while a collector hangs; what has no room is dropped and counted', async () => {
    const { sender, batch } = held();
    for (let i = 0; i < 3; i++) sender.push(request());
    await batch(0);
    for (let i = 0; i < 1_000; i++) sender.push(request());
    const { waiting, dropped } = sender.statistics();
    expect([waiting, dropped]).toEqual([20, 2_006 - 20]);
    expect((sender as unknown as { queue: unknown[] }).queue.length).toBe(7);
    await sender.close(5);
    expect(sender.statistics()).toEqual({ sent: 0, dropped: 2_006, lost: 0, waiting: 0 });
    sender.push(request());
    expect(sender.statistics().dropped).toBe(2_008);
  });

  it('counts what nobody took, goes on, and tells only the changes', async () => {
    const { sender, batch, changes } = held();
    for (let i = 0; i < 9; i++) sender.push(request());
    const away = new Error('away');
    (await batch(0)).end(away);
    (await batch(1)).end(new Error('still'));
    (await batch(2)).end();
    await sender.close(1_000);
    expect(sender.statistics()).toEqual({ sent: 6, dropped: 0, lost: 12, waiting: 0 });
    expect(changes).toEqual([away, null]);
  });

  it('flushes when it is closed', async () => {
    const { sender, batch } = held();
    for (let i = 0; i < 5; i++) sender.push(request());
    const closed = sender.close(10_000);
    (await batch(0)).end();
    (await batch(1)).end();
    await closed;
    expect(sender.statistics()).toEqual({ sent: 10, dropped: 0, lost: 0, waiting: 0 });
  });
});

describe('MetricSender', () => {
  it('sends once more when it is closed, not two at a time, and counts failures', async () => {
    const calls: ((error?: Error) => void)[] = [];
    const changes: unknown[] = [];
    const sender = new MetricSender({ send: () => new Promise((resolve, reject) => calls.push((error) => (error === undefined ? resolve() : reject(error)))), intervalMs: 1, onChange: (error) => changes.push(error) });
    while (calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(calls.length).toBe(1);
    const away = new Error('away');
    const closed = sender.close(10_000);
    calls[0]!(away);
    while (calls.length === 1) await turn();
    calls[1]!();
    await closed;
    expect([sender.failed, changes]).toEqual([1, [away, null]]);
  });

  it('does not wait longer than it is told', async () => {
    const sender = new MetricSender({ send: () => new Promise(() => undefined), intervalMs: 60_000, onChange: () => undefined });
    await sender.close(5);
    expect(sender.failed).toBe(0);
  });
});
