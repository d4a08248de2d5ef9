import { z } from 'zod';
import { serverToggleSchema } from './server-toggles.js';

/** By what requests are kept together: all of a customer's, all of a key's, or all of a session's go the same way. */
export const stickinessSchema = z.enum(['customer', 'key', 'session']);
export type Stickiness = z.infer<typeof stickinessSchema>;

/** A whole percentage, as the bucket function has no finer steps. */
export const percentageSchema = z.int().min(0).max(100);

const flagSchema = z.object({ name: z.string(), enabled: z.boolean(), alsoFor: z.array(z.string()) });
const trafficSchema = z.object({ gatewayPercentage: percentageSchema, stickiness: stickinessSchema, alsoFor: z.array(z.string()) });

/**
 * All that evaluation depends on, read in one go. `alsoFor` are customers for whom a thing is on though it is off;
 * `lastKnown` is what an Unleash server said last, by the toggle's name, and goes before the rows.
 */
export const flagStateSchema = z.object({ flags: z.array(flagSchema), traffic: trafficSchema, lastKnown: z.record(z.string(), serverToggleSchema).optional() });
export type FlagState = z.infer<typeof flagStateSchema>;
export type FlagSetting = z.infer<typeof flagSchema>;
export type TrafficSetting = z.infer<typeof trafficSchema>;
