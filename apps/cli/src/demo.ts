import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Receipt } from '@apex/usage';
import cliProgress from 'cli-progress';
import { play, type Played } from './demo/player.js';
import { readPrompts } from './demo/prompts.js';
import { type Recorded, report } from './demo/report.js';
import { receiptInWords } from './demo/receipt-in-words.js';
import { type Apex, useApex } from './demo/running-apex.js';
import { type Savings, savingsInWords } from './demo/savings.js';
import { Failure } from './failure.js';

const USAGE = `Usage: npm run demo -- FILE [--limit 1000] [--concurrency 32] [--model gpt-4o-mini] [--repeat 25]

Plays the prompts of a JSONL file (gzipped or not) through the gateway and shows what they cost, what was saved, by what,
and what was recorded. A line is a string, or an object with "messages", "prompt", "text", "instruction" or "question".
--limit 0 plays the whole file. --repeat 25 asks a quarter of the prompts a second time, since a file of prompts rarely
repeats itself as traffic does; 0 plays the file as it is.`;

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
  const again = chats.slice(0, Math.round((chats.length * options.repeat) / 100));
  const asked = [...chats, ...again];
  const apex = await useApex();
  try {
    const what = chats.length < total ? `the first ${chats.length.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} prompts` : `${total.toLocaleString('en-US')} prompts`;
    console.log(`Playing ${what} of ${basename(options.file)} through ${apex.baseUrl} as ${options.model}, ${options.concurrency} at a time${again.length > 0 ? `; then ${again.length.toLocaleString('en-US')} of them a second time (--repeat 0: not)` : ''}.`);
    const tag = `demo-${randomBytes(6).toString('hex')}`;
    const began = new Date();
    const since = performance.now();
    const played = await playWithBar(asked, { ...options, ...apex, tag });
    const seconds = (performance.now() - since) / 1_000;
    console.log(`\n${report(played, await recorded(apex, tag, played.length), seconds)}`);
    console.log(`\n${await saved(apex, began, played)}`);
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
      options: { limit: { type: 'string', default: '1000' }, concurrency: { type: 'string', default: '32' }, model: { type: 'string', default: 'gpt-4o-mini' }, repeat: { type: 'string', default: '25' } },
    });
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) return null;
    const repeat = wholeNumber('--repeat', values.repeat);
    if (repeat > 100) throw new Failure('--repeat wants a share in percent, 100 at most.');
    return { file, repeat, model: values.model, limit: wholeNumber('--limit', values.limit) || Infinity, concurrency: Math.max(1, wholeNumber('--concurrency', values.concurrency)) };
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

/** The run's savings and the receipt of the request that saved most, or of any where none did. */
async function saved({ baseUrl, apiKey }: Apex, began: Date, played: readonly Played[]): Promise<string> {
  const get = async (path: string): Promise<Response> => fetch(`${baseUrl}${path}`, { headers: { authorization: `Bearer ${apiKey}` } });
  const savings = await get(`/api/savings?from=${began.toISOString()}`);
  if (!savings.ok) return `Saved      not known: GET /api/savings answered ${savings.status}`;
  const summary = savingsInWords((await savings.json()) as Savings);
  const example = played.filter((one) => one.ok && one.requestId !== null).reduce<Played | null>((most, one) => (most !== null && most.saving >= one.saving ? most : one), null);
  if (example === null) return summary;
  const receipt = await get(`/api/receipts/${example.requestId}`);
  // A request on the direct path, or of a model without a price, has none.
  return receipt.ok ? `${summary}\n\n${receiptInWords(((await receipt.json()) as { current: Receipt }).current)}` : summary;
}
