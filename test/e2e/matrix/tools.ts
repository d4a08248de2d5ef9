import { z } from 'zod';
import { type ToolName } from './client.js';

/** Tools and the form of an answer, in every way that the SDKs want them. */
export const toolSchemas = {
  get_weather: z.strictObject({ city: z.string(), days: z.int().min(1).max(7), units: z.enum(['metric', 'imperial']), note: z.string() }),
  get_time: z.strictObject({ zone: z.enum(['UTC', 'CET']), note: z.string() }),
} satisfies Record<ToolName, z.ZodObject>;

export const toolDescriptions: Readonly<Record<ToolName, string>> = { get_weather: 'The weather of a city', get_time: 'The time in a zone' };

/** Plain JSON Schema, as people write it by hand. */
export const toolParameters: Readonly<Record<ToolName, { type: 'object'; [member: string]: unknown }>> = {
  get_weather: {
    type: 'object',
    properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1, maximum: 7 }, units: { type: 'string', enum: ['metric', 'imperial'] }, note: { type: 'string' } },
    required: ['city', 'days', 'units', 'note'],
    additionalProperties: false,
  },
  get_time: { type: 'object', properties: { zone: { type: 'string', enum: ['UTC', 'CET'] }, note: { type: 'string' } }, required: ['zone', 'note'], additionalProperties: false },
};

export const citySchema = z.object({ city: z.string(), population: z.int(), tags: z.array(z.string()) });
