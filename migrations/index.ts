import { Foundation1795000000000 } from './1795000000000-Foundation.js';
import { WholeTables1795100000000 } from './1795100000000-WholeTables.js';
import { Receipts1796000000000 } from './1796000000000-Receipts.js';
import { RevocableSecrets1796100000000 } from './1796100000000-RevocableSecrets.js';
import { Policies1796200000000 } from './1796200000000-Policies.js';

/** Every migration in the order of time. A new one is added here and never changed once it has landed. */
export const migrations = [Foundation1795000000000, WholeTables1795100000000, Receipts1796000000000, RevocableSecrets1796100000000, Policies1796200000000];
