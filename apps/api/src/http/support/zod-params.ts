import { Body, Param, Query, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { type z } from 'zod';
import { invalidInput } from './invalid-input.js';

/** Validates one argument of a route and hands on what the schema makes of it. */
class ZodPipe<S extends z.ZodType> implements PipeTransform<unknown, z.output<S>> {
  constructor(
    private readonly schema: S,
    private readonly name?: string,
  ) {}

  transform(value: unknown, _metadata: ArgumentMetadata): z.output<S> {
    const result = this.schema.safeParse(value);
    if (result.success) return result.data;
    throw invalidInput(result.error, this.name);
  }
}

// Nest hands `schema` to OpenAPI; the pipe does the validating, so that errors have the control plane's shape.

/** The JSON body, validated: `@ZodBody(schema) body: z.output<typeof schema>`. A missing body is `{}`. */
export const ZodBody = (schema: z.ZodType): ParameterDecorator => Body({ schema, pipes: [new EmptyBodyPipe(), new ZodPipe(schema)] });

/** The whole query, validated: `@ZodQuery(schema)`, one OpenAPI parameter for each field. */
export const ZodQuery = (schema: z.ZodObject): ParameterDecorator => Query({ schema, pipes: [new ZodPipe(schema)] });

/** One part of the path, validated: `@ZodParam('id', customerIdSchema) id: string`. */
export const ZodParam = (name: string, schema: z.ZodType): ParameterDecorator => Param(name, { schema, pipes: [new ZodPipe(schema, name)] });

/** Without a content type there is no parsed body; the schema then tells what is missing. */
class EmptyBodyPipe implements PipeTransform {
  transform(value: unknown): unknown {
    return value === undefined ? {} : value;
  }
}
