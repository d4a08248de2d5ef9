import { createHash } from 'node:crypto';
import { formatUsd } from '@apex/common';
import { type LineKind, type SavingsFigures, type StatementDocument } from './statement.types.js';

const STYLE =
  'body{font:15px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:1.6rem 0 .3rem}table{border-collapse:collapse;width:100%}td,th{text-align:right;padding:.2rem .5rem;border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums}td:first-child,th:first-child{text-align:left}tr.sum td{font-weight:600;border-top:2px solid #1a1a1a}code{font-size:.8rem;overflow-wrap:anywhere}p.note{color:#555}@media print{body{margin:0;max-width:none}}';

/** What the page may load: its own style and nothing else. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const LINE_NAMES: Readonly<Record<LineKind, string>> = { vbp: 'Share of proven savings', bvm: 'Validation workbench', passthrough: 'Provider usage, at cost' };
const PROOFS: Readonly<Record<string, string>> = {
  proven: 'The experiment is precise enough: what is billed is the smaller of what the receipts claim and the lower end of the experiment’s 95% interval.',
  not_estimable: 'The experiment cannot be estimated yet: only what the lossless caches saved is billed, the rest is carried.',
  too_wide: 'The experiment is not precise enough yet: only what the lossless caches saved is billed, the rest is carried.',
  more_requests: 'Treated conversations took more requests: only what the lossless caches saved is billed, the rest is carried.',
};

/** The statement for people: one page without scripts, to be read or printed. Every text is escaped. */
export function statementPage(document: StatementDocument, hash: string): string {
  const { customerId, period, closedAt, terms, savings, corrections, experiment, billing, invoice, receipts, chain, passThrough } = document;
  const { estimate } = experiment;
  const title = `${closedAt === null ? 'Preview' : 'Statement'}, ${period.start.slice(0, 10)} to ${lastDay(period.end)}`;
  const lines = invoice.lines.map((line) => row([LINE_NAMES[line.kind], usd(line.ownPicodollars), usd(line.broughtForwardPicodollars), usd(line.carriedForwardPicodollars), cents(line.cents)]));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}</style></head><body>
<h1>${escape(title)}</h1>
<p>Customer ${escape(customerId)}, tier ${escape(terms.tier)}. ${closedAt === null ? 'Not closed: figures may change.' : `Closed ${escape(closedAt.slice(0, 10))}.`} All times are UTC.</p>
<h2>Amounts</h2>
<table>${head(['Line', 'This period', 'Brought forward', 'Carried forward', 'Charged'])}${lines.join('')}
${row(['Credit', '', '', '', cents(-invoice.creditCents)])}
${row(['Charged', '', '', '', cents(invoice.chargedCents)], 'sum')}
${row(['Platform fee of the tier a month, asked for apart from these', '', '', '', cents(invoice.platformFeeCents)])}</table>
<h2>From savings to the fee</h2>
<table>${row(['What receipts claim', usd(billing.claimedPicodollars)])}${row(['of it by lossless caches', usd(billing.claimedLosslessPicodollars)])}${row(['of it corrections of earlier periods', usd(corrections.savingPicodollars)])}
${row(['Not borne out by the experiment', usd(billing.deniedPicodollars)])}${row(['Not proven in time', usd(billing.lapsedPicodollars)])}${row(['Billed savings', usd(billing.billedPicodollars)])}${row(['Losses brought forward', usd(billing.broughtForwardPicodollars)])}
${row([`${terms.vbpRatePpm / 10_000}% of ${usd(billing.basePicodollars)}${terms.vbpBilled ? '' : ', would have been: this tier is not billed for savings'}`, usd(billing.vbpPicodollars)], 'sum')}</table>
<p class="note">${escape(PROOFS[billing.proof] ?? billing.proof)}</p>
<h2>The experiment</h2>
<table>${head(['', 'Treated', 'Held out'])}${row(['Conversations', String(experiment.arms.treated.clusters), String(experiment.arms.control.clusters)])}${row(['Requests', String(experiment.arms.treated.requests), String(experiment.arms.control.requests)])}</table>
${estimate === null ? `<p>No estimate: ${escape(experiment.reason ?? '')}.</p>` : `<p>Saved by the experiment: ${usd(estimate.savingPicodollars)} (95% interval ${usd(estimate.lowPicodollars)} to ${usd(estimate.highPicodollars)}). Cost of proof, never billed: ${usd(estimate.costOfProofPicodollars)}.</p>`}
${experiment.months.map(({ month, secretHash, secret }) => `<p>${escape(month)}: secret’s hash <code>${escape(secretHash ?? 'not known')}</code>, secret <code>${escape(secret ?? 'not published yet')}</code></p>`).join('')}
<h2>Savings by mechanism</h2>
${figures([['All', savings], ...savings.models.map((one): [string, SavingsFigures] => [one.model, one])])}
${passThrough.length === 0 ? '' : `<h2>Provider usage with the platform’s keys</h2><table>${head(['Provider and model', 'Calls', 'Cost'])}${passThrough.flatMap((one) => one.lines.map((line) => row([`${one.periodStart.slice(0, 10)} ${line.provider} ${line.model}`, String(line.attempts), usd(line.costPicodollars)]))).join('')}</table>`}
<h2>To check it</h2>
<p>${receipts.leaves} receipts, sealed up to link ${chain.to}. Merkle root <code>${escape(receipts.merkleRoot)}</code>, statement <code>${escape(hash)}</code>. Prices ${escape(receipts.priceVersions.join(', ') || 'none')}; policies ${escape(receipts.policies.map(({ id, version }) => `${id} (${version})`).join(', ') || 'none')}.</p>
<p><code>apex verify-statement statement.json receipts.jsonl</code> computes every figure again, without Apex.</p>
</body></html>
`;
}

function figures(parts: ReadonlyArray<readonly [string, SavingsFigures]>): string {
  const rows = parts.map(([name, one]) => row([name, String(one.receipts), usd(one.baselinePicodollars), usd(one.actualPicodollars), usd(one.savingPicodollars)], name === 'All' ? 'sum' : ''));
  const [, all] = parts[0]!;
  const mechanisms = all.mechanisms.filter(({ receipts }) => receipts > 0).map(({ mechanism, receipts, savingPicodollars }) => row([mechanism.replaceAll('_', ' '), String(receipts), '', '', usd(savingPicodollars)]));
  return `<table>${head(['Model or mechanism', 'Receipts', 'Without Apex', 'Spent', 'Saved'])}${rows.join('')}${mechanisms.join('')}</table>`;
}

const row = (cells: readonly string[], kind = ''): string => `<tr${kind === '' ? '' : ` class="${kind}"`}>${cells.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`;
const head = (cells: readonly string[]): string => `<tr>${cells.map((cell) => `<th>${escape(cell)}</th>`).join('')}</tr>`;

const lastDay = (end: string): string => new Date(Date.parse(end) - 1).toISOString().slice(0, 10);

/** To a hundredth of a cent, cut off; the statement's JSON has all twelve places. */
function usd(picodollars: string): string {
  const text = formatUsd(BigInt(picodollars)).slice(0, -8);
  return text.startsWith('-') ? `-$${text.slice(1)}` : `$${text}`;
}

const cents = (amount: number): string => `${amount < 0 ? '-' : ''}$${Math.trunc(Math.abs(amount) / 100)}.${String(Math.abs(amount) % 100).padStart(2, '0')}`;

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
