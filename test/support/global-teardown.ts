import { type TestStores } from './stores.js';

/** Runs once per project; the first one stops what they share. */
export default async function globalTeardown(): Promise<void> {
  const running = globalThis as { apexTestStores?: Promise<TestStores> };
  const stores = running.apexTestStores;
  delete running.apexTestStores;
  await (await stores)?.stop();
}
