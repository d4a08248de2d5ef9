/** On the bus: policies or the experiment's periods have changed. */
export const POLICY_CHANNEL = 'apex.policy';
