import { forbiddenHost } from '@apex/common';
import { z } from 'zod';
import { type ChatDialect, OPENAI_DIALECT } from './protocols/openai-chat/index.js';
import { presets } from '../providers/presets.js';
import { type ProviderKind } from '../providers/provider-kind.js';
import { providerKinds } from '../providers/index.js';

/** A provider as requests meet it. */
export interface UpstreamProvider {
  readonly name: string;
  readonly kind: ProviderKind;
  /** Scheme, host and port, without a slash at the end. */
  readonly origin: string;
  /** What stands between the origin and an API's own path: `/v1` + `/chat/completions`. Empty, or with a slash in front only. */
  readonly basePath: string;
  /** Whose price list counts. */
  readonly priceAs: string;
  /** It understands `stream_options.include_usage`. */
  readonly streamUsage: boolean;
  /** How requests that are translated into chat completions are put to it. */
  readonly chatDialect: ChatDialect;
  /** It takes requests without a key. */
  readonly keyless: boolean;
  /** Calls to it that this process has under way at the most; more go elsewhere or are shed. */
  readonly maxConcurrent: number;
}

/** A provider as configured. Keys are not here: `apiKeyEnv` names the variable that holds the platform's. */
export interface ProviderConfig extends UpstreamProvider {
  readonly apiKeyEnv: string | null;
  /** Models that go here without being asked for by prefix; `*` stands for any run of characters. */
  readonly models: readonly string[];
}

/** One place that can answer: a provider, and what it calls the model. */
export interface Target {
  readonly provider: UpstreamProvider;
  readonly model: string;
}

/** Where a model's requests go: one of `targets`, chosen by health and weight; `fallbacks` in their order when those fail. */
export interface Route {
  readonly targets: readonly WeightedTarget[];
  readonly fallbacks: readonly Target[];
  /** After so long without an answer's head the next place may be asked as well; null: never. */
  readonly hedgeAfterMs: number | null;
}

export interface WeightedTarget extends Target {
  readonly weight: number;
}

/**
 * A base URL as the SDKs have it: with `/v1` where the provider has one. It is the operator's word, so it may lead into a
 * private network; never to an address of the link, where clouds serve their machines' credentials.
 */
export const baseUrlSchema = z.string().transform((text, context) => {
  const url = URL.parse(text.trim());
  const reject = (message: string) => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  if (url === null) return reject('an absolute URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return reject('a URL with http or https');
  if (url.username !== '' || url.password !== '') return reject('a URL without credentials: keys have their own variables');
  if (url.search !== '' || url.hash !== '') return reject('a URL without a query or a fragment');
  if (forbiddenHost(url, 'operator') !== null) return reject('a URL whose host is no link-local, metadata, multicast or unspecified address');
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, '') };
});

const nameSchema = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, 'lower-case letters, digits, _ and -, at most 32');
const kindsByName = new Map(providerKinds.map((kind) => [kind.kind, kind]));

const providerSchema = z
  .strictObject({
    name: nameSchema,
    kind: z.enum(providerKinds.map((kind) => kind.kind) as [string, ...string[]]).optional(),
    baseUrl: baseUrlSchema.optional(),
    apiKeyEnv: z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'the name of an environment variable').optional(),
    models: z.array(z.string().min(1).max(128)).optional(),
    streamUsage: z.boolean().optional(),
    priceAs: nameSchema.optional(),
    maxConcurrent: z.int().min(1).optional(),
  })
  .transform((entry, context): ProviderConfig => {
    const preset = Object.hasOwn(presets, entry.name) ? presets[entry.name] : undefined;
    const kind = kindsByName.get(entry.kind ?? preset?.kind ?? 'openai-compatible')!;
    const address = entry.baseUrl ?? parseAddress(preset?.baseUrl ?? kind.defaults.baseUrl);
    if (address === null) {
      context.addIssue({ code: 'custom', path: ['baseUrl'], message: 'the address of the provider' });
      return z.NEVER;
    }
    const apiKeyEnv = entry.apiKeyEnv ?? (preset === undefined ? kind.defaults.apiKeyEnv : preset.apiKeyEnv);
    if (apiKeyEnv === null && preset === undefined) {
      context.addIssue({ code: 'custom', path: ['apiKeyEnv'], message: 'the name of an environment variable' });
      return z.NEVER;
    }
    return {
      name: entry.name,
      kind,
      ...address,
      apiKeyEnv,
      keyless: apiKeyEnv === null,
      models: entry.models ?? kind.defaults.models,
      priceAs: entry.priceAs ?? preset?.priceAs ?? (kind.kind === 'openai-compatible' ? entry.name : kind.defaults.priceAs),
      streamUsage: entry.streamUsage ?? preset?.streamUsage ?? true,
      chatDialect: {
        reasoning: preset?.echoesReasoning === true ? 'echo' : 'omit',
        // The older name is the one that every compatible server knows.
        maxTokens: kind.kind === 'openai-compatible' ? 'max_tokens' : OPENAI_DIALECT.maxTokens,
        streamUsage: entry.streamUsage ?? preset?.streamUsage ?? true,
      },
      maxConcurrent: entry.maxConcurrent ?? UNLIMITED,
    };
  });

const UNLIMITED = Number.MAX_SAFE_INTEGER;

const parseAddress = (url: string | null): z.infer<typeof baseUrlSchema> | null => (url === null ? null : baseUrlSchema.parse(url));

const jsonSchema = (what: string) =>
  z.string().transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: what });
      return z.NEVER;
    }
  });

/** The provider that serves what no other one claims. */
export const DEFAULT_PROVIDER = 'openai';

