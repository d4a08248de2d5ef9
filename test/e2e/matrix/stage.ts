import { type RunningSimulator, startSimulator } from '@apex/simulator';
import { type Apex, startApex } from '../support/apex.js';
import { environmentFor } from './providers.js';

/** Apex between every client and every kind of provider. */
export interface Stage {
  readonly apex: Apex;
  /** Answers at once. */
  readonly fast: RunningSimulator;
  /** Answers at the pace of a real provider. */
  readonly slow: RunningSimulator;
}

/** Stands from before the file's first test until after its last one; in between its members can be read. */
export function stageForAll(): Stage {
  const stage: { -readonly [Member in keyof Stage]?: Stage[Member] } = {};
  beforeAll(async () => {
    const [fast, slow] = await Promise.all([startSimulator({ speed: 0 }), startSimulator({ speed: 1 })]);
    Object.assign(stage, { fast, slow });
    stage.apex = await startApex({ simulator: fast, env: environmentFor(fast, slow) });
  }, 90_000);
  afterAll(async () => {
    await stage.apex?.close();
    await Promise.all([stage.fast?.close(), stage.slow?.close()]);
  }, 60_000);
  return stage as Stage;
}
