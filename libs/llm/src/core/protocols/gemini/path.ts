/** A model's resource name: one segment under `models/` or `tunedModels/` (ai.google.dev/api/models, `Model.name`). */
const NAME = /^(?:(models|tunedModels)\/)?([A-Za-z0-9][A-Za-z0-9._-]{0,127})$/;
const PATH = /\/((?:tunedModels\/)?)(?:models\/)?([^/:?]+):(generateContent|streamGenerateContent)(?:\?.*)?$/;

/**
 * Where a request for this model goes, below the version (`/v1beta`): Gemini names the model and whether to stream in the
 * URL, not in the body (ai.google.dev/api/generate-content). Streams are asked for as SSE. Null: no model can have this
 * name; whoever puts another path, a query or another method into it gets nothing.
 */
export function geminiPath(model: string, stream: boolean): string | null {
  const match = NAME.exec(model);
  if (match === null) return null;
  const [, collection = 'models', name = ''] = match;
  return `/${collection}/${name}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
}

/** The inverse, for whoever serves this protocol: what of a request stands in its URL. Null: another endpoint's. */
export function parseGeminiPath(path: string): { readonly model: string; readonly stream: boolean } | null {
  const match = PATH.exec(path);
  if (match === null) return null;
  const [, collection = '', name = '', method] = match;
  const model = `${collection}${name}`;
  return NAME.test(model) ? { model, stream: method === 'streamGenerateContent' } : null;
}
