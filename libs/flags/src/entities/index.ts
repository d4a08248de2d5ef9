import { FeatureFlagEntity } from './feature-flag.entity.js';
import { TrafficEntity } from './traffic.entity.js';

/** The tables this lib owns. */
export const flagEntities = [FeatureFlagEntity, TrafficEntity];
