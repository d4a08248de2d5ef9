export {
  type AttemptRow,
  type AttemptStatus,
  NO_TOKENS,
  type OpenEntry,
  type Pricing,
  type RecordStatus,
  type Surface,
  type TokenUsage,
  type UsageRecordRow,
  type UsageSource,
} from './core/usage.types.js';
export { type AdjustmentFact, type Arm, MECHANISMS, type Mechanism, type QuotedRates, type Receipt, type ReceiptInputs, type Step, type VoidReason } from './core/savings/receipt.types.js';
export { computeReceipt, cost, foldAdjustments } from './core/savings/receipt.js';
export { Receipts, type ReceiptView } from './receipts.service.js';
export { claimedSavings, SavingsQuery, type SavingsSummary, type SavingsSums } from './savings-query.service.js';
export { Experiments, type ExperimentPeriod } from './experiments.service.js';
export { ExperimentAccumulator } from './core/experiment/accumulator.js';
export { estimateSaving } from './core/experiment/estimator.js';
export { type BilledSavings, billedSavings, type CarriedPeriod, type ClaimedSavings, type ExperimentBound, type Proof } from './core/experiment/billed.js';
export { type ExperimentResult, type NotEstimable, type SavingEstimate } from './core/experiment/experiment.types.js';
export { UsageRecorder } from './ports/usage-recorder.js';
export { UsageModule } from './usage.module.js';
export { RecordingService, type RecordingOptions, type RecordingStatistics, type UsageConfig } from './recording.service.js';
export { type JournalSync } from './adapters/segment-files.js';
export { UsageQuery, type SummarizeInput } from './usage-query.service.js';
export { GROUPINGS, type Grouping, type UsageGroup, type UsageSummary, type UsageTotals } from './core/usage-summary.js';
export { Reconciler, type ReconcileCounts, type ReconcileInput, type ReconcileReport } from './reconciler.service.js';
export { type Difference, type DifferenceKind, type ExportRow, type ReconciledPrice } from './core/reconciliation.js';
export { canonicalJson } from './core/savings/canonical-json.js';
export { SealedReceipts, type SealedReceipt, type SealedRange } from './sealed-receipts.service.js';
