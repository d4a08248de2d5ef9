import { MECHANISMS } from '@apex/usage';
import { z } from 'zod';

/** A part of a million. */
const ppm = z.int().min(0).max(1_000_000);

/** Cannot be turned on in this release. */
const off = z.strictObject({ enabled: z.literal(false) });

/**
 * Every knob of the decision. Immutable once it is a policy; strict, so that a knob that does nothing is refused instead of
 * being believed. `schema` is raised when an older reader would misread a newer document.
 */
export const policyDocumentSchema = z.strictObject({
  schema: z.literal(1),
  experiment: z.strictObject({
    /** The share of clusters that is held out, in millionths. A policy without controls can prove nothing, and half is the most that helps. */
    controlPpm: ppm.max(500_000),
  }),
  mechanisms: z.strictObject({
    exact_cache: z.strictObject({
      enabled: z.boolean(),
      ttlSeconds: z.int().min(1).max(30 * 86_400),
      /** Whether answers that the model drew at random (temperature above 0 without a seed) may be given again. */
      sampled: z.boolean(),
    }),
    prompt_cache: z.strictObject({
      enabled: z.boolean(),
      /** Prompts that are surely shorter than this many tokens are left alone. Providers cache nothing below 1,024. */
      minTokens: z.int().min(1_024).max(1_000_000).default(1_024),
      /** How often a prefix must have come again, within the provider's time to live, before a write premium is paid for it. */
      minRecurrences: z.int().min(1).max(100).default(1),
    }),
    compression: off,
    routing: off,
    semantic_cache: off,
  }),
});

export type PolicyDocument = z.infer<typeof policyDocumentSchema>;

/** The mechanisms that change no answer, for everybody who has no policy of their own. */
export const DEFAULT_POLICY: PolicyDocument = {
  schema: 1,
  experiment: { controlPpm: 50_000 },
  mechanisms: {
    exact_cache: { enabled: true, ttlSeconds: 86_400, sampled: false },
    prompt_cache: { enabled: true, minTokens: 1_024, minRecurrences: 1 },
    compression: { enabled: false },
    routing: { enabled: false },
    semantic_cache: { enabled: false },
  },
};

/** Whether any mechanism is on. */
export const letsAnythingAct = ({ mechanisms }: PolicyDocument): boolean => MECHANISMS.some((mechanism) => mechanisms[mechanism].enabled);

/** An active policy, as the request's path sees it. Never changed: a change is another snapshot. */
export interface PolicySnapshot {
  readonly id: string;
  readonly version: number;
  /** null: of everybody who has none of their own. */
  readonly customerId: string | null;
  readonly document: PolicyDocument;
}
