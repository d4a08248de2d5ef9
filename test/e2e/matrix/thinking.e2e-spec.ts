import { type RunningSimulator, startSimulator } from '@apex/simulator';
import { type Apex, startApex } from '../support/apex.js';

const LIMIT_MS = 60_000;
const CLAUDE = 'claude-haiku-4-5';
const GEMINI = 'gemini-2.5-flash';
const OPENAI = 'o4-mini';

type Fields = Record<string, unknown>;

/** A surface's words for what a client does that keeps the whole history. */
interface Client {
  readonly path: string;
  readonly models: readonly string[];
  ask(model: string, history: readonly unknown[]): Fields;
  question(text: string): unknown;
  /** What the answer adds to the history, and the result of the first tool that it calls. */
  answered(body: Fields): { said: readonly unknown[]; result: unknown };
}

const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

const clients: Readonly<Record<string, Client>> = {
  'chat completions': {
    path: '/v1/chat/completions',
    models: [CLAUDE, GEMINI, OPENAI],
    ask: (model, messages) => ({ model, messages, reasoning_effort: 'low', tools: [{ type: 'function', function: { name: 'get_weather', parameters: schema } }] }),
    question: (content) => ({ role: 'user', content }),
    answered: (body) => {
      const [{ message }] = body['choices'] as [{ message: { tool_calls?: { id: string }[] } }];
      return { said: [message], result: message.tool_calls && { role: 'tool', tool_call_id: message.tool_calls[0]!.id, content: 'sunny' } };
    },
  },
  responses: {
    path: '/v1/responses',
    models: [CLAUDE, GEMINI, OPENAI],
    ask: (model, input) => ({ model, input, store: false, include: ['reasoning.encrypted_content'], reasoning: { effort: 'low' }, tools: [{ type: 'function', name: 'get_weather', parameters: schema, strict: false }] }),
    question: (content) => ({ role: 'user', content }),
    answered: (body) => {
      const output = body['output'] as { type: string; call_id: string }[];
      const call = output.find(({ type }) => type === 'function_call');
      return { said: output, result: call && { type: 'function_call_output', call_id: call.call_id, output: 'sunny' } };
    },
  },
  messages: {
    path: '/v1/messages',
    // A budget has no words in OpenAI's protocols.
    models: [CLAUDE, GEMINI],
    ask: (model, messages) => ({ model, messages, max_tokens: 4_096, thinking: { type: 'enabled', budget_tokens: 1_024 }, tools: [{ name: 'get_weather', input_schema: schema }] }),
    question: (content) => ({ role: 'user', content }),
    answered: (body) => {
      const content = body['content'] as { type: string; id: string }[];
      const call = content.find(({ type }) => type === 'tool_use');
      return { said: [{ role: 'assistant', content }], result: call && { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'sunny' }] } };
    },
  },
};

let apex: Apex;
let simulator: RunningSimulator;

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0, seed: 5 });
  apex = await startApex({
    simulator,
    env: { ANTHROPIC_BASE_URL: simulator.anthropicUrl, ANTHROPIC_API_KEY: 'sk-sim', GEMINI_BASE_URL: simulator.geminiUrl, GEMINI_API_KEY: 'sk-sim' },
  });
}, LIMIT_MS);

afterAll(async () => {
  await apex.close();
  await simulator.close();
}, LIMIT_MS);

const cases = Object.entries(clients).flatMap(([name, client]) => client.models.flatMap((first) => client.models.map((second) => [name, first, second] as const)));

describe('a conversation with a model that thinks', () => {
  it.each(cases)('of a client of %s begins with %s, goes on with %s in the middle of a turn, and comes back', async (name, first, second) => {
    const client = clients[name]!;
    const history: unknown[] = [client.question('What is the weather? Use the tool.')];
    let thought = false;
    for (const [step, model] of [first, second, first, second].entries()) {
      const response = await apex.post(client.path, client.ask(model, history));
      const text = await response.text();
      expect({ step, status: response.status, ...(response.ok ? {} : { text }) }).toEqual({ step, status: 200 });
      const { said, result } = client.answered(JSON.parse(text) as Fields);
      thought ||= /"(?:reasoning_details|encrypted_content|signature)"|__sig__/.test(text);
      history.push(...said, result ?? client.question('And the weather tomorrow? Use the tool.'));
      const ignored = response.headers.get('x-apex-ignored');
      if (first === second) expect(ignored ?? '').not.toMatch(/content\[|input|thinking/);
    }
    if (first !== OPENAI) expect(thought).toBe(true);
  }, LIMIT_MS);
});
