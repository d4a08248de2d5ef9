/** What an API key may be used for: the data plane, reading its customer's usage, managing its customer's keys. */
export const SCOPES = ['inference', 'usage:read', 'keys:manage'] as const;

export type Scope = (typeof SCOPES)[number];
