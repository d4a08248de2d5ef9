import { z } from 'zod';

/** As unleash-client evaluates them; another one would count as false there. */
const OPERATORS = [
  'IN', 'NOT_IN', 'STR_ENDS_WITH', 'STR_STARTS_WITH', 'STR_CONTAINS', 'NUM_EQ', 'NUM_GT', 'NUM_GTE', 'NUM_LT', 'NUM_LTE', 'DATE_AFTER', 'DATE_BEFORE',
  'SEMVER_EQ', 'SEMVER_GT', 'SEMVER_LT', 'SEMVER_GTE', 'SEMVER_LTE', 'REGEX', 'IN_CIDR',
] as const;

const constraintSchema = z.object({
  contextName: z.string(),
  operator: z.enum(OPERATORS),
  inverted: z.boolean().nullish().transform((inverted) => inverted ?? false),
  values: z.array(z.string()).nullish().transform((values) => values ?? []),
  value: z.union([z.string(), z.number()]).nullish().transform((value) => value ?? undefined),
  caseInsensitive: z.boolean().nullish().transform((insensitive) => insensitive ?? false),
});

const parametersSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).nullish().transform((parameters) => parameters ?? {});

const strategySchema = z.object({
  // Another strategy is code of the server's users that this process does not have.
  name: z.enum(['default', 'flexibleRollout']),
  parameters: parametersSchema,
  constraints: z.array(constraintSchema).nullish().transform((constraints) => constraints ?? []),
  segments: z.array(z.number()).nullish().transform((segments) => segments ?? []),
});

const onSchema = z.object({
  strategies: z.array(strategySchema),
  dependencies: z.array(z.unknown()).max(0).nullish(),
});

const segmentSchema = z.object({ id: z.number(), constraints: z.array(constraintSchema) });
const answerSchema = z.object({ features: z.array(z.unknown()), segments: z.array(segmentSchema).nullish() });

/** A toggle that stands alone: without segments and dependencies, sticky to what Apex knows. */
export const serverToggleSchema = z.object({
  name: z.string(),
  enabled: z.boolean(),
  strategies: z.array(z.object({ name: z.string(), parameters: z.record(z.string(), z.string()), constraints: z.array(constraintSchema) })),
});
export type ServerToggle = z.infer<typeof serverToggleSchema>;

export interface ServerAnswer {
  /** Toggles that can be followed, of those that were asked about. */
  readonly toggles: ReadonlyMap<string, ServerToggle>;
  /** Names that the server lists, usable or not, of those that were asked about. */
  readonly listed: ReadonlySet<string>;
  /** `name: why`, for the log. */
  readonly refused: readonly string[];
}

/** What Unleash's own names for a subject are here. `random` is missing: nobody would stay where he is. */
const STICKINESS: Readonly<Record<string, string>> = {
  '': 'customerId', default: 'customerId', userId: 'customerId', customerId: 'customerId', keyId: 'keyId', sessionId: 'session', session: 'session',
};

/**
 * Reads the body of `GET /api/client/features` (Unleash's client specification 5), for the toggles with these names.
 * One toggle that cannot be followed does not cost the others.
 * @throws Error when the answer as a whole is not one
 */
export function readServerAnswer(body: unknown, names: ReadonlySet<string>): ServerAnswer {
  const answer = answerSchema.parse(body);
  const segments = new Map((answer.segments ?? []).map((segment) => [segment.id, segment.constraints]));
  const toggles = new Map<string, ServerToggle>();
  const listed = new Set<string>();
  const refused: string[] = [];
  for (const feature of answer.features) {
    const named = z.object({ name: z.string(), enabled: z.unknown() }).safeParse(feature);
    if (!named.success || !names.has(named.data.name)) continue;
    const { name, enabled } = named.data;
    listed.add(name);
    try {
      toggles.set(name, readToggle(name, enabled, feature, segments));
    } catch (error) {
      refused.push(`${name}: ${reasonOf(error)}`);
    }
  }
  return { toggles, listed, refused };
}

function readToggle(name: string, enabled: unknown, feature: unknown, segments: ReadonlyMap<number, ServerToggle['strategies'][number]['constraints']>): ServerToggle {
  // Off is off, whatever else it may have: that must never fail to be understood.
  if (enabled === false) return { name, enabled: false, strategies: [] };
  if (enabled !== true) throw new Error('enabled is no boolean');
  const { strategies } = onSchema.parse(feature);
  return {
    name,
    enabled: true,
    strategies: strategies.map((strategy) => ({
      name: strategy.name,
      parameters: strategy.name === 'flexibleRollout' ? rolloutParameters(name, strategy.parameters) : strategy.parameters,
      constraints: [...strategy.constraints, ...strategy.segments.flatMap((id) => segments.get(id) ?? fail(`segment ${id} is missing`))],
    })),
  };
}

function rolloutParameters(name: string, parameters: Record<string, string>): Record<string, string> {
  const stickiness = STICKINESS[parameters['stickiness'] ?? ''] ?? fail('its stickiness is none of customerId, keyId, session, default, userId, sessionId');
  const rollout = Number(parameters['rollout'] ?? fail('its rollout is missing'));
  if (!(rollout >= 0 && rollout <= 100)) fail('its rollout is no percentage');
  return { rollout: String(rollout), stickiness, groupId: parameters['groupId'] || name };
}

function fail(why: string): never {
  throw new Error(why);
}

const reasonOf = (error: unknown): string =>
  error instanceof z.ZodError ? error.issues.map((issue) => `${issue.path.join('.')} cannot be followed`).join(', ') : error instanceof Error ? error.message : String(error);
