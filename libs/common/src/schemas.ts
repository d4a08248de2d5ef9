import { z } from 'zod';

/** A customer's id: chosen by the operator or made by Apex. */
export const customerIdSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'letters, digits, _ and -, at most 64');

/** Why an operator changed something. Required wherever a change is audited. */
export const reasonSchema = z.string().trim().min(1, 'say why').max(500).regex(/^[^\0\p{Cs}]*$/u, 'no NUL, no half characters: Postgres stores neither');

/** An instant: ISO 8601 with a zone, or a plain date, which means its UTC midnight. */
export const instantSchema = z.union([z.iso.datetime({ offset: true }), z.iso.date()]).transform((text) => new Date(text));

/** A flag in the environment. */
export const envBoolean = z.enum(['true', 'false', '1', '0', 'on', 'off']).transform((v) => v === 'true' || v === '1' || v === 'on');

/** A positive whole number in the environment. */
export const envInt = z.string().regex(/^\d+$/, 'a whole number').transform(Number).pipe(z.int().nonnegative());