/** Those that are configured by their own two variables, `X_API_KEY` and `X_BASE_URL`. */
const OWN_VARIABLES = [DEFAULT_PROVIDER, 'anthropic', 'gemini'];

/** `APEX_PROVIDERS`: a JSON array. Those with variables of their own are not among them, and no name occurs twice. */
export const providersSchema = jsonSchema('a JSON array')
  .pipe(z.array(providerSchema).max(64))
  .superRefine((providers, context) => {
    const names = new Set(OWN_VARIABLES);
    for (const [index, { name }] of providers.entries()) {
      if (names.has(name)) context.addIssue({ code: 'custom', path: [index, 'name'], message: `a name that is not taken (${OWN_VARIABLES.join(', ')} have their own variables)` });
      names.add(name);
    }
  });

const targetSchema = z.union([z.string().min(1), z.strictObject({ model: z.string().min(1), weight: z.number().positive().default(1) })]);

const routeSchema = z
  .strictObject({ targets: z.array(targetSchema).min(1).optional(), fallbacks: z.array(z.string().min(1)).default([]), hedgeAfterMs: z.int().min(1).max(600_000).optional() })
  .refine(({ targets, fallbacks, hedgeAfterMs }) => hedgeAfterMs === undefined || (targets?.length ?? 1) + fallbacks.length > 1, { path: ['hedgeAfterMs'], message: 'a second place to go: another target or a fallback' });

/** `APEX_ROUTES`: `{ "<model as asked for>": { "targets": ["azure-eu/gpt-4o", { "model": "azure-us/gpt-4o", "weight": 2 }], "fallbacks": ["anthropic/claude-sonnet-4-5"], "hedgeAfterMs": 2000 } }`. */
export const routesSchema = jsonSchema('a JSON object').pipe(z.record(z.string().min(1), routeSchema));

export type RoutesConfig = z.infer<typeof routesSchema>;

/** A provider with variables of its own, at its own address or at whatever stands at `X_BASE_URL`. */
export function ownProvider(name: 'openai' | 'anthropic' | 'gemini', address: z.infer<typeof baseUrlSchema>): ProviderConfig {
  const kind = kindsByName.get(name)!;
  return {
    name,
    kind,
    ...address,
    apiKeyEnv: kind.defaults.apiKeyEnv,
    keyless: false,
    models: kind.defaults.models,
    priceAs: kind.defaults.priceAs,
    streamUsage: true,
    chatDialect: OPENAI_DIALECT,
    maxConcurrent: UNLIMITED,
  };
}

/** More models than are in use at once. */
const MAX_FOUND = 1_024;

/** Finds where a model's requests go. Immutable; the default provider is the first in the list and the last in line. */
export class ProviderRegistry {
  readonly providers: readonly UpstreamProvider[];
  private readonly byName: ReadonlyMap<string, UpstreamProvider>;
  private readonly claims: readonly { readonly pattern: RegExp; readonly provider: UpstreamProvider }[];
  private readonly routes: ReadonlyMap<string, Route>;
  /** What `resolve` found, for what comes again and again. */
  private readonly found = new Map<string, Route>();

  /** @throws RangeError without any provider, or for a route to nowhere. */
  constructor(configs: readonly ProviderConfig[], routes: RoutesConfig = {}) {
    if (configs.length === 0) throw new RangeError('no provider configured');
    this.providers = configs.map(({ apiKeyEnv: _env, models: _models, ...provider }) => Object.freeze(provider));
    this.byName = new Map(this.providers.map((provider) => [provider.name, provider]));
    this.claims = configs.flatMap(({ name, models }) => models.map((glob) => ({ pattern: globPattern(glob), provider: this.byName.get(name)! })));
    this.routes = new Map(
      Object.entries(routes).map(([model, { targets = [model], fallbacks, hedgeAfterMs = null }]) => [
        model,
        {
          targets: targets.map((target) => (typeof target === 'string' ? { ...this.mustResolve(target), weight: 1 } : { ...this.mustResolve(target.model), weight: target.weight })),
          fallbacks: fallbacks.map((target) => this.mustResolve(target)),
          hedgeAfterMs,
        },
      ]),
    );
  }

  /** The configured route of a model, else the one target that `resolve` finds. Null for an empty name. */
  route(model: string): Route | null {
    const known = this.routes.get(model) ?? this.found.get(model);
    if (known !== undefined) return known;
    const target = this.resolve(model);
    if (target === null) return null;
    const route: Route = { targets: [{ ...target, weight: 1 }], fallbacks: [], hedgeAfterMs: null };
    // Callers choose the names.
    if (this.found.size >= MAX_FOUND) this.found.clear();
    this.found.set(model, route);
    return route;
  }

  /**
   * `name/model` goes to the provider of that name, without the prefix; a prefix that is no provider's name belongs
   * to the model. Otherwise the first provider whose `models` match takes it, else the default. Null for an empty name.
   */
  resolve(model: string): Target | null {
    const slash = model.indexOf('/');
    const named = slash > 0 ? this.byName.get(model.slice(0, slash)) : undefined;
    if (named !== undefined) return slash === model.length - 1 ? null : { provider: named, model: model.slice(slash + 1) };
    if (model === '') return null;
    for (const { pattern, provider } of this.claims) if (pattern.test(model)) return { provider, model };
    return { provider: this.providers[0]!, model };
  }

  private mustResolve(model: string): Target {
    const target = this.resolve(model);
    if (target === null) throw new RangeError(`a route leads to ${JSON.stringify(model)}, which names no model`);
    return target;
  }
}

const globPattern = (glob: string): RegExp => new RegExp(`^${glob.split(/\*+/).map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's');
