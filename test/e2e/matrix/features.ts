import { type LedgerEntry, type RunningSimulator } from '@apex/simulator';
import { failureOf } from '../support/failure-of.js';
import { ledgerOf, nextRow, whenBusy } from '../support/ledger.js';
import { type Ask, type Client, type Delta, type ErrorKind, type Reply, type ToolName, type Usage } from './client.js';
import { citySchema, toolSchemas } from './tools.js';

/** One client against one provider. */
export interface Bench {
  readonly client: Client;
  /** The same with a key that Apex does not know. */
  readonly stranger: Client;
  readonly model: string;
  /** The same model where it takes as long as a real one. */
  readonly slowModel: string;
  /** A model that this provider does not have. */
  readonly unknownModel: string;
  /** What the provider calls the model. */
  readonly providersModel: string;
  readonly protocol: LedgerEntry['protocol'];
  /** The provider writes a call's arguments in one piece. */
  readonly callsComeWhole: boolean;
  readonly simulator: RunningSimulator;
  readonly slowSimulator: RunningSimulator;
}

export interface Feature {
  readonly name: string;
  /** Rejects where it does not work. */
  readonly check: (bench: Bench) => Promise<void>;
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TRIES = 3;
const QUESTION = 'Tell me about the tides of the northern seas, and of those who sail them in winter.';
/** 1 x 1, grey. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==';

const say = (text: string): Ask['turns'] => [{ say: text }];

export const features: readonly Feature[] = [
  {
    name: 'text',
    check: async ({ client, model, simulator, protocol }) => {
      const rows = await ledgerOf(simulator, async () => {
        const reply = await client.ask({ model, turns: say(QUESTION) });
        expect(reply.text).toMatch(/\w/);
        expect(reply.finish).toBe('stop');
      });
      expect(rows).toMatchObject([{ outcome: 'completed', protocol, stream: false }]);
    },
  },
  {
    name: 'stream',
    check: async ({ client, model, simulator, protocol }) => {
      const pieces: string[] = [];
      const rows = await ledgerOf(simulator, async () => {
        const reply = await client.stream({ model, turns: say(QUESTION) }, (delta) => void pieces.push(delta.text));
        expect(reply.finish).toBe('stop');
        expect(pieces.length).toBeGreaterThan(5);
        expect(pieces.join('')).toBe(reply.text);
      });
      expect(rows).toMatchObject([{ outcome: 'completed', protocol, stream: true }]);
      expect((await client.ask({ model, turns: say(QUESTION) })).text).toBe(pieces.join(''));
    },
  },
  {
    name: 'first delta before the end',
    check: async ({ client, slowModel: model, slowSimulator }) => {
      let endedBefore: number | undefined;
      // Client, provider and test share a process: one that stalls may see a short answer's end first. Who waits for the end always does.
      for (let i = 0; i < TRIES && endedBefore !== 0; i++) {
        const before = slowSimulator.ledger().length;
        const abort = new AbortController();
        let seen: number | undefined;
        const read = client.stream({ model, turns: say(QUESTION), signal: abort.signal }, () => {
          seen ??= slowSimulator.ledger().length - before;
          abort.abort();
        });
        const cutOff = await read.then(
          () => false,
          () => true,
        );
        endedBefore = cutOff ? seen : undefined;
        await nextRow(slowSimulator, before);
      }
      expect(endedBefore).toBe(0);
    },
  },
  {
    name: 'system prompt',
    check: async ({ client, model, simulator }) => {
      const [without, with_] = await ledgerOf(simulator, async () => {
        const plain = await client.ask({ model, turns: say(QUESTION) });
        const told = await client.ask({ model, system: 'You are a sailor of eighty years, and brief.', turns: say(QUESTION) });
        expect(told.text).not.toBe(plain.text);
      });
      expect(with_!.promptTokens).toBeGreaterThan(without!.promptTokens + 5);
    },
  },
  {
    name: 'multi-turn',
    check: async ({ client, model, simulator }) => {
      const [one, two] = await ledgerOf(simulator, async () => {
        const first = await client.ask({ model, turns: say(QUESTION) });
        const second = await client.ask({ model, turns: [...say(QUESTION), { reply: first }, ...say('And in summer?')] });
        expect(second.text).toMatch(/\w/);
        expect(second.text).not.toBe(first.text);
      });
      // The first answer is now part of the prompt; hidden thoughts are not.
      expect(two!.promptTokens).toBeGreaterThan(one!.promptTokens + one!.completionTokens - one!.reasoningTokens);
    },
  },
  {
    name: 'tool call',
    check: async ({ client, model }) => {
      const reply = await client.ask({ model, turns: say('What is the weather in Oslo?'), tools: ['get_weather'] });
      expect(reply.finish).toBe('tool_calls');
      expectCalls(reply, ['get_weather']);
    },
  },
  {
    name: 'tool round trip',
    check: async ({ client, model }) => {
      const ask = { model, turns: say('What is the weather in Oslo?'), tools: ['get_weather'] } satisfies Ask;
      await expectToGoOn(client, ask, await client.ask(ask));
    },
  },
  {
    name: 'parallel tools',
    check: async ({ client, model }) => {
      const ask = { model, turns: say('Weather and time, in parallel.'), tools: ['get_weather', 'get_time'] } satisfies Ask;
      const reply = await client.ask(ask);
      expectCalls(reply, ['get_time', 'get_weather']);
      await expectToGoOn(client, ask, reply);
    },
  },
  {
    name: 'streamed tool calls',
    check: async ({ client, model, callsComeWhole }) => {
      const pieces = new Map<string, string[]>();
      const gather = (delta: Delta): void => {
        if (delta.type === 'arguments') pieces.set(delta.call, [...(pieces.get(delta.call) ?? []), delta.text]);
      };
      const ask = { model, turns: say('Weather and time, in parallel.'), tools: ['get_weather', 'get_time'] } satisfies Ask;
      const reply = await client.stream(ask, gather);
      expect(reply.finish).toBe('tool_calls');
      expectCalls(reply, ['get_time', 'get_weather']);
      expect([...pieces.values()].map((texts) => JSON.parse(texts.join('')) as unknown)).toEqual(reply.calls.map(({ args }) => args));
      if (!callsComeWhole) for (const texts of pieces.values()) expect(texts.length).toBeGreaterThan(2);
      await expectToGoOn(client, ask, reply);
    },
  },
  {
    name: 'JSON schema',
    check: async ({ client, model }) => {
      const reply = await client.ask({ model, turns: say('Describe a city.'), json: true });
      expect(() => citySchema.parse(reply.json)).not.toThrow();
    },
  },
  {
    name: 'image',
    check: async ({ client, model, simulator }) => {
      const [blind, seeing] = await ledgerOf(simulator, async () => {
        await client.ask({ model, turns: say('What is this?') });
        await client.ask({ model, turns: [{ say: 'What is this?', image: PNG }] });
      });
      expect(seeing!.promptTokens).toBeGreaterThan(blind!.promptTokens + 500);
    },
  },
  {
    name: 'stop sequence',
    check: async ({ client, model }) => {
      const whole = await client.ask({ model, turns: say(QUESTION) });
      const stop = whole.text.split(' ')[6]!;
      const stopped = await client.ask({ model, turns: say(QUESTION), stop });
      // Some give the white space before it and some do not.
      expect(stopped.text.trimEnd()).toBe(whole.text.slice(0, whole.text.indexOf(stop)).trimEnd());
      expect(['stop', 'stop_sequence']).toContain(stopped.finish);
    },
  },
  {
    name: 'length',
    check: async ({ client, model, simulator }) => {
      const rows = await ledgerOf(simulator, async () => {
        const ask = { model, turns: say(QUESTION), maxTokens: 16 } satisfies Ask;
        expect((await client.ask(ask)).finish).toBe('length');
        expect((await client.stream(ask, () => undefined)).finish).toBe('length');
      });
      expect(rows.map(({ completionTokens }) => completionTokens)).toEqual([16, 16]);
    },
  },
  { name: 'usage', check: (bench) => expectUsage(bench, (ask) => bench.client.ask(ask)) },
  { name: 'usage of a stream', check: (bench) => expectUsage(bench, (ask) => bench.client.stream(ask, () => undefined)) },
  {
    name: 'error classes',
    check: async (bench) => {
      const { client, stranger, model, unknownModel } = bench;
      const raise = async (who: Client, ask: Ask, kind: ErrorKind): Promise<void> => {
        const raised = [await failureOf(who.ask(ask)), await failureOf(who.stream(ask, () => undefined))];
        expect(raised.filter((error) => !who.isError(error, kind)).map((error) => `${kind}: ${error.name}: ${error.message}`)).toEqual([]);
      };
      await withFault(bench, '429', () => raise(client, { model, turns: say(QUESTION) }, 'rate_limit'));
      await withFault(bench, '500', () => raise(client, { model, turns: say(QUESTION) }, 'server'));
      await raise(client, { model: unknownModel, turns: say(QUESTION) }, 'not_found');
      await raise(stranger, { model, turns: say(QUESTION) }, 'authentication');
    },
  },
  {
    name: 'broken stream is an error',
    check: async (bench) => {
      for (const fault of ['stream_error=6', 'cut=6']) {
        let deltas = 0;
        await withFault(bench, fault, () => failureOf(bench.client.stream({ model: bench.model, turns: say(QUESTION) }, () => void deltas++)));
        expect(deltas).toBeGreaterThan(0);
      }
    },
  },
  {
    name: 'abort before the first byte',
    check: async (bench) => {
      const { client, model, simulator } = bench;
      for (const call of [(ask: Ask) => client.ask(ask), (ask: Ask) => client.stream(ask, () => undefined)]) {
        await withFault(bench, 'hang', async () => {
          const before = simulator.ledger().length;
          const abort = new AbortController();
          const failure = failureOf(call({ model, turns: say(QUESTION), signal: abort.signal }));
          await whenBusy(simulator);
          abort.abort();
          expect(client.isAbort(await failure)).toBe(true);
          expect((await nextRow(simulator, before)).outcome).toBe('hung');
        });
      }
    },
  },
  {
    name: 'abort in mid-stream',
    check: async ({ client, slowModel: model, slowSimulator }) => {
      const before = slowSimulator.ledger().length;
      const abort = new AbortController();
      await failureOf(client.stream({ model, turns: say(QUESTION), signal: abort.signal }, () => abort.abort()));
      const row = await nextRow(slowSimulator, before);
      expect(row.outcome).toBe('client_gone');
    },
  },
  {
    name: 'request id',
    check: async ({ client, model }) => {
      const ask = { model, turns: say(QUESTION) } satisfies Ask;
      const ids = [(await client.ask(ask)).requestId, (await client.stream(ask, () => undefined)).requestId];
      for (const id of ids) expect(id).toMatch(UUID_V7);
      expect(ids[0]).not.toBe(ids[1]);
    },
  },
];

async function expectUsage({ model, simulator }: Bench, call: (ask: Ask) => Promise<Reply>): Promise<void> {
  let told: Usage | undefined;
  const [row, ...more] = await ledgerOf(simulator, async () => {
    told = (await call({ model, system: 'Be brief.', turns: say(QUESTION), tools: ['get_weather'] })).usage;
  });
  expect(more).toEqual([]);
  expect(told).toEqual({ promptTokens: row!.promptTokens, completionTokens: row!.completionTokens });
}

function expectCalls(reply: Reply, names: readonly ToolName[]): void {
  expect(reply.calls.map(({ name }) => name).sort()).toEqual(names);
  expect(new Set(reply.calls.map(({ id }) => id)).size).toBe(names.length);
  for (const { id, name, args } of reply.calls) {
    expect(id).toMatch(/^\S+$/);
    expect(() => toolSchemas[name as ToolName].parse(args)).not.toThrow();
  }
}

/** The model goes on in words once it has its calls' results. */
async function expectToGoOn(client: Client, ask: Ask, reply: Reply): Promise<void> {
  const results = reply.calls.map((call) => ({ call, output: `{"from":"${call.name}","celsius":4}` }));
  const next = await client.ask({ ...ask, turns: [...ask.turns, { reply }, { results }] });
  expect(next.finish).toBe('stop');
  expect(next.calls).toEqual([]);
  expect(next.text).toMatch(/\w/);
}

/** While `work` runs every request for the model fails at the provider in this way. */
async function withFault({ simulator, providersModel }: Bench, fault: string, work: () => Promise<unknown>): Promise<void> {
  const rules = `${simulator.origin}/__sim/faults`;
  const put = await fetch(rules, { method: 'PUT', body: JSON.stringify([{ fault, probability: 1, model: providersModel }]) });
  expect(put.status).toBe(200);
  try {
    await work();
    await simulator.settled();
  } finally {
    await fetch(rules, { method: 'DELETE' });
  }
}
