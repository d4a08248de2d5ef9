import { isSealOf, seal } from '../core/seal.js';
import { GeminiError, badRequest } from './errors.js';
import { type Content, type GenerateBody, type Part, type Schema } from './generate.schema.js';
import { type GeminiModel } from './models.js';

const DATA = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse'] as const;
const SEALED = 'thought';
/** Strings that Google documents for histories that another model wrote. */
const BYPASSES = ['context_engineering_is_the_way_to_go', 'skip_thought_signature_validator'];

/** The opaque signature of what a model thought before a part. */
export const thoughtSignature = (identity: string): string => seal(SEALED, identity);

const at = (field: string, message: string): GeminiError => badRequest(`* GenerateContentRequest.${field}: ${message}\n`);

/** The rules that span several members. @throws GeminiError */
export function checkTogether(body: GenerateBody, model: GeminiModel): void {
  if (body.cachedContent !== undefined) throw new GeminiError(403, 'PERMISSION_DENIED', 'CachedContent not found (or permission denied)');
  checkContents(body.contents);
  for (const [index, part] of (body.systemInstruction?.parts ?? []).entries()) if (part.text === undefined) throw at(`system_instruction.parts[${index}]`, 'System instructions only support text.');
  checkTools(body);
  const config = body.generationConfig ?? {};
  if (config.maxOutputTokens !== undefined && config.maxOutputTokens > model.maxOutput) throw badRequest(`Unable to submit request because it has a maxOutputTokens value of ${config.maxOutputTokens} but the supported range is from 1 (inclusive) to ${model.maxOutput + 1} (exclusive). Update the value and try again.`);
  const structured = config.responseSchema !== undefined || config.responseJsonSchema !== undefined;
  if (structured && config.responseMimeType !== 'application/json') throw at('generation_config.response_schema', 'only allowed when response_mime_type is "application/json"');
  if (config.responseSchema !== undefined && config.responseJsonSchema !== undefined) throw at('generation_config.response_json_schema', 'only one of response_schema and response_json_schema may be set');
  if (config.responseSchema) checkSchema(config.responseSchema, 'generation_config.response_schema');
  checkThinking(body, model);
}

function checkContents(contents: readonly Content[]): void {
  for (const [index, { role, parts }] of contents.entries()) {
    if (role !== undefined && role !== 'user' && role !== 'model') throw badRequest('Please use a valid role: user, model.');
    if (!parts || parts.length === 0) throw at(`contents[${index}].parts`, 'contents.parts must not be empty.');
    for (const [place, part] of parts.entries()) checkPart(part, `contents[${index}].parts[${place}]`);
  }
  checkCalls(contents);
  if (contents.at(-1)?.role === 'model') throw badRequest('Please ensure that multiturn requests end with a user role or a function response.');
}

function checkPart(part: Part, field: string): void {
  const data = DATA.filter((name) => part[name] !== undefined);
  if (data.length === 0 && part.thoughtSignature === undefined) throw at(`${field}.data`, "required oneof field 'data' must have one initialized field");
  if (data.length > 1) throw at(field, `oneof field 'data' is already set. Cannot set '${data[1]}'`);
  const signature = part.thoughtSignature;
  if (signature !== undefined && !BYPASSES.includes(signature) && !isSealOf(signature, SEALED)) throw badRequest('Thought signature is not valid.');
}

const count = (content: Content | undefined, kind: 'functionCall' | 'functionResponse'): number => (content?.parts ?? []).filter((part) => part[kind] !== undefined).length;

