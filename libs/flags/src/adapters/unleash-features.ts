import { type UnleashConfig } from 'unleash-client';
import { Operator } from 'unleash-client/lib/strategy/strategy.js';
import { type FlagDefinition } from '../core/definitions.js';
import { type FlagSetting, type FlagState, type Stickiness, type TrafficSetting } from '../core/flag-state.js';
import { type ServerToggle } from '../core/server-toggles.js';

// The package's index does not name these two; its configuration does.
export type UnleashRepository = NonNullable<UnleashConfig['repository']>;
export type UnleashFeature = NonNullable<ReturnType<UnleashRepository['getToggle']>>;
type UnleashStrategy = NonNullable<UnleashFeature['strategies']>[number];

/** The feature whose rollout is the traffic percentage. The hyphen keeps it apart from every flag's name. */
export const ROLLOUT_FEATURE = 'gateway-rollout';

/** The context properties that strategies refer to, by what a request can be sticky to. */
export const STICKINESS_PROPERTY = { customer: 'customerId', key: 'keyId', session: 'session' } as const satisfies Record<Stickiness, string>;

const alsoFor = (customers: readonly string[]): UnleashStrategy => ({
  name: 'default',
  parameters: {},
  constraints: [{ contextName: STICKINESS_PROPERTY.customer, operator: Operator.IN, inverted: false, values: [...customers] }],
});

/** A flag is on for everybody, for the customers in `alsoFor`, or for nobody. */
function flagFeature(definition: FlagDefinition, setting: FlagSetting | undefined): UnleashFeature {
  const strategies = setting?.enabled ? [{ name: 'default', parameters: {}, constraints: [] }] : [alsoFor(setting?.alsoFor ?? [])];
  return { name: definition.name, description: definition.description, enabled: true, strategies };
}

/**
 * Unleash's gradual rollout: bucket = murmur3_x86_32(`gateway-rollout:<id>`, seed 0) % 100 + 1, inside iff the rollout
 * is above 0 and the bucket not above it. So whoever is inside at 10% is inside at 50% as well.
 */
function rolloutFeature(traffic: TrafficSetting): UnleashFeature {
  const rollout: UnleashStrategy = {
    name: 'flexibleRollout',
    parameters: { rollout: String(traffic.gatewayPercentage), stickiness: STICKINESS_PROPERTY[traffic.stickiness], groupId: ROLLOUT_FEATURE },
    constraints: [],
  };
  return { name: ROLLOUT_FEATURE, description: 'Share of /v1 traffic on the gateway path', enabled: true, strategies: [rollout, alsoFor(traffic.alsoFor)] };
}

/** Our rows as Unleash features. A defined flag without a row is off; a row that no code defines is left out. */
export function toFeatures(definitions: Iterable<FlagDefinition>, state: FlagState): Map<string, UnleashFeature> {
  const settings = new Map(state.flags.map((flag) => [flag.name, flag]));
  const features = new Map([[ROLLOUT_FEATURE, rolloutFeature(state.traffic)]]);
  for (const definition of definitions) features.set(definition.name, flagFeature(definition, settings.get(definition.name)));
  return features;
}

/** The stickiness a rollout feature asks for; null when it has no rollout, so that nobody needs an id. */
export function stickinessOf(feature: UnleashFeature | undefined): Stickiness | null {
  const property = feature?.strategies?.find((strategy) => strategy.name === 'flexibleRollout')?.parameters['stickiness'];
  for (const stickiness of ['customer', 'key', 'session'] as const) if (STICKINESS_PROPERTY[stickiness] === property) return stickiness;
  return null;
}

/** A server's toggle as a feature. */
export const fromServer = (toggle: ServerToggle): UnleashFeature => ({
  name: toggle.name,
  enabled: toggle.enabled,
  strategies: toggle.strategies.map((strategy) => ({ ...strategy, constraints: strategy.constraints.map((constraint) => ({ ...constraint, operator: Operator[constraint.operator] })) })),
});

/** The share that a rollout feature gives to customers whom no constraint names. */
export function generalPercentage(feature: UnleashFeature | undefined): number {
  if (!feature?.enabled) return 0;
  const open = (feature.strategies ?? []).filter((strategy) => strategy.constraints.length === 0);
  if (feature.strategies?.length === 0) return 100;
  return Math.max(0, ...open.map((strategy) => (strategy.name === 'flexibleRollout' ? Number(strategy.parameters['rollout']) : 100)));
}

const OF_THE_CUSTOMER = new Set<string>(['customerId', 'userId', 'environment', 'appName']);

/** Whether an answer may be held: it depends on nothing but the customer and the one thing that a rollout is sticky to. */
export function canBeHeld(feature: UnleashFeature | undefined): boolean {
  const strategies = feature?.strategies ?? [];
  const stickinesses = new Set(strategies.filter((strategy) => strategy.name === 'flexibleRollout').map((strategy) => strategy.parameters['stickiness']));
  return stickinesses.size <= 1 && strategies.every((strategy) => strategy.constraints.every(({ contextName, operator }) => OF_THE_CUSTOMER.has(contextName) && !operator.startsWith('DATE_')));
}
