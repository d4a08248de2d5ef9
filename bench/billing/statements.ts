import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { AuditLog } from '@apex/auth';
import { FakeClock } from '@apex/common';
import { canonicalJson, SealedReceipts } from '@apex/usage';
import { type DataSource } from 'typeorm';
import { linesOf } from '../../apps/cli/src/verify-statement.js';
import { verify } from '../../apps/cli/src/verify-statement/verify.js';
import { receiptLine } from '../../libs/billing/src/core/statements/statement-builder.js';
import { Ledger } from '../../libs/billing/src/ledger/ledger.service.js';
import { Statements } from '../../libs/billing/src/statements/statements.service.js';
import { type Step } from './steps.js';

const CUSTOMER = 'statement-customer';
const PERIOD = { start: new Date('2025-10-01T00:00:00Z'), ms: 30 * 86_400_000 };
const CLOSES = new FakeClock(Date.parse('2025-11-04T00:00:00Z'));
const RECEIPTS = 'receipts.jsonl';
const STATEMENT = 'statement.json';
const CHUNK = 10_000;
const TERMS = { tier: 'early', platformFeePd: 0n, vbpRatePpm: 200_000, vbpBilled: true, limits: { requestsPerMinute: null, tokensPerMinute: null, concurrency: null, monthlyBudgetMicroUsd: null }, platformBudgetMicroUsd: null, workbench: false, agentRunsPer5h: null, billingAnchorDay: 1 } as const;

/** Of a conversation; they come one by one, all over the period. */
const REQUESTS = 10;

/** Every second request of the treated a hit of the exact cache, one conversation in twenty held out. $3: conversations, $4: one more than there are requests */
const INSERT_RECEIPTS = `
  with made as (
    select i, (substr(h, 1, 8) || '-' || substr(h, 9) || '-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid as id, i % $3::bigint as cluster, case when i % $3::bigint % 20 = 0 then 'control' else 'treated' end as arm, (i % 4001) * 7 + 1000 as tokens
    from (select i, lpad(to_hex((${PERIOD.start.getTime()} + i * ${PERIOD.ms}::bigint / $4::bigint)::bigint), 12, '0') as h from generate_series($1::bigint, $2::bigint) i) g
  ), usage as (
    select *, arm = 'treated' and i / $3::bigint % 2 = 0 as hit, json_build_object('promptTokens', tokens, 'cachedTokens', 0, 'cacheWriteTokens', 0, 'completionTokens', 0, 'reasoningTokens', 0) as u,
      json_build_object('input', 3000000, 'cacheRead', 300000, 'cacheWrite', null, 'output', 15000000, 'reasoning', 15000000, 'request', 0, 'denominator', 1, 'priceVersion', '2025-10-01') as r from made
  ), added as (
    insert into receipts (request_id, customer_id, inputs, baseline_pd, actual_pd, saving_pd, shares, overhead_pd, status)
    select id, '${CUSTOMER}', jsonb_build_object('v', 1, 'provider', 'openai', 'requestedModel', 'gpt-4o', 'servedModel', null, 'arm', arm, 'cluster', lpad(to_hex(cluster), 32, '0'),
        'covariates', json_build_object('promptCostPd', (cluster % 97 + 1) * 1000000, 'requestedModel', 'gpt-4o', 'maxTokens', null), 'policyId', '01956c00-0000-7000-8000-00000000beef', 'policyVersion', 1,
        'baseline', json_build_object('usage', u, 'rates', r), 'lengthRatioPpm', 1000000, 'voidReason', null,
        'steps', case when hit then json_build_array(json_build_object('mechanism', 'exact_cache', 'usage', u, 'rates', null)) else '[]' end,
        'spent', case when hit then '[]' else json_build_array(json_build_object('kind', 'attempt', 'id', i::text, 'costPd', tokens::bigint * 3000000)) end),
      tokens::bigint * 3000000, case when hit then 0 else tokens::bigint * 3000000 end, case when hit then tokens::bigint * 3000000 else 0 end,
      case when hit then jsonb_build_object('exact_cache', tokens::bigint * 3000000) else '{}' end, 0, 'billable'
    from usage returning request_id
  ) insert into unsealed (kind, id, customer_id) select 'receipt', request_id, '${CUSTOMER}' from added`;

