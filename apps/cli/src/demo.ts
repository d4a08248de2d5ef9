import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import cliProgress from 'cli-progress';
import { play, type Played } from './demo/player.js';
import { readPrompts } from './demo/prompts.js';
import { type Recorded, report } from './demo/report.js';
import { type Apex, useApex } from './demo/running-apex.js';
import { Failure } from './failure.js';

const USAGE = `Usage: npm run demo -- FILE [--limit 1000] [--concurrency 32] [--model gpt-4o-mini]

Plays the prompts of a JSONL file (gzipped or not) through the gateway and shows what they cost and what was recorded.
A line is a string, or an object with "messages", "prompt", "text", "instruction" or "question".
--limit 0 plays the whole file.`;

/** How long the journal may take to reach Postgres after the last answer. */
const RECORDED_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 200;

/** `apex demo FILE`: real prompts through the gateway, and what the books then say. */
export async function demo(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null) {
    console.log(USAGE);
    return 2;
  }
  const { chats, total } = await readPrompts(options.file, options.limit);
  const apex = await useApex();
  try {
    const what = chats.length < total ? `the first ${chats.length.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} prompts` : `${total.toLocaleString('en-US')} prompts`;
    console.log(`Playing ${what} of ${basename(options.file)} through ${apex.baseUrl} as ${options.model}, ${options.concurrency} at a time.`);
    const tag = `demo-${randomBytes(6).toString('hex')}`;
    const since = performance.now();
    const played = await playWithBar(chats, { ...options, ...apex, tag });
    const seconds = (performance.now() - since) / 1_000;
    console.log(`\n${report(played, await recorded(apex, tag, played.length), seconds)}`);
    return played.every((one) => one.ok) ? 0 : 1;
  } finally {
    await apex.stop();
  }
}

function readOptions(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { limit: { type: 'string', default: '1000' }, concurrency: { type: 'string', default: '32' }, model: { type: 'string', default: 'gpt-4o-mini' } },
    });
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) return null;
    return { file, model: values.model, limit: wholeNumber('--limit', values.limit) || Infinity, concurrency: Math.max(1, wholeNumber('--concurrency', values.concurrency)) };
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(`${(error as Error).message}\n\n${USAGE}`);
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Failure(`${name} wants a whole number.`);
  return Number(text);
}

async function playWithBar(chats: Parameters<typeof play>[0], options: Omit<Parameters<typeof play>[1], 'onPlayed'>): Promise<Played[]> {
  const bar = new cliProgress.SingleBar({ format: '{bar} {percentage}%  {value}/{total}  {tokens} tokens  {failed} failed  {eta_formatted} left', hideCursor: true, noTTYOutput: true, notTTYSchedule: 5_000 }, cliProgress.Presets.shades_classic);
  let tokens = 0;
  let failed = 0;
  bar.start(chats.length, 0, { tokens, failed });
  try {
    return await play(chats, {
      ...options,
      onPlayed: (one) => {
        tokens += one.tokens;
        failed += one.ok ? 0 : 1;
        bar.increment(1, { tokens, failed });
      },
    });
  } finally {
    bar.stop();
  }
}

/** The run's group in `GET /api/usage`, as soon as it is complete; what there is of it after a while. */
async function recorded({ baseUrl, apiKey }: Apex, tag: string, requests: number): Promise<Recorded | null> {
  const deadline = performance.now() + RECORDED_WITHIN_MS;
  for (;;) {
    const response = await fetch(`${baseUrl}/api/usage?groupBy=tag`, { headers: { authorization: `Bearer ${apiKey}` } });
    const { groups } = (await response.json()) as { groups?: (Recorded & { key: string })[] };
    const group = groups?.find((one) => one.key === tag) ?? null;
    if ((group !== null && group.requests >= requests) || performance.now() > deadline) return group;
    await wait(LOOK_EVERY_MS);
  }
}
