import { Foundation1795000000000 } from './1795000000000-Foundation.js';

/** Every migration in the order of time. A new one is added here and never changed once it has landed. */
export const migrations = [Foundation1795000000000];