const policies = { of: () => { throw new Error('no decision is made here'); }, secretAt: () => null };

const statementsOf = (dataSource: DataSource): Statements =>
  new Statements({ dataSource, clock: CLOSES, receipts: new SealedReceipts(dataSource), terms: { termsOf: async () => TERMS }, ledger: new Ledger(dataSource), policies, audit: new AuditLog(dataSource) });

async function readStatement(dataSource: DataSource) {
  const statements = statementsOf(dataSource);
  const [last] = await statements.list(CUSTOMER);
  return { statements, ...(await statements.get(CUSTOMER, last!.id)) };
}

const seal: Step = {
  name: 'seal',
  what: `as many receipts of one customer and month, ${REQUESTS} in a conversation, written and sealed in its chain`,
  async run({ dataSource, records }) {
    await dataSource.query(`insert into customers (id, name, tier, created_at) values ($1, $1, 'early', $2)`, [CUSTOMER, PERIOD.start]);
    for (let first = 1; first <= records; first += CHUNK) {
      await dataSource.query(INSERT_RECEIPTS, [first, Math.min(records, first + CHUNK - 1), Math.ceil(records / REQUESTS), records + 1]);
    }
    const started = performance.now();
    await new SealedReceipts(dataSource).sealNow(CUSTOMER);
    const seconds = (performance.now() - started) / 1_000;
    await dataSource.query('vacuum analyze receipts, receipt_chain, unsealed');
    return { problems: [], figures: [`of it sealing ${seconds.toFixed(1)} s`] };
  },
};

const preview: Step = {
  name: 'preview',
  what: 'their statement, without closing it',
  async run({ dataSource, records }) {
    const document = await statementsOf(dataSource).preview(CUSTOMER, PERIOD.start);
    return { problems: document.savings.receipts === records ? [] : [`the preview has ${document.savings.receipts} receipts`] };
  },
};

const close: Step = {
  name: 'close',
  what: 'their statement: receipts, experiment, tree; charges and the ledger’s entry',
  async run({ dataSource }) {
    await statementsOf(dataSource).close(CUSTOMER, PERIOD.start, 'bench');
    const { document } = await readStatement(dataSource);
    const [sum] = await dataSource.query<Array<{ saving: string }>>('select sum(saving_pd)::text as saving from receipts where customer_id = $1', [CUSTOMER]);
    return { problems: document.savings.savingPicodollars === sum?.saving ? [] : [`the statement says ${document.savings.savingPicodollars}, the receipts add up to ${String(sum?.saving)}`] };
  },
};

const write: Step = {
  name: 'export',
  what: 'statement and receipts written to files',
  async run({ dataSource, dir, records }) {
    const { statements, document, hash } = await readStatement(dataSource);
    const out = createWriteStream(join(dir, RECEIPTS));
    let lines = 0;
    for await (const sealed of statements.receiptsOf(document)) {
      lines++;
      if (!out.write(`${receiptLine(sealed)}\n`)) await once(out, 'drain');
    }
    out.end();
    await once(out, 'finish');
    writeFileSync(join(dir, STATEMENT), canonicalJson({ document, hash }));
    return { problems: lines === records ? [] : [`${lines} receipts were written`], figures: [`${Math.round(out.bytesWritten / 2 ** 20)} MiB of receipts`] };
  },
};

const check: Step = {
  name: 'verify',
  what: 'all of it computed again from the files, by what `apex verify-statement` is',
  async run({ dir, records }) {
    const { findings, receipts } = await verify(readFileSync(join(dir, STATEMENT)), linesOf(join(dir, RECEIPTS)));
    return { problems: receipts === records ? findings : [...findings, `${receipts} receipts were read`] };
  },
};

export const STATEMENT_STEPS: readonly Step[] = [seal, preview, close, write, check];
