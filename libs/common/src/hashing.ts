import { createHash, timingSafeEqual } from 'node:crypto';

/** SHA-256 of bytes. */
export const sha256 = (data: Buffer | string): Buffer => createHash('sha256').update(data).digest();

/** Compares two secrets in a time that tells nothing about where they differ. */
export const secretsEqual = (a: string, b: string): boolean => timingSafeEqual(sha256(a), sha256(b));
