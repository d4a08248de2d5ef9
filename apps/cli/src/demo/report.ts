import { formatUsd } from '@apex/common';
import { type Played } from './player.js';
import { count } from './words.js';

/** What the books say of the run: a group of `GET /api/usage`. */
export interface Recorded {
  readonly requests: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly costPicodollars: string;
  readonly byStatus: Readonly<Record<string, number>>;
}

/** The value below which `share` of the sorted values lie (nearest rank). */
export const percentile = (sorted: readonly number[], share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;

/** The run in a page: what was sent, what came back, and whether the books say the same. */
export function report(played: readonly Played[], recorded: Recorded | null, seconds: number): string {
  const ok = played.filter((one) => one.ok);
  const latencies = ok.map((one) => one.latencyMs).sort((a, b) => a - b);
  const tokens = sum(played.map((one) => one.tokens));
  const cost = played.reduce((total, one) => total + (one.cost ?? 0n), 0n);
  const unpriced = played.filter((one) => one.cost === null).length;
  const lines = [
    `Requests   ${count(played.length)} in ${seconds.toFixed(1)} s (${(played.length / seconds).toFixed(1)}/s): ${count(ok.length)} answered, ${count(played.length - ok.length)} failed`,
    `Tokens     ${count(tokens)}`,
    `Cost       $${formatUsd(cost)}${unpriced > 0 ? `, and ${count(unpriced)} requests without a known price` : ''}`,
    `Latency    p50 ${ms(percentile(latencies, 0.5))}   p90 ${ms(percentile(latencies, 0.9))}   p99 ${ms(percentile(latencies, 0.99))}   max ${ms(latencies.at(-1) ?? 0)}`,
    `Path       ${tally(played.map((one) => one.cohort))}`,
  ];
  if (ok.length < played.length) lines.push(`Errors     ${tally(played.filter((one) => !one.ok).map((one) => one.error ?? 'unknown'))}`);
  lines.push('', ...books(recorded, played.length, tokens, cost));
  return lines.join('\n');
}

function books(recorded: Recorded | null, requests: number, tokens: number, cost: bigint): string[] {
  if (recorded === null) return ['Recorded   not yet: the journal has not reached Postgres'];
  const inBooks = recorded.promptTokens + recorded.completionTokens;
  return [
    `Recorded   ${count(recorded.requests)} requests (${Object.entries(recorded.byStatus).map(([status, n]) => `${count(n)} ${status}`).join(', ')}), ${count(inBooks)} tokens, $${formatUsd(BigInt(recorded.costPicodollars))}`,
    recorded.requests === requests && inBooks === tokens && BigInt(recorded.costPicodollars) === cost
      ? '           equal to what the answers said, to the token and to the picodollar'
      : `           the answers said ${count(requests)} requests, ${count(tokens)} tokens, $${formatUsd(cost)}`,
  ];
}

function tally(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, n]) => `${count(n)} ${name}`).join(', ');
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const ms = (value: number): string => (value < 1_000 ? `${value.toFixed(0)} ms` : `${(value / 1_000).toFixed(2)} s`);
