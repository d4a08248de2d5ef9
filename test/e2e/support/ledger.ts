import { type LedgerEntry, type RunningSimulator } from '@apex/simulator';
import { eventually } from '../../support/eventually.js';

/** The rows that the provider wrote while `work` ran, once every attempt has ended. */
export async function ledgerOf(simulator: RunningSimulator, work: () => Promise<unknown>): Promise<readonly LedgerEntry[]> {
  const before = simulator.ledger().length;
  await work();
  await simulator.settled();
  return simulator.ledger().slice(before);
}

/** The next row that the provider writes after `before` rows, for attempts whose end the client does not see. */
export const nextRow = (simulator: RunningSimulator, before: number): Promise<LedgerEntry> => eventually("a row in the provider's ledger", () => simulator.ledger()[before]);

/** Resolves when the provider is working on at least `count` attempts, or has ended as many since its ledger had `rows` rows. */
export async function whenBusy(simulator: RunningSimulator, count = 1, rows = Infinity): Promise<void> {
  await eventually(`${count} attempts in flight at the provider`, async () => {
    const { inFlight } = (await (await fetch(`${simulator.origin}/__sim/status`)).json()) as { inFlight: number };
    return inFlight >= count || simulator.ledger().length >= rows + count || undefined;
  });
}
