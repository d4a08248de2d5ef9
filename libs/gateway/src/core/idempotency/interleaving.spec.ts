import fc from 'fast-check';
import { newId } from '@apex/common';
import { type UpstreamEvents, type UpstreamRequest } from '@apex/llm';
import { MemoryIdempotencyStore } from '../../adapters/memory-idempotency-store.js';
import { type Claim, IdempotencyStore } from '../../ports/idempotency-store.js';
import { FakeReply, ask, createWorld, usage } from '../pipeline.fakes.js';

const EVENT_STREAM = { 'content-type': 'text/event-stream' };
const delta = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
const usageChunk = `data: ${JSON.stringify({ choices: [], usage })}\n\n`;
const done = 'data: [DONE]\n\n';

describe('any interleaving', () => {
  const keys = ['k1', 'k2'] as const;
  const bodies = ['b1', 'b2'] as const;

  it('of two keys and two bodies: no answer but to its own body, one success for each key, one row for each call', async () => {
    const requests = fc.array(fc.record({ key: fc.constantFrom(...keys), content: fc.constantFrom(...bodies), stream: fc.boolean(), fails: fc.boolean() }), { minLength: 2, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), requests, async (scheduler, plan) => {
        const store = new MemoryIdempotencyStore(() => 0);
        class Scheduled extends IdempotencyStore {
          claim(use: Parameters<IdempotencyStore['claim']>[0]): Promise<Claim> {
            return scheduler.schedule(Promise.resolve()).then(() => store.claim(use));
          }
        }
        let calls = 0;
        // Says what it was asked.
        const upstream = {
          call: (request: UpstreamRequest, events: UpstreamEvents) => {
            calls++;
            const { stream, messages } = JSON.parse(request.body!.toString()) as { stream: boolean; messages: { content: string }[] };
            const failed = failing.shift() ?? false;
            void scheduler.schedule(Promise.resolve()).then(() => {
              if (failed) return events.onFailure('protocol');
              events.onHead(200, stream ? EVENT_STREAM : { 'content-type': 'application/json' });
              events.onData(Buffer.from(stream ? delta(messages[0]!.content) + usageChunk + done : JSON.stringify({ echo: messages[0]!.content, usage })));
              events.onEnd();
            });
            return { abort: () => undefined, pause: () => undefined, resume: () => undefined };
          },
        };
        const failing = plan.map(({ fails }) => fails);
        const world = createWorld([], { idempotency: new Scheduled(), upstream });
        const replies: { key: string; content: string; stream: boolean; id: string; reply: FakeReply }[] = [];
        const asked = plan.map(async ({ key, content, stream }) => {
          const id = newId();
          await scheduler.schedule(Promise.resolve());
          const reply = world.ask({ ...ask, stream, messages: [{ role: 'user', content }] }, { reply: new FakeReply(world.log), requestId: id, headers: { 'idempotency-key': key } });
          replies.push({ key, content, stream, id, reply });
          await reply.finished;
        });
        await scheduler.waitFor(Promise.all(asked));
        await world.pipeline.drain();

        const ran = new Map(replies.filter(({ reply, id }) => reply.status === 200 && reply.headers['x-request-id'] === id).map((each) => [each.id, each]));
        for (const key of keys) expect([...ran.values()].filter((each) => each.key === key).length).toBeLessThanOrEqual(1);
        let replays = 0;
        for (const { key, content, stream, id, reply } of replies) {
          if (reply.status !== 200) continue;
          expect(reply.body).toContain(stream ? `"content":"${content}"` : `"echo":"${content}"`);
          const source = ran.get(reply.headers['x-request-id']!)!;
          expect([source.key, source.content, source.stream]).toEqual([key, content, stream]);
          expect(reply.headers['x-apex-idempotent-replay']).toBe(source.id === id ? undefined : 'true');
          if (source.id !== id) replays++;
        }
        const rows = world.recorder.closed.map(({ record }) => record);
        expect(rows.filter(({ status }) => status !== 'denied')).toHaveLength(calls);
        expect(rows).toHaveLength(plan.length - replays);
        expect(world.pipeline.answersReplayed).toBe(replays);
      }),
      { numRuns: 300 },
    );
  });
});