/** Calls come right after a user, responses right after calls, and as many. */
function checkCalls(contents: readonly Content[]): void {
  for (const [index, content] of contents.entries()) {
    const before = index === 0 ? undefined : contents[index - 1];
    const calls = count(content, 'functionCall');
    if (calls > 0 && (content.role !== 'model' || before === undefined || before.role === 'model')) throw badRequest('Please ensure that function call turn comes immediately after a user turn or after a function response turn.');
    const next = contents[index + 1];
    if ((calls > 0 && next && count(next, 'functionResponse') !== calls) || (count(content, 'functionResponse') > 0 && count(before, 'functionCall') === 0)) {
      throw badRequest('Please ensure that function response turn comes immediately after a function call turn. And the number of function response parts should be equal to number of function call parts of the function call turn.');
    }
  }
}

function checkTools(body: GenerateBody): void {
  const declared = new Set<string>();
  for (const [index, tool] of (body.tools ?? []).entries()) {
    for (const [place, { name, parameters, parametersJsonSchema }] of (tool.functionDeclarations ?? []).entries()) {
      const field = `tools[${index}].function_declarations[${place}]`;
      if (declared.has(name)) throw badRequest(`Duplicate function declaration found: ${name}`);
      declared.add(name);
      if (parameters && parametersJsonSchema) throw at(field, 'only one of parameters and parameters_json_schema may be set');
      if (parameters) checkSchema(parameters, `${field}.parameters`);
    }
  }
  const calling = body.toolConfig?.functionCallingConfig;
  if (calling?.allowedFunctionNames && calling.mode !== 'ANY' && calling.mode !== 'VALIDATED') throw badRequest('Function calling config is set without function_calling_config.mode ANY: allowed_function_names may only be set when the mode is ANY.');
  for (const name of calling?.allowedFunctionNames ?? []) if (!declared.has(name)) throw badRequest(`Function calling config: allowed function name '${name}' is not declared.`);
  if ((calling?.mode === 'ANY' || calling?.mode === 'VALIDATED') && declared.size === 0) throw badRequest('Function calling config is set without function_declarations.');
  if (declared.size > 0 && body.generationConfig?.responseMimeType === 'application/json') throw badRequest("Function calling with a response mime type: 'application/json' is unsupported");
}

const FORMATS: Readonly<Record<string, readonly string[]>> = { string: ['enum', 'date-time'], number: ['float', 'double'], integer: ['int32', 'int64'] };

/** What Google's schemas do not take though they have the member for it. */
function checkSchema(schema: Schema, field: string): void {
  const type = schema.type?.toLowerCase() ?? '';
  const formats = FORMATS[type];
  if (schema.format !== undefined && formats && !formats.includes(schema.format)) throw at(`${field}.format`, `only '${formats[0]}' and '${formats[1]}' are supported for ${type.toUpperCase()} type`);
  if (type === 'object' && Object.keys(schema.properties ?? {}).length === 0) throw at(`${field}.properties`, 'should be non-empty for OBJECT type');
  if (type === 'array' && schema.items === undefined) throw at(`${field}.items`, 'missing field.');
  for (const [name, property] of Object.entries(schema.properties ?? {})) checkSchema(property, `${field}.properties[${name}]`);
  if (schema.items) checkSchema(schema.items, `${field}.items`);
  for (const [index, option] of (schema.anyOf ?? []).entries()) checkSchema(option, `${field}.any_of[${index}]`);
}

function checkThinking(body: GenerateBody, { budget }: GeminiModel): void {
  const config = body.generationConfig?.thinkingConfig;
  if (config?.thinkingLevel !== undefined) throw badRequest('Thinking level is not supported for this model.');
  const asked = config?.thinkingBudget;
  if (asked === undefined || asked === -1) return;
  if (asked === 0 && !budget.mayBeOff) throw badRequest('Budget 0 is invalid. This model only works in thinking mode.');
  if (asked !== 0 && (asked < budget.least || asked > budget.most)) throw badRequest(`The thinking budget ${asked} is invalid. Please choose a value between ${budget.least} and ${budget.most}.`);
  if (asked === 0 && config?.includeThoughts === true) throw badRequest('Thinking_config.include_thoughts is only enabled when thinking is enabled.');
}
