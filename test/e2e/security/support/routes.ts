import { type Apex } from '../../support/apex.js';

export interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly minimum?: number;
}

/** An operation as `/docs-json` describes it. */
export interface DocumentedRoute {
  readonly method: string;
  /** With `{name}` for each parameter. */
  readonly path: string;
  readonly pathParams: readonly string[];
  readonly queryParams: readonly string[];
  readonly body: JsonSchema | null;
  /** Whether the description says that a credential is needed. */
  readonly secured: boolean;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { parameters?: readonly Parameter[]; security?: readonly unknown[]; requestBody?: { content?: Record<string, { schema?: JsonSchema & { $ref?: string } }> } }>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, JsonSchema>> };
}

/** Every operation of both planes. */
export async function documentedRoutes(apex: Apex): Promise<DocumentedRoute[]> {
  const { status, body: document } = await apex.api<Document>('GET', '/docs-json', undefined, null);
  if (status !== 200) throw new Error(`/docs-json answers ${status}`);
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      const schema = operation.requestBody?.content?.['application/json']?.schema;
      const reference = schema?.$ref?.split('/').at(-1);
      return {
        method: method.toUpperCase(),
        path,
        pathParams: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!),
        queryParams: (operation.parameters ?? []).filter((parameter) => parameter.in === 'query').map(({ name }) => name),
        body: (reference === undefined ? schema : document.components?.schemas?.[reference]) ?? null,
        secured: (operation.security?.length ?? 0) > 0,
      };
    }),
  );
}

/** `/api/keys/{keyId}` with each parameter replaced. */
export const fill = (path: string, value: (name: string) => string): string => path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => encodeURIComponent(value(name)));

/** A value that the schema describes; texts come from `text`. */
export function example(schema: JsonSchema | undefined, text: (name: string) => string, name = ''): unknown {
  const chosen = schema?.anyOf?.[0] ?? schema?.oneOf?.[0];
  if (schema === undefined) return text(name);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (chosen !== undefined) return example(chosen, text, name);
  switch (schema.type ?? 'string') {
    case 'object':
      return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([key, value]) => [key, example(value, text, key)]));
    case 'array':
      return [example(schema.items, text, name)];
    case 'boolean':
      return true;
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    default:
      if (schema.format === 'email') return 'somebody@example.com';
      if (schema.format === 'date-time') return '2030-01-01T00:00:00Z';
      return text(name);
  }
}
