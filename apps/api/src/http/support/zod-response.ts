import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { type z } from 'zod';

/** Documents an answer in OpenAPI from its zod schema: `@ZodResponse(200, schema)`. It does not validate. */
export const ZodResponse = (status: number, schema: z.ZodType, description = ''): MethodDecorator =>
  applyDecorators(ApiResponse({ status, description, standardSchema: schema }));
