import { type TestStores } from './stores.js';

const running = globalThis as { apexTestStores?: Promise<TestStores> };

/**
 * Runs once per project in jest's own process; the projects share one set of stores. Plain Node loads this file, so the
 * hooks that let it load the rest of the sources come first.
 */
export default async function globalSetup(): Promise<void> {
  running.apexTestStores ??= start();
  Object.assign(process.env, (await running.apexTestStores).env);
}

async function start(): Promise<TestStores> {
  const { importSource } = await import('./typescript-hooks.mjs');
  const { startTestStores } = (await importSource('test/support/stores.ts')) as { startTestStores: () => Promise<TestStores> };
  return startTestStores();
}
