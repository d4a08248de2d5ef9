import { z } from 'zod';

/** An upstream that speaks OpenAI's protocol. */
export interface UpstreamProvider {
  readonly name: string;
  /** Scheme, host and port, without a slash at the end. */
  readonly origin: string;
  /** What stands between the origin and an API's own path: `/v1` + `/chat/completions`. Empty, or with a slash in front only. */
  readonly basePath: string;
  /** Whose price list counts. */
  readonly priceAs: string;
  /** It understands `stream_options.include_usage`. */
  readonly streamUsage: boolean;
}

/** A provider as configured. Keys are not here: `apiKeyEnv` names the variable that holds the platform's. */
export interface ProviderConfig extends UpstreamProvider {
  readonly apiKeyEnv: string;
  /** Models that go here without being asked for by prefix; `*` stands for any run of characters. */
  readonly models: readonly string[];
}

/** Which upstream a model name means, and what that upstream calls it. */
export interface ResolvedModel {
  readonly provider: UpstreamProvider;
  readonly upstreamModel: string;
}

/** A base URL as the SDKs have it: with `/v1` where the provider has one. */
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
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, '') };
});

const nameSchema = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, 'lower-case letters, digits, _ and -, at most 32');

const providerSchema = z
  .strictObject({
    name: nameSchema,
    baseUrl: baseUrlSchema,
    apiKeyEnv: z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'the name of an environment variable'),
    models: z.array(z.string().min(1).max(128)).default([]),
    streamUsage: z.boolean().default(true),
    priceAs: nameSchema.optional(),
  })
  .transform(
    ({ baseUrl, priceAs, ...rest }): ProviderConfig => ({ ...rest, ...baseUrl, priceAs: priceAs ?? rest.name }),
  );

/** `APEX_PROVIDERS`: a JSON array. The default provider is not among them, and no name occurs twice. */
export const providersSchema = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'a JSON array' });
      return z.NEVER;
    }
  })
  .pipe(z.array(providerSchema).max(64))
  .superRefine((providers, context) => {
    const names = new Set([DEFAULT_PROVIDER]);
    for (const [index, { name }] of providers.entries()) {
      if (names.has(name)) context.addIssue({ code: 'custom', path: [index, 'name'], message: `a name that is not taken (${DEFAULT_PROVIDER} is always there)` });
      names.add(name);
    }
  });

/** The provider that serves what no other one claims. */
export const DEFAULT_PROVIDER = 'openai';

/** The default provider, at OpenAI's own address or at whatever stands at `OPENAI_BASE_URL`. */
export const defaultProvider = (base: { origin: string; basePath: string }): ProviderConfig => ({
  name: DEFAULT_PROVIDER,
  ...base,
  apiKeyEnv: 'OPENAI_API_KEY',
  models: [],
  priceAs: DEFAULT_PROVIDER,
  streamUsage: true,
});

/** Finds the upstream for a model name. Immutable; in the order configured, the default first in the list and last in line. */
export class ProviderRegistry {
  readonly providers: readonly UpstreamProvider[];
  private readonly byName: ReadonlyMap<string, UpstreamProvider>;
  private readonly claims: readonly { readonly pattern: RegExp; readonly provider: UpstreamProvider }[];

  /** @throws RangeError without any provider. */
  constructor(configs: readonly ProviderConfig[]) {
    if (configs.length === 0) throw new RangeError('no provider configured');
    this.providers = configs.map(({ name, origin, basePath, priceAs, streamUsage }) => Object.freeze({ name, origin, basePath, priceAs, streamUsage }));
    this.byName = new Map(this.providers.map((provider) => [provider.name, provider]));
    this.claims = configs.flatMap(({ name, models }) =>
      models.map((glob) => ({ pattern: globPattern(glob), provider: this.byName.get(name) as UpstreamProvider })),
    );
  }

  /**
   * `name/model` goes to the provider of that name, without the prefix; a prefix that is no provider's name belongs
   * to the model. Otherwise the first provider whose `models` match takes it, else the default. Null for an empty name.
   */
  resolve(model: string): ResolvedModel | null {
    const slash = model.indexOf('/');
    const named = slash > 0 ? this.byName.get(model.slice(0, slash)) : undefined;
    if (named !== undefined) return slash === model.length - 1 ? null : { provider: named, upstreamModel: model.slice(slash + 1) };
    if (model === '') return null;
    for (const { pattern, provider } of this.claims) if (pattern.test(model)) return { provider, upstreamModel: model };
    return { provider: this.providers[0] as UpstreamProvider, upstreamModel: model };
  }
}

const globPattern = (glob: string): RegExp => new RegExp(`^${glob.split(/\*+/).map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's');
