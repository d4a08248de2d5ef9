import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type BillingState, billingReport } from './billing/billing-report.js';
import { Failure } from './failure.js';

const USAGE = `Usage: apex billing CUSTOMER [--json]

Prints what a customer pays, owes and is still to be charged. It asks the Apex that runs, as an operator:
APEX_URL (default: of APEX_HOME/credentials.json, else http://127.0.0.1:PORT), APEX_ADMIN_TOKEN (default: of the same file).`;

/** `apex billing CUSTOMER`: a customer's billing state. @throws Failure for what the user can mend */
export async function billing(args: readonly string[]): Promise<number> {
  const asJson = args.includes('--json');
  const [customer, ...more] = args.filter((arg) => arg !== '--json');
  if (customer === undefined || more.length > 0 || customer.startsWith('-')) {
    console.log(USAGE);
    return 2;
  }
  const { url, token } = operator();
  const state = await ask(`${url}/api/admin/customers/${encodeURIComponent(customer)}/billing`, token);
  console.log(asJson ? JSON.stringify(state, null, 2) : billingReport(state));
  return 0;
}

function operator(): { url: string; token: string } {
  const stored = credentials(resolve(process.env['APEX_HOME'] ?? '.apex'));
  const token = process.env['APEX_ADMIN_TOKEN'] ?? stored.adminToken;
  if (token === undefined) throw new Failure(`No admin token: set APEX_ADMIN_TOKEN.\n\n${USAGE}`);
  return { url: (process.env['APEX_URL'] ?? stored.baseUrl ?? `http://127.0.0.1:${process.env['PORT'] ?? '8080'}`).replace(/\/$/, ''), token };
}

function credentials(home: string): { baseUrl?: string; adminToken?: string } {
  try {
    return JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8')) as { baseUrl?: string; adminToken?: string };
  } catch {
    return {};
  }
}

async function ask(url: string, token: string): Promise<BillingState> {
  let response: Response;
  try {
    response = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    throw new Failure(`No Apex answers at ${new URL(url).origin}: ${(error as Error).message}`);
  }
  const body = (await response.json().catch(() => null)) as (BillingState & { error?: { message?: string } }) | null;
  if (!response.ok || body === null) throw new Failure(`Apex answered ${response.status}: ${body?.error?.message ?? 'nothing that could be read'}`);
  return body;
}
