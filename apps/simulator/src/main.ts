import { ConfigError, envInt, parseEnv } from '@apex/common';
import { z } from 'zod';
import { startSimulator } from './start-simulator.js';

const environmentSchema = z.object({
  SIMULATOR_PORT: envInt.pipe(z.int().max(65_535)).optional(),
  SIMULATOR_SPEED: z.string().regex(/^\d+(\.\d+)?$/, 'a number, 0 or more').transform(Number).optional(),
  SIMULATOR_LEDGER_FILE: z.string().optional(),
  SIMULATOR_TETHER: z.enum(['0', '1']).optional(),
});

async function main(): Promise<void> {
  const environment = parseEnv(environmentSchema, process.env);
  const simulator = await startSimulator({
    ...(environment.SIMULATOR_PORT !== undefined && { port: environment.SIMULATOR_PORT }),
    ...(environment.SIMULATOR_SPEED !== undefined && { speed: environment.SIMULATOR_SPEED }),
    ...(environment.SIMULATOR_LEDGER_FILE !== undefined && { ledgerFile: environment.SIMULATOR_LEDGER_FILE }),
  });
  const stop = (): void => void simulator.close().then(() => process.exit(0));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (environment.SIMULATOR_TETHER === '1') process.stdin.on('end', stop).on('error', stop).resume();
  process.stdout.write(`simulator listening on ${simulator.origin}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
