import { type Clock } from '@apex/common';
import { type KeyStore, type ProviderCredential } from '@apex/auth';
import { type ProviderRegistry, type UpstreamClient, type UpstreamProvider } from '@apex/llm';
import { z } from 'zod';
import { refusals } from '../core/refusals.js';
import { type Refusal } from '../core/call.js';

const FRESH_MS = 60_000;
const MAX_CACHED_LISTS = 1_000;
const MAX_LIST_BYTES = 4 * 1024 * 1024;

const modelSchema = z.looseObject({ id: z.string() });
const modelListSchema = z.looseObject({ data: z.array(modelSchema) });
/** Gemini's list: names come as `models/NAME`. */
const geminiListSchema = z.looseObject({ models: z.array(z.looseObject({ name: z.string() })) });

export type Model = z.infer<typeof modelSchema>;

/** A provider's list as OpenAI's SDK reads models. */
function readModels(list: unknown, owner: string): readonly Model[] {
  const gemini = geminiListSchema.safeParse(list);
  const models = gemini.success ? gemini.data.models.map(({ name }) => ({ id: name.replace(/^models\//, '') })) : modelListSchema.parse(list).data;
  return models.map((model) => ({ object: 'model', created: 0, owned_by: owner, ...model }));
}
export type ModelList = { readonly ok: true; readonly models: readonly Model[] } | { readonly ok: false; readonly refusal: Refusal };

/**
 * The models of every provider that a customer has a key for. Asked at most once a minute per provider and key; while a
 * provider is away its last list serves. Models of all but the first provider are named `provider/model`.
 */
export class ModelCatalogue {
  private readonly lists = new Map<string, { at: number; models: Promise<readonly Model[]> }>();

  constructor(
    private readonly keys: KeyStore,
    private readonly providers: ProviderRegistry,
    private readonly upstream: Pick<UpstreamClient, 'call'>,
    private readonly clock: Clock,
  ) {}

  async list(customerId: string): Promise<ModelList> {
    const usable = this.providers.providers.flatMap((provider) => {
      const credential = this.keys.providerCredential(customerId, provider.name);
      return credential === null ? [] : [{ provider, credential }];
    });
    const first = this.providers.providers[0]!;
    if (usable.length === 0) return { ok: false, refusal: refusals.noProviderKey(first.name) };
    const lists = await Promise.allSettled(usable.map(({ provider, credential }) => this.of(customerId, provider, credential)));
    const models = lists.flatMap((list, i) => {
      if (list.status === 'rejected') return [];
      const { provider } = usable[i]!;
      return provider.name === first.name ? list.value : list.value.map((model) => ({ ...model, id: `${provider.name}/${model.id}` }));
    });
    if (lists.every((list) => list.status === 'rejected')) return { ok: false, refusal: refusals.upstreamUnreachable(usable[0]!.provider.name) };
    return { ok: true, models };
  }

  private of(customerId: string, provider: UpstreamProvider, credential: ProviderCredential): Promise<readonly Model[]> {
    // A customer's own key may see models of its own: its list is nobody else's.
    const cacheKey = credential.owner === 'platform' ? provider.name : `${provider.name} ${customerId}`;
    const known = this.lists.get(cacheKey);
    const now = this.clock.now();
    if (known !== undefined && now - known.at < FRESH_MS) return known.models;
    if (this.lists.size >= MAX_CACHED_LISTS) this.lists.clear();
    const models = this.fetch(provider, credential).catch((error: unknown) => {
      if (known === undefined) {
        this.lists.delete(cacheKey);
        throw error;
      }
      return known.models;
    });
    this.lists.set(cacheKey, { at: now, models });
    return models;
  }

  private fetch(provider: UpstreamProvider, credential: ProviderCredential): Promise<readonly Model[]> {
    return new Promise((resolve, reject) => {
      let status = 0;
      let size = 0;
      const chunks: Buffer[] = [];
      const control = this.upstream.call(
        {
          origin: provider.origin,
          path: provider.basePath + provider.kind.path({ kind: 'models' }),
          method: 'GET',
          headers: { accept: 'application/json', ...provider.kind.headers(credential.apiKey) },
          body: null,
          firstByteTimeoutMs: 10_000,
          idleTimeoutMs: 10_000,
        },
        {
          onHead: (code) => (status = code),
          onData: (chunk) => {
            size += chunk.length;
            if (size > MAX_LIST_BYTES) control.abort();
            else chunks.push(chunk);
          },
          onEnd: () => {
            try {
              if (status !== 200) throw new Error(`status ${status}`);
              resolve(readModels(JSON.parse(Buffer.concat(chunks).toString('utf8')), provider.name));
            } catch (error) {
              reject(error instanceof Error ? error : new Error(String(error)));
            }
          },
          onFailure: (failure) => reject(new Error(failure)),
        },
      );
    });
  }
}
