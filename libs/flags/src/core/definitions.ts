/** A flag as code knows it. Flags are booleans, off until somebody turns them on. */
export interface FlagDefinition {
  /** Lower snake case; also the name of its row and of its Unleash feature. */
  readonly name: string;
  /** What being on means, for the operator who is about to turn it. */
  readonly description: string;
}

export const GATEWAY_ENABLED = 'gateway_enabled';
export const BILLING_ENABLED = 'billing_enabled';
export const USAGE_LIMITS_ENFORCED = 'usage_limits_enforced';
export const VALIDATION_WORKBENCH = 'validation_workbench';

/** The flags every Apex has. Other libs bring their own to `FlagsModule.forRoot`. */
export const BASE_FLAGS: readonly FlagDefinition[] = Object.freeze([
  { name: GATEWAY_ENABLED, description: 'Requests to /v1 may take the gateway path; which of them do is the traffic percentage\'s choice. Off: all take the direct path.' },
  { name: BILLING_ENABLED, description: 'Statements become invoices. Off: they are computed and shown, and nothing is charged.' },
  { name: USAGE_LIMITS_ENFORCED, description: 'Tier limits refuse requests. Off: they are counted and reported only.' },
  { name: VALIDATION_WORKBENCH, description: 'Customers whose tier includes it may run the validation workbench.' },
]);

const NAME = /^[a-z][a-z0-9_]{0,62}$/;

/**
 * The definitions by name, in the order given.
 * @throws Error for a name that is malformed or taken: both are mistakes in code and end the start.
 */
export function collectDefinitions(...lists: readonly (readonly FlagDefinition[])[]): ReadonlyMap<string, FlagDefinition> {
  const byName = new Map<string, FlagDefinition>();
  for (const definition of lists.flat()) {
    if (!NAME.test(definition.name)) throw new Error(`A flag's name is lower snake case, not '${definition.name}'`);
    if (byName.has(definition.name)) throw new Error(`The flag '${definition.name}' is defined twice`);
    byName.set(definition.name, definition);
  }
  return byName;
}
