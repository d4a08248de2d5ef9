import { type Answer, type Candidate, type Executed } from '../types.js';
import { FakeReply, type Log } from '../pipeline.fakes.js';
import { AnswerTape } from './answer-tape.js';
import { answerOf, createCacheWorld, flightOf, recorded, saying, usage } from './exact-cache.fakes.js';
import { type Found, type Flight, type Recorded } from './flight.js';
import { play } from './play.js';

const candidate = { target: { provider: { name: 'openai' }, model: 'gpt' }, isFallback: false } as Candidate;
const fallback = { target: { provider: { name: 'azure' }, model: 'gpt-small' }, isFallback: true } as Candidate;

const executed = (by = candidate, change: Partial<Executed['attempts'][number]> = {}): Executed =>
  ({ request: { candidates: [candidate, fallback] }, attempts: [{ status: 'final', target: by.target, usage, usageSource: 'provider', ...change }], target: by.target, status: 'final' }) as unknown as Executed;

const whole = (body: string, status = 200): Answer => ({ kind: 'whole', status, upstream: { candidate, headers: { 'content-type': 'application/json', 'x-request-id': 'secret' }, ignored: ['store'] }, body: [Buffer.from(body)] });

function told(run: (flight: Flight) => void): Recorded | null | 'abandoned' | 'nothing' {
  let word: Recorded | null | 'abandoned' | 'nothing' = 'nothing';
  run({ end: (answer) => (word = answer), abandon: () => (word = 'abandoned') });
  return word;
}

const settled = (tape: AnswerTape, answer: Answer, by = executed(), inBooks = true) => told((flight) => tape.settle(flight, by, answer, inBooks));

describe('AnswerTape', () => {
  it('takes a whole answer as it came, with nothing of the connection but its type', () => {
    const tape = new AnswerTape(new FakeReply([]));
    expect(settled(tape, whole('{}'))).toEqual({ status: 200, contentType: 'application/json', streamed: false, chunks: [Buffer.from('{}')], ignored: ['store'], usage, usageSource: 'provider', provider: 'openai', model: 'gpt' });
  });

  it('takes a stream with its boundaries, what was kept back for the books as its last chunk, and passes all of it on', () => {
    const reply = new FakeReply([]);
    const tape = new AnswerTape(reply);
    tape.head(200, ['content-type', 'text/event-stream', 'x-apex-ignored', 'store,seed']);
    for (const text of ['one', 'two']) expect(tape.write(Buffer.from(text))).toBe(true);
    const answer = settled(tape, { kind: 'stream_end', last: [Buffer.from('three')], rest: [Buffer.from('the '), Buffer.from('end')], complete: true }) as Recorded;
    expect([answer.chunks.map(String), answer.streamed, answer.contentType, answer.ignored]).toEqual([['one', 'two', 'three', 'the end'], true, 'text/event-stream', ['store', 'seed']]);
    expect([reply.status, reply.body]).toEqual([200, 'onetwo']);
  });

  it.each<[string, Answer, Executed, boolean, null | 'abandoned']>([
    ['an error', whole('{}', 429), executed(), true, null],
    ['not in the books', whole('{}'), executed(), false, null],
    ['a stream that broke off', { kind: 'stream_end', last: [], rest: [], complete: false }, executed(), true, null],
    ['a refusal of ours', { kind: 'refusal', refusal: { httpStatus: 503 } as never, retryAfter: null }, executed(), true, null],
    ['a fallback\'s', whole('{}'), executed(fallback), true, null],
    ['of unknown usage', whole('{}'), executed(candidate, { usage: null }), true, null],
    ['of an attempt that was cut off', whole('{}'), executed(candidate, { status: 'interrupted' }), true, null],
    ['for nobody', { kind: 'nobody' }, executed(), true, 'abandoned'],
  ])('gives nothing to others of an answer that is %s', (_, answer, by, inBooks, word) => {
    expect(settled(new AnswerTape(new FakeReply([])), answer, by, inBooks)).toBe(word);
  });

  it('lets go of what becomes too large', () => {
    const tape = new AnswerTape(new FakeReply([]), 10);
    tape.head(200, []);
    tape.write(Buffer.alloc(9));
    tape.write(Buffer.alloc(2));
    expect(settled(tape, { kind: 'stream_end', last: [], rest: [], complete: true })).toBeNull();
  });

  it('tells the last listener that the client has gone', () => {
    const reply = new FakeReply([]);
    const tape = new AnswerTape(reply);
    const heard: string[] = [];
    tape.onGone(() => heard.push('while waiting'));
    tape.onGone(() => heard.push('while executing'));
    reply.hangUp();
    expect([heard, tape.gone]).toEqual([['while executing'], true]);
  });
});

describe('play', () => {
  const kept = (chunks: string[], streamed: boolean): Extract<Found, { kind: 'hit' }>['answer'] => {
    const { request } = createCacheWorld();
    const events = chunks.map((data) => Buffer.from(`data: ${data}\n\n`));
    flightOf(request().found).end(streamed ? recorded('', { streamed, chunks: events }) : recorded(chunks[0]));
    const { found } = request();
    if (found?.kind !== 'hit') throw new Error('not kept');
    return found.answer;
  };
  const CHUNKS = ['{"choices":[{"index":0,"delta":{}}]}', '{"choices":[{"index":0,"finish_reason":"stop"}]}', '[DONE]'];

  it('gives a whole answer in one', () => {
    const reply = new FakeReply([]);
    play(kept([saying('hi')], false), ['x-apex-mechanism', 'exact_cache'], reply);
    expect([reply.status, reply.body, reply.headers]).toEqual([200, saying('hi'), { 'x-apex-mechanism': 'exact_cache' }]);
  });

  it('gives a stream in its chunks, no quicker than the client reads, with something before its end', () => {
    const log: Log = [];
    const reply = new FakeReply(log);
    reply.slow = true;
    play(kept(CHUNKS, true), [], reply, Buffer.from(': x\n\n'));
    expect(log).toEqual(['write']);
    reply.drained();
    expect(log).toEqual(['write', 'write']);
    reply.drained();
    expect([log, reply.body]).toEqual([['write', 'write', 'end'], `data: ${CHUNKS[0]}\n\ndata: ${CHUNKS[1]}\n\n: x\n\ndata: [DONE]\n\n`]);
  });

  it('stops for a client that has gone', () => {
    const log: Log = [];
    const reply = new FakeReply(log);
    reply.slow = true;
    play(kept(CHUNKS, true), [], reply);
    reply.hangUp();
    reply.drained();
    expect(log).toEqual(['write']);
  });

  it('gives the same bytes as the first time', () => {
    const reply = new FakeReply([]);
    const answer = kept(CHUNKS, true);
    play(answer, [], reply);
    expect(reply.body).toBe(answerOf({ kind: 'hit', answer, from: 'memory' }));
  });
});
