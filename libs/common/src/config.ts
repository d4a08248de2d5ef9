import { type z } from 'zod';

/** Configuration that does not parse. The message names variables, never their values: values may be secrets. */
export class ConfigError extends Error {
  constructor(readonly variables: string[], detail: string) {
    super(`Configuration is not usable. ${detail}`);
    this.name = 'ConfigError';
  }
}

/**
 * Parses the environment once, at boot, and freezes the result. Empty strings count as unset.
 * @throws ConfigError that names each wrong variable and what it should be.
 */
export function parseEnv<S extends z.ZodType>(schema: S, env: NodeJS.ProcessEnv): Readonly<z.infer<S>> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = schema.safeParse(present, { reportInput: false });
  if (result.success) return Object.freeze(result.data) as Readonly<z.infer<S>>;
  const issues = result.error.issues.map((issue) => `${issue.path.join('.') || 'environment'}: ${issue.message}`);
  throw new ConfigError([...new Set(result.error.issues.map((issue) => String(issue.path[0])))], issues.join('; '));
}
