import { type Fields, isFields } from '@apex/common';
import { z } from 'zod';

/** Marks a schema's complaint: what it complains of is right in its protocol, and has no words elsewhere. See `Problems`. */
export const INEXPRESSIBLE = { inexpressible: true } as const;

/** What is passed over: a member that changes neither the answer nor its form. */
export const hint = z.unknown().optional();

/** Something that only one protocol can say, unless it has one of the values that ask for nothing. */
export const onlyHere = (why: string, harmless: (value: unknown) => boolean = () => false) =>
  z
    .unknown()
    .check((context) => {
      const { value } = context;
      if (value === undefined || value === null || harmless(value)) return;
      context.issues.push({ code: 'custom', message: why, input: value, params: INEXPRESSIBLE });
    })
    .optional();

export const is =
  (...allowed: readonly unknown[]) =>
  (value: unknown): boolean =>
    allowed.includes(value);
export const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** Deeper than any schema or input; `JSON.stringify` overflows the stack at some thousands. */
const MAX_DEPTH = 500;
const isShallow = (value: unknown, left = MAX_DEPTH): boolean => typeof value !== 'object' || value === null || (left > 0 && Object.values(value).every((member) => isShallow(member, left - 1)));

/** An object of the caller's or the model's that can be written again. */
export const isWritable = (value: unknown): value is Fields => isFields(value) && isShallow(value);

/** Not copied member by member: what a schema or an input holds is nobody's business here. */
export const jsonObject = z.custom<Fields>(isWritable, 'must be an object that is not nested too deeply');

/** A text is short for one part of text. */
export const orText = <T extends z.ZodType>(part: T, type: string) => z.preprocess((value) => (typeof value === 'string' ? [{ type, text: value }] : value), z.array(part));
