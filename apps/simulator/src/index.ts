export { type RunningSimulator, type SimulatorOptions, startSimulator } from './start-simulator.js';
export { type LedgerEntry, type Outcome } from './core/ledger.js';
