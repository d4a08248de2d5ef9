import { type Mode } from './requests.js';
import { type UpstreamKind } from './upstream.js';

/** One line of the report: what is sent, and over how many connections. */
export interface Case {
  readonly mode: Mode;
  readonly bodyBytes: number;
  readonly connections: number;
}

export interface Options {
  readonly rounds: number;
  /** Of each load at more than one connection; `secondsOf` tells which take longer. */
  readonly seconds: number;
  /** Of each load at one connection: the median of a few thousand requests settles sooner. */
  readonly secondsAlone: number;
  readonly warmUpSeconds: number;
  readonly targets: readonly string[];
  readonly modes: readonly Mode[];
  readonly bodiesKb: readonly number[];
  readonly connections: readonly number[];
  readonly upstream: UpstreamKind;
  /** The whole matrix was asked for. */
  readonly full: boolean;
  /** Where the results go; null: printed only. */
  readonly out: string | null;
  /** Where CPU profiles go; null: none are taken. */
  readonly profile: string | null;
}

export const USAGE = `npm run bench:gateway -- [options]
  --rounds N          interleaved rounds, medians are taken over them (3)
  --seconds N         length of a load (10); at one connection 0.4 of it, at more than 256 twice as long
  --targets a,b       of: apex, bare, portkey, bifrost, litellm (all); direct always runs; what is not installed is left out
  --modes json,sse    (both); also hit and miss: JSON that a cache of answers may give again, the same or never the same (needs wrk)
  --body-kb 1,10,100  request sizes (1)
  --connections 1,64  (1,64); 1 gives the added p50
  --upstream http|tls (http)
  --full              bodies of 1, 10 and 100 KB, 1, 64 and 1000 connections, loads of five seconds: about 35 minutes
  --quick             one round of two-second loads, printed only: does it run? Not for quoting
  --out DIR | none    (bench/results)
  --profile DIR       each Node process under test leaves a CPU profile there; nothing else is written`;

const MODES: readonly Mode[] = ['json', 'sse', 'hit', 'miss'];
const UPSTREAMS: readonly UpstreamKind[] = ['http', 'tls'];

/** @throws Error with a line for the person who typed it. */
export function parseOptions(args: readonly string[], known: readonly string[], defaultOut: string): Options {
  const given = new Map<string, string>();
  const rest = [...args];
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '--quick' || name === '--full') given.set(name, 'yes');
    else if (['--rounds', '--seconds', '--targets', '--modes', '--body-kb', '--connections', '--upstream', '--out', '--profile'].includes(name)) {
      const value = rest.shift();
      if (value === undefined) throw new Error(`${name} needs a value`);
      given.set(name, value);
    } else throw new Error(`unknown option ${name}`);
  }
  const quick = given.has('--quick');
  const full = given.has('--full');
  const numbers = (name: string, preset: readonly number[]): readonly number[] => {
    const values = given.get(name)?.split(',').map(Number) ?? preset;
    if (values.length === 0 || values.some((value) => !Number.isInteger(value) || value < 1)) throw new Error(`${name} takes whole numbers from 1 on`);
    return values;
  };
  const names = <T extends string>(name: string, among: readonly T[], preset: readonly T[]): readonly T[] => {
    const values = given.get(name)?.split(',') ?? preset;
    const wrong = values.find((value) => !(among as readonly string[]).includes(value));
    if (wrong !== undefined) throw new Error(`${name}: ${wrong || 'nothing'} is none of ${among.join(', ')}`);
    return values as readonly T[];
  };
  const seconds = numbers('--seconds', [quick ? 2 : full ? 5 : 10])[0] as number;
  const profile = given.get('--profile') ?? null;
  const out = given.get('--out') ?? (quick || profile !== null ? 'none' : defaultOut);
  return {
    rounds: numbers('--rounds', [quick ? 1 : 3])[0] as number,
    seconds,
    secondsAlone: Math.max(1, Math.round(seconds * 0.4)),
    warmUpSeconds: quick ? 1 : 5,
    targets: ['direct', ...names('--targets', known, known).filter((name) => name !== 'direct')],
    modes: names('--modes', MODES, ['json', 'sse']),
    bodiesKb: numbers('--body-kb', full ? [1, 10, 100] : [1]),
    connections: numbers('--connections', full ? [1, 64, 1000] : [1, 64]),
    upstream: names('--upstream', UPSTREAMS, ['http'])[0] as UpstreamKind,
    full,
    out: out === 'none' ? null : out,
    profile,
  };
}

export function casesOf({ modes, bodiesKb, connections }: Pick<Options, 'modes' | 'bodiesKb' | 'connections'>): Case[] {
  return modes.flatMap((mode) => bodiesKb.flatMap((kb) => connections.map((count) => ({ mode, bodyBytes: kb * 1024, connections: count }))));
}

/** What the files of a run are called after its date: runs that measure other things do not overwrite each other. */
export function resultName({ full, upstream, modes }: Pick<Options, 'full' | 'upstream' | 'modes'>): string {
  const caches = modes.some((mode) => mode === 'hit' || mode === 'miss');
  return ['gateway', ...(full ? ['full'] : []), ...(upstream === 'tls' ? ['tls'] : []), ...(caches ? ['cache'] : [])].join('-');
}

/** Loads of more connections than this take twice as long: opening them is a part of each load, and must stay a small one. */
const MANY_CONNECTIONS = 256;

/** The length of one load. */
export function secondsOf({ seconds, secondsAlone }: Pick<Options, 'seconds' | 'secondsAlone'>, { connections }: Case): number {
  return connections === 1 ? secondsAlone : connections > MANY_CONNECTIONS ? 2 * seconds : seconds;
}

/** What starting a load, counting what it did and waiting for quiet takes beside it, on the whole. */
const BESIDE_SECONDS = 1.5;

/** How long the loads of `targets` targets take together, in minutes, warm-ups included. */
export function expectedMinutes(options: Options, targets: number): number {
  const each = casesOf(options).reduce((sum, which) => sum + BESIDE_SECONDS + secondsOf(options, which), 0);
  return (targets * (options.rounds * each + options.modes.length * options.warmUpSeconds)) / 60;
}

const NAMES: Readonly<Record<Mode, string>> = { json: 'JSON', sse: '20-chunk SSE', hit: 'JSON asked before', miss: 'JSON never asked before' };

export function describeCase({ mode, bodyBytes, connections }: Case): string {
  return `${NAMES[mode]}, ${bodyBytes / 1024} KB request, ${connections} connection${connections === 1 ? '' : 's'}`;
}
