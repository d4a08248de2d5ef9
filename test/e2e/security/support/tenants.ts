import { randomBytes } from 'node:crypto';
import { type Apex } from '../../support/apex.js';
import { eventually } from '../../../support/eventually.js';
import { openBooks } from '../../support/books.js';

const CHAT = '/v1/chat/completions';
const PASSWORD = 'a password of some length';

/** A customer with something of everything, and all names by which it could be found. */
export interface Tenant {
  readonly id: string;
  /** By what they are: each may be put into a path, a query, a body or a header. */
  readonly ids: Readonly<Record<string, readonly string[]>>;
  /** Texts that nobody but this customer and operators may ever read. */
  readonly data: readonly string[];
  /** By what they may do. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly email: string;
  readonly password: string;
  readonly prompt: object;
}

async function made<T>(apex: Apex, method: string, path: string, body: unknown, token?: string): Promise<T> {
  const answer = await apex.api<T>(method, path, body, ...(token === undefined ? [] : [token]));
  if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** Makes a customer, its people, its keys with every set of scopes, a provider key, and traffic in its books. */
export async function makeTenant(apex: Apex, name: string): Promise<Tenant> {
  const mark = (what: string): string => `${name}-${what}-${randomBytes(6).toString('hex')}`;
  const id = mark('id');
  const [label, keyName, session, tag, idempotencyKey, word, person] = ['label', 'key', 'session', 'tag', 'once', 'word', 'person'].map(mark) as [string, string, string, string, string, string, string];
  const providerKey = `sk-${randomBytes(24).toString('hex')}`;
  await made(apex, 'POST', '/api/admin/customers', { id, name: label, tier: 'mid', platformKeys: true });
  await made(apex, 'PUT', `/api/admin/customers/${id}/provider-keys/groq`, { apiKey: providerKey });

  const scopes = ['inference', 'usage:read', 'keys:manage'] as const;
  const keyIds: string[] = [];
  const prefixes: string[] = [];
  const credentials: Record<string, string> = {};
  for (let set = 1; set < 8; set++) {
    const chosen = scopes.filter((_, bit) => (set >> bit) & 1);
    const key = await made<{ id: string; key: string; prefix: string }>(apex, 'POST', `/api/admin/customers/${id}/keys`, { name: `${keyName}-${set}`, scopes: chosen });
    keyIds.push(key.id);
    prefixes.push(key.prefix);
    credentials[`a key for ${chosen.join(' and ')}`] = key.key;
  }
  const userIds: string[] = [];
  for (const role of ['owner', 'member'] as const) {
    const email = `${role}.${person}@example.com`;
    userIds.push((await made<{ id: string }>(apex, 'POST', `/api/admin/customers/${id}/users`, { email, name: `${person} ${role}`, role, password: PASSWORD })).id);
    credentials[`its ${role}`] = (await made<{ token: string }>(apex, 'POST', '/api/auth/login', { email, password: PASSWORD }, '')).token;
  }

  const prompt = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: `Say something about ${word}.` }] };
  const requestIds: string[] = [];
  const answers: string[] = [];
  const inference = credentials['a key for inference']!;
  const once: Record<string, string>[] = [{ 'idempotency-key': idempotencyKey }, {}];
  for (const more of once) {
    const response = await apex.post(CHAT, prompt, { authorization: `Bearer ${inference}`, 'x-apex-session': session, 'x-apex-tags': tag, ...more });
    const answer = (await response.json()) as { id: string };
    if (response.status !== 200) throw new Error(`the provider answered ${response.status}: ${JSON.stringify(answer)}`);
    requestIds.push(response.headers.get('x-request-id')!);
    answers.push(answer.id);
  }
  const books = await openBooks(apex.databaseUrl);
  const attemptIds = await eventually(`the records of ${name}`, async () => {
    const attempts = (await books.attempts()).filter((attempt) => attempt.customer_id === id);
    return attempts.length === requestIds.length ? attempts.map((attempt) => attempt.attempt_id) : undefined;
  });
  await books.close();
  const providerKeyId = (await made<{ id: string }>(apex, 'GET', `/api/admin/customers/${id}/provider-keys/groq`, undefined)).id;

  return {
    id,
    ids: { customer: [id], key: keyIds, user: userIds, request: requestIds, attempt: attemptIds, answer: answers, providerKey: [providerKeyId], session: [session], tag: [tag], idempotency: [idempotencyKey] },
    data: [label, keyName, person, session, tag, word, idempotencyKey, providerKey, ...prefixes, ...requestIds, ...attemptIds, ...keyIds, ...userIds, ...answers, providerKeyId, id],
    credentials,
    email: `owner.${person}@example.com`,
    password: PASSWORD,
    prompt,
  };
}
