import { type Fields, isPresent } from '@apex/common';
import { type z } from 'zod';
import { type Tool, type ToolChoice } from '../../dialogue/conversation.js';
import { at, type Problems } from '../../dialogue/problems.js';
import { enforcedSchema, fromOpenApiSchema } from './schema.js';
import { FOREIGN_TOOLS, type toolConfigSchema, type toolSchema } from './wire.js';

/** ai.google.dev/api/caching, `FunctionDeclaration.name`. */
const NAME = /^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/;

type Mode = 'AUTO' | 'ANY' | 'NONE' | 'VALIDATED';

/**
 * Tools as `functionDeclarations`, their parameters as `parametersJsonSchema`. A strict tool's arguments keep to its schema:
 * Gemini promises that in mode `VALIDATED` and `ANY`, for all tools at once and for the keywords it knows.
 */
export function encodeTools(tools: readonly Tool[], problems: Problems): Fields[] {
  if (tools.length === 0) return [];
  const functionDeclarations = tools.map((tool, index) => {
    const path = `tools[${index}]`;
    if (!NAME.test(tool.name)) problems.inexpressible(`${path}.name`, 'a function of Gemini begins with a letter or an underscore, and is of letters, digits, _ . : -');
    const parameters = tool.strict === true && tool.parameters !== null ? strict(tool.parameters, `${path}.parameters`, problems) : tool.parameters;
    return { name: tool.name, ...(tool.description !== null && { description: tool.description }), ...(parameters !== null && { parametersJsonSchema: parameters }) };
  });
  return [{ functionDeclarations }];
}

function strict(schema: Fields, path: string, problems: Problems): Fields {
  const enforced = enforcedSchema(schema);
  for (const where of enforced.unenforced) problems.inexpressible(at(path, where), 'Gemini does not enforce this, and the schema is to be kept strictly');
  return enforced.schema;
}

export function encodeToolConfig(choice: ToolChoice | null, tools: readonly Tool[]): Fields | null {
  const validated = tools.some((tool) => tool.strict === true);
  if (choice === null) return validated ? calling('VALIDATED') : null;
  switch (choice.kind) {
    case 'auto':
      return calling(validated ? 'VALIDATED' : 'AUTO');
    case 'none':
      return calling('NONE');
    case 'required':
      return calling('ANY');
    case 'tool':
      return calling('ANY', [choice.name]);
  }
}

const calling = (mode: Mode, names?: readonly string[]): Fields => ({ functionCallingConfig: { mode, ...(names !== undefined && { allowedFunctionNames: names }) } });

export function decodeTools(entries: readonly z.infer<typeof toolSchema>[], config: z.infer<typeof toolConfigSchema>, problems: Problems): { tools: Tool[]; toolChoice: ToolChoice | null } {
  const validated = config.functionCallingConfig?.mode === 'VALIDATED';
  const tools = entries.flatMap((entry, index) => {
    problems.refuse(entry, `tools[${index}]`, FOREIGN_TOOLS, 'a tool that Google runs has no counterpart');
    return (entry.functionDeclarations ?? []).map((one, place): Tool => {
      const path = `tools[${index}].functionDeclarations[${place}]`;
      problems.refuse(one, path, ['response', 'responseJsonSchema', 'behavior'], 'tools have no such member elsewhere');
      return { name: one.name, description: one.description ?? null, parameters: parametersOf(one, path, problems), strict: validated ? true : null };
    });
  });
  return { tools, toolChoice: decodeChoice(config, tools, problems) };
}

function parametersOf(one: { readonly parameters?: Fields | null; readonly parametersJsonSchema?: Fields | null }, path: string, problems: Problems): Fields | null {
  if (!isPresent(one.parameters)) return one.parametersJsonSchema ?? null;
  if (isPresent(one.parametersJsonSchema)) problems.invalid(at(path, 'parameters'), 'parameters and parametersJsonSchema cannot both be set');
  const schema = fromOpenApiSchema(one.parameters ?? {});
  if (schema === null) problems.invalid(at(path, 'parameters'), 'nests too deep');
  return schema;
}

function decodeChoice(config: z.infer<typeof toolConfigSchema>, tools: readonly Tool[], problems: Problems): ToolChoice | null {
  problems.refuse(config, 'toolConfig', ['retrievalConfig'], 'a tool that Google runs has no counterpart');
  if (config.includeServerSideToolInvocations === true) problems.inexpressible('toolConfig.includeServerSideToolInvocations', 'a tool that Google runs has no counterpart');
  const calls = config.functionCallingConfig ?? {};
  const path = 'toolConfig.functionCallingConfig';
  if (calls.streamFunctionCallArguments === true) problems.inexpressible(at(path, 'streamFunctionCallArguments'), 'is for other endpoints of Google');
  const allowed = calls.allowedFunctionNames ?? [];
  const all = allowed.length === 0 || tools.every((tool) => allowed.includes(tool.name));
  const [only, ...others] = allowed;
  if (calls.mode === 'ANY' && only !== undefined && others.length === 0) return { kind: 'tool', name: only };
  if (!all) problems.inexpressible(at(path, 'allowedFunctionNames'), 'some of the tools but not all: nobody else can say that');
  switch (calls.mode) {
    case 'ANY':
      return { kind: 'required' };
    case 'AUTO':
    case 'VALIDATED':
      return { kind: 'auto' };
    case 'NONE':
      return { kind: 'none' };
    case 'MODE_UNSPECIFIED':
    case null:
    case undefined:
      return null;
  }
}
