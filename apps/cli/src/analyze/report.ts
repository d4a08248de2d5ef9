import { formatUsd } from '@apex/common';
import { type Analysis } from './what-if.js';

export interface Report {
  readonly file: string;
  readonly formats: readonly string[];
  /** Lines that were not used, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  readonly analysis: Analysis;
}

const saved = ({ exactCache, promptCache }: Analysis): bigint => exactCache.pd + promptCache.pd;
const usd = (pd: bigint): string => `$${formatUsd(pd).slice(0, -8)}`;
const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;
/** Exact in hundredths of a per cent. */
const share = (part: bigint, whole: bigint): number => (whole === 0n ? 0 : Number((part * 10_000n) / whole) / 10_000);

/** For people at a terminal. */
export function asText({ file, formats, skipped, analysis }: Report): string {
  const { calls, unpriced, costPd, exactCache, exactCacheOptIn, promptCache, interval, conversations, models } = analysis;
  const total = saved(analysis);
  const lines = [
    `${file}: ${calls} calls (${formats.join(', ') || 'nothing that was understood'}), ${conversations} conversations`,
    ...Object.entries(skipped).map(([reason, count]) => `  ${count} lines not used: ${REASONS[reason] ?? reason}`),
    ...(unpriced > 0 ? [`  ${unpriced} calls to models without a known price: not in the sums`] : []),
    '',
    `They cost               ${usd(costPd)} at list price`,
    `Apex would have saved   ${usd(total)}  (${percent(share(total, costPd))}${interval === null ? '' : `; 95% interval ${percent(interval.low)} to ${percent(interval.high)}`})`,
    `  exact cache           ${usd(exactCache.pd)}  on ${exactCache.calls} repeated calls`,
    `  prompt cache          ${usd(promptCache.pd)}  on ${promptCache.calls} calls with a recurring prefix, write premiums paid`,
  ];
  if (exactCacheOptIn.calls > 0) lines.push(`  and, if you opt in    ${usd(exactCacheOptIn.pd)}  on ${exactCacheOptIn.calls} repeated calls whose answers were drawn at random`);
  lines.push('', 'By model', ...models.slice(0, 15).map((one) => `  ${one.model.padEnd(32)} ${String(one.calls).padStart(8)} calls  ${usd(one.costPd).padStart(14)}  saved ${percent(share(one.savedPd, one.costPd))}`));
  lines.push('', ...ASSUMPTIONS.map((line) => `- ${line}`));
  return lines.join('\n');
}

const REASONS: Readonly<Record<string, string>> = { unknown_format: 'no format that is known', no_usage: 'no token counts' };

const ASSUMPTIONS = [
  'Nothing left this machine.',
  'Exact cache: the same model, messages, tools, format and settings within the time to live, answered in full before.',
  'Prompt cache: only where the provider caches on request (Anthropic); a prefix is written when it is seen for the second time within five minutes and read from the third on; tokens of a prefix are estimated by its share of the text.',
  'The interval is a bootstrap over conversations: how much another stretch of such traffic might differ. It is no promise about other traffic.',
  'A call is credited to one mechanism. Routing, semantic caching and compression are not estimated: they change answers, and a log cannot say whether for the worse.',
] as const;

/** For programs. Amounts are decimal strings of picodollars (10^-12 USD). */
export function asJson({ file, formats, skipped, analysis }: Report): string {
  const { exactCache, exactCacheOptIn, promptCache, models, costPd, ...rest } = analysis;
  const of = ({ calls, pd }: { readonly calls: number; readonly pd: bigint }) => ({ calls, savedPicodollars: String(pd) });
  const value = {
    file,
    formats,
    skipped,
    ...rest,
    costPicodollars: String(costPd),
    savedPicodollars: String(saved(analysis)),
    savedShare: share(saved(analysis), costPd),
    mechanisms: { exact_cache: of(exactCache), prompt_cache: of(promptCache) },
    optIn: { exact_cache: of(exactCacheOptIn) },
    models: models.map(({ model, calls, costPd: cost, savedPd }) => ({ model, calls, costPicodollars: String(cost), savedPicodollars: String(savedPd) })),
    assumptions: ASSUMPTIONS,
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** A page that needs nothing but itself: no script, no address. */
export function asPage(report: Report): string {
  const { analysis } = report;
  const { costPd, interval, models } = analysis;
  const total = share(saved(analysis), costPd);
  const bars = [
    ['Exact cache', share(analysis.exactCache.pd, costPd)],
    ['Prompt cache', share(analysis.promptCache.pd, costPd)],
    ['Exact cache, if you opt in', share(analysis.exactCacheOptIn.pd, costPd)],
  ] as const;
  const rows = models.slice(0, 50).map((one) => `<tr><td>${escape(one.model)}</td><td>${one.calls}</td><td>${usd(one.costPd)}</td><td>${usd(one.savedPd)}</td><td>${percent(share(one.savedPd, one.costPd))}</td></tr>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>What Apex would have saved</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}table{border-collapse:collapse;width:100%}td,th{text-align:right;padding:.25rem .5rem;border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}big{font-size:2.2rem;font-weight:600}text{font:13px system-ui,sans-serif}</style></head><body>
<h1>What Apex would have saved</h1>
<p>${escape(report.file)}: ${analysis.calls} calls in ${analysis.conversations} conversations, ${usd(costPd)} at list price.</p>
<p><big>${percent(total)}</big> ${interval === null ? '' : `95% interval ${percent(interval.low)} to ${percent(interval.high)}`}</p>
${intervalPlot(total, interval)}
<h2>By mechanism</h2>
${barPlot(bars)}
<h2>By model</h2>
<table><tr><th>Model</th><th>Calls</th><th>Cost</th><th>Saved</th><th></th></tr>${rows.join('')}</table>
<h2>How this was computed</h2>
<ul>${ASSUMPTIONS.map((line) => `<li>${escape(line)}</li>`).join('')}</ul>
</body></html>
`;
}

const WIDTH = 700;

/** The estimate with its interval, on an axis from 0 to 100%. */
function intervalPlot(estimate: number, interval: Analysis['interval']): string {
  const x = (value: number): number => Math.round(20 + Math.min(1, Math.max(0, value)) * (WIDTH - 40));
  const span = interval === null ? '' : `<rect x="${x(interval.low)}" y="18" width="${Math.max(2, x(interval.high) - x(interval.low))}" height="14" fill="#9ecae1"/>`;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((value) => `<line x1="${x(value)}" x2="${x(value)}" y1="38" y2="44" stroke="#555"/><text x="${x(value)}" y="60" text-anchor="middle">${value * 100}%</text>`);
  return `<svg viewBox="0 0 ${WIDTH} 70" role="img" aria-label="Share saved, with its 95% interval"><line x1="20" x2="${WIDTH - 20}" y1="38" y2="38" stroke="#555"/>${span}<line x1="${x(estimate)}" x2="${x(estimate)}" y1="10" y2="38" stroke="#08519c" stroke-width="3"/>${ticks.join('')}</svg>`;
}

function barPlot(bars: ReadonlyArray<readonly [string, number]>): string {
  const most = Math.max(0.01, ...bars.map(([, value]) => value));
  const rows = bars.map(([name, value], index) => {
    const y = index * 34;
    const width = Math.max(0, Math.round((value / most) * (WIDTH - 330)));
    return `<text x="0" y="${y + 20}">${name}</text><rect x="210" y="${y + 6}" width="${width}" height="20" fill="#3182bd"/><text x="${220 + width}" y="${y + 20}">${percent(value)}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${bars.length * 34}" role="img" aria-label="Share saved by mechanism">${rows.join('')}</svg>`;
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
