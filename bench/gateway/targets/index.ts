import { apex } from './apex.js';
import { bare } from './bare.js';
import { bifrost } from './bifrost.js';
import { direct } from './direct.js';
import { litellm } from './litellm.js';
import { portkey } from './portkey.js';
import { type Target } from './target.js';

/** All contestants, in the order of the report. `direct` always runs: without it there is no zero. */
export const TARGETS: readonly Target[] = [direct, bare, apex, portkey, bifrost, litellm];
